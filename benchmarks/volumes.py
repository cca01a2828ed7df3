"""Slices and volumes: the 2-D and the 3-D systems on the same electron microscopy, against the shipped `membrane`.

python benchmarks/volumes.py --data DIR [--minutes 6] [--models DIR] [--only NAME ...] [--train-only]

With --only, the rows of other systems stay as they are, and --minutes must be theirs; the picture, which shows all, stays too.

`em` is one volume of consecutive slices, 50 nm apart, of 4 nm pixels: slices 0-19 are learned from, 20-23 validated on. The
3-D systems get them as one TIFF stack each, the 2-D ones as single images. Each trains for the same processor time.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import retint
from common import RESULTS, parser, refuse_to_mix, reporter, with_earlier, write
from retint.data import open_dataset
from retint.images import Volume, write_image, write_volume_labels
from retint.learning import Settings, train
from retint.network import CATALOGUE, architecture
from retint.scoring import Confusion, components, partition_scores

SYSTEMS = ("jain-2007-2d", "jain-2007-flat", "jain-2007", "slices-2", "volume-2")
SPACING = (50.0, 4.0, 4.0)  # nanometers


def stacked(data: Path, folder: Path) -> Path:
    """The same set with one volume in each part."""
    import tifffile

    source = open_dataset(data)
    for name, split in source.splits.items():
        images, labels = zip(*(pair.read() for pair in split.pairs), strict=True)
        for kind in ("images", "labels"):
            (folder / name / kind).mkdir(parents=True)
        pixels = np.stack(images)
        like = Volume(pixels, SPACING, "nanometer")
        palette = [(0, 0, 0), (255, 255, 255)]
        write_volume_labels(folder / name / "labels" / "volume.tif", np.stack(labels), palette, like)
        tifffile.imwrite(
            folder / name / "images" / "volume.tif", pixels[..., 0], imagej=True,
            metadata={"axes": "ZYX", "spacing": SPACING[0], "unit": "nanometer"},
            resolution=(1 / SPACING[2], 1 / SPACING[1]),
        )  # fmt: skip
    shutil.copy(data / "classes.json", folder)
    return folder


def labelled(model: retint.Model, images: list[np.ndarray], steps: int) -> list[np.ndarray]:
    """Labels of each slice."""
    if model.dims == 3:
        return list(model.label(np.stack(images), steps).labels)
    return [model.label(image, steps).labels for image in images]


def scores(labels: list[np.ndarray], truths: list[np.ndarray]) -> dict[str, float]:
    """F1 of membrane; of the cells, slice by slice, the adapted Rand error and the variation of information."""
    confusion, parts = Confusion(2), []
    for mine, truth in zip(labels, truths, strict=True):
        confusion.add(truth, mine)
        parts.append(partition_scores(components(truth == 1), components(mine == 1)))
    means = {key: float(np.mean([part[key] for part in parts])) for key in parts[0]}
    return {"f1_membrane": confusion.f1(0), "miou": confusion.miou(), **means}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=6, help="of processor time for each")
    options.add_argument("--models", type=Path, default=Path("runs/volumes"))
    options.add_argument("--only", nargs="+", default=list(SYSTEMS))
    options.add_argument("--train-only", action="store_true")
    given = options.parse_args()
    settings = {"processor_minutes_each": given.minutes, "threads": 1}
    measured = (*given.only, "membrane")
    if not given.train_only:
        refuse_to_mix("volumes", settings, measured)
    torch.set_num_threads(1)
    given.models.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        sets = {2: given.data / "em", 3: stacked(given.data / "em", Path(folder) / "em")}
        for name in given.only:
            out = given.models / f"{name}.safetensors"
            if not out.exists():
                source, own = sets[architecture(name).dims], Settings(arch=name, minutes=given.minutes)
                train(source, out, own, report=reporter(name), note=print, clock=time.process_time)
    if given.train_only:
        return
    images, truths = zip(*(pair.read() for pair in open_dataset(given.data / "em").splits["val"].pairs), strict=True)
    pictures = []
    for name in measured:
        model = retint.load("membrane" if name == "membrane" else given.models / f"{name}.safetensors")
        rows[name] = {"iterations": model.card.trained_on["iterations"], "dims": model.dims}
        if name in CATALOGUE:
            rows[name]["parameters"] = sum(p.numel() for p in retint.network.build(CATALOGUE[name], 1, 2).parameters())
        for steps in (1, 8):
            labels = labelled(model, list(images), steps)
            rows[name][f"{steps} steps"] = scores(labels, list(truths))
        print(name, rows[name], flush=True)
        pictures.append(np.array(model.card.colours, np.uint8)[labels[1]][:256, :256])
        table = with_earlier("volumes", settings, rows, "systems", (*SYSTEMS, "membrane"))
        write("volumes", {
            **settings, "spacing_nanometer": SPACING, "systems": table,
            "note": "membrane is the shipped model, trained longer, by the clock",
        })  # fmt: skip
    if table.keys() == rows.keys():
        write_image(RESULTS / "volumes.png", np.concatenate(pictures, 1))
    else:
        print(f"volumes.png stays as it is: it shows {', '.join(table.keys() - rows.keys())} too")


if __name__ == "__main__":
    main()
