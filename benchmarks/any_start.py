"""Do the labels depend on the start? Each shipped model on its validation images from several starts, 64 steps.

python benchmarks/any_start.py --data DIR [--models street membrane vessel] [--steps 64] [--every N]

Starts: nothing; noise (twice); all of one class, for four of the classes or for both of two; the truth, spoilt as in training
(`retint.learning.starts.corrupted`, twice). For each: mean IoU after 1, 8 and 64 steps. Between them: the share of pixels that
have the same label after 64 steps, for each pair of starts, and for all at once. --every N takes every N-th image; --quick is
--steps 16 --every 25, and writes nothing.
"""

from __future__ import annotations

import json
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch

import retint
from common import RESULTS, SETS, axis_of_steps, parser, refuse_to_mix, validation, write_rows
from retint.learning.starts import corrupted, soft_labels
from retint.scoring import Confusion

KINDS_OF_CHANCE = 2
MOST_CLASSES = 4


def starts(model: retint.Model, truth: np.ndarray, seed: int) -> dict[str, np.ndarray | None]:
    """What each run begins from: None, labels (rows, columns), or probabilities (K, cells ...)."""
    classes = len(model.classes)
    generator = torch.Generator().manual_seed(seed)
    true = soft_labels(torch.from_numpy(truth.astype(np.int64))[None], classes, model.strides)
    given: dict[str, np.ndarray | None] = {"nothing": None}
    for number in range(KINDS_OF_CHANCE):
        noise = torch.rand(true.shape, generator=generator) ** 4
        given[f"noise {number + 1}"] = (noise / noise.sum(1, keepdim=True))[0].numpy()
    for k in range(0, classes, -(-classes // MOST_CLASSES)):
        given[f"all {model.classes[k]}"] = np.full(truth.shape, k, np.uint8)
    for number in range(KINDS_OF_CHANCE):
        given[f"spoilt truth {number + 1}"] = corrupted(true, generator)[0].numpy()
    return given


def measure(model: retint.Model, pairs: list[Any], steps: tuple[int, ...]) -> dict[str, Any]:
    """The table of one model."""
    confusions: dict[str, dict[int, Confusion]] = {}
    same: dict[tuple[str, str], list[float]] = {}
    all_same = []
    for done, pair in enumerate(pairs, start=1):
        image, truth = pair.read()
        last = {}
        for name, start in starts(model, truth, seed=done).items():
            own = confusions.setdefault(name, {step: Confusion(len(model.classes)) for step in steps})
            for labeling in model.refinements(image, start=start, at=steps):
                own[labeling.steps].add(truth, labeling.labels)
            last[name] = labeling.labels
        for a, b in combinations(last, 2):
            same.setdefault((a, b), []).append(float((last[a] == last[b]).mean()))
        first, *others = last.values()
        all_same.append(float(np.logical_and.reduce([first == other for other in others]).mean()))
        print(f"{model.name}: {done} of {len(pairs)} images; all starts agree on {all_same[-1]:.2%}", flush=True)
    scores = {name: {str(step): round(c.miou(), 6) for step, c in own.items()} for name, own in confusions.items()}
    ends = [row[str(steps[-1])] for row in scores.values()]
    return {
        "images": len(pairs), "miou": scores, "spread_points_at_the_end": round(100 * (max(ends) - min(ends)), 4),
        "agreement": {
            "all starts": round(float(np.mean(all_same)), 6),
            "least of two": round(min(float(np.mean(shares)) for shares in same.values()), 6),
            "of two": {f"{a} | {b}": round(float(np.mean(shares)), 6) for (a, b), shares in same.items()},
        },
    }  # fmt: skip


def picture(tables: dict[str, dict[str, Any]]) -> None:
    figure, axes = plt.subplots(1, len(tables), figsize=(4.5 * len(tables), 3.8), layout="constrained", squeeze=False)
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        for start, row in table["miou"].items():
            axis.plot(list(map(int, row)), list(row.values()), marker="o", label=start)
        axis.set(title=f"{name}: {table['agreement']['all starts']:.1%} agree", ylabel="mean IoU")
        axis_of_steps(axis, list(map(int, row)))
    figure.savefig(RESULTS / "any-start.png", dpi=100)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", default=list(SETS))
    options.add_argument("--steps", type=int, default=64)
    options.add_argument("--every", type=int, default=1)
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    most, every = (16, 25) if given.quick else (given.steps, given.every)
    steps = tuple(sorted({step for step in (1, 8, most) if step <= most}))
    settings = {"split": "val", "every": every, "steps": list(steps)}
    if not given.quick:
        refuse_to_mix("any-start", settings, given.models)
    tables = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.models:
            model = retint.load(name)
            tables[model.name] = measure(model, validation(model, given.data, Path(folder), every), steps)
            if given.quick:
                print(json.dumps(tables[model.name], indent=1))
            else:
                picture(write_rows("any-start", settings, tables))


if __name__ == "__main__":
    main()
