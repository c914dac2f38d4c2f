"""What the families' published formulas make of raw outputs, in plain numpy with 64 bits.

`found` and its kin return what the picture holds; `Margins` refuses a case in which rounding could change that.
"""
import numpy as np

from picture import HEIGHT, WIDTH


class Fragile(Exception):
    """A score, an overlap or a largest value is so near to another that rounding could change the result."""


def apart(what, distance, least):
    if distance < least:
        raise Fragile(f"{what}: {distance}")


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def softmax(v, axis=-1):
    e = np.exp(v - v.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def grid(strides, width, height):
    """Column, row and stride of every anchor, rows of a level first."""
    out = []
    for s in strides:
        y, x = np.mgrid[0:-(-height // s), 0:-(-width // s)]
        out.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, s)], 1))
    return np.concatenate(out).astype(np.float64)


def corners(b):
    """cx, cy, w, h as x1, y1, x2, y2."""
    half = b[:, 2:4] / 2
    return np.concatenate([b[:, :2] - half, b[:, :2] + half], 1)


def head(card, outputs, width, height):
    """-> boxes [A,4] in input pixels, scores [A,C], what else an anchor says [A,...]."""
    family, classes = card["family"], len(card.get("classes", ["person"]))
    act = sigmoid if card.get("activation") == "sigmoid" else lambda v: v
    role = lambda name: outputs[card["outputs"][name]][0].astype(np.float64)
    if family == "decoded":
        return role("boxes"), role("scores"), None
    if family == "detr":
        return corners(role("boxes") * [width, height, width, height]), sigmoid(role("logits")), None
    if family == "detr-softmax":
        return corners(role("boxes") * [width, height, width, height]), softmax(role("logits"))[:, :-1], None
    if family == "detr-deploy":
        scores = np.full((len(role("scores")), classes), -1.0)
        scores[np.arange(len(scores)), role("labels").astype(int)] = role("scores")
        return role("boxes"), scores, None
    p = role("predictions")
    if family.startswith("yolov8"):
        p = p.T
        return corners(p), act(p[:, 4:4 + classes]), p[:, 4 + classes:]
    if family.startswith("yolov5"):
        return corners(p), act(p[:, 4:5]) * act(p[:, 5:5 + classes]), p[:, 5 + classes:]
    if family == "yolox":
        at = grid(card["strides"], width, height)
        b = np.concatenate([(p[:, :2] + at[:, :2]) * at[:, 2:], np.exp(p[:, 2:4]) * at[:, 2:]], 1)
        return corners(b), act(p[:, 4:5]) * act(p[:, 5:]), None
    if family in ("yolov10", "yolov10-pose", "yolov10-segment", "rtdetr-end2end"):
        scores = np.full((len(p), classes), -1.0)
        scores[np.arange(len(p)), p[:, 5].astype(int)] = p[:, 4]
        boxes = corners(p[:, :4] * [width, height, width, height]) if family == "rtdetr-end2end" else p[:, :4]
        return boxes, scores, p[:, 6:]
    if family == "rtdetr":
        return corners(p[:, :4] * [width, height, width, height]), p[:, 4:], None
    if family == "nanodet":
        at = grid(card["strides"], width, height)
        centre = (at[:, :2] + card["centre"]) * at[:, 2:]
        bins = softmax(p[:, classes:].reshape(len(p), 4, -1))
        d = (bins * np.arange(bins.shape[2])).sum(2) * at[:, 2:]
        return np.concatenate([centre - d[:, :2], centre + d[:, 2:]], 1), act(p[:, :classes]), None
    if family == "movenet-multipose":
        b = p[:, [52, 51, 54, 53]] * [width, height, width, height]
        joints = p[:, :51].reshape(-1, 17, 3)[:, :, [1, 0, 2]] * [width, height, 1]
        return b, p[:, 55:56], joints.reshape(len(p), 51)
    raise ValueError(family)


def overlap(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


UNCLIPPED = ("yolox", "yolov5", "yolov8")
FINAL = ("yolov10", "yolov10-pose", "yolov10-segment", "rtdetr-end2end", "detr", "detr-softmax", "detr-deploy", "rtdetr", "movenet-multipose")  # no suppression


def found(card, outputs, fit, width, height, spacing=1e-4):
    """The objects of the picture, best first."""
    boxes, scores, rest = head(card, outputs, width, height)
    threshold, iou = card["threshold"], card.get("iou", 0.5)
    if card["family"] == "detr":
        pairs = [(a, c) for a in range(len(scores)) for c in range(scores.shape[1])]
    else:
        pairs = [(a, int(c)) for a, c in enumerate(scores.argmax(1))]
    candidates = []
    for a, c in pairs:
        apart("threshold", abs(scores[a, c] - threshold), 1e-3 if spacing >= 1e-4 else spacing)
        if scores[a, c] < threshold:
            continue
        if card["family"] != "detr" and scores.shape[1] > 1:
            apart("best class", scores[a, c] - np.sort(scores[a])[-2], 1e-3)
        x1, y1 = fit.back(boxes[a, 0], boxes[a, 1])
        x2, y2 = fit.back(boxes[a, 2], boxes[a, 3])
        box = np.array([np.clip(x1, 0, WIDTH), np.clip(y1, 0, HEIGHT), np.clip(x2, 0, WIDTH), np.clip(y2, 0, HEIGHT)])
        if box[2] - box[0] > 0 and box[3] - box[1] > 0:
            apart("empty box", min(box[2] - box[0], box[3] - box[1]), 0.5)
            # YOLO's code compares boxes as they are and clips the winners; NanoDet's clips first.
            compared = np.array([x1, y1, x2, y2]) if card["family"].startswith(UNCLIPPED) else box
            candidates.append((scores[a, c], a, c, box, compared))
    candidates.sort(key=lambda o: -o[0])
    for a, b in zip(candidates, candidates[1:]):
        apart("two scores", a[0] - b[0], spacing)
    kept, dropped = [], 0
    for o in candidates[:1024]:
        over = [] if card["family"] in FINAL else [overlap(o[4], k[4]) for k in kept if k[2] == o[2]]
        for v in over:
            apart("overlap", abs(v - iou), 1e-3)
        if any(v > iou for v in over):
            dropped += 1
        else:
            kept.append(o)
    objects = [{"class": c, "name": card.get("classes", ["person"])[c], "score": s, "box": list(b), "anchor": a}
               for s, a, c, b, _ in kept]
    if card["family"] in ("yolov8-pose", "yolov10-pose", "movenet-multipose"):
        for o in objects:
            j = rest[o["anchor"]].reshape(-1, 3)
            x, y = fit.back(j[:, 0], j[:, 1])
            o["joints"] = np.stack([x, y, j[:, 2]], 1).tolist()
    if card["family"].endswith("-segment"):
        planes = outputs[card["outputs"]["prototypes"]][0].astype(np.float64)
        x1, y1 = fit.back(0, 0)
        x2, y2 = fit.back(width, height)
        for o in objects:
            logits = np.tensordot(rest[o["anchor"]], planes, 1)
            o["mask"] = mask(logits[None], [x1, y1, x2, y2], o["box"], lambda v: v[0])
    return objects, {"candidates": len(candidates), "suppressed": dropped}


def mask(planes, plane, roi, value):
    """Pixels of roi (x1, y1, x2, y2; grown to whole pixels, clipped to the picture) where value of the planes
    [C,h,w], which cover `plane` of the picture and are sampled at the pixels' centres, is above 0."""
    x1, y1 = max(int(np.floor(roi[0])), 0), max(int(np.floor(roi[1])), 0)
    x2, y2 = min(int(np.ceil(roi[2])), WIDTH), min(int(np.ceil(roi[3])), HEIGHT)
    for v in roi:
        if 0 < v < max(WIDTH, HEIGHT) and v not in (WIDTH, HEIGHT):
            apart("whole pixel", abs(v - round(v)), 1e-3)

    def taps(from_, to, lo, hi, n):
        s = (np.arange(from_, to) + 0.5 - lo) / (hi - lo) * n - 0.5
        a = np.floor(s).astype(int)
        return np.clip(a, 0, n - 1), np.clip(a + 1, 0, n - 1), s - a

    xa, xb, fx = taps(x1, x2, plane[0], plane[2], planes.shape[2])
    ya, yb, fy = taps(y1, y2, plane[1], plane[3], planes.shape[1])
    row = lambda y: planes[:, y][:, :, xa] * (1 - fx) + planes[:, y][:, :, xb] * fx
    v = value(row(ya) * (1 - fy)[:, None] + row(yb) * fy[:, None])
    apart("mask's pixel", np.abs(v).min(), 2e-5)
    return pack(v > 0, [x1, y1, x2, y2])


def pack(bits, roi):
    """Run lengths as COCO's: column by column, the first run of zeros."""
    runs, last, n = [], False, 0
    for bit in bits.T.ravel():
        if bit != last:
            runs.append(n)
            last, n = bit, 0
        n += 1
    return {"roi": roi, "size": list(bits.shape), "runs": runs + [n], "area": int(bits.sum())}


def unpack(m):
    flat = np.concatenate([np.full(n, i % 2 == 1) for i, n in enumerate(m["runs"])])
    return flat.reshape(m["size"][1], m["size"][0]).T


def largest(v, what):
    order = np.sort(v.ravel())
    apart(what, order[-1] - order[-2], 1e-3)
    return np.unravel_index(v.argmax(), v.shape)


def joints(card, outputs, region, width, height):
    """K joints x, y in picture pixels and a score."""
    role = lambda name: outputs[card["outputs"][name]][0].astype(np.float64)
    family = card["family"]
    if family == "decoded":
        k = role("keypoints")
    elif family == "movenet":
        k = role("keypoints")[0][:, [1, 0, 2]] * [width, height, 1]
    elif family == "simcc":
        k = []
        for x, y in zip(role("x"), role("y")):
            i, j = largest(x, "column")[0], largest(y, "row")[0]
            k.append([i * width / len(x), j * height / len(y), min(max(min(x[i], y[j]), 0), 1)])
    else:
        k = []
        for h in role("heatmaps"):
            y, x = largest(h, "cell")
            if not (1 < x < h.shape[1] - 2 and 1 < y < h.shape[0] - 2):
                raise Fragile("border")  # published code differs there
            score, dx, dy = min(max(h[y, x], 0), 1), 0, 0
            if card.get("refine", "quarter") == "quarter":
                dx, dy = h[y, x + 1] - h[y, x - 1], h[y + 1, x] - h[y - 1, x]
                apart("neighbours", min(abs(dx), abs(dy)), 1e-3)
            k.append([(x + np.sign(dx) / 4) * width / h.shape[1], (y + np.sign(dy) / 4) * height / h.shape[0], score])
    k = np.array(k)
    x = region[0] + k[:, 0] * (region[2] - region[0]) / width
    y = region[1] + k[:, 1] * (region[3] - region[1]) / height
    return np.stack([x, y, k[:, 2]], 1).tolist()


def person_mask(card, outputs, region):
    m = outputs[card["outputs"]["mask"]][0].astype(np.float64)
    if card["family"] == "semantic":
        of = card["classes"].index(card.get("of", "person"))
        ahead = lambda v: v[of] - np.delete(v, of, 0).max(0)
        out = mask(m, region, region, ahead)  # the planes are sampled, then the largest is found
        other = mask(ahead(m)[None], region, region, lambda v: v[0])
        out["between"] = int((unpack(out) != unpack(other)).sum())
        out["cells"] = pack(ahead(m) > 0, [0, 0, m.shape[2], m.shape[1]])
        return out
    if card["family"] == "logits":
        m = sigmoid(m)
    return mask(m, region, region, lambda v: v[0] - card["threshold"])


def vector(card, outputs):
    v = outputs[card["outputs"]["features"]][0].astype(np.float64).ravel()
    return (v / np.sqrt((v * v).sum())).tolist()


def attribute(card, outputs):
    v = outputs[card["outputs"]["scores"]][0].astype(np.float64)
    v = {"softmax": softmax, "sigmoid": sigmoid, "none": lambda v: v}[card.get("activation", "softmax")](v)
    best = int(largest(v, "class")[0])
    apart("threshold", abs(v[best] - card["threshold"]), 1e-3)
    return {"class": best, "name": card["classes"][best], "score": v[best], "told": bool(v[best] >= card["threshold"]),
            "scores": v.tolist()}
