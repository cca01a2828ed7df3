"""Stanford Background as Pinheiro and Collobert (ICML 2014) measure on it: five folds, at four resolutions of output.

python benchmarks/stanford.py --data DIR [--arch rcnn3] [--minutes 10] [--folds 1,2,3,4,5] [--seed 0]
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import retint
from common import write
from retint.data import folds, import_stanford, open_dataset
from retint.labeling import Labeling
from retint.labeling.judging.evaluate import evaluate
from retint.learning import Settings, train

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
    for part, stems in parts.items():
        for kind in ("images", "labels"):
            (folder / part / kind).mkdir(parents=True)
        for stem in stems:
            shutil.copy(pairs[stem].image, folder / part / "images")
            shutil.copy(pairs[stem].labels, folder / part / "labels")
    shutil.copy(whole / "classes.json", folder)
    return folder


def measure(model: retint.Model, data: Path) -> dict[str, dict[str, float]]:
    rows = {}
    for name, resolution in RESOLUTIONS.items():
        labeller = At(model, resolution)
        figures = evaluate(labeller, data, "val", (1,)).to_dict()["steps"]["1"]
        seconds = round(float(np.median(labeller.seconds)), 4)
        rows[name] = {key: figures[key] for key in MEASURES[:2]} | {"seconds_per_image": seconds}
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder with images/*.jpg and labels/*.regions.txt"
    )
    options.add_argument("--arch", default="rcnn3")
    options.add_argument("--minutes", type=float, default=10, help="of training, each fold")
    options.add_argument("--folds", default="1,2,3,4,5", help="run these alone")
    options.add_argument("--seed", type=int, default=0, help="of the folds and of the training")
    given = options.parse_args()
    chosen = [int(number) for number in given.folds.split(",")]
    if not set(chosen) <= set(range(1, 6)):
        options.error(f"--folds {given.folds}: expected some of 1,2,3,4,5")
    with tempfile.TemporaryDirectory() as folder:
        stems = [file.stem for file in import_stanford(given.data, Path(folder) / "whole")]
        table: dict[str, Any] = {
            "arch": given.arch, "minutes": given.minutes, "seed": given.seed, "images": len(stems), "paper": PAPER,
            "seconds_per_image": "median over the test images", "folds": {},
        }  # fmt: skip
        if len(stems) < FEWEST:
            table = {
                "note": f"{len(stems)} images of 715: this only exercises the script, its figures mean nothing"
            } | table
        drawn = folds(stems, seed=given.seed)
        for number in chosen:
            learn, test = drawn[number - 1]
            data = fold_set(Path(folder) / "whole", {"train": learn, "val": test}, Path(folder) / f"fold-{number}")
            out = Path(folder) / f"fold-{number}.safetensors"
            train(data, out, Settings(arch=given.arch, minutes=given.minutes, seed=given.seed))
            model = retint.load(out)
            rows = table["folds"][str(number)] = {"train": len(learn), "test": len(test), **measure(model, data)}
            print(number, rows, flush=True)
            table["device"] = str(model.device)
            table["mean over these folds"] = {
                name: {
                    key: round(float(np.mean([row[name][key] for row in table["folds"].values()])), 4)
                    for key in MEASURES
                }
                for name in RESOLUTIONS
            }
            write("stanford", table)


if __name__ == "__main__":
    main()
