"""Do more steps ever hurt? Every shipped model on its validation images after 1, 2, 4, ... 1024 steps.

python benchmarks/more_steps.py --data DIR [--models street membrane vessel] [--most 1024] [--every N]

For each model: mean IoU (and F1 of both classes, where there are two); how much Y changed at that step, as the total variation
between a cell's distribution and the one before, 1/2 sum |Y(t) - Y(t-1)|, the largest of all cells and the mean; the largest
fall below the best earlier number of steps; and the first step at which the change falls under 1e-3. U * X is computed once
an image; a step costs W and V alone. --every N takes every N-th image; --quick is --most 64 --every 25, and writes nothing.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import retint
from common import RESULTS, SETS, axis_of_steps, parser, refuse_to_mix, validation, write_rows
from retint.labeling.canvas import Canvas
from retint.labeling.how import Given, How
from retint.labeling.source import Source
from retint.scoring import Confusion

SETTLED = 1e-3
"""Change of Y under which the labels count as settled."""


def measure(model: retint.Model, pairs: list[Any], most: int) -> dict[str, Any]:
    """The table of one model."""
    steps = [1 << k for k in range(most.bit_length())]
    confusions = {step: Confusion(len(model.classes)) for step in steps}
    largest, means = ({step: list[float]() for step in steps} for _ in range(2))
    under: dict[str, list[int | None]] = {"largest": [], "mean": []}
    for done, pair in enumerate(pairs, start=1):
        image, truth = pair.read()
        source = Source(image, model.card, model.dims, str(pair.image))
        refinement = model._refinement(source, How(), Given())
        before, still, first = None, False, dict[str, int]()
        for step in range(1, steps[-1] + 1):
            if not still:  # what does not change at all once never will
                refinement.advance(1)
                now = refinement.estimate
                change = np.ones(1) if before is None else 0.5 * np.abs(now - before).sum(0)
                before, still = now, not change.any()
                for name, value in (("largest", change.max()), ("mean", change.mean())):
                    if value < SETTLED:
                        first.setdefault(name, step)
            if step in confusions:
                confusions[step].add(truth, Canvas(refinement, source.own).final())
                largest[step].append(float(change.max()))
                means[step].append(float(change.mean()))
        for name, every in under.items():
            every.append(first.get(name))
        print(f"{model.name}: {done} of {len(pairs)} images; change under {SETTLED} from step {first}", flush=True)
    rows = {}
    for step in steps:
        rows[str(step)] = {"miou": round(confusions[step].miou(), 6)}
        if len(model.classes) == 2:
            rows[str(step)]["f1"] = {name: round(confusions[step].f1(k), 6) for k, name in enumerate(model.classes)}
        if step > 1:
            rows[str(step)]["change"] = {
                "largest of all images": max(largest[step]), "largest, mean of images": float(np.mean(largest[step])),
                "mean": float(np.mean(means[step])),
            }  # fmt: skip
    scores = [rows[str(step)]["miou"] for step in steps]
    falls = {step: max(scores[:k]) - scores[k] for k, step in enumerate(steps) if k}
    worst = max(falls, key=lambda step: falls[step])
    return {
        "images": len(pairs), "steps": rows,
        "largest_fall_below_best_earlier_points": round(100 * max(falls[worst], 0), 4), "at_step": worst,
        "first_step_with_change_under_1e-3": {name: _summary(every) for name, every in under.items()},
    }  # fmt: skip


def _summary(first: list[int | None]) -> dict[str, Any]:
    """Of images: the step of the middle one and of the last, and how many never came there."""
    known = [step for step in first if step is not None]
    return {
        "median": float(np.median(known)) if known else None,
        "last": max(known, default=None),
        "never": len(first) - len(known),
    }


def picture(tables: dict[str, dict[str, Any]]) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for name, table in tables.items():
        steps = list(map(int, table["steps"]))
        left.plot(steps, [row["miou"] for row in table["steps"].values()], marker="o", label=name)
        changes = [row["change"] for row in table["steps"].values() if "change" in row]
        (line,) = right.plot(
            steps[1:], [c["largest, mean of images"] for c in changes], marker="o", label=f"{name}, largest cell"
        )
        right.plot(
            steps[1:], [c["mean"] for c in changes], ls=":", marker=".", color=line.get_color(), label=f"{name}, mean"
        )
    right.axhline(SETTLED, color="grey", lw=0.8)
    right.set(title="change of Y at the step (total variation)", yscale="log")
    left.set(title="mean IoU, validation images")
    for axis in (left, right):
        axis_of_steps(axis, steps)
    figure.savefig(RESULTS / "more-steps.png", dpi=100)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", default=list(SETS))
    options.add_argument("--most", type=int, default=1024)
    options.add_argument("--every", type=int, default=1)
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    most, every = (64, 25) if given.quick else (given.most, given.every)
    settings = {"split": "val", "every": every}
    if not given.quick:
        refuse_to_mix("more-steps", settings, given.models)
    tables = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.models:
            model = retint.load(name)
            tables[model.name] = measure(model, validation(model, given.data, Path(folder), every), most)
            if given.quick:
                print(json.dumps(tables[model.name], indent=1))
            else:
                picture(write_rows("more-steps", settings, tables))


if __name__ == "__main__":
    main()
