"""CamVid with one sequence left out of train, and measured on it.

python benchmarks/sequences.py --data DIR [--ways default none strong] [--epochs 5]

Validation images of `val` come from one of the training sequences and flatter; this does not. Every way of augmentation
sees the same number of views from the same seed. Rows are added to the results as they come; a row that is there already,
for the same settings, is not run again. Another architecture than the usual one has a file of its own.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

import retint
from common import RESULTS, SEQUENCES, parser, reporter, write
from retint.data import open_dataset
from retint.labeling.judging.evaluate import evaluate
from retint.learning import Settings, train
from retint.learning.augment import Augmentation

WAYS = {
    "default": Augmentation(),
    "none": Augmentation(scale=1.0, turn=0.0, light=0.0, colour=0.0, noise=0.0, blur=0.0),
    "strong": Augmentation(scale=2.0, turn=8.0, light=0.45, colour=0.2, noise=0.05, blur=0.25),
}


def left_out(data: Path, sequence: str, folder: Path) -> Path:
    """A data set whose `val` is one sequence of train, and whose `train` is the others."""
    source = open_dataset(data)
    for part in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / part / kind).mkdir(parents=True)
    for pair in source.splits["train"].pairs:
        part = "val" if pair.stem.startswith(sequence) else "train"
        shutil.copy(pair.image, folder / part / "images")
        shutil.copy(pair.labels, folder / part / "labels")
    (folder / "classes.json").write_text(json.dumps({"classes": list(source.classes), "ignore": 255}))
    return folder


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--epochs", type=float, default=5)
    options.add_argument("--arch", default="small-8")
    options.add_argument("--crop", type=int, default=160)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    given = options.parse_args()
    settings = {"arch": given.arch, "epochs": given.epochs, "crop": given.crop, "batch": given.batch}
    name = "sequences" if given.arch == options.get_default("arch") else f"sequences-{given.arch}"
    file = RESULTS / f"{name}.json"
    before = json.loads(file.read_text()) if file.exists() else {}
    rows = before["rows"] if settings.items() <= before.items() else []
    for sequence in SEQUENCES:
        for way in given.ways:
            if any(row["augmentation"] == way and row["left_out"] == sequence for row in rows):
                continue
            with tempfile.TemporaryDirectory() as folder:
                data, out = left_out(given.data / "camvid", sequence, Path(folder) / "set"), Path(folder) / way
                out = out.with_suffix(".safetensors")
                more = {"crop": (given.crop,) * 2, "batch": given.batch, "augmentation": WAYS[way]}
                train(
                    data, out, Settings(given.arch, epochs=given.epochs, **more), report=reporter(f"{sequence} {way}")
                )
                figures = evaluate(retint.load(out), data, "val", (1, 8)).to_dict()
            miou = {step: row["miou"] for step, row in figures["steps"].items()}
            rows.append({"left_out": sequence, "images": figures["images"], "augmentation": way, "miou": miou})
            print(rows[-1], flush=True)
            write(name, {**settings, "mean_at_8_steps": means(rows), "rows": rows})


def means(rows: list[dict]) -> dict[str, float]:
    """Of each way: mean IoU at 8 steps, averaged over the sequences that were left out."""
    ways = dict.fromkeys(row["augmentation"] for row in rows)
    return {
        way: round(float(np.mean([row["miou"]["8"] for row in rows if row["augmentation"] == way])), 5) for way in ways
    }


if __name__ == "__main__":
    main()
