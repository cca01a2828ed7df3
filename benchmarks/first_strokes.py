"""From strokes on five CamVid images, and nothing else labelled, default settings: what `retint draw` and then `retint train` give.

A simulated person draws so many lines on each image, 5 pixels broad, each through the middle of a region of one class: of every class in
the picture its largest region, then of every class the next largest, as long as there are any.

python benchmarks/first_strokes.py --data DIR [--minutes 14] [--strokes 10 30] [--spread]
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
from scipy import ndimage

import retint
from common import linked, parser, write_rows
from retint.data import Pair, open_dataset
from retint.images import write_labels
from retint.labeling.judging.evaluate import evaluate
from retint.labeling.session.drawing import Painting
from retint.labeling.starts import UNKNOWN
from retint.learning import Settings
from retint.learning.material import parts
from retint.pictures import default_palette
from strokes import middle_line
from training import trained

WIDTH = 5
SMALLEST = 40  # pixels of a region that somebody would draw in
SURE = 0.9  # probability of a label that is learned from, too


def regions(truth: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The class and the mask of each region, in the order in which they are drawn in."""
    each = []
    for k in np.unique(truth[truth != UNKNOWN]):
        pieces, count = ndimage.label(truth == k)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
        each.append([(int(k), pieces == n + 1) for n in np.argsort(-sizes, kind="stable") if sizes[n] >= SMALLEST])
    for turn in zip_longest(*each):
        yield from (region for region in turn if region is not None)


def drawn(truth: np.ndarray, count: int, classes: tuple[str, ...]) -> np.ndarray:
    """An image's first labels: so many strokes, cut to fit the true class, 255 elsewhere."""
    painting = Painting(truth.shape, classes)
    for k, region in islice(regions(truth), count):
        painting.stroke(k, middle_line(region), WIDTH)
    return np.where(painting.hints == truth, truth, UNKNOWN).astype(np.uint8)


def spread(model: retint.Model, pair: Pair, strokes: np.ndarray) -> np.ndarray:
    """What strokes say of the rest of their image, where a model that learned from such strokes is sure."""
    labeling = model.label(pair.read()[0], hints=strokes)
    return np.where(labeling.probabilities.max(0) >= SURE, labeling.labels, UNKNOWN).astype(np.uint8)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=14, help="of processor time, of each training")
    options.add_argument("--strokes", type=int, nargs="+", default=[10, 30], help="on each image")
    options.add_argument("--spread", action="store_true", help="also what is learned from the labels of the first model with these strokes")
    options.add_argument("--keep", type=Path, help="a folder for the models; those that are there are not trained again")
    given = options.parse_args()
    data = open_dataset(given.data / "camvid")
    five = parts(data, (), 5)[0]
    settings = {"images": [pair.stem for pair in five], "minutes": given.minutes}
    for count in given.strokes:
        labels = [drawn(pair.read()[1], count, data.classes) for pair in five]
        for row in (f"{count}", f"{count}, spread")[: 1 + given.spread]:
            with tempfile.TemporaryDirectory() as name:
                folder = linked(data.root, {"train": five, "val": data.splits["val"].pairs}, Path(name) / "set")
                for pair, own in zip(five, labels, strict=True):
                    file = folder / "train" / "labels" / pair.labels.name
                    file.unlink()
                    write_labels(file, own, data.colours or default_palette(len(data.classes)))
                out = (given.keep or Path(name)) / f"{row.replace(', ', '-')}.safetensors"
                model = retint.load(trained(folder, out, Settings(minutes=given.minutes), f"{row} strokes"))
                figures = evaluate(model, folder, "val", (1, 2, 4, 8)).to_dict()["steps"]
            known = [(own != UNKNOWN).mean() for own in labels]
            right = [(own == pair.read()[1])[own != UNKNOWN].mean() for own, pair in zip(labels, five, strict=True)]
            found = {
                "share of pixels": float(np.mean(known)), "of these right": float(np.mean(right)),
                "miou": {step: f["miou"] for step, f in figures.items()},
            }  # fmt: skip
            print(row, write_rows("first-strokes", settings, {row: found}, "strokes on each image")[row])
            labels = [spread(model, pair, own) for pair, own in zip(five, labels, strict=True)]


if __name__ == "__main__":
    main()
