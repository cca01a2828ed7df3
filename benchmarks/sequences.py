"""CamVid with one sequence left out of train, and measured on it.

python benchmarks/sequences.py --data DIR [--ways default none strong] [--epochs 5]

Validation images of `val` come from one of the training sequences and flatter; this does not. Every way of augmentation
sees the same number of views from the same seed. Rows are added to the results as they come; a row that is there already
is not run again, and rows of other settings are not added to. Another architecture than the usual one has a file of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import retint
from common import SEQUENCES, earlier, linked, made, parser, refuse_to_mix, variant, write
from retint.data import open_dataset
from retint.labeling.judging.evaluate import evaluate
from retint.learning import Settings
from retint.learning.augment import Augmentation
from training import trained

WAYS = {
    "default": Augmentation(),
    "none": Augmentation(scale=1.0, turn=0.0, light=0.0, colour=0.0, noise=0.0, blur=0.0),
    "strong": Augmentation(scale=2.0, turn=8.0, light=0.45, colour=0.2, noise=0.05, blur=0.25),
}


def left_out(data: Path, sequence: str, folder: Path) -> Path:
    """A data set whose `val` is one sequence of train, and whose `train` is the others."""
    every = open_dataset(data).splits["train"].pairs
    parts = {
        "train": [p for p in every if not p.stem.startswith(sequence)],
        "val": [p for p in every if p.stem.startswith(sequence)],
    }
    return linked(data, parts, folder)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--epochs", type=float, default=5)
    options.add_argument("--arch", default="small-8")
    options.add_argument("--crop", type=int, default=160)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    given = options.parse_args()
    settings = {"arch": given.arch, "epochs": given.epochs, "crop": given.crop, "batch": given.batch}
    name = variant("sequences", options, given, "arch")
    refuse_to_mix(name, settings, kind="rows")
    rows = list(earlier(name, "rows"))
    for sequence in SEQUENCES:
        for way in given.ways:
            if any(row["augmentation"] == way and row["left_out"] == sequence for row in rows):
                continue
            with tempfile.TemporaryDirectory() as folder:
                data, out = left_out(given.data / "camvid", sequence, Path(folder) / "set"), Path(folder) / way
                out = out.with_suffix(".safetensors")
                more = {"crop": (given.crop,) * 2, "batch": given.batch, "augmentation": WAYS[way]}
                trained(data, out, Settings(given.arch, epochs=given.epochs, **more), f"{sequence} {way}")
                figures = evaluate(retint.load(out), data, "val", (1, 8)).to_dict()
            miou = {step: row["miou"] for step, row in figures["steps"].items()}
            rows.append(made() | {"left_out": sequence, "images": figures["images"], "augmentation": way, "miou": miou})
            print(rows[-1], flush=True)
            write(name, {**settings, "mean_at_8_steps": means(rows), "rows": rows}, own=True)


def means(rows: list[dict]) -> dict[str, float]:
    """Of each way that was tried on all sequences: mean IoU at 8 steps, averaged over them."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row["augmentation"], []).append(row["miou"]["8"])
    return {way: round(float(np.mean(miou)), 5) for way, miou in found.items() if len(miou) == len(SEQUENCES)}


if __name__ == "__main__":
    main()
