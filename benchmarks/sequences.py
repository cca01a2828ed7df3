"""CamVid with one sequence left out of train, and measured on it: python benchmarks/sequences.py --data DIR [--minutes 3].

Validation images of `val` come from one of the training sequences and flatter; this does not.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

import retint
from common import SEQUENCES, parser, write
from retint.data import open_dataset
from retint.labeling.evaluate import evaluate
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
    options.add_argument("--minutes", type=float, default=3)
    options.add_argument("--arch", default="small-8")
    options.add_argument("--crop", type=int, default=160)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--ways", nargs="+", default=list(WAYS))
    given = options.parse_args()
    rows: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        for way in given.ways:
            rows[way] = {}
            for sequence in SEQUENCES:
                data = left_out(given.data / "camvid", sequence, Path(folder) / f"{way}-{sequence}")
                out = Path(folder) / f"{way}-{sequence}.safetensors"
                train(
                    data,
                    out,
                    Settings(
                        arch=given.arch,
                        minutes=given.minutes,
                        crop=(given.crop,) * 2,
                        batch=given.batch,
                        augmentation=WAYS[way],
                    ),
                )
                figures = evaluate(retint.load(out), data, "val", (1, 8)).to_dict()
                rows[way][sequence] = {
                    "images": figures["images"],
                    **{s: f["miou"] for s, f in figures["steps"].items()},
                }
                print(way, sequence, rows[way][sequence], flush=True)
            rows[way]["mean at 8 steps"] = float(np.mean([rows[way][s]["8"] for s in SEQUENCES]))
            write(
                "sequences",
                {
                    "arch": given.arch,
                    "minutes": given.minutes,
                    "crop": given.crop,
                    "batch": given.batch,
                    "miou_on_the_sequence_left_out": rows,
                },
            )


if __name__ == "__main__":
    main()
