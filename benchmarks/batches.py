"""Small images one by one and several at a time: python benchmarks/batches.py --data DIR [--model street].

Pieces of CamVid's val images, so many of each size as have a megapixel together, 32 at most, as `retint label` takes them.
The two ways are timed in turn; seconds are for one image, the least and the median of the turns.
"""

from __future__ import annotations

import time

import numpy as np

import retint
from common import parser, variant, write
from retint.data import open_dataset

SIZES = (64, 64), (128, 128), (256, 256), (360, 480)
PIXELS, MOST = 1 << 20, 32


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--model", default="street")
    options.add_argument("--repeats", type=int, default=12)
    given = options.parse_args()
    model = retint.load(given.model)
    pairs = open_dataset(given.data / "camvid").splits["val"].pairs
    rows = []
    for rows_, columns in SIZES:
        count = min(PIXELS // (rows_ * columns), MOST)
        whole = [pair.read()[0] for pair in pairs[:: len(pairs) // count][:count]]
        images = [image[:rows_, -columns:].copy() for image in whole]
        ways = {"one by one": lambda images=images: [model.label(image) for image in images], "together": lambda images=images: model.label_batch(images)}  # fmt: skip
        found = {name: way() for name, way in ways.items()}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.repeats):
            for name, way in ways.items():
                began = time.perf_counter()
                way()
                times[name].append((time.perf_counter() - began) / count)
        differ = [(a.labels != b.labels).mean() for a, b in zip(*found.values(), strict=True)]
        rows.append({
            "image": [rows_, columns], "images": count,
            **{name: {"least s": round(min(t), 5), "median s": round(float(np.median(t)), 5)} for name, t in times.items()},
            "times faster, median": round(float(np.median(np.divide(*times.values()))), 2),
            "share of labels that differ": round(float(np.mean(differ)), 7),
        })  # fmt: skip
        print(rows[-1], flush=True)
    write(
        variant("batches", options, given, "model"),
        {"model": given.model, "steps": model.card.steps, "repeats": given.repeats, "rows": rows},
    )


if __name__ == "__main__":
    main()
