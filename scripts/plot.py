#!/usr/bin/env python3
"""Draws what `sightline bench --what whole` measured: scripts/plot.py OUT.svg LABEL=FILE.json[,FILE.json] ...

One panel each for latency, processor, GPU, decoders and memory, against the number of cameras; one colour a label.
Nothing but Python's own library is needed."""
import json
import sys
from html import escape

PANELS = [  # title, value of a row, smallest top of the scale
    ("p50 latency, ms", lambda r: r["latency"]["p50_ms"], 10),
    ("p95 latency, ms", lambda r: r["latency"]["p95_ms"], 10),
    ("processor, cores", lambda r: r["cores"], 1),
    ("GPU, % of the time", lambda r: r["load"]["gpu_percent"], 100),
    ("NVDEC, % of the time", lambda r: r["load"]["decoder_percent"], 100),
    ("GPU memory, GiB", lambda r: r["load"]["memory_mb"] / 1024, 1),
]
COLOURS = ["#888888", "#0b6fc2", "#c2410b", "#2c8a3d", "#7a3fb0"]
WIDTH, HEIGHT, LEFT, TOP, COLUMNS = 300, 190, 44, 30, 3


def series(arguments):
    for text in arguments:
        label, _, files = text.partition("=")
        rows = {}
        for name in files.split(","):
            with open(name, encoding="utf-8") as file:
                for row in json.load(file).get("whole", []):
                    if not row.get("error"):
                        rows[row["cameras"]] = row  # the last file's figure counts
        yield label, [rows[n] for n in sorted(rows)]


def top(value):
    """The next round number."""
    step = 1.0
    while step * 10 < value:
        step *= 10
    return next(k * step for k in (1, 2, 3, 4, 5, 6, 8, 10) if k * step >= value)


def panel(title, value, least, lines, most):
    width, height = WIDTH - LEFT - 16, HEIGHT - TOP - 34
    high = top(max([least] + [value(r) for _, rows in lines for r in rows]))
    place = lambda n, v: (LEFT + width * n / most, TOP + height * (1 - v / high))
    out = [f'<text x="{LEFT}" y="18" font-weight="bold">{escape(title)}</text>']
    for k in range(5):
        x, y = place(most * k / 4, high * k / 4)
        out.append(f'<path d="M{LEFT} {y:.1f}h{width}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{high * k / 4:g}</text>')
        out.append(f'<text x="{x:.1f}" y="{TOP + height + 16}" text-anchor="middle">{most * k / 4:g}</text>')
    for (_, rows), colour in zip(lines, COLOURS):
        points = [place(r["cameras"], value(r)) for r in rows]
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>' for x, y in points]
    return out


def main(target, arguments):
    lines = list(series(arguments))
    if not lines or not all(rows for _, rows in lines):
        sys.exit("expected LABEL=FILE.json with rows of --what whole")
    most = top(max(r["cameras"] for _, rows in lines for r in rows))
    deep = -(-len(PANELS) // COLUMNS)
    width, height = COLUMNS * WIDTH, deep * HEIGHT + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           'font-family="sans-serif" font-size="11" fill="#222222">', f'<rect width="{width}" height="{height}" fill="white"/>']
    for i, (title, value, least) in enumerate(PANELS):
        out.append(f'<g transform="translate({i % COLUMNS * WIDTH} {i // COLUMNS * HEIGHT})">')
        out += panel(title, value, least, lines, most) + ["</g>"]
    x = LEFT
    for (label, _), colour in zip(lines, COLOURS):
        out.append(f'<rect x="{x}" y="{height - 20}" width="12" height="12" fill="{colour}"/>')
        out.append(f'<text x="{x + 18}" y="{height - 10}">{escape(label)}</text>')
        x += 40 + 7 * len(label)
    out.append(f'<text x="{width - 16}" y="{height - 10}" text-anchor="end">across: cameras</text></svg>')
    with open(target, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


if len(sys.argv) < 3:
    sys.exit(__doc__)
main(sys.argv[1], sys.argv[2:])
