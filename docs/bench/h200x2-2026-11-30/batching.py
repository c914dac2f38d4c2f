#!/usr/bin/env python3
"""Simulates mode batched with four models on one GPU, with what batches take on an H200 (fixed-level1.json beside).

A batch alone takes as long as on one stream; several share the GPU, which does as much as on the best number of
streams. Every picture costs EXTRA ms of the whole GPU besides (our kernels, copies into batches, whatever is lost). A camera's picture is
due every 33 ms, the newest wins; detection asks for one item, then three models for as many as there are people (6.9 +- 1.2).
"before" starts a part batch as it is, "now" takes what goes into the next smaller plan if what is left over goes into what that saves."""
import pathlib
import random
import sys

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))
from simulation import GPU, NOTICE, Batcher, rates

EXTRA_BEFORE, EXTRA = .12, .08  # found by comparing with large-50-70.json and huge-*.json; with experiments.txt
PEOPLE, HOST, QUEUE = 6.9, .25, .3  # milliseconds but for the first


def costs():
    """For each model and batch size: ms of the whole GPU, ms alone."""
    return {m: {n: (1e3 * n / max(v.values()), 1e3 * n / v[1]) for n, v in sizes.items()} for m, sizes in rates(FOLDER / "fixed-level1.json").items()}


COSTS = costs()
DETECTION, *OTHERS = COSTS


class Camera:
    def __init__(self, run):
        self.run, self.due = run, random.random() * run.period
        self.begin()

    def begin(self):
        while self.due + self.run.period <= self.run.gpu.now:
            self.due += self.run.period
        self.shown, self.due = self.due, self.due + self.run.period
        self.run.gpu.at(max(self.run.gpu.now, self.shown), lambda: self.kernels(.4, self.detect))

    def kernels(self, part, then):
        self.run.gpu.work(self.run.extra * part, .05, lambda: self.run.gpu.at(self.run.gpu.now + NOTICE, then))

    def detect(self):
        self.run.batchers[DETECTION].ask(1, lambda: self.run.gpu.at(self.run.gpu.now + HOST / 2, lambda: self.kernels(.4, self.people)))

    def people(self):
        self.left = len(OTHERS)
        items = max(1, round(random.gauss(PEOPLE, 1.2)))
        for m in OTHERS:
            self.run.batchers[m].ask(items, self.one)

    def one(self):
        self.left -= 1
        if not self.left:
            self.kernels(.2, lambda: self.run.gpu.at(self.run.gpu.now + HOST / 2, self.end))

    def end(self):
        if self.run.gpu.now > self.run.span / 4:
            self.run.latencies.append(self.run.gpu.now - self.shown)
        self.begin()


class Run:
    def __init__(self, cameras, extra, fits, max_wait, detection, people, workers=4, span=1500.0):
        random.seed(1)
        self.gpu, self.extra, self.span, self.period, self.latencies = GPU(), extra, span, 1000 / 30, []
        self.batchers = {m: Batcher(self.gpu, {n: COSTS[m][n] for n in (detection if m == DETECTION else people)}, workers, max_wait,
                                    lambda n: QUEUE, reply=NOTICE / 2, fits=fits) for m in COSTS}
        for _ in range(cameras):
            Camera(self)
        self.gpu.run(span)

    def __str__(self):
        times = sorted(self.latencies)
        filled = ", ".join(f"{m} {b.items / b.started:.0f} of {b.room / b.started:.0f}" for m, b in self.batchers.items())
        return (f"{len(times) / (self.span * .75) * 1e3:5.0f} pictures/s, p50 {times[len(times) // 2]:4.1f}, p95 {times[int(len(times) * .95)]:4.1f} ms, "
                f"GPU {self.gpu.busy / self.span:4.0%}; {filled}")


if __name__ == "__main__":
    for title, extra, fits, wait, detection, people, list in (
        ("before, sizes to 8 and 32, max_wait 2 ms", EXTRA_BEFORE, False, 2, [1, 8], [8, 32], (50, 60, 70)),
        ("before, sizes to 32 and 128, max_wait 2 ms", EXTRA_BEFORE, False, 2, [1, 8, 32], [8, 32, 64, 128], (60, 80, 100, 120)),
        ("before, 5 ms, today's kernels", EXTRA, False, 5, [1, 8, 32], [8, 32, 64, 128], (60, 70, 85)),
        ("now, 5 ms, today's kernels", EXTRA, True, 5, [1, 8, 32], [8, 32, 64, 128], (10, 30, 60, 70, 80, 85, 90, 95)),
        ("now, 2 ms, today's kernels", EXTRA, True, 2, [1, 8, 32], [8, 32, 64, 128], (30, 60, 80, 90)),
    ):
        print(title)
        for n in list:
            print(f"  {n:3} cameras: {Run(n, extra, fits, wait, detection, people)}")
