"""What the simulations of mode batched beside this file share: a GPU that batches share, and the batcher's rule (internal/model/batcher.go)."""
import heapq
import json

BUSY, NOTICE = 2, .05  # batches beside which none starts that is not full; ms until a worker notices that a batch has come back


def rates(path):
    """Items a second that `bench --what infer --mode fixed` measured, by model, batch size and number of streams."""
    out = {}
    for r in json.load(open(path))["infer"]:
        out.setdefault(r["model"], {}).setdefault(r["items"], {})[r["lanes"]] = r["items_per_second"]
    return out


class GPU:
    """Work at once shares it: each gets at most what it could use alone."""

    def __init__(self):
        self.now, self.count, self.events, self.running, self.busy = 0.0, 0, [], [], 0.0

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
                self.busy += s * (min(time, end) - self.now)
            self.now = min(time, end)
            if end <= time:
                self.running.remove(shares[first][0])
                shares[first][0][2]()
            else:
                heapq.heappop(self.events)[2]()


class Batcher:
    """Puts requests of one model together. costs are ms of the whole GPU and ms alone by batch size, queue says what queueing n requests
    takes a worker, reply is the time until a request has its answer; fits is whether part batches are cut to smaller sizes."""

    def __init__(self, gpu, costs, workers, max_wait, queue, reply=0.0, fits=True, lanes=float("inf")):
        self.gpu, self.costs, self.sizes, self.free, self.max_wait = gpu, costs, sorted(costs), workers, max_wait
        self.queue, self.reply, self.fits, self.lanes = queue, reply, fits, lanes
        self.waiting, self.batches, self.flying, self.landed, self.items, self.room, self.started = [], 0, 0, -1.0, 0, 0, 0

    def ask(self, items, answer):
        self.waiting.append((items, answer, self.gpu.now))
        self.look()

    def bucket(self, items):
        return min(s for s in self.sizes if s >= items)

    def fill(self, most):
        n = items = 0
        while n < len(self.waiting) and items + self.waiting[n][0] <= most:
            items, n = items + self.waiting[n][0], n + 1
        return n, items

    def look(self):
        while self.free and self.waiting:
            n, items = self.fill(self.sizes[-1])
            full = items == self.sizes[-1] or n < len(self.waiting)
            if not full and self.batches:
                if self.batches >= BUSY:
                    return
                start = max(self.waiting[0][2], self.landed) + self.max_wait
                if len(self.waiting) + self.flying < self.lanes and self.gpu.now < start - 1e-9:
                    return self.gpu.at(start, self.look)
            smaller = [s for s in self.sizes if s < self.bucket(items)]
            if self.fits and not full and smaller:
                fewer, taken = self.fill(smaller[-1])
                if fewer and self.bucket(taken) + self.bucket(items - taken) < self.bucket(items):
                    n, items = fewer, taken
            self.start(n, items)

    def start(self, n, items):
        batch, self.waiting, size = self.waiting[:n], self.waiting[n:], self.bucket(items)
        self.batches, self.flying, self.free, self.started = self.batches + 1, self.flying + n, self.free - 1, self.started + 1
        self.items, self.room = self.items + items, self.room + size

        def landed():
            self.batches, self.flying, self.free, self.landed = self.batches - 1, self.flying - n, self.free + 1, self.gpu.now
            self.look()

        def done():
            self.gpu.at(self.gpu.now + NOTICE, landed)
            for _, answer, _ in batch:
                self.gpu.at(self.gpu.now + self.reply, answer)

        self.gpu.at(self.gpu.now + self.queue(n), lambda: self.gpu.work(*self.costs[size], done))
