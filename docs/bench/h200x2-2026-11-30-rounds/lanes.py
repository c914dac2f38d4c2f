#!/usr/bin/env python3
"""Simulates `bench --what infer --mode batched`: lanes of one model that ask again when they have their result, the batcher's rule, and a
GPU that takes what fixed.json says. Compared with batched32.json and batched128.json beside it.

A lane asks again AGAIN ms after its result, evenly spread; the copies into and out of a batch take 0.5 us of the GPU for each MB (TestGPUTimes)."""
import json
import pathlib
import random
import sys

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))
from simulation import GPU, Batcher, rates

WORKERS, QUEUE, QUEUED, COPY = 4, .05, .003, 28e-3 / 54
INPUT = {"detection": 2.08, "pose-lite": .442, "segmentation": .786, "reid": .393}  # MB an item
AGAIN = ((.1, .35), (.1, .7))


def costs():
    """For each model and batch size: ms of the whole GPU, ms alone."""
    return {m: {n: [1e3 * n / v + COPY * INPUT[m] * n for v in (max(r.values()), r[1])] for n, r in sizes.items()}
            for m, sizes in rates(FOLDER / "fixed.json").items()}


def simulate(costs, lanes, items, max_wait, again, span=300.0):
    random.seed(1)
    gpu, done = GPU(), 0
    batcher = Batcher(gpu, costs, WORKERS, max_wait, lambda n: QUEUE + QUEUED * n, lanes=lanes)

    def ask():
        batcher.ask(items, answer)

    def answer():
        nonlocal done
        done += items if gpu.now > span * .2 else 0
        gpu.at(gpu.now + random.uniform(*again), ask)

    for _ in range(lanes):
        gpu.at(random.random(), ask)
    gpu.run(span)
    return done / (span * .8) * 1e3


if __name__ == "__main__":
    COSTS = costs()
    for name in ("batched32", "batched128"):
        for r in json.load(open(FOLDER / (name + ".json")))["infer"]:
            told = (f"{a} to {b} ms {simulate(COSTS[r['model']], r['lanes'], r['items'], r['max_wait_ms'], (a, b)) / r['items_per_second']:.0%}" for a, b in AGAIN)
            print(f"{r['model']:13} {r['lanes']:3} lanes, {r['items']} items: measured {r['items_per_second']:6,.0f} items/s; simulated of it {', '.join(told)}")
