#!/usr/bin/env python3
"""The whole job for one clip as people do it in Python: numpy, ONNX Runtime, reference.py.

  python reference_loop.py --models FOLDER --ffmpeg ffmpeg --size WIDTHxHEIGHT [--threads 1] CLIP

FOLDER holds the uncompressed demo models. Prints "ready" when they are loaded, waits for a line on
standard input, works, and prints "FRAMES PEOPLE". `sightline bench --against python` runs it.
"""
import argparse
import json
import subprocess
import sys

import numpy as np

import reference


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    ap.add_argument("clip")
    ap.add_argument("--models", required=True)
    ap.add_argument("--ffmpeg", required=True)
    ap.add_argument("--size", required=True)
    ap.add_argument("--threads", type=int, default=1)
    a = ap.parse_args()
    width, height = (int(v) for v in a.size.split("x"))
    models = reference.Models(a.models, a.threads, pose="pose-lite")
    print("ready", flush=True)
    sys.stdin.readline()

    ffmpeg = subprocess.Popen([a.ffmpeg, "-v", "error", "-threads", "1", "-i", a.clip, "-f", "rawvideo",
                               "-pix_fmt", "rgb24", "-"], stdout=subprocess.PIPE)
    tracker, frames, people = reference.Tracker(), 0, 0
    while True:
        raw = ffmpeg.stdout.read(width * height * 3)
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
    ffmpeg.wait()
    print(frames, people, flush=True)


if __name__ == "__main__":
    main()
