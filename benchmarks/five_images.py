"""From five CamVid images, default settings, ten minutes of processor time, against a random forest on the same five.

python benchmarks/five_images.py --data DIR [--minutes 10]
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import retint
from common import after_steps, parser, write
from forest import Forest
from retint.data import open_dataset
from retint.labeling.judging.evaluate import evaluate
from retint.learning import Settings
from retint.learning.material import parts
from retint.scoring import Confusion
from training import trained


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument(
        "--every", type=int, default=2, help="the forest labels every so-many-th validation image (it is slow)"
    )
    given = options.parse_args()
    data = open_dataset(given.data / "camvid")
    five = parts(data, (), 5)[0]
    table = {"images": [pair.stem for pair in five], "minutes": given.minutes}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "five.safetensors"
        how = Settings(minutes=given.minutes)
        model = retint.load(trained(given.data / "camvid", out, how, "five images", limit=5))
        table["arch"] = model.card.architecture["name"]
        figures = evaluate(model, given.data / "camvid", "val", (1, 2, 4, 8)).to_dict()["steps"]
        table["retint, all of val"] = {s: f["miou"] for s, f in figures.items()}
        write("five-images", table)
    began = time.process_time()
    classes, pairs = len(data.classes), data.splits["val"].pairs[:: given.every]
    theirs, trees = Confusion(classes), Forest(five, classes, per_image=40_000)
    table["forest, processor seconds to train"] = round(time.process_time() - began, 1)
    for pair in pairs:
        image, truth = pair.read()
        theirs.add(truth, trees(image).argmax(0))
    ours = after_steps(model, pairs, (8,))[8]
    table["same validation images"] = {
        "every": given.every, "retint, 8 steps": {"miou": ours.miou(), "pixel_accuracy": ours.pixel_accuracy()},
        "random forest": {"miou": theirs.miou(), "pixel_accuracy": theirs.pixel_accuracy()},
    }  # fmt: skip
    write("five-images", table)


if __name__ == "__main__":
    main()
