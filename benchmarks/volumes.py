"""Slices and volumes: the 2-D and the 3-D systems on the same electron microscopy, against the shipped `membrane`.

python benchmarks/volumes.py --data DIR [--minutes 6] [--models DIR] [--only NAME ...] [--train-only]

With --only, the rows of other systems stay as they are, and --minutes must be theirs; the picture, which shows all, stays too. What is in --models
already must have been trained with the same settings.

`em` is one volume of consecutive slices, 50 nm apart, of 4 nm pixels: slices 0-19 are learned from, 20-23 validated on. The
3-D systems get them as one TIFF stack each, the 2-D ones as single images. Each trains for the same processor time.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch

import retint
from common import RESULTS, of_cells, parser, refuse_to_mix, write_rows
from retint.data import open_dataset
from retint.images import Volume, write_image, write_volume_labels
from retint.learning import Settings
from retint.network import architecture, build
from training import trained

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
        refuse_to_mix("volumes", settings, measured, "systems")
    torch.set_num_threads(1)
    given.models.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        sets = {2: given.data / "em", 3: stacked(given.data / "em", Path(folder) / "em")}
        for name in given.only:
            out, how = given.models / f"{name}.safetensors", Settings(arch=name, minutes=given.minutes)
            trained(sets[architecture(name).dims], out, how, name, note=print)
    if given.train_only:
        return
    images, truths = zip(*(pair.read() for pair in open_dataset(given.data / "em").splits["val"].pairs), strict=True)
    pictures = []
    for name in measured:
        model = retint.load("membrane" if name == "membrane" else given.models / f"{name}.safetensors")
        network = build(architecture(model.card.architecture["name"]), 1, 2)
        rows[name] = {
            "iterations": model.card.trained_on["iterations"], "dims": model.dims,
            "parameters": sum(p.numel() for p in network.parameters()),
        }  # fmt: skip
        for steps in (1, 8):
            labels = labelled(model, list(images), steps)
            rows[name][f"{steps} steps"] = of_cells(labels, truths)
        print(name, rows[name], flush=True)
        pictures.append(np.array(model.card.colours, np.uint8)[labels[1]][:256, :256])
        table = write_rows(
            "volumes", settings, rows, "systems", (*SYSTEMS, "membrane"), spacing_nanometer=SPACING,
            note="membrane is the shipped model, trained longer, by the clock; its iterations are those of its last stage",
        )  # fmt: skip
    if table.keys() == rows.keys():
        write_image(RESULTS / "volumes.png", np.concatenate(pictures, 1))
    else:
        print(f"volumes.png stays as it is: it shows {', '.join(table.keys() - rows.keys())} too")


if __name__ == "__main__":
    main()
