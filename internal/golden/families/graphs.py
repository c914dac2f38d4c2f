"""Small ONNX graphs that end as the published exports do. What they compute: a strided trunk of the picture,
times a gain, plus constants that put a few groups of sure, overlapping objects on the input."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 6


class Graph:
    """An ONNX graph in the making; every method adds nodes and returns the name of what they make."""

    def __init__(self, seed, name, card, width, height, dynamic):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants, self.outputs = [], [], []
        self.name, self.width, self.height = name, width, height
        self.batch = "batch" if dynamic else 1
        self.input = card.get("name", "images")
        self.last = card.get("layout") == "nhwc"
        self.picture = np.dtype(np.float32)  # of the picture's numbers; MoveNet's are int32 or uint8
        self.half = False  # input and outputs are float16, as of exports with half=True
        self.constant_inputs = {c["name"]: c["values"] for c in card.get("constants", [])}  # int64
        low, high = card.get("range", [0, 1])
        mean, std = np.array(card.get("mean", [0] * 3)), np.array(card.get("std", [1] * 3))
        # Black and white as the network sees them: its first weights bring them to -1 and 1.
        self.black, self.white = (low - mean) / std, (high - mean) / std

    def constant(self, value, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op, *inputs, **attributes):
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name="/" + name, **attributes))
        return name

    def trunk(self, stride=8):
        """[N,CHANNELS,height/stride,width/stride] between -1 and 1."""
        x = self.input
        if self.half:
            x = self.node("Add", x, self.constant(0, np.float16))  # something that computes in float16
        if self.picture != np.float32:
            x = self.node("Cast", x, to=TensorProto.FLOAT)
        if self.last:
            x = self.node("Transpose", x, perm=[0, 3, 1, 2])
        mix = self.rng.normal(0, 1.6, (CHANNELS, 3, 1, 1))
        w = mix * (1 + self.rng.normal(0, .3, (CHANNELS, 3, stride, stride))) / stride ** 2
        gain = 2 / (self.white - self.black)[None, :, None, None]
        bias = -(w * gain * ((self.white + self.black) / 2)[None, :, None, None]).sum((1, 2, 3))
        w, bias = self.constant(w * gain), self.constant(bias)
        return self.node("Tanh", self.node("Conv", x, w, bias, kernel_shape=[stride] * 2, strides=[stride] * 2))

    def conv(self, x, channels):
        w = self.rng.normal(0, .6, (channels, CHANNELS, 1, 1))
        return self.node("Tanh", self.node("Conv", x, self.constant(w), kernel_shape=[1, 1]))

    def anchors(self, columns, strides=(8, 16, 32), shapes=1):
        """[N,columns,A] between -1 and 1, a level a stride, within a level a grid a shape."""
        x, levels, at = self.trunk(), [], 8
        for s in strides:
            if s != at:
                k = s // at
                x, at = self.node("AveragePool", x, kernel_shape=[k, k], strides=[k, k], ceil_mode=1), s
            level = self.conv(x, columns * shapes)
            if shapes > 1:
                level = self.node("Reshape", level, self.constant([0, shapes, columns, -1], np.int64))
                level = self.node("Transpose", level, perm=[0, 2, 1, 3])
            levels.append(self.node("Reshape", level, self.constant([0, columns, -1], np.int64)))
        return self.node("Concat", *levels, axis=2)

    def affine(self, x, gain, base):
        """x * gain + base; the constants are rounded so that the files are small."""
        gain, base = np.asarray(gain, np.float32), np.asarray(base, np.float32)
        return self.node("Add", self.node("Mul", x, self.constant(gain)), self.constant(np.round(base * 64) / 64))

    def rows(self, gain, base, strides=(8, 16, 32), count=None, shapes=1):
        """[N,A,columns], or the first `count` anchors."""
        x = self.node("Transpose", self.anchors(base.shape[1], strides, shapes), perm=[0, 2, 1])
        if count:
            x = self.part(x, 0, count, 1)
        return self.affine(x, gain, base)

    def feed(self, picture):
        """What the inputs get."""
        feed = {self.input: (np.rint(picture) if self.picture.kind in "iu" else picture).astype(self.picture)}
        return feed | {name: np.array([values], np.int64) for name, values in self.constant_inputs.items()}

    def part(self, x, start, end, axis):
        i = lambda v: self.constant([v], np.int64)
        return self.node("Slice", x, i(start), i(end), i(axis))

    def sigmoid_from(self, x, column, axis=2, end=1 << 30):
        """A sigmoid over columns from `column` to `end`."""
        parts = [self.part(x, 0, column, axis), self.node("Sigmoid", self.part(x, column, end, axis))]
        if end < 1 << 30:
            parts.append(self.part(x, end, 1 << 30, axis))
        return self.node("Concat", *parts, axis=axis)

    def output(self, name, x, shape, kind=TensorProto.FLOAT):
        """Names a result; the shape is without the batch."""
        if self.half:
            kind = TensorProto.FLOAT16
            self.nodes.append(helper.make_node("Cast", [x], [name], name="/" + name, to=kind))
        else:
            self.nodes.append(helper.make_node("Identity", [x], [name], name="/" + name))
        self.outputs.append((name, shape, kind))

    def model(self, metadata=None, producer="pytorch", version="2.6.0"):
        shape = [self.batch, self.height, self.width, 3] if self.last else [self.batch, 3, self.height, self.width]
        tensor = helper.make_tensor_value_info
        inputs = [tensor(self.input, helper.np_dtype_to_tensor_dtype(self.picture), shape)]
        inputs += [tensor(name, TensorProto.INT64, [self.batch, len(values)]) for name, values in self.constant_inputs.items()]
        graph = helper.make_graph(self.nodes, self.name, inputs,
                                  [tensor(name, kind, [self.batch] + list(shape)) for name, shape, kind in self.outputs], self.constants)
        m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name=producer,
                              producer_version=version, ir_version=8)
        for key, value in (metadata or {}).items():
            m.metadata_props.add(key=key, value=str(value))
        onnx.checker.check_model(m, full_check=True)
        return m


class Scene:
    """Boxes and logits for every anchor: some groups of anchors are sure of one object each."""

    def __init__(self, rng, where, classes, width, height, groups=7, reach=11):
        """where is [A,2], the anchors' places in input pixels."""
        count = len(where)
        self.logits = rng.normal(-3.2, .5, (count, classes))
        size = rng.uniform([14, 12], [40, 34], (count, 2))
        self.boxes = np.concatenate([where + rng.normal(0, 3, (count, 2)), size], 1)  # cx, cy, w, h
        centres = rng.uniform([10, 8], [width - 10, height - 8], (groups, 2))
        for centre in centres:
            c, s = rng.integers(classes), rng.uniform([18, 16], [44, 38])
            near = np.hypot(*(where - centre).T) < reach
            self.boxes[near, :2] = centre + rng.normal(0, 2.2, (near.sum(), 2))
            self.boxes[near, 2:] = s * rng.uniform(.8, 1.25, (near.sum(), 2))
            self.logits[near, c] = rng.uniform(-1.4, 2.6, near.sum())

    def corners(self):
        return np.concatenate([self.boxes[:, :2] - self.boxes[:, 2:] / 2, self.boxes[:, :2] + self.boxes[:, 2:] / 2], 1)


def blobs(rng, count, height, width, low=-2.5, high=2.5):
    """Smooth planes [count,height,width] with hills and hollows."""
    y, x = np.mgrid[0:height, 0:width]
    out = np.zeros((count, height, width))
    for plane in out:
        for sign in (1, -1, 1, -1):
            cy, cx, r = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(.15, .35) * max(height, width)
            plane += sign * rng.uniform(1, high) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))
    return np.clip(out, low, high)
