"""The graphs of task detection, each as its published exporter leaves it."""
import numpy as np
from onnx import TensorProto, helper

from decode import grid
from graphs import Scene, blobs

CLASSES = ["person", "bicycle", "car", "dog", "cat"]
SCORE = .9  # how far the picture moves a logit
IMAGENET = {"mean": [.485, .456, .406], "std": [.229, .224, .225]}
YOLO = {"fit": "letterbox", "pad": 114}
ULTRALYTICS = {"description": "Ultralytics YOLO", "author": "Ultralytics", "stride": 32, "batch": 1, "imgsz": [64, 96]}


def metadata(task, names=CLASSES, **more):
    return ULTRALYTICS | {"task": task, "names": dict(enumerate(names))} | more


def places(strides, centre=.5):
    at = grid(strides, 96, 64)
    return at, (at[:, :2] + centre) * at[:, 2:]


def scene(g, classes=5, strides=(8, 16, 32), centre=.5, count=None, **more):
    at, where = places(strides, centre)
    if count:
        where = g.rng.uniform([8, 8], [88, 56], (count, 2))
    return at, Scene(g.rng, where, classes, 96, 64, **more)


def decoded(g, classes=5):
    at, s = scene(g, classes)
    x = g.rows([1.5] * 4 + [SCORE] * classes, np.concatenate([s.corners(), s.logits], 1))
    g.output("boxes", g.part(x, 0, 4, 2), [126, 4])
    g.output("scores", g.node("Sigmoid", g.part(x, 4, 4 + classes, 2)), [126, classes])


def broken(g):
    """Anchor 7's first score is the logarithm of a number below 0."""
    at, s = scene(g)
    x = g.rows([1.5] * 4 + [SCORE] * 5, np.concatenate([s.corners(), s.logits], 1))
    g.output("boxes", g.part(x, 0, 4, 2), [126, 4])
    hole = np.ones((126, 5))
    hole[7, 0] = -1
    scores = g.node("Sigmoid", g.part(x, 4, 9, 2))
    g.output("scores", g.node("Add", scores, g.node("Log", g.constant(hole))), [126, 5])


def many(g):
    """1,300 anchors of which some 1,190 are above the threshold; scores lie 0.00045 apart."""
    rng, count = g.rng, 1300
    where = np.stack(np.meshgrid(np.linspace(4, 92, 23), np.linspace(4, 60, 15)), -1).reshape(-1, 2)
    where = where[rng.integers(len(where), size=count)]
    size = np.round(rng.uniform(3, 7, (count, 2)))
    boxes = np.concatenate([where - size / 2, where + size / 2], 1) + np.round(rng.normal(0, .8, (count, 4)) * 16) / 16
    scores = .35 + .00045 * rng.permutation(count) + 25e-5
    shift = g.node("ReduceMean", g.trunk(), axes=[1, 2, 3], keepdims=1)
    shift = g.node("Squeeze", shift, g.constant([3], np.int64))
    base = g.node("Mul", shift, g.constant(np.zeros((1, 1, 1))))
    g.output("boxes", g.node("Add", g.node("Mul", shift, g.constant([[[.5]]])), g.constant(boxes[None])), [count, 4])
    g.output("scores", g.node("Add", base, g.constant(scores[None, :, None])), [count, 1])


def yolox(g, probabilities=True):
    at, s = scene(g)
    b = np.concatenate([s.boxes[:, :2] / at[:, 2:] - at[:, :2], np.log(s.boxes[:, 2:] / at[:, 2:])], 1)
    x = g.rows([.15, .15, .06, .06] + [SCORE] * 6, np.concatenate([b, g.rng.uniform(1, 3, (126, 1)), s.logits + .5], 1))
    g.output("output", g.sigmoid_from(x, 4) if probabilities else x, [126, 10])


def yolov5(g, name="output0", probabilities=True, masks=0):
    """Three anchors a cell."""
    where = np.concatenate([np.tile(places([s])[1], (3, 1)) for s in (8, 16, 32)])
    s = Scene(g.rng, where, 5, 96, 64, reach=8)
    base = np.concatenate([s.boxes, g.rng.uniform(1, 3, (378, 1)), s.logits + .2, g.rng.normal(0, 1, (378, masks))], 1)
    x = g.rows([1.5] * 4 + [SCORE] * 6 + [.3] * masks, base, shapes=3)
    g.output(name, g.sigmoid_from(x, 4, end=10 if masks else 1 << 30) if probabilities else x, [378, 10 + masks])
    if masks:
        prototypes(g, masks)


def half(g, build):
    """As exports with half=True: the picture and all outputs are float16."""
    g.half, g.picture = True, np.dtype(np.float16)
    build(g)


def prototypes(g, masks):
    x = g.affine(g.conv(g.trunk(4), masks), .4, blobs(g.rng, masks, 16, 24))
    g.output("output1", x, [masks, 16, 24])


def yolov8(g, classes=5, probabilities=True, masks=0, joints=0):
    at, s = scene(g, classes)
    parts, gain = [s.boxes, s.logits, g.rng.normal(0, 1, (126, masks))], [1.5] * 4 + [SCORE] * classes + [.3] * masks
    if joints:
        place = s.boxes[:, None, :2] + s.boxes[:, None, 2:] * g.rng.uniform(-.5, .5, (126, joints, 2))
        sure = g.rng.normal(0, 2, (126, joints, 1))
        parts.append(np.concatenate([place, sure], 2).reshape(126, -1))
        gain += [1.5, 1.5, .5] * joints
    base, gain = np.concatenate(parts, 1).T, np.array(gain)[:, None]
    x = g.affine(g.anchors(len(base)), gain, base)
    if probabilities:
        x = g.sigmoid_from(x, 4, 1, 4 + classes if masks or joints else 1 << 30)
    for k in range(joints):
        x = g.sigmoid_from(x, 6 + classes + 3 * k, 1, 7 + classes + 3 * k if k < joints - 1 else 1 << 30)
    g.output("output0", x, [len(base), 126])
    if masks:
        prototypes(g, masks)


def yolov10(g, joints=0, masks=0, classes=5):
    _, s = scene(g, classes, count=24, groups=6, reach=14)
    best = s.logits.max(1, keepdims=True)
    parts, gain = [s.corners(), best, s.logits.argmax(1)[:, None], g.rng.normal(0, 1, (24, masks))], [1.5] * 4 + [SCORE, 0] + [.3] * masks
    if joints:
        place = s.boxes[:, None, :2] + s.boxes[:, None, 2:] * g.rng.uniform(-.5, .5, (24, joints, 2))
        parts.append(np.concatenate([place, g.rng.normal(0, 2, (24, joints, 1))], 2).reshape(24, -1))
        gain += [1.5, 1.5, .5] * joints
    base = np.concatenate(parts, 1)
    x = g.sigmoid_from(g.rows(gain, base, count=24), 4, end=5)
    for k in range(joints):
        x = g.sigmoid_from(x, 8 + 3 * k, end=9 + 3 * k if k < joints - 1 else 1 << 30)
    g.output("output0", x, [24, base.shape[1]])
    if masks:
        prototypes(g, masks)


def rtdetr_end2end(g):
    _, s = scene(g, count=24, groups=6, reach=14)
    best = s.logits.max(1, keepdims=True)
    x = g.rows([.1] * 4 + [SCORE, 0], np.concatenate([unit(s.boxes), best, s.logits.argmax(1)[:, None]], 1), count=24)
    x = g.node("Concat", g.node("Sigmoid", g.part(x, 0, 5, 2)), g.part(x, 5, 6, 2), axis=2)
    g.output("output0", x, [24, 6])


def unit(boxes):
    """cx, cy, w, h as logits of 0..1 of the input."""
    v = np.clip(boxes / [96, 64, 96, 64], .02, .98)
    return np.log(v / (1 - v))


def detr(g, logits="logits", boxes="pred_boxes", first="logits"):
    _, s = scene(g, count=30, groups=8, reach=14)
    second = g.rng.integers(30, size=6)  # these queries name a second class
    s.logits[second, g.rng.integers(5, size=6)] = g.rng.uniform(.2, 2, 6)
    x = g.rows([.1] * 4 + [SCORE] * 5, np.concatenate([unit(s.boxes), s.logits], 1), count=30)
    outputs = [(logits, g.part(x, 4, 9, 2), [30, 5]), (boxes, g.node("Sigmoid", g.part(x, 0, 4, 2)), [30, 4])]
    for o in outputs if first == "logits" else outputs[::-1]:
        g.output(*o)


def detr_softmax(g):
    """The first DETR: one class more, of no object, and a softmax."""
    _, s = scene(g, count=100, groups=8, reach=14)
    none = g.rng.uniform(-2, 1, (100, 1))
    x = g.rows([.1] * 4 + [SCORE] * 6, np.concatenate([unit(s.boxes), s.logits, none], 1), count=100)
    g.output("logits", g.part(x, 4, 10, 2), [100, 6])
    g.output("pred_boxes", g.node("Sigmoid", g.part(x, 0, 4, 2)), [100, 4])


def deployed(g, keep=20):
    """The post-processor of RT-DETR and D-FINE: the best pairs of query and class, boxes times orig_target_sizes."""
    _, s = scene(g, count=30, groups=8, reach=14)
    x = g.rows([.1] * 4 + [SCORE] * 5, np.concatenate([unit(s.boxes), s.logits], 1), count=30)
    i = lambda v: g.constant(v, np.int64)
    pairs = g.node("Reshape", g.node("Sigmoid", g.part(x, 4, 9, 2)), i([0, 150]))
    g.nodes.append(helper.make_node("TopK", [pairs, i([keep])], ["best", "pair"], name="/topk", axis=1))
    b = g.node("Sigmoid", g.part(x, 0, 4, 2))
    half = g.node("Mul", g.part(b, 2, 4, 2), g.constant(.5))
    b = g.node("Concat", g.node("Sub", g.part(b, 0, 2, 2), half), g.node("Add", g.part(b, 0, 2, 2), half), axis=2)
    size = g.node("Unsqueeze", g.node("Tile", g.node("Cast", "orig_target_sizes", to=TensorProto.FLOAT), i([1, 2])), i([1]))
    query = g.node("Tile", g.node("Unsqueeze", g.node("Div", "pair", i(5)), i([2])), i([1, 1, 4]))
    g.output("labels", g.node("Mod", "pair", i(5)), [keep], TensorProto.INT64)
    g.output("boxes", g.node("GatherElements", g.node("Mul", b, size), query, axis=1), [keep, 4])
    g.output("scores", "best", [keep])


def rtdetr(g):
    _, s = scene(g, count=30, groups=8, reach=14)
    x = g.rows([.1] * 4 + [SCORE] * 5, np.concatenate([unit(s.boxes), s.logits], 1), count=30)
    g.output("output0", g.node("Sigmoid", x), [30, 9])


def nanodet(g, strides, centre, bins=8, probabilities=True):
    at, s = scene(g, 5, strides, centre)
    where = (at[:, :2] + centre) * at[:, 2:]
    c = s.corners()
    d = np.concatenate([where - c[:, :2], c[:, 2:] - where], 1) / at[:, 2:]
    logits = -1.2 * np.abs(np.arange(bins) - np.clip(d, .2, bins - 1.2)[:, :, None])
    base = np.concatenate([s.logits, logits.reshape(len(at), -1)], 1)
    x = g.rows([SCORE] * 5 + [.5] * 4 * bins, base, strides)
    if probabilities:
        x = g.node("Concat", g.node("Sigmoid", g.part(x, 0, 5, 2)), g.part(x, 5, 1 << 30, 2), axis=2)
    g.output("output", x, [len(at), 5 + 4 * bins])


def movenet_multipose(g):
    _, s = scene(g, 1, count=6, groups=3, reach=40)
    y = [1, 0]
    joints = (s.boxes[:, None, :2] + s.boxes[:, None, 2:] * g.rng.uniform(-.5, .5, (6, 17, 2)))[:, :, y] / [64, 96]
    sure = g.rng.uniform(.05, .95, (6, 17, 1))
    c = s.corners()[:, [1, 0, 3, 2]] / [64, 96, 64, 96]
    score = 1 / (1 + np.exp(-s.logits))
    base = np.concatenate([np.concatenate([joints, sure], 2).reshape(6, 51), c, score], 1)
    x = g.node("Transpose", g.anchors(56), perm=[0, 2, 1])
    gain = g.constant([.02, .02, .04] * 17 + [.02] * 4 + [.1])
    g.output("output_0", g.node("Add", g.node("Mul", g.part(x, 0, 6, 1), gain), g.constant(np.round(base * 1024) / 1024)), [6, 56])


def misfit(g):
    """What a card of five classes says of a network of six."""
    yolov8(g, 6)


PLUS = {"range": [0, 255], "mean": [103.53, 116.28, 123.675], "std": [57.375, 57.12, 58.395], "colour": "bgr",
        "fit": "stretch"}
YOLOX = {"colour": "bgr", "range": [0, 255], "fit": "corner", "pad": 114}
NANO = {"strides": [8, 16, 32], "centre": 0.5}
NANO_PLUS = {"strides": [8, 16, 32, 64], "centre": 0}
ONE = {"batch": 1}

# name, family, build, input, outputs, further card keys, metadata
CASES = [
    ("decoded", "decoded", decoded, {}, {"scores": "scores", "boxes": "boxes"}, {}, {}),
    ("decoded-many", "decoded", many, {"fit": "stretch"}, {"scores": "scores", "boxes": "boxes"}, {"classes": ["person"], "spacing": 5e-5}, {}),
    ("decoded-nan", "decoded", broken, {}, {"scores": "scores", "boxes": "boxes"}, {"wrong": "nan"}, {}),
    ("yolox", "yolox", yolox, YOLOX, {"predictions": "output"}, {"strides": [8, 16, 32]} | ONE, {}),
    ("yolox-logits", "yolox", lambda g: yolox(g, False), YOLOX, {"predictions": "output"}, {"strides": [8, 16, 32], "activation": "sigmoid"} | ONE, {}),
    ("yolov5", "yolov5", yolov5, YOLO, {"predictions": "output0"}, {}, metadata("detect")),
    ("yolov5-logits", "yolov5", lambda g: yolov5(g, "output", False), YOLO, {"predictions": "output"}, {"activation": "sigmoid"}, {}),
    ("yolov5-segment", "yolov5-segment", lambda g: yolov5(g, masks=4), YOLO, {"predictions": "output0", "prototypes": "output1"}, {}, metadata("segment")),
    ("yolov8", "yolov8", yolov8, YOLO, {"predictions": "output0"}, {}, metadata("detect")),
    ("yolov8-logits", "yolov8", lambda g: yolov8(g, probabilities=False), YOLO, {"predictions": "output0"}, {"activation": "sigmoid"}, {}),
    ("yolov8-half", "yolov8", lambda g: half(g, yolov8), YOLO, {"predictions": "output0"}, {}, metadata("detect", half="True")),
    ("yolov8-misfit", "yolov8", misfit, YOLO, {"predictions": "output0"}, {"wrong": "shape"}, {}),
    ("yolov8-pose", "yolov8-pose", lambda g: yolov8(g, 1, joints=17), YOLO, {"predictions": "output0"}, {"classes": ["person"]},
     metadata("pose", ["person"], kpt_shape=[17, 3])),
    ("yolov8-segment", "yolov8-segment", lambda g: yolov8(g, masks=4), YOLO, {"predictions": "output0", "prototypes": "output1"}, {}, metadata("segment")),
    ("yolov10", "yolov10", yolov10, YOLO, {"predictions": "output0"}, {}, metadata("detect", end2end=True)),
    ("yolov10-pose", "yolov10-pose", lambda g: yolov10(g, 17, classes=1), YOLO, {"predictions": "output0"}, {"classes": ["person"]},
     metadata("pose", ["person"], kpt_shape=[17, 3], end2end=True)),
    ("yolov10-segment", "yolov10-segment", lambda g: yolov10(g, masks=4), YOLO, {"predictions": "output0", "prototypes": "output1"}, {}, metadata("segment", end2end=True)),
    ("rtdetr-end2end", "rtdetr-end2end", rtdetr_end2end, {"fit": "stretch"}, {"predictions": "output0"}, {},
     metadata("detect", description="Ultralytics rtdetr-l model trained on coco.yaml")),
    ("detr", "detr", detr, {"name": "pixel_values", "fit": "stretch"}, {"logits": "logits", "boxes": "pred_boxes"}, {}, {}),
    ("detr-rf", "detr", lambda g: detr(g, "labels", "dets", "boxes"), IMAGENET | {"name": "input", "fit": "stretch"}, {"logits": "labels", "boxes": "dets"}, ONE, {}),
    ("detr-softmax", "detr-softmax", detr_softmax, {"name": "pixel_values", "fit": "stretch"}, {"logits": "logits", "boxes": "pred_boxes"}, {}, {}),
    ("detr-deploy", "detr-deploy", deployed, {"fit": "stretch", "constants": [{"name": "orig_target_sizes", "values": [96, 64]}]},
     {"labels": "labels", "boxes": "boxes", "scores": "scores"}, {}, {}),
    ("rtdetr", "rtdetr", rtdetr, {"fit": "stretch"}, {"predictions": "output0"}, {}, metadata("detect")),
    ("nanodet", "nanodet", lambda g: nanodet(g, [8, 16, 32], .5), PLUS | {"name": "data"}, {"predictions": "output"}, NANO | ONE, {}),
    ("nanodet-plus", "nanodet", lambda g: nanodet(g, [8, 16, 32, 64], 0), PLUS | {"name": "data"}, {"predictions": "output"}, NANO_PLUS | ONE, {}),
    ("nanodet-logits", "nanodet", lambda g: nanodet(g, [8, 16, 32, 64], 0, 11, False), PLUS | {"name": "data"}, {"predictions": "output"},
     NANO_PLUS | ONE | {"activation": "sigmoid"}, {}),
    ("movenet-multipose", "movenet-multipose", movenet_multipose, {"name": "input", "layout": "nhwc", "range": [0, 255]}, {"predictions": "output_0"},
     ONE | {"classes": ["person"], "threshold": 0.2}, {}),
]
