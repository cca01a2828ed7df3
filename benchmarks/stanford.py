"""Stanford Background as Pinheiro and Collobert (ICML 2014) measure on it: five folds, at four resolutions of output.

python benchmarks/stanford.py --data DIR [--arch rcnn3] [--minutes 10] [--folds 1,2,3,4,5] [--seed 0]

Folds that were run before, with the same settings, stay in the table, and the mean is over all that are there.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import retint
from common import linked, refuse_to_mix, variant, write_rows
from retint.data import folds, import_stanford, open_dataset
from retint.labeling import Labeling
from retint.labeling.judging.evaluate import evaluate
from retint.learning import Settings
from training import trained

RESOLUTIONS = {"1/8": 8, "1/4": 4, "1/2": 2, "1/1": 1}
"""Image pixels per label."""
PAPER = {
    "rCNN2": {"pixel_accuracy": 0.795, "class_accuracy": 0.695},
    "rCNN3, 1/1": {"pixel_accuracy": 0.802, "class_accuracy": 0.699},
}
FEWEST = 50
MEASURES = ("pixel_accuracy", "class_accuracy", "seconds_per_image")


def label_at(model: retint.Model, image: np.ndarray, resolution: int) -> Labeling:
    """Labels of every pixel, from one label for each `resolution` x `resolution` of them."""
    return model.label(image, way="stitch", resolution=resolution)


class At:
    """A model at one resolution, as `evaluate` asks for labels, with the time that each image took; the model in all else."""

    def __init__(self, model: retint.Model, resolution: int) -> None:
        self.model, self.resolution = model, resolution
        self.seconds: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def refinements(self, image: np.ndarray, *, at: Sequence[int], **_: Any) -> Iterator[Labeling]:
        began = time.perf_counter()
        labeling = label_at(self.model, image, self.resolution)
        self.seconds.append(time.perf_counter() - began)
        yield dataclasses.replace(labeling, steps=at[0])  # however many the architecture takes


def fold_set(whole: Path, parts: dict[str, list[str]], folder: Path) -> Path:
    """A data set with the images of a fold: `train`, and its test images as `val`, by which training chooses nothing."""
    pairs = {pair.stem: pair for pair in open_dataset(whole).splits["all"].pairs}
    return linked(whole, {part: [pairs[stem] for stem in stems] for part, stems in parts.items()}, folder)


def measure(model: retint.Model, data: Path) -> dict[str, dict[str, float]]:
    rows = {}
    for name, resolution in RESOLUTIONS.items():
        labeller = At(model, resolution)
        figures = evaluate(labeller, data, "val", (1,)).to_dict()["steps"]["1"]
        seconds = round(float(np.median(labeller.seconds)), 4)
        rows[name] = {key: figures[key] for key in MEASURES[:2]} | {"seconds_per_image": seconds}
    return rows


def mean(rows: dict[str, Any]) -> dict[str, Any]:
    return {
        "mean over these folds": {
            name: {key: round(float(np.mean([row[name][key] for row in rows.values()])), 4) for key in MEASURES}
            for name in RESOLUTIONS
        }
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder with images/*.jpg and labels/*.regions.txt"
    )
    options.add_argument("--arch", default="rcnn3")
    options.add_argument("--minutes", type=float, default=10, help="of training, each fold")
    options.add_argument("--folds", default="1,2,3,4,5", help="run these alone")
    options.add_argument("--seed", type=int, default=0, help="of the folds and of the training")
    given = options.parse_args()
    chosen, every = given.folds.split(","), list("12345")
    if not set(chosen) <= set(every):
        options.error(f"--folds {given.folds}: expected some of {','.join(every)}")
    table = variant("stanford", options, given, "arch")
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        stems = [file.stem for file in import_stanford(given.data, Path(folder) / "whole")]
        settings = {"arch": given.arch, "minutes": given.minutes, "seed": given.seed, "images": len(stems)}
        refuse_to_mix(table, settings, chosen, "folds")
        more = {"paper": PAPER, "seconds_per_image": "median over the test images"}
        if len(stems) < FEWEST:
            more["note"] = f"{len(stems)} images of 715: this only exercises the script, its figures mean nothing"
        drawn = folds(stems, seed=given.seed)
        for number in chosen:
            learn, test = drawn[int(number) - 1]
            data = fold_set(Path(folder) / "whole", {"train": learn, "val": test}, Path(folder) / f"fold-{number}")
            how = Settings(arch=given.arch, minutes=given.minutes, seed=given.seed)
            out = trained(
                data, Path(folder) / f"fold-{number}.safetensors", how, f"fold {number}", clock=time.monotonic
            )
            model = retint.load(out)
            rows[number] = {
                "train": len(learn), "test": len(test), "device": str(model.device), **measure(model, data),
            }  # fmt: skip
            print(number, rows[number], flush=True)
            write_rows(table, settings, rows, "folds", every, mean, **more)


if __name__ == "__main__":
    main()
