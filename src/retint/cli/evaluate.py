"""`retint eval`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .values import numbers, print_json, say, whole


def add_to(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "eval", help="measure a model on labelled images or volumes",
        description="Label a part of a data set and compare with its labels, after each of some numbers of steps.",
    )  # fmt: skip
    parser.add_argument("dataset", type=Path, metavar="DATASET")
    parser.add_argument(
        "--model", required=True, metavar="NAME|FILE", help="a bundled model, a model file, or a hub id"
    )
    parser.add_argument("--split", metavar="NAME", help="train, val or test (default: val, or what there is)")
    parser.add_argument(
        "--steps", type=numbers, metavar="N,N,...", help="default 1,2,4,8, or as many as the architecture is made for"
    )
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="write steps.png (accuracy against steps) and confusion.png"
    )
    parser.add_argument(
        "--tile", type=whole, metavar="N", help="pixels of a tile's side, all axes alike (default: chosen; same result)"
    )
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure."""
    from tqdm import tqdm

    from ..labeling import load
    from ..labeling.evaluate import evaluate
    from ..pictures import plot_confusion, plot_steps

    model = load(options.model, options.device, options.precision)
    with tqdm(unit="image", disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        result = evaluate(model, options.dataset, options.split, options.steps, tile=options.tile, progress=progress)
    figures = result.to_dict()
    if options.plots:
        scores = {int(step): row["miou"] for step, row in figures["steps"].items() if row["miou"] is not None}
        plot_steps(options.plots / "steps.png", scores, f"{model.name} on {result.split}")
        last = result.confusions[max(result.confusions)]
        plot_confusion(options.plots / "confusion.png", last.matrix, list(model.classes))
        say(f"{options.plots / 'steps.png'}\n{options.plots / 'confusion.png'}")
    if options.json:
        print_json(figures)
    else:
        _tell(figures)
    return 0


def _tell(figures: dict[str, Any]) -> None:
    rows = figures["steps"]
    print(f"{figures['model']} on {figures['images']} images of {figures['dataset']} ({figures['split']})")
    names = ["miou", "pixel_accuracy", "class_accuracy"]
    two = any("auc" in row for row in rows.values())
    print(
        "  ".join(
            [
                f"{'steps':>6}",
                f"{'mean IoU':>9}",
                f"{'pixel acc':>9}",
                f"{'class acc':>9}",
                *([f"{'AUC':>9}"] if two else []),
            ]
        )
    )
    for step, row in rows.items():
        values = [row[name] for name in names] + ([row["auc"]] if two else [])
        print("  ".join([f"{step:>6}", *(f"{'-' if v is None else format(v, '.4f'):>9}" for v in values)]))
    last = rows[max(rows, key=int)]
    print(f"IoU of each class at {max(rows, key=int)} steps")
    for name, value in last["iou"].items():
        f1 = f"   F1 {last['f1'][name]:.4f}" if "f1" in last and last["f1"][name] is not None else ""
        print(f"  {name:<20} {'does not occur' if value is None else format(value, '.4f')}{f1}")
    print("Worst images: " + ", ".join(f"{row['image']} {row['miou']:.3f}" for row in figures["worst"][:5]))
