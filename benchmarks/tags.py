"""Labels of pixels learned from tags of images (Pinheiro and Collobert 2015), on 96 x 96 crops of CamVid.

python benchmarks/tags.py --data DIR [--minutes 4] [--models DIR]

The crops' tags are made from their labels: the classes that cover more than 5 % of a crop. Three runs of the same processor
time: from tags alone, from the labels of ten crops alone, from both. Measured on crops of val: mean IoU after one step and
after eight, with and without the image-level prior. What is in --models already must have been trained with the same settings.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import torch

import retint
from common import RESULTS, parser, variant, write
from retint.data import open_dataset, tags_of, write_tags
from retint.images import write_image, write_labels
from retint.learning import Settings
from retint.scoring import Confusion
from training import trained

SIDE, LEAST, LABELLED = 96, 0.05, 10
ROWS = (0, 88, 176, 264)
COLUMNS = (0, 96, 192, 288, 384)


def crops(data: Path, part: str, every: int):
    """(name, image, labels) of the crops of a part."""
    for pair in open_dataset(data).splits[part].pairs[::every]:
        image, labels = pair.read()
        for row in ROWS:
            for column in COLUMNS:
                where = slice(row, row + SIDE), slice(column, column + SIDE)
                if (labels[where] != 255).any():
                    yield f"{pair.stem}-{row}-{column}", image[where], labels[where]


def write_set(data: Path, folder: Path, labelled: int, tagged: bool) -> Path:
    """A data set of crops: some with labels, evenly spread, and the tags of the others."""
    classes = open_dataset(data).classes
    every = list(crops(data, "train", 2))
    chosen = {round(k * (len(every) - 1) / max(labelled - 1, 1)) for k in range(labelled)}
    (folder / "train" / "images").mkdir(parents=True)
    (folder / "train" / "labels").mkdir()
    tags = {}
    for number, (name, image, labels) in enumerate(every):
        names = [classes[k] for k in tags_of(labels, len(classes), LEAST)]
        if number not in chosen and not (tagged and names):
            continue
        write_image(folder / "train" / "images" / f"{name}.png", image)
        if number in chosen:
            write_labels(folder / "train" / "labels" / f"{name}.png", labels, [(k, k, k) for k in range(len(classes))])
        else:
            tags[name] = names
    if tagged:
        write_tags(folder / "train" / "tags.csv", tags)
    for kind in ("images", "labels"):
        (folder / "val" / kind).mkdir(parents=True)
    for name, image, labels in list(crops(data, "val", 10))[::4]:
        write_image(folder / "val" / "images" / f"{name}.png", image)
        write_labels(folder / "val" / "labels" / f"{name}.png", labels, [(k, k, k) for k in range(len(classes))])
    (folder / "classes.json").write_text(json.dumps({"classes": list(classes), "ignore": 255}))
    return folder


def measure(model: retint.Model, data: Path) -> dict[str, float]:
    """Mean IoU on the crops of val."""
    found = {(steps, prior): Confusion(len(model.classes)) for steps in (1, 8) for prior in (False, True)}
    for _, image, labels in crops(data, "val", 3):
        for (steps, prior), confusion in found.items():
            confusion.add(labels, model.label(image, steps, prior=prior).labels)
    return {f"{s} steps{', prior' if p else ''}": round(c.miou(), 4) for (s, p), c in found.items()}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=4, help="of processor time for each")
    options.add_argument("--models", type=Path, default=Path("runs/tags"))
    options.add_argument("--arch", default="small-4")
    options.add_argument("--train-only", action="store_true")
    given = options.parse_args()
    torch.set_num_threads(1)
    given.models.mkdir(parents=True, exist_ok=True)
    data, rows, shown = given.data / "camvid", {}, []
    runs = {
        "tags": (0, True),
        f"{LABELLED}-labelled": (LABELLED, False),
        f"{LABELLED}-labelled-and-tags": (LABELLED, True),
    }
    for name, (labelled, tagged) in runs.items():
        how = Settings(
            arch=given.arch, minutes=given.minutes, batch=16, crop=(SIDE, SIDE), labels="tags" if tagged else "pixels"
        )
        with tempfile.TemporaryDirectory() as folder:
            source = write_set(data, Path(folder), labelled, tagged)
            trained(source, given.models / f"{name}.safetensors", how, name, note=print)
    if given.train_only:
        return
    table = variant("tags", options, given, "arch")
    examples = list(crops(data, "val", 20))[2::11][:6]
    palette = np.array(retint.load("street").card.colours, np.uint8)
    for name in runs:
        model = retint.load(given.models / f"{name}.safetensors")
        rows[name] = {"iterations": model.card.trained_on["iterations"], "miou": measure(model, data)}
        print(name, rows[name], flush=True)
        shown.append([palette[model.label(image, prior=name == "tags").labels] for _, image, _ in examples])
        write(table, {"arch": given.arch, "processor_minutes_each": given.minutes, "crop": SIDE, "runs": rows})
    write_image(RESULTS / f"{table}.png", np.concatenate([np.concatenate(line, 1) for line in shown], 0))


if __name__ == "__main__":
    main()
