"""The graphs of models that look at one object: pose, segmentation, reid, classification."""
import numpy as np

from detectors import IMAGENET, metadata
from graphs import blobs

MMPOSE = {"name": "input", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "range": [0, 255]}
SCENE = ["road", "sky", "person", "tree", "car"]
VESTS = ["vest", "helmet", "neither", "both"]


def vector_of(g, length, gain=1.0):
    """[N,length] of the whole input."""
    x = g.node("GlobalAveragePool", g.trunk())
    w = g.constant(g.rng.normal(0, gain, (length, 6, 1, 1)))
    return g.node("Conv", x, w, g.constant(g.rng.normal(0, .3, length)), kernel_shape=[1, 1])


def flat(g, x, shape):
    return g.node("Reshape", x, g.constant([0] + shape, np.int64))


def skeleton(g, width, height):
    return g.rng.uniform([.15, .15], [.85, .85], (17, 2)) * [width, height]


def pose_decoded(g):
    base = np.concatenate([skeleton(g, 48, 64), g.rng.uniform(.1, .9, (17, 1))], 1)
    x = flat(g, g.node("Tanh", vector_of(g, 51)), [17, 3])
    g.output("keypoints", g.affine(x, [2, 2, .08], base), [17, 3])


def movenet(g):
    base = np.concatenate([skeleton(g, 1, 1), g.rng.uniform(.1, .9, (17, 1))], 1)
    x = flat(g, g.node("Tanh", vector_of(g, 51)), [1, 17, 3])
    g.output("output_0", g.affine(x, [.04, .04, .08], base), [1, 17, 3])


def movenet_byte(g):
    g.picture = np.dtype(np.uint8)
    movenet(g)


def movenet_integer(g):
    """TensorFlow's own export: the picture is int32."""
    g.picture = np.dtype(np.int32)
    movenet(g)


def simcc(g):
    at = skeleton(g, 96, 128)  # bins: two a pixel
    x = g.node("Tanh", g.node("Conv", g.trunk(4), g.constant(g.rng.normal(0, .6, (17, 6, 1, 1))), kernel_shape=[1, 1]))
    for axis, name, bins, reduced, cells in ((0, "simcc_x", 96, 2, 12), (1, "simcc_y", 128, 3, 16)):
        v = g.node("ReduceMean", x, axes=[reduced], keepdims=0)
        v = g.node("Reshape", v, g.constant([0, 17, cells, 1], np.int64))
        v = g.node("Reshape", g.node("Tile", v, g.constant([1, 1, 1, 8], np.int64)), g.constant([0, 17, bins], np.int64))
        peak = g.rng.uniform(.25, 1.1, (17, 1)) * np.exp(-(np.arange(bins) - at[:, axis:axis + 1]) ** 2 / 18)
        g.output(name, g.affine(v, .15, peak), [17, bins])


def heatmap(g):
    y, x = np.mgrid[0:16, 0:12]
    at = g.rng.uniform([2.2, 2.2], [8.8, 12.8], (17, 2))
    peak = np.exp(-((x - at[:, 0, None, None]) ** 2 + (y - at[:, 1, None, None]) ** 2) / 4)
    f = g.node("Conv", g.trunk(4), g.constant(g.rng.normal(0, .4, (17, 6, 1, 1))), kernel_shape=[1, 1])
    g.output("heatmaps" if g.name == "heatmap" else "output", g.affine(g.node("Tanh", f), .15, peak * g.rng.uniform(.4, .95, (17, 1, 1))), [17, 16, 12])


def segment(g, planes, name, sigmoid=False):
    f = g.node("Conv", g.trunk(4), g.constant(g.rng.normal(0, .6, (planes, 6, 1, 1))), kernel_shape=[1, 1])
    x = g.affine(g.node("Tanh", f), .8, blobs(g.rng, planes, 16, 12))
    g.output(name, g.node("Sigmoid", x) if sigmoid else x, [planes, 16, 12])


def reid(g, normalised=False, flat_=True):
    x = vector_of(g, 32, 2)
    if flat_:
        x = flat(g, x, [32])
    if normalised:
        x = g.node("LpNormalization", x, axis=1, p=2)
    g.output("features", x, [32] if flat_ else [32, 1, 1])


def classify(g, activation=None, shift=0.0):
    x = flat(g, vector_of(g, 4, 3), [4])
    x = g.affine(x, 1, np.full(4, shift))
    g.output("output0" if activation else "logits", g.node("Softmax", x, axis=1) if activation else x, [4])


TORCH = {"name": "input"}
PERSON = IMAGENET | TORCH

# name, task, family, build, input, outputs, further card keys, metadata; inputs are 48 x 64
CASES = [
    ("pose-decoded", "pose", "decoded", pose_decoded, {}, {"keypoints": "keypoints"}, {"region": {"form": "square", "scale": 1.25, "outside": "black"}}, {}),
    ("movenet", "pose", "movenet", movenet, {"name": "input", "layout": "nhwc", "range": [0, 255]}, {"keypoints": "output_0"},
     {"region": {"form": "square", "scale": 1.25, "outside": "black"}, "batch": 1}, {}),
    ("movenet-integer", "pose", "movenet", movenet_integer, {"name": "input", "layout": "nhwc", "range": [0, 255]}, {"keypoints": "output_0"},
     {"region": {"form": "square", "scale": 1.25, "outside": "black"}, "batch": 1}, {}),
    ("movenet-byte", "pose", "movenet", movenet_byte, {"name": "input", "layout": "nhwc", "range": [0, 255]}, {"keypoints": "output_0"},
     {"region": {"form": "square", "scale": 1.25, "outside": "black"}, "batch": 1}, {}),
    ("simcc", "pose", "simcc", simcc, MMPOSE, {"x": "simcc_x", "y": "simcc_y"}, {"region": {"form": "aspect", "scale": 1.25, "outside": "black"}}, {}),
    ("heatmap", "pose", "heatmap", heatmap, PERSON, {"heatmaps": "heatmaps"}, {"refine": "quarter", "region": {"form": "aspect", "scale": 1.25, "outside": "black"}}, {}),
    ("heatmap-plain", "pose", "heatmap", heatmap, MMPOSE | {"colour": "bgr"}, {"heatmaps": "output"}, {"refine": "none", "region": {"form": "aspect", "scale": 1.0, "outside": "edge"}}, {}),
    ("mask", "segmentation", "decoded", lambda g: segment(g, 1, "mask", True), {}, {"mask": "mask"}, {"threshold": .5, "region": {"form": "box", "scale": 1.2, "outside": "edge"}}, {}),
    ("mask-logits", "segmentation", "logits", lambda g: segment(g, 1, "output"), PERSON, {"mask": "output"}, {"threshold": .35, "region": {"form": "box", "scale": 1.2, "outside": "edge"}}, {}),
    ("semantic", "segmentation", "semantic", lambda g: segment(g, 5, "out"), PERSON, {"mask": "out"},
     {"classes": SCENE, "of": "person", "region": {"form": "box", "scale": 1.2, "outside": "edge"}}, {}),
    ("reid", "reid", "decoded", reid, PERSON, {"features": "features"}, {"region": {"form": "box", "scale": 1.0, "outside": "edge"}}, {}),
    ("reid-normalised", "reid", "decoded", lambda g: reid(g, True), PERSON, {"features": "features"}, {"region": {"form": "box", "scale": 1.0, "outside": "edge"}}, {}),
    ("reid-column", "reid", "decoded", lambda g: reid(g, False, False), PERSON, {"features": "features"}, {"region": {"form": "box", "scale": 1.0, "outside": "edge"}}, {}),
    ("classify-softmax", "classification", "decoded", classify, PERSON, {"scores": "logits"}, {"classes": VESTS, "activation": "softmax", "threshold": .3}, {}),
    ("classify-sigmoid", "classification", "decoded", lambda g: classify(g, shift=-2.5), PERSON, {"scores": "logits"}, {"classes": VESTS, "activation": "sigmoid", "threshold": .6}, {}),
    ("classify-none", "classification", "decoded", lambda g: classify(g, "softmax"), {}, {"scores": "output0"}, {"classes": VESTS, "activation": "none", "threshold": .3},
     metadata("classify", VESTS, imgsz=[64, 48])),
]
