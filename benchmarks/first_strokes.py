"""From strokes on five CamVid images, and nothing else labelled, default settings: what `retint draw` and then `retint train` give.

A simulated person draws so many lines on each image, 5 pixels broad, each through the middle of a region of one class: of every class in
the picture its largest region, then of every class the next largest, as long as there are any.

python benchmarks/first_strokes.py --data DIR [--minutes 14] [--strokes 10 30] [--coherent 0] [--seed 0] [--keep DIR]
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
from retint.labeling.session.drawing import Painting, nothing_known
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
    painting = Painting(classes, nothing_known(truth.shape))
    for k, region in islice(regions(truth), count):
        painting.stroke(k, middle_line(region), WIDTH)
    return np.where(painting.hints == truth, truth, UNKNOWN).astype(np.uint8)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=14, help="of processor time, of each training")
    options.add_argument("--strokes", type=int, nargs="+", default=[10, 30], help="on each image")
    options.add_argument("--coherent", type=float, help="the weight of labels that agree where the image does (default: as training chooses)")
    options.add_argument("--seed", type=int, default=0, help="of the training; strokes are the same")
    options.add_argument("--keep", type=Path, help="a folder for the models; those that are there are not trained again")
    given = options.parse_args()
    data = open_dataset(given.data / "camvid")
    five = parts(data, (), 5)[0]
    settings = {"images": [pair.stem for pair in five], "minutes": given.minutes}
    for count in given.strokes:
        with tempfile.TemporaryDirectory() as name:
            folder = linked(data.root, {"train": five, "val": data.splits["val"].pairs}, Path(name) / "set")
            known = []
            for pair in five:
                labels, file = drawn(pair.read()[1], count, data.classes), folder / "train" / "labels" / pair.labels.name
                known.append((labels != UNKNOWN).mean())
                file.unlink()  # a link to the whole labels
                write_labels(file, labels, data.colours or default_palette(len(data.classes)))
            called = f"{count}" if given.coherent is None else f"{count}, coherent {given.coherent:g}"
            called += f", seed {given.seed}" if given.seed else ""
            out = (given.keep or Path(name)) / f"{called.replace(', ', '-').replace(' ', '-')}.safetensors"
            how = Settings(minutes=given.minutes, coherent=given.coherent, seed=given.seed)
            model = retint.load(trained(folder, out, how, f"{called} strokes"))
            figures = evaluate(model, folder, "val", (1, 2, 4, 8)).to_dict()["steps"]
        row = {"share of pixels": float(np.mean(known)), "miou": {step: f["miou"] for step, f in figures.items()}}
        print(called, write_rows("first-strokes", settings, {called: row}, "strokes on each image")[called])


if __name__ == "__main__":
    main()
