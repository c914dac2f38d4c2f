#!/usr/bin/env python3
"""Simulates `bench --what infer --mode batched`: lanes of one model that ask again when they have their result, the batcher's rule
(internal/model/batcher.go), and a GPU that takes what fixed.json says. Compared with batched32.json and batched128.json beside it.

A lane asks again AGAIN ms after its result, evenly spread; the copies into and out of a batch take 0.5 us of the GPU for each MB (TestGPUTimes)."""
import heapq
import json
import pathlib
import random

FOLDER = pathlib.Path(__file__).parent
WORKERS, BUSY, NOTICE, QUEUE, QUEUED, COPY = 4, 2, .05, .05, .003, 28e-3 / 54
INPUT = {"detection": 2.08, "pose-lite": .442, "segmentation": .786, "reid": .393}  # MB an item
AGAIN = ((.1, .35), (.1, .7))


def costs():
    """For each model and batch size: ms of the whole GPU, ms alone."""
    rates = {}
    for r in json.load(open(FOLDER / "fixed.json"))["infer"]:
        rates.setdefault(r["model"], {}).setdefault(r["items"], {})[r["lanes"]] = r["items_per_second"]
    return {m: {n: [1e3 * n / v + COPY * INPUT[m] * n for v in (max(r.values()), r[1])] for n, r in sizes.items()} for m, sizes in rates.items()}


class GPU:
    """Batches at once share it: each gets at most what it could use alone."""

    def __init__(self):
        self.now, self.count, self.events, self.running = 0.0, 0, [], []

    def at(self, time, call):
        self.count += 1
        heapq.heappush(self.events, (time, self.count, call))

    def work(self, whole, alone, done):
        self.running.append([whole, whole / max(whole, alone), done])

    def shares(self):
        left, order, out = 1.0, sorted(self.running, key=lambda r: r[1]), []
        for i, r in enumerate(order):
            share = min(r[1], left / (len(order) - i))
            left -= share
            out.append((r, share))
        return out

    def run(self, until):
        while True:
            shares = self.shares()
            end, first = min(((self.now + r[0] / s, i) for i, (r, s) in enumerate(shares)), default=(1e9, 0))
            time = self.events[0][0] if self.events else 1e9
            if min(time, end) > until:
                return
            for r, s in shares:
                r[0] -= s * (min(time, end) - self.now)
            self.now = min(time, end)
            if end <= time:
                self.running.remove(shares[first][0])
                shares[first][0][2]()
            else:
                heapq.heappop(self.events)[2]()


class Batcher:
    def __init__(self, gpu, costs, lanes, max_wait):
        self.gpu, self.costs, self.sizes, self.lanes, self.max_wait = gpu, costs, sorted(costs), lanes, max_wait
        self.waiting, self.batches, self.flying, self.landed = [], 0, 0, -1.0

    def bucket(self, items):
        return min(s for s in self.sizes if s >= items)

    def fill(self, most):
        n = items = 0
        while n < len(self.waiting) and items + self.waiting[n][0] <= most:
            items, n = items + self.waiting[n][0], n + 1
        return n, items

    def look(self):
        while self.batches < WORKERS and self.waiting:
            n, items = self.fill(self.sizes[-1])
            full = items == self.sizes[-1] or n < len(self.waiting)
            if not full and self.flying:
                if self.batches >= BUSY:
                    return
                start = max(self.waiting[0][2], self.landed) + self.max_wait
                if len(self.waiting) + self.flying < self.lanes and self.gpu.now < start - 1e-9:
                    return self.gpu.at(start, self.look)
            size = self.bucket(items)
            smaller = [s for s in self.sizes if s < size]
            if not full and smaller:
                fewer, taken = self.fill(smaller[-1])
                if fewer and self.bucket(taken) + self.bucket(items - taken) < size:
                    n, size = fewer, self.bucket(taken)
            self.start(n, size)

    def start(self, n, size):
        batch, self.waiting = self.waiting[:n], self.waiting[n:]
        self.batches, self.flying = self.batches + 1, self.flying + n

        def landed():
            self.batches, self.flying, self.landed = self.batches - 1, self.flying - n, self.gpu.now
            self.look()

        def done():
            self.gpu.at(self.gpu.now + NOTICE, landed)
            for _, answer, _ in batch:
                answer()

        self.gpu.at(self.gpu.now + QUEUE + QUEUED * n, lambda: self.gpu.work(*self.costs[size], done))


def simulate(costs, lanes, items, max_wait, again, span=300.0):
    random.seed(1)
    gpu, done = GPU(), 0
    batcher = Batcher(gpu, costs, lanes, max_wait)

    def ask():
        batcher.waiting.append((items, answer, gpu.now))
        batcher.look()

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
