"""How the shipped models score on validation images, after 1 to 64 steps: python benchmarks/shipped.py --data DIR.

`membrane` is compared with a random forest on scikit-image's features, trained on the same slices.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import retint
from common import RESULTS, SETS, forest, forest_probabilities, parser, set_of, write
from retint.data import open_dataset
from retint.labeling.judging.evaluate import evaluate
from retint.pictures import plot_confusion, plot_steps
from retint.scoring import Confusion, RocAuc, components, partition_scores

STEPS = (1, 2, 4, 8, 16, 32, 64)


def membrane_scores(labels: np.ndarray, truth: np.ndarray, confusion: Confusion, parts: list[dict[str, float]]) -> None:
    confusion.add(truth, labels)
    parts.append(partition_scores(components(truth == 1), components(labels == 1)))


def membrane(model: retint.Model, data: Path) -> dict:
    """F1 of membrane, adapted Rand error and variation of information of the cells, against the forest's."""
    source = open_dataset(data)
    trees = forest(list(source.splits["train"].pairs), per_image=20_000)
    rows = {}
    for name in ("retint, 1 step", "retint, 8 steps", "random forest"):
        confusion, parts, auc = Confusion(2), [], RocAuc()
        for pair in source.splits["val"].pairs:
            image, truth = pair.read()
            if name == "random forest":
                y = forest_probabilities(trees, image, 2)
            else:
                y = model.label(image, 8 if "8" in name else 1).probabilities
            membrane_scores(y.argmax(0), truth, confusion, parts)
            auc.add(truth == 1, y[1])
        means = {key: float(np.mean([part[key] for part in parts])) for key in parts[0]}
        rows[name] = {"f1_membrane": confusion.f1(0), "miou": confusion.miou(), "auc": auc.value(), **means}
        print(name, rows[name], flush=True)
    return rows


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", default=list(SETS))
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
