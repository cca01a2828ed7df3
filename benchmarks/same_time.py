"""Retint and the U-Net after the same time of training on CamVid: python benchmarks/same_time.py --data DIR --unet unet.pt.

The U-Net is `unet.py`'s, which see for how it is trained; ours is trained here for as much processor time as it was, with the
default settings, by one thread as `unet.py` does. Mean IoU on the validation images. --quick: half a
minute whatever the U-Net had, every 25th image, nothing written.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

import retint
from common import after_steps, parser, variant, write
from retint.data import open_dataset
from retint.learning import Settings
from retint.network import architecture, build
from retint.scoring import Confusion
from training import trained
from unet import Unet

STEPS = (1, 2, 4, 8)


def ours(arch: str, data: Path, out: Path, minutes: float, pairs: list[Any]) -> dict[str, Any]:
    """Trained, and measured after each of the steps."""
    model = retint.load(trained(data, out, Settings(arch=arch, minutes=minutes), arch))
    told, network = model.card.trained_on, build(architecture(arch), model.card.channels, len(model.classes))
    crop, batch = told["settings"]["crop"][0], told["settings"]["batch"]
    return {
        "parameters": sum(p.numel() for p in network.parameters()), "views": batch * told["iterations"], "crop": crop,
        "miou": {str(step): round(c.miou(), 4) for step, c in after_steps(model, pairs, STEPS).items()},
    }  # fmt: skip


def theirs(file: Path, pairs: list[Any]) -> dict[str, Any]:
    """The U-Net, measured."""
    network = Unet(file)
    confusion = Confusion(network.classes)
    for pair in pairs:
        image, truth = pair.read()
        confusion.add(truth, network.probabilities(image).argmax(0))
    return {
        "parameters": sum(p.numel() for p in network.network.parameters()), "views": network.told["views"],
        "crop": network.told["crop"], "miou": round(confusion.miou(), 4),
    }  # fmt: skip


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--unet", type=Path, required=True, metavar="FILE", help="as unet.py writes it")
    options.add_argument("--arch", default="standard-8-4", metavar="NAME")
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    torch.set_num_threads(1)
    data = given.data / "camvid"
    pairs = list(open_dataset(data).splits["val"].pairs)[:: 25 if given.quick else 1]
    network = Unet(given.unet)
    minutes = 0.5 if given.quick else network.told["processor_seconds"] / 60
    figures: dict[str, Any] = {
        "split": "val", "images": len(pairs), "processor_minutes": round(minutes, 2), "U-Net": theirs(given.unet, pairs),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        figures[given.arch] = ours(given.arch, data, Path(folder) / "ours.safetensors", minutes, pairs)
    print(figures)
    if not given.quick:
        write(variant("same-time", options, given, "arch"), figures)


if __name__ == "__main__":
    main()
