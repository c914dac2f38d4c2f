#!/usr/bin/env python3
"""Makes the files beside it: for every family of docs/models.md an ONNX graph, its card and what the family's
formula makes of it. README.md tells the layout.

  python -m venv /tmp/families && /tmp/families/bin/pip install -r requirements.txt
  /tmp/families/bin/python make.py [NAME ...]
"""
import base64
import gzip
import json
import os
import sys

import numpy as np
import onnxruntime

import crops
import decode
import detectors
import picture
from graphs import Graph

HERE = os.path.dirname(os.path.abspath(__file__))
PERSON = [86.25, 5.5, 139.75, 84.25]  # whom the models of people look at
SEEDS = 4000


def cases():
    """name, width, height, build, metadata, card; in the card also what the case alone has: wrong, spacing"""
    for name, family, build, inp, outputs, more, meta in detectors.CASES:
        card = {"task": "detection", "family": family, "file": name + ".onnx.gz", "input": inp, "outputs": outputs,
                "classes": detectors.CLASSES, "threshold": .4, "iou": .5, "batch": 4} | more
        yield name, 96, 64, build, meta, card
    for name, task, family, build, inp, outputs, more, meta in crops.CASES:
        card = {"task": task, "family": family, "file": name + ".onnx.gz", "input": inp, "outputs": outputs, "batch": 4} | more
        yield name, 48, 64, build, meta, card


def expected(card, outputs, width, height, fit, region, spacing):
    if card["task"] == "detection":
        objects, counts = decode.found(card, outputs, fit, width, height, spacing)
        return {"objects": objects, "counts": counts}
    if card["task"] == "pose":
        return {"joints": decode.joints(card, outputs, region, width, height)}
    if card["task"] == "segmentation":
        return {"mask": decode.person_mask(card, outputs, region)}
    if card["task"] == "reid":
        return {"vector": decode.vector(card, outputs)}
    return {"attribute": decode.attribute(card, outputs)}


def worth(card, e):
    """Whether a result tries its family: enough objects, of several classes, some suppressed, masks half full."""
    if "objects" in e:
        if card["family"] == "movenet-multipose":
            return 2 <= len(e["objects"]) <= 5
        objects, few = e["objects"], card["family"] in decode.FINAL
        classes = {o["class"] for o in objects}
        masks = [o["mask"]["area"] / np.prod(o["mask"]["size"]) for o in objects if "mask" in o]
        return (4 <= len(objects) and len(classes) >= min(3, len(card["classes"])) and (few or e["counts"]["suppressed"] >= 5)
                and all(.03 < m < .97 for m in masks)
                and (card["family"] != "detr" or len({o["anchor"] for o in objects}) < len(objects)))
    if "mask" in e:
        return .2 < e["mask"]["area"] / np.prod(e["mask"]["size"]) < .8
    if "joints" in e:
        return len({round(j[2], 2) for j in e["joints"]}) > 8
    if "attribute" in e:
        return e["attribute"]["told"]
    return True


def distance(e, o):
    """How far two results of one picture lie apart; they must hold the same things."""
    far = lambda a, b: float(np.abs(np.asarray(a, float) - np.asarray(b, float)).max())
    if "objects" in e:
        other = {(x["anchor"], x["class"]): x for x in o["objects"]}
        if set(other) != {(x["anchor"], x["class"]) for x in e["objects"]}:
            raise decode.Fragile("NV12 finds other objects")
        pairs = [(x, other[x["anchor"], x["class"]]) for x in e["objects"]]
        d = {"score": max(far(a["score"], b["score"]) for a, b in pairs), "box": max(far(a["box"], b["box"]) for a, b in pairs)}
        if "joints" in e["objects"][0]:
            d["joints"] = max(far(a["joints"], b["joints"]) for a, b in pairs)
        if "mask" in e["objects"][0]:
            d["area"] = max(far(a["mask"]["area"], b["mask"]["area"]) for a, b in pairs)
        return d
    if "joints" in e:
        d = far(e["joints"], o["joints"])
        if d > 1:
            raise decode.Fragile("NV12 moves a joint")
        return {"joints": d}
    if "mask" in e:
        return {"area": far(e["mask"]["area"], o["mask"]["area"])}
    if "vector" in e:
        return {"vector": far(e["vector"], o["vector"])}
    if e["attribute"]["class"] != o["attribute"]["class"]:
        raise decode.Fragile("NV12 finds another class")
    return {"score": far(e["attribute"]["scores"], o["attribute"]["scores"])}


def attempt(seed, name, width, height, build, meta, card):
    """-> the model and the case, or Fragile."""
    wrong, spacing = card.get("wrong"), card.get("spacing", 1e-4)
    card = {k: v for k, v in card.items() if k not in ("wrong", "spacing")}
    g = Graph(seed, name, card["input"], width, height, card["batch"] > 1)
    build(g)
    model = g.model(meta)
    raw = model.SerializeToString()
    session = onnxruntime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    region = None
    if "region" in card or card["task"] == "classification":
        r = card.get("region", {"form": "box", "scale": 1.0, "outside": "edge"})
        region = picture.region_of(PERSON, r["form"], r["scale"], width, height)
    results, fit = [], None
    for rgb in (PICTURE, picture.through_nv12(PICTURE)):
        if region:
            x = picture.around(rgb, card["input"], region, r["outside"], width, height)
        else:
            x, fit = picture.whole(rgb, card["input"], width, height)
        # Numbers of float16 leave a device as float32, which holds them exactly.
        outputs = {o.name: v.astype(np.float32) if v.dtype == np.float16 else v
                   for o, v in zip(session.get_outputs(), session.run(None, g.feed(x)))}
        e = None if wrong else expected(card, outputs, width, height, fit, region, spacing)
        results.append((x, outputs, e))
    x, outputs, e = results[0]
    case = {"name": name, "width": picture.WIDTH, "height": picture.HEIGHT}
    case |= {"person": PERSON, "region": region} if region else {"fit": fit.json()}
    flat = x.ravel()
    case["input"] = {"name": g.input, "shape": list(x.shape), "sum": float(flat.astype(np.float64).sum()),
                     "samples": [float(flat[i * (flat.size - 1) // 15]) for i in range(16)],
                     "nv12": float(np.abs(x - results[1][0]).max())}
    case["outputs"] = [{"name": n, "shape": list(v.shape), "data": base64.b64encode(v.astype("<f4").tobytes()).decode()} | kind(v)
                       for n, v in outputs.items()]
    if wrong:
        return raw, case | {"wrong": wrong}, card
    if not worth(card, e):
        raise decode.Fragile("too little in it")
    return raw, case | e | {"nv12": distance(e, results[1][2])}, card


def kind(v):
    """Integers are stored as float32 too, which holds them exactly."""
    return {} if v.dtype == np.float32 else {"type": str(v.dtype)}


def scalar(v):
    if isinstance(v, list):
        return "[" + ", ".join(scalar(i) for i in v) + "]"
    if isinstance(v, dict):
        return "{ " + ", ".join(f"{k}: {scalar(i)}" for k, i in v.items()) + " }"
    return str(v)


def card_text(name, card, width, height):
    shape = [height, width, 3] if card["input"].get("layout") == "nhwc" else [3, height, width]
    lines = ["# yaml-language-server: $schema=../../config/card.schema.json"]
    inp = {"name": "images", "shape": shape} | card["input"]
    for key, value in card.items():
        lines.append(f"{key}: {scalar(inp if key == 'input' else value)}")
    return "\n".join(lines) + "\n"


def rounded(v):
    if isinstance(v, float):
        return float(f"{v:.8g}")
    if isinstance(v, dict):
        return {k: rounded(i) for k, i in v.items()}
    if isinstance(v, (list, tuple)):
        return [rounded(i) for i in v]
    return v.item() if isinstance(v, np.generic) else v


def write(name, text):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())


def main(names):
    picture.write_png(os.path.join(HERE, "picture.png"), PICTURE)
    for name, width, height, build, meta, card in cases():
        if names and name not in names:
            continue
        reasons = {}
        for seed in range(SEEDS):
            try:
                raw, case, clean = attempt(seed, name, width, height, build, meta, card)
                break
            except decode.Fragile as why:
                key = str(why).split(":")[0]
                reasons[key] = reasons.get(key, 0) + 1
        else:
            raise SystemExit(f"{name}: none of {SEEDS} seeds will do: {reasons}")
        write(name + ".onnx.gz", gzip.compress(raw, 9, mtime=0))
        write(name + ".card.yaml", card_text(name, clean, width, height))
        write(name + ".json", json.dumps(rounded({"seed": seed} | case), separators=(",", ":")) + "\n")
        what = case.get("objects")
        print(f"{name:18} seed {seed:4} {len(raw):6} bytes {len(what) if what else ''} {case.get('counts', '')} {case.get('nv12', '')} {reasons}", flush=True)


PICTURE = picture.make()

if __name__ == "__main__":
    main(sys.argv[1:])
