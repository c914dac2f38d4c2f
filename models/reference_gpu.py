#!/usr/bin/env python3
"""The whole job on a GPU as people do it in Python: PyNvVideoCodec decodes, torch runs the four demo models in
FP16, boxes, joints, masks and vectors come back to the host.

  python reference_gpu.py pack MODELS PACK.npz                      # once, needs onnx
  python reference_gpu.py check PACK.npz PICTURE.png GOLDEN.json    # finds what reference.py found (any device)
  python reference_gpu.py run PACK.npz CLIP.mp4 --job all --cameras 8 [--processes] [--live 30]

Needs numpy and torch; run needs PyNvVideoCodec. Prints one JSON line. A camera is a thread with a stream of its own,
or with --processes a process. Networks and what is before them replay CUDA graphs unless --eager.
"""
import argparse
import json
import multiprocessing
import os
import threading
import time

import numpy as np
import torch
import torch.nn.functional as F

MODELS = ("detection", "pose-lite", "segmentation", "reid")
PEOPLE = 8  # persons an inference


def pack(folder, out):
    """Writes graphs and weights as plain arrays, so that the machine with the GPU needs no onnx."""
    import gzip
    import onnx
    arrays = {}
    for name in MODELS:
        with gzip.open(os.path.join(folder, name + ".onnx.gz")) as f:
            g = onnx.load_from_string(f.read()).graph
        constants = {t.name: onnx.numpy_helper.to_array(t) for t in g.initializer}
        for i, (key, value) in enumerate(constants.items()):
            half = value.dtype == np.float32 and value.size > 64
            arrays["%s/%d" % (name, i)] = value.astype(np.float16) if half else value
        nodes = [{"op": n.op_type, "in": list(n.input), "out": list(n.output), "with": {
            a.name: v.decode() if isinstance(v := onnx.helper.get_attribute_value(a), bytes) else v for a in n.attribute}}
            for n in g.node]
        arrays[name] = np.array(json.dumps({"constants": list(constants), "nodes": nodes,
                                            "input": g.input[0].name, "outputs": [o.name for o in g.output]}))
    np.savez(out, **arrays)


def conv(x, w, b=None, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1, **_):
    if pads[:2] != pads[2:]:
        x, pads = F.pad(x, (pads[1], pads[3], pads[0], pads[2])), (0, 0)
    return F.conv2d(x, w, b, tuple(strides), tuple(pads[:2]), tuple(dilations), group)


def resize(x, _roi=None, scales=None, sizes=None, **_):
    size = sizes[2:] if sizes is not None else [round(float(s) * n) for s, n in zip(scales[2:], x.shape[2:])]
    return F.interpolate(x, size=tuple(int(s) for s in size), mode="bilinear", align_corners=False)


OPS = {
    "Conv": conv,
    "ConvTranspose": lambda x, w, b=None, strides=(1, 1), **_: F.conv_transpose2d(x, w, b, tuple(strides)),
    "MaxPool": lambda x, kernel_shape=0, strides=0, pads=(0, 0, 0, 0), **_: F.max_pool2d(x, kernel_shape, strides, pads[0]),
    "AveragePool": lambda x, kernel_shape=0, strides=0, **_: F.avg_pool2d(x, kernel_shape, strides),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "Resize": resize,
    "Relu": F.relu, "Sigmoid": torch.sigmoid, "Sqrt": torch.sqrt,
    "LeakyRelu": lambda x, alpha=0.01: F.leaky_relu(x, alpha),
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: (x * alpha + beta).clamp(0, 1),
    "Clip": lambda x, lo, hi: x.clamp(lo.item(), hi.item()),
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div,
    "Max": torch.maximum, "Min": torch.minimum, "MatMul": torch.matmul,
    "Softmax": lambda x, axis=-1: x.softmax(axis),
    "Concat": lambda *x, axis=0: torch.cat(x, axis),
    "Transpose": lambda x, perm=None: x.permute(perm),
    "Reshape": lambda x, shape: x.reshape([int(x.shape[i]) if n == 0 else int(n) for i, n in enumerate(shape)]),
    "Split": lambda x, sizes, axis=0: x.split([int(n) for n in sizes], axis),
    "ArgMax": lambda x, axis=0, keepdims=1, **_: x.argmax(axis, bool(keepdims)),
    "Gather": lambda x, i, axis=0: x.index_select(axis, i.reshape(-1)) if i.dim() == 1 else x[(slice(None),) * axis + (i,)],
    "GatherElements": lambda x, i, axis=0: x.gather(axis, i),
    "ReduceL2": lambda x, axes=None, keepdims=1: x.norm(dim=axes, keepdim=bool(keepdims)),
}
HOST = {"Resize": (1, 2, 3), "Clip": (1, 2), "Reshape": (1,), "Split": (1,)}  # inputs that are parameters


class Network(torch.nn.Module):
    def __init__(self, data, name, device, dtype):
        super().__init__()
        g = json.loads(str(data[name]))
        self.nodes, self.input, self.outputs = g["nodes"], g["input"], g["outputs"]
        host = {n["in"][i] for n in self.nodes for i in HOST.get(n["op"], ()) if i < len(n["in"])}
        self.constants = {"": None}
        for i, key in enumerate(g["constants"]):
            value = data["%s/%d" % (name, i)]
            if key in host:
                self.constants[key] = value
                continue
            t = torch.from_numpy(np.array(value))
            self.constants[key] = t.to(device, dtype) if t.is_floating_point() else t.to(device)

    def forward(self, x):
        v = dict(self.constants)
        v[self.input] = x
        for n in self.nodes:
            r = OPS[n["op"]](*(v[i] for i in n["in"]), **n["with"])
            for key, t in zip(n["out"], r if isinstance(r, (tuple, list)) else (r,)):
                v[key] = t
        return [v[o] for o in self.outputs]


class Step:
    """A function of tensors of fixed shapes: replayed as a CUDA graph, or called."""

    def __init__(self, f, inputs, graph):
        self.f, self.graph = f, None
        if graph:
            # What another graph has written lies where it is; the rest is copied to a place of its own.
            self.inputs = inputs = [i if getattr(i, "fixed", False) else i.clone() for i in inputs]
            for _ in range(3):
                f(*inputs)
            torch.cuda.current_stream().synchronize()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
                self.result = f(*inputs)
            for r in self.result:
                r.fixed = True

    def __call__(self, *inputs):
        if self.graph is None:
            return self.f(*inputs)
        for mine, given in zip(self.inputs, inputs):
            if mine is not given:
                mine.copy_(given)
        self.graph.replay()
        return self.result


def colours(nv12, height):
    """-> RGB of 0..1, [1,3,H,W], BT.709, limited range."""
    y = (nv12[:height].float() - 16) / 219
    uv = (nv12[height:].reshape(height // 2, -1, 2).permute(2, 0, 1)[None].float() - 128) / 224
    u, v = F.interpolate(uv, scale_factor=2, mode="bilinear", align_corners=False)[0]
    return torch.stack((y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u)).clamp(0, 1)[None]


def letterbox(rgb, size=416):
    h, w = rgb.shape[2:]
    s = min(size / w, size / h)
    nh, nw = round(h * s), round(w * s)
    left, top = (size - nw) // 2, (size - nh) // 2
    small = F.interpolate(rgb, size=(nh, nw), mode="bilinear", align_corners=False)
    return F.pad(small, (left, size - nw - left, top, size - nh - top)), s, left, top


def nms(boxes, scores, threshold=0.5):
    """Greedy, from the overlaps of all pairs; -> kept, best first. On the host, where the sorted few go anyway."""
    order = scores.argsort(descending=True)
    boxes = boxes[order]
    lt, rb = torch.maximum(boxes[:, None, :2], boxes[None, :, :2]), torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    inter = (rb - lt).clamp(min=0).prod(2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    over = (inter / (area[:, None] + area[None] - inter + 1e-9) > threshold).cpu().numpy()
    keep, gone = [], np.zeros(len(over), bool)
    for i in range(len(over)):
        if not gone[i]:
            keep.append(i)
            gone |= over[i]
    return order[torch.tensor(keep, dtype=torch.long, device=order.device)]


def crops(rgb, regions, height, width, outside):
    """Bilinear crops of regions [N,4] in picture pixels."""
    h, w = rgb.shape[2:]
    def axis(lo, hi, n, size):
        at = torch.arange(n, device=rgb.device) + 0.5
        return (lo[:, None] + at * (hi - lo)[:, None] / n) * 2 / size - 1
    x, y = axis(regions[:, 0], regions[:, 2], width, w), axis(regions[:, 1], regions[:, 3], height, h)
    n = len(regions)
    grid = torch.stack((x[:, None].expand(n, height, width), y[:, :, None].expand(n, height, width)), 3)
    return F.grid_sample(rgb.expand(n, -1, -1, -1), grid, padding_mode=outside, align_corners=False)


class Watcher:
    """The models with one camera's graphs, on one stream."""

    def __init__(self, data, device, dtype, job, graphs, convert):
        self.convert, self.shift = convert, None
        self.networks = {m: Network(data, m, device, dtype) for m in (MODELS if job == "all" else MODELS[:1])}
        self.device, self.dtype, self.graphs, self.steps = device, dtype, graphs, {}

    def step(self, key, f, *inputs):
        if key not in self.steps:
            self.steps[key] = Step(f, inputs, self.graphs)
        return self.steps[key](*inputs)

    def find(self, picture):
        rgb = self.convert(picture)
        x, s, left, top = letterbox(rgb)
        scores, boxes = self.networks["detection"](x.to(self.dtype))
        self.shift = shift = torch.tensor([left, top, left, top], device=self.device) if self.shift is None else self.shift
        best, classes = scores[0].float().max(1)
        return (boxes[0].float() - shift) / s, best, classes, rgb

    def people(self, rgb, boxes):
        centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        side = half.max(1, keepdim=True).values * 1.25
        square, wide = torch.cat((centre - side, centre + side), 1), torch.cat((centre - half * 1.2, centre + half * 1.2), 1)
        def run(name, regions, h, w, outside):
            return self.networks[name](crops(rgb, regions, h, w, outside).to(self.dtype))[0].float()
        joints = run("pose-lite", square, 192, 192, "zeros")
        at = square[:, None, :2] + joints[:, :, :2] * (2 * side[:, None] / 192)
        mask = run("segmentation", wide, 256, 256, "border") > 0.5
        return torch.cat((at, joints[:, :, 2:]), 2), mask, run("reid", boxes, 256, 128, "border")

    def look(self, picture, threshold=0.4):
        """-> persons as host arrays: boxes, scores, joints, masks, vectors."""
        boxes, best, classes, rgb = self.step("find", self.find, picture)
        ok = ((best >= threshold) & (classes == 0)).nonzero()[:, 0]
        boxes, best = boxes[ok], best[ok]
        h, w = rgb.shape[2:]
        keep = nms(boxes.clamp(min=0).minimum(torch.tensor([w, h, w, h], device=self.device)), best)
        boxes, best = boxes[keep], best[keep]
        parts = [boxes.cpu().numpy(), best.cpu().numpy()]
        if len(self.networks) > 1 and len(boxes):
            rows = []
            for i in range(0, len(boxes), PEOPLE):
                some = boxes[i:i + PEOPLE]
                padded = F.pad(some, (0, 0, 0, PEOPLE - len(some)), value=1.0)
                rows.append([t[:len(some)].cpu().numpy() for t in self.step("people", self.people, rgb, padded)])
            parts += [np.concatenate(r) for r in zip(*rows)]
        return parts


def check(a):
    from PIL import Image
    data, device = np.load(a.pack), "cuda" if torch.cuda.is_available() else "cpu"
    picture = torch.from_numpy(np.array(Image.open(a.picture).convert("RGB"))).to(device)
    with torch.inference_mode(), torch.cuda.stream(torch.cuda.Stream() if device == "cuda" else None):
        w = Watcher(data, device, torch.float16 if device == "cuda" else torch.float32, "all", device == "cuda",
                    lambda p: p.permute(2, 0, 1)[None].float() / 255)
        boxes, scores, joints, masks, vectors = w.look(picture)
    want = [d for d in json.load(open(a.golden))["detections"] if d["name"] == "person"]
    bad = len(want) != len(boxes)
    for d, b, s, j, m, v in zip(want, boxes, scores, joints, masks, vectors):
        far = [float(np.abs(np.array(d["box"]) - b).max()), abs(d["score"] - float(s)), float(np.median(np.abs(np.array(d["keypoints"]) - j)[:, :2])),
               float(np.abs(np.array(d["embedding_first8"]) - v[:8]).max())]
        bad |= far[0] > 3 or far[1] > 0.05 or far[2] > 3 or far[3] > 0.02
        print("box %.2f px, score %.3f, joints %.2f px (median), vector %.4f off; mask covers %.2f" % (*far, m.mean()))
    print("%d persons, golden %d: %s" % (len(boxes), len(want), "DIFFERS" if bad else "agrees"))
    raise SystemExit(bad)


starting = threading.Lock()


def camera(a, data, number, barrier, out):
    """One camera's thread: decodes and looks until the time is over; counts what falls in the second part."""
    import PyNvVideoCodec as nvc
    starting.acquire()  # making a decoder ends other threads' captures
    stream = torch.cuda.Stream()
    with torch.inference_mode(), torch.cuda.stream(stream):
        demuxer = nvc.CreateDemuxer(filename=a.clip)
        decoder = nvc.CreateDecoder(gpuid=0, codec=demuxer.GetNvCodecId(), usedevicememory=True,
                                    latency=nvc.DisplayDecodeLatencyType.LOW)
        height, started, measure, seen, late, n = demuxer.Height(), False, None, 0, [], 0
        watcher = None
        if a.job != "decode":
            watcher = Watcher(data, "cuda", torch.float16, a.job, not a.eager, lambda p: colours(p, height))
        begin = end = float("inf")
        dropped = people = 0
        while time.perf_counter() < end:
            for packet in nvc.CreateDemuxer(filename=a.clip):
                packet.decode_flag = nvc.VideoPacketFlag.ENDOFPICTURE
                due = time.perf_counter()
                if started and a.live:
                    due = begin + (n + number / a.cameras) / a.live
                    time.sleep(max(0, due - time.perf_counter()))
                for frame in decoder.Decode(packet):
                    n += 1
                    late_by = time.perf_counter() - due
                    if started and a.live and late_by > 2 / a.live:
                        dropped += due >= begin + a.warm
                        continue
                    found = []
                    if watcher:
                        found = watcher.look(torch.from_dlpack(frame))
                    stream.synchronize()
                    now = time.perf_counter()
                    if now >= begin + a.warm:
                        if measure is None:
                            measure = time.process_time()
                        seen += 1
                        people += len(found[0]) if found else 0
                        late.append(now - due)
                if not started and n >= 5:  # all graphs are there
                    started = True
                    starting.release()
                    barrier.wait()
                    begin, n = time.perf_counter(), 0
                    end = begin + a.warm + a.seconds
                if time.perf_counter() >= end:
                    break
        cpu = time.process_time() - (measure or 0)
    out.append((seen, dropped, people, cpu, late))


def process(a, first, count, barrier, queue):
    threading.excepthook = fail
    data, out = dict(np.load(a.pack)), []
    threads = [threading.Thread(target=camera, args=(a, data, first + i, barrier, out)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    # A process's time counts for all its threads: the longest of them saw all of it.
    queue.put(([o[:3] for o in out], max((o[3] for o in out), default=0), [v for o in out for v in o[4]]))


def fail(args):
    threading.__excepthook__(args)
    os._exit(1)  # the others would wait for this camera for ever


def run(a):
    spawn = multiprocessing.get_context("spawn")
    queue, count = spawn.Queue(), a.cameras if a.processes else 1
    barrier = spawn.Barrier(a.cameras) if a.processes else threading.Barrier(a.cameras)
    if a.processes:
        workers = [spawn.Process(target=process, args=(a, i, 1, barrier, queue)) for i in range(count)]
    else:
        queue = __import__("queue").Queue()
        workers = [threading.Thread(target=process, args=(a, 0, a.cameras, barrier, queue))]
    for w in workers:
        w.start()
    results = [queue.get(timeout=120) for _ in workers]
    for w in workers:
        w.join()
    cameras = [c for r in results for c in r[0]]
    late = np.array([v for r in results for v in r[2]]) * 1000
    seen, dropped, people = (sum(c[i] for c in cameras) for i in range(3))
    row = {"job": a.job, "cameras": a.cameras, "processes": count, "graphs": not a.eager, "live": a.live,
           "fps": round(seen / a.seconds, 1), "slowest": round(min(c[0] for c in cameras) / a.seconds, 1),
           "people": round(people / max(seen, 1), 2), "cores": round(sum(r[1] for r in results) / a.seconds, 2),
           "p50_ms": round(float(np.percentile(late, 50)), 2), "p95_ms": round(float(np.percentile(late, 95)), 2),
           "p99_ms": round(float(np.percentile(late, 99)), 2)}
    if a.live:
        row["share"] = round(seen / (a.live * a.seconds * a.cameras), 4)
    print(json.dumps(row), flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    sub = ap.add_subparsers(dest="command", required=True)
    p = sub.add_parser("pack")
    p.add_argument("models")
    p.add_argument("pack")
    p = sub.add_parser("check")
    for name in ("pack", "picture", "golden"):
        p.add_argument(name)
    p = sub.add_parser("run")
    p.add_argument("pack")
    p.add_argument("clip")
    p.add_argument("--job", choices=("decode", "detect", "all"), default="all")
    p.add_argument("--cameras", type=int, default=1)
    p.add_argument("--processes", action="store_true")
    p.add_argument("--eager", action="store_true")
    p.add_argument("--live", type=float, default=0, help="pictures a second of a live camera; 0: as fast as possible")
    p.add_argument("--warm", type=float, default=1)
    p.add_argument("--seconds", type=float, default=3)
    a = ap.parse_args()
    if a.command == "pack":
        return pack(a.models, a.pack)
    return check(a) if a.command == "check" else run(a)


if __name__ == "__main__":
    main()
