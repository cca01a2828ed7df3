"""How the shipped models score on validation images, after 1 to 64 steps: python benchmarks/shipped.py --data DIR.

`membrane` is compared with a random forest on scikit-image's features, trained on the same slices.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import retint
from common import RESULTS, SETS, of_cells, parser, set_of, write
from forest import Forest
from retint.data import open_dataset
from retint.labeling.judging.evaluate import evaluate
from retint.pictures import plot_confusion, plot_steps
from retint.scoring import RocAuc

STEPS = (1, 2, 4, 8, 16, 32, 64)


def membrane(model: retint.Model, data: Path) -> dict:
    """F1 of membrane, adapted Rand error and variation of information of the cells, against the forest's."""
    source = open_dataset(data)
    trees = Forest(source.splits["train"].pairs, 2, per_image=20_000)
    ways = {
        "retint, 1 step": lambda image: model.label(image, 1).probabilities,
        "retint, 8 steps": lambda image: model.label(image, 8).probabilities,
        "random forest": trees,
    }
    rows = {}
    for name, way in ways.items():
        labels, truths, auc = [], [], RocAuc()
        for pair in source.splits["val"].pairs:
            image, truth = pair.read()
            y = way(image)
            labels.append(y.argmax(0))
            truths.append(truth)
            auc.add(truth == 1, y[1])
        rows[name] = {**of_cells(labels, truths), "auc": auc.value()}
        print(name, rows[name], flush=True)
    return rows


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", choices=SETS, default=list(SETS))
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in given.models:
            model = retint.load(name)
            data = set_of(model, given.data, Path(folder))
            result = evaluate(model, data, "val", STEPS)
            figures = result.to_dict()
            best = max(row["miou"] for row in figures["steps"].values())
            late = min(figures["steps"][str(s)]["miou"] for s in STEPS if s >= 8)
            table = {
                "model": name, "split": "val", "images": figures["images"], "steps": figures["steps"],
                "points_below_best_at_steps_8_to_64": round(100 * (best - late), 3), "worst": figures["worst"][:5],
            }  # fmt: skip
            if name == "membrane":
                table["cells"] = membrane(model, data)
            write(f"shipped-{name}", table)
            plot_steps(
                RESULTS / f"shipped-{name}-steps.png",
                {s: figures["steps"][str(s)]["miou"] for s in STEPS},
                f"{name}, validation images",
            )
            plot_confusion(RESULTS / f"shipped-{name}-confusion.png", result.confusions[8].matrix, list(model.classes))


if __name__ == "__main__":
    main()
