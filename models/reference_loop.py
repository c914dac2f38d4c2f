#!/usr/bin/env python3
"""The whole job for some clips, one after the other, as people do it in Python: numpy, ONNX Runtime,
reference.py.

  python reference_loop.py --models FOLDER --ffmpeg ffmpeg [--threads 1] WIDTHxHEIGHT CLIP ...

FOLDER holds the uncompressed demo models. Prints "ready" when they are loaded, waits for a line on
standard input, works, and prints "FRAMES PEOPLE". `sightline bench --what python` runs it.
"""
import argparse
import json
import subprocess
import sys

import numpy as np

import reference


def watch(models, ffmpeg, width, height, clip):
    """-> frames, people."""
    process = subprocess.Popen([ffmpeg, "-v", "error", "-threads", "1", "-i", clip, "-f", "rawvideo",
                                "-pix_fmt", "rgb24", "-"], stdout=subprocess.PIPE)
    tracker, frames, people = reference.Tracker(), 0, 0
    while True:
        raw = process.stdout.read(width * height * 3)
        if len(raw) < width * height * 3:
            break
        img = np.frombuffer(raw, np.uint8).reshape(height, width, 3).astype(np.float32)
        boxes, scores, cls = models.detect(img)
        persons = boxes[cls == 0]
        joints, masks, vectors = models.keypoints(img, persons), models.masks(img, persons), models.embed(img, persons)
        ids = tracker.update(persons)
        json.dumps([{"track": int(t), "box": b.tolist(), "keypoints": k.tolist(), "mask_area": reference.mask_area(*m)}
                    for t, b, k, m in zip(ids, persons, joints, masks)])
        frames, people = frames + 1, people + len(persons)
    process.wait()
    return frames, people


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    ap.add_argument("clips", nargs="+")
    ap.add_argument("--models", required=True)
    ap.add_argument("--ffmpeg", required=True)
    ap.add_argument("--threads", type=int, default=1)
    a = ap.parse_args()
    models = reference.Models(a.models, a.threads, pose="pose-lite")
    print("ready", flush=True)
    sys.stdin.readline()

    total = [0, 0]
    for size, clip in zip(a.clips[::2], a.clips[1::2]):
        width, height = (int(v) for v in size.split("x"))
        frames, people = watch(models, a.ffmpeg, width, height, clip)
        total = [total[0] + frames, total[1] + people]
    print(*total, flush=True)


if __name__ == "__main__":
    main()
