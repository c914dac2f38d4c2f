"""The test picture and how it becomes a model's input.

A picture is float64 RGB [H,W,3], values 0..255; pixel (0,0) has its centre at (0.5,0.5). Sampling is that of
internal/device/kernels.go: bilinear, no anti-aliasing, target pixel i of n reads source coordinate
lo + (i+0.5)*(hi-lo)/n - 0.5.
"""
import struct
import zlib

import numpy as np

WIDTH, HEIGHT = 150, 90


def make():
    """Smooth hills of each colour, so that NV12 takes little away; every value is a whole number."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    wave = lambda a, b, c: np.sin(2 * np.pi * (x / a + y / b + c))
    hill = lambda cx, cy, r: np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))
    r = 110 + 60 * wave(97, 141, .1) + 70 * hill(110, 40, 18) - 50 * hill(30, 60, 14)
    g = 115 + 55 * wave(-83, 67, .4) - 60 * hill(110, 40, 22) + 60 * hill(60, 20, 15)
    b = 120 + 50 * wave(61, -103, .7) + 65 * hill(28, 62, 16) - 40 * hill(85, 75, 17)
    return np.clip(np.round(np.stack([r, g, b], 2)), 0, 255)


def write_png(path, rgb):
    raw = b"".join(b"\0" + row.tobytes() for row in rgb.astype(np.uint8))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def through_nv12(rgb):
    """What NV12 (BT.601, full range, centred chroma) leaves of a picture."""
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = .299 * r + .587 * g + .114 * b
    quarter = lambda p: p.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean((1, 3))
    u = np.round(quarter((b - luma) / 1.772) + 128) - 128
    v = np.round(quarter((r - luma) / 1.402) + 128) - 128
    whole = lambda p: sample(p[..., None], (0, 0, WIDTH / 2, HEIGHT / 2), WIDTH, HEIGHT)[..., 0]
    y, u, v = np.round(luma), whole(u), whole(v)
    r, b = y + 1.402 * v, y + 1.772 * u
    return np.clip(np.stack([r, (y - .299 * r - .114 * b) / .587, b], 2), 0, 255)


def taps(lo, hi, n, size, black):
    s = lo + (np.arange(n) + 0.5) * (hi - lo) / n - 0.5
    a = np.floor(s).astype(int)
    f = s - a
    wa, wb = 1 - f, f
    if black:
        wa, wb = wa * ((a >= 0) & (a < size)), wb * ((a + 1 >= 0) & (a + 1 < size))
    return np.clip(a, 0, size - 1), np.clip(a + 1, 0, size - 1), wa, wb


def sample(picture, box, width, height, outside="edge"):
    """The box x1, y1, x2, y2 of a picture [H,W,C] as [height,width,C]."""
    xa, xb, wxa, wxb = taps(box[0], box[2], width, picture.shape[1], outside == "black")
    ya, yb, wya, wyb = taps(box[1], box[3], height, picture.shape[0], outside == "black")
    row = lambda y: picture[y][:, xa] * wxa[None, :, None] + picture[y][:, xb] * wxb[None, :, None]
    return row(ya) * wya[:, None, None] + row(yb) * wyb[:, None, None]


class Fit:
    """Where the whole picture lies in an input: input pixel = picture pixel * scale + (left, top)."""

    def __init__(self, kind, width, height):
        s = min(width / WIDTH, height / HEIGHT)
        self.sx = self.sy = s
        self.left = self.top = 0
        self.width, self.height = int(np.round(WIDTH * s)), int(np.round(HEIGHT * s))
        if kind == "stretch":
            self.sx, self.sy, self.width, self.height = width / WIDTH, height / HEIGHT, width, height
        elif kind == "letterbox":
            self.left, self.top = (width - self.width) // 2, (height - self.height) // 2

    def back(self, x, y):
        return (x - self.left) / self.sx, (y - self.top) / self.sy

    def json(self):
        return {"scale_x": self.sx, "scale_y": self.sy, "left": self.left, "top": self.top,
                "width": self.width, "height": self.height}


def region_of(box, form, scale, width, height):
    """The part of the picture around a person's box, for an input of width x height."""
    cx, cy, w, h = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]
    if form == "square":
        w = h = max(w, h)
    elif form == "aspect":
        w = max(w, h * width / height)
        h = w * height / width
    w, h = w * scale / 2, h * scale / 2
    return [cx - w, cy - h, cx + w, cy + h]


def tensor(p, card):
    """A picture of p = 0..1 [height,width,3] in RGB as the card's input says, with the batch of 1."""
    low, high = card.get("range", [0, 1])
    if card.get("colour") == "bgr":
        p = p[..., ::-1]
    p = (p * (high - low) + low - np.array(card.get("mean", [0] * 3))) / np.array(card.get("std", [1] * 3))
    if card.get("layout") != "nhwc":
        p = p.transpose(2, 0, 1)
    return np.ascontiguousarray(p[None].astype(np.float32))


def whole(rgb, card, width, height):
    """The whole picture as an input, and where it lies there."""
    fit = Fit(card.get("fit", "letterbox"), width, height)
    p = np.full((height, width, 3), card.get("pad", 0) / 255)
    inside = sample(rgb, (0, 0, WIDTH, HEIGHT), fit.width, fit.height) / 255
    p[fit.top:fit.top + fit.height, fit.left:fit.left + fit.width] = inside
    return tensor(p, card), fit


def around(rgb, card, region, outside, width, height):
    """The region of the picture as an input."""
    return tensor(sample(rgb, region, width, height, outside) / 255, card)
