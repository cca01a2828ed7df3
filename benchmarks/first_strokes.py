"""From strokes on five CamVid images, and nothing else labelled, default settings: what `retint draw` and then `retint train` give.

A simulated person draws so many lines on each image, 5 pixels broad, each through the middle of a region of one class: of every class in
the picture its largest region, then of every class the next largest, as long as there are any.

python benchmarks/first_strokes.py --data DIR [--minutes 14] [--strokes 10 30 all]
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
from retint.data import open_dataset
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


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=14, help="of processor time, of each training")
    options.add_argument("--strokes", nargs="+", default=["10", "30", "all"], help="on each image; all: every pixel is labelled")
    given = options.parse_args()
    data = open_dataset(given.data / "camvid")
    five = parts(data, (), 5)[0]
    settings = {"images": [pair.stem for pair in five], "minutes": given.minutes}
    for count in given.strokes:
        with tempfile.TemporaryDirectory() as name:
            folder = linked(data.root, {"train": five, "val": data.splits["val"].pairs}, Path(name) / "set")
            fixed = []
            for pair in five:
                truth = pair.read()[1]
                labels = truth if count == "all" else drawn(truth, int(count), data.classes)
                fixed.append(float((labels != UNKNOWN).mean()))
                file = folder / "train" / "labels" / pair.labels.name
                file.unlink()
                write_labels(file, labels, data.colours or default_palette(len(data.classes)))
            out = trained(folder, Path(name) / "first.safetensors", Settings(minutes=given.minutes), f"{count} strokes")
            figures = evaluate(retint.load(out), folder, "val", (1, 2, 4, 8)).to_dict()["steps"]
        row = {"share of pixels": float(np.mean(fixed)), "miou": {step: f["miou"] for step, f in figures.items()}}
        print(count, write_rows("first-strokes", settings, {str(count): row}, "strokes on each image", ["10", "30", "all"])[str(count)])


if __name__ == "__main__":
    main()
