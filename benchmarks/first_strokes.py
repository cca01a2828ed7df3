"""From strokes on five images, and nothing else labelled, default settings: what `retint draw` and then `retint train` give.

A simulated person draws so many lines on each image, 5 pixels broad, each through the middle of a region of one class: of every class in
the picture its largest region, then of every class the next largest, as long as there are any. With --again, where most of a class is one
region, as membranes and vessels are: of every class in turn the largest region that lies more than 20 pixels from its strokes, where it is
broadest.

python benchmarks/first_strokes.py --data DIR [--set camvid] [--again] [--minutes 14] [--strokes 10 30] [--coherent 0] [--arch NAME]
[--seed 0] [--keep DIR]
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
from scipy import ndimage

import retint
from common import SETS, linked, parser, write_rows
from retint.data import open_dataset
from retint.images import write_labels
from retint.labeling.judging.evaluate import evaluate
from retint.labeling.session.drawing import Painting, nothing_known
from retint.labeling.starts import UNKNOWN
from retint.learning import Settings
from retint.learning.material import parts
from retint.pictures import default_palette
from strokes import LONGEST, middle_line
from training import trained

WIDTH = 5
SMALLEST = 40  # pixels of a region that somebody would draw in
APART = 20  # pixels from strokes of the class where more of them tell something new


def regions(truth: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The class and the mask of each region, in the order in which they are drawn in."""
    for turn in zip_longest(*(of_class(truth, int(k)) for k in np.unique(truth[truth != UNKNOWN]))):
        yield from (region for region in turn if region is not None)


def of_class(truth: np.ndarray, k: int) -> Iterator[tuple[int, np.ndarray]]:
    """Of one class, the largest region first."""
    pieces, count = ndimage.label(truth == k)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    return ((k, pieces == n + 1) for n in np.argsort(-sizes, kind="stable") if sizes[n] >= SMALLEST)


def around_deepest(region: np.ndarray) -> np.ndarray:
    """What is in one piece with a region's broadest place within a line's length of it."""
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    place = np.unravel_index(depth.argmax(), region.shape)
    near = np.zeros_like(region)
    near[tuple(slice(max(n - LONGEST, 0), n + LONGEST + 1) for n in place)] = True
    pieces, _ = ndimage.label(region & near)
    return pieces == pieces[place]


def not_near(truth: np.ndarray, painting: Painting) -> Iterator[tuple[int, np.ndarray]]:
    """The same of what lies far from the strokes of its class that are drawn meanwhile, where that is broadest; class by class."""
    new = truth.copy()
    while turn := list(islice(regions(new), len(np.unique(truth[truth != UNKNOWN])))):
        for k, region in turn:
            yield k, around_deepest(region)
            new[(truth == k) & (ndimage.distance_transform_edt(painting.hints != k) <= APART)] = UNKNOWN


def drawn(truth: np.ndarray, count: int, classes: tuple[str, ...], again: bool = False) -> np.ndarray:
    """An image's first labels: so many strokes, cut to fit the true class, 255 elsewhere."""
    painting = Painting(classes, nothing_known(truth.shape))
    for k, region in islice(not_near(truth, painting) if again else regions(truth), count):
        painting.stroke(k, middle_line(region), WIDTH)
    return np.where(painting.hints == truth, truth, UNKNOWN).astype(np.uint8)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--set", default="camvid", choices=SETS.values(), help="data set below the folder")
    options.add_argument("--again", action="store_true", help="draw in a region again, where no stroke of its class is near")
    options.add_argument("--minutes", type=float, default=14, help="of processor time, of each training")
    options.add_argument("--strokes", type=int, nargs="+", default=[10, 30], help="on each image")
    options.add_argument("--coherent", type=float, help="the weight of labels that agree where the image does (default: as training chooses)")
    options.add_argument("--arch", help="another architecture than training chooses")
    options.add_argument("--seed", type=int, default=0, help="of the training; strokes are the same")
    options.add_argument("--keep", type=Path, help="a folder for the models; those that are there are not trained again")
    given = options.parse_args()
    data = open_dataset(given.data / given.set)
    five, val, _ = parts(data, (), 5)
    table = "first-strokes" + (f"-{given.set}" if given.set != "camvid" else "")
    settings = {"images": [pair.stem for pair in five], "minutes": given.minutes} | ({"again": True} if given.again else {})
    for count in given.strokes:
        with tempfile.TemporaryDirectory() as name:
            folder = linked(data.root, {"train": five, "val": val}, Path(name) / "set")
            known = []
            for pair in five:
                labels, file = drawn(pair.read()[1], count, data.classes, given.again), folder / "train" / "labels" / pair.labels.name
                known.append((labels != UNKNOWN).mean())
                file.unlink()  # a link to the whole labels
                write_labels(file, labels, data.colours or default_palette(len(data.classes)))
            called = f"{count}" if given.coherent is None else f"{count}, coherent {given.coherent:g}"
            called += f", {given.arch}" if given.arch else ""
            called += f", seed {given.seed}" if given.seed else ""
            out = (given.keep or Path(name)) / f"{called.replace(', ', '-').replace(' ', '-')}.safetensors"
            how = Settings(minutes=given.minutes, coherent=given.coherent, arch=given.arch, seed=given.seed)
            model = retint.load(trained(folder, out, how, f"{called} strokes"))
            figures = evaluate(model, folder, "val", (1, 2, 4, 8)).to_dict()["steps"]
        row = {"arch": model.card.architecture["name"], "share of pixels": float(np.mean(known)), "miou": {step: f["miou"] for step, f in figures.items()}}
        print(called, write_rows(table, settings, {called: row}, "strokes on each image")[called])


if __name__ == "__main__":
    main()
