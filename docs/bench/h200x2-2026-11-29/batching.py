#!/usr/bin/env python3
"""Simulates when mode batched starts batches, with what batches take on an H200 (fixed-l1.json, rt-fixed.json beside).

Lanes ask again some 80 us after a batch comes back (RT-DETR's 1 ms); a worker notices that after some 60 us. "before"
is the rule that batched-l1.json and rt-whole.json were measured with, which starts a batch as soon as nobody else can
come; "now" does so beside one batch only, and waits for those that have just come back."""
import heapq
import random


def speeds(took):
    """How fast one of k batches at once goes, against one alone."""
    sizes, out = sorted(took), {}
    for k in range(1, 65):
        low, high = max(n for n in sizes if n <= k), min([n for n in sizes if n >= k] or [sizes[-1]])
        if k > sizes[-1]:
            time = took[sizes[-1]] * k / sizes[-1]
        else:
            time = took[low] + (took[high] - took[low]) * (k - low) / max(1, high - low)
        out[k] = took[1] / time
    return out


class Simulation:
    def __init__(self, rule, took, most, workers, lanes, items, again, max_wait, span=2.0, notice=6e-5):
        self.rule, self.took, self.most, self.lanes, self.items = rule, took, most, lanes, items
        self.again, self.max_wait, self.span, self.notice = again, max_wait, span, notice
        self.speeds, self.random, self.free = speeds(took), random.Random(1), workers
        self.now = self.last = 0.0
        self.events, self.running, self.waiting, self.sizes = [], [], [], []
        self.count = self.flying = self.batches = self.done = 0
        self.landed = -1.0

    def push(self, time, what, of=None):
        self.count += 1
        heapq.heappush(self.events, (time, self.count, what, of))

    def advance(self, time):
        for batch in self.running:
            batch[0] -= (time - self.last) * self.speeds[len(self.running)]
        self.last = self.now = time

    def gather(self):
        while self.free and self.waiting:
            n = min(len(self.waiting), self.most // self.items)
            full = n * self.items == self.most or n < len(self.waiting)
            wait = self.rule(self, full, len(self.waiting) + self.flying >= self.lanes)
            if wait > 0:
                if wait < 1e6:
                    self.push(self.now + wait, "look")
                return
            batch, self.waiting = self.waiting[:n], self.waiting[n:]
            self.flying, self.batches, self.free = self.flying + n, self.batches + 1, self.free - 1
            self.sizes.append(n * self.items)
            self.running.append([self.took[1] * (.85 + .3 * self.random.random()), batch])

    def run(self):
        for lane in range(self.lanes):
            self.push(self.random.random() * .002, "ask", lane)
        while True:
            first = min(self.running, key=lambda b: b[0], default=None)
            end = self.now + max(0, first[0]) / self.speeds[len(self.running)] if first else float("inf")
            if end <= (self.events[0][0] if self.events else float("inf")):
                self.advance(end)
                self.running.remove(first)
                self.push(end + self.notice * (.5 + self.random.random()), "land", len(first[1]))
                for lane, _ in first[1]:
                    self.done += self.items if end > self.span * .2 else 0
                    self.push(end + self.again * (.3 + 1.4 * self.random.random()), "ask", lane)
                continue
            time, _, what, of = heapq.heappop(self.events)
            if time > self.span:
                return self.done / (self.span * .8), sum(self.sizes) / len(self.sizes)
            self.advance(time)
            if what == "ask":
                self.waiting.append((of, time))
            elif what == "land":
                self.flying, self.batches, self.free, self.landed = self.flying - of, self.batches - 1, self.free + 1, time
            self.gather()


def before(s, full, everybody):
    if full or everybody or not s.flying:
        return 0
    return 1e9 if s.batches >= 2 else s.waiting[0][1] + s.max_wait - s.now


def now(s, full, everybody):
    if full or not s.flying:
        return 0
    if s.batches >= 2:
        return 1e9
    return 0 if everybody else max(s.waiting[0][1], s.landed) + s.max_wait - s.now


MODELS = {  # what n batches at once take, items of a full one, items a lane asks for, pause of a lane, max_wait
    "detection": ({1: 8 / 13597, 2: 16 / 19087, 4: 32 / 24557, 8: 64 / 27263}, 8, 1, 8e-5, 2e-3),
    "pose": ({1: 32 / 35373, 2: 64 / 49522, 4: 128 / 56260, 8: 256 / 57979}, 32, 4, 8e-5, 2e-3),
    "segmentation": ({1: 32 / 36900, 2: 64 / 46082, 4: 128 / 53633, 8: 256 / 54859}, 32, 4, 8e-5, 2e-3),
    "re-identification": ({1: 32 / 55107, 2: 64 / 72514, 4: 128 / 82222, 8: 256 / 85833}, 32, 4, 8e-5, 2e-3),
    "rt-detr": ({1: 16 / 1119, 2: 32 / 1215, 4: 64 / 1279, 8: 128 / 1279}, 16, 1, 1e-3, 5e-3),
}

if __name__ == "__main__":
    for model, (took, most, items, again, max_wait) in MODELS.items():
        best = max(k * most / time for k, time in took.items())
        print(f"{model}: best of fixed batches {best:,.0f} items/s")
        for lanes in (30,) if model == "rt-detr" else (8, 32):
            for workers in (2, 3, 4, 8):
                row = []
                for rule in (before, now):
                    rate, size = Simulation(rule, took, most, workers, lanes, items, again, max_wait).run()
                    row.append(f"{rule.__name__} {rate:,.0f} ({rate / best:.0%}, {size:.1f} a batch)")
                print(f"  {lanes:2} lanes, {workers} workers: {';  '.join(row)}")
