"""Memory and time of large images and volumes: python benchmarks/large.py [--image 20000] [--volume 256,1024,1024] [--steps 2].

Each is labelled in a process of its own, from pixels of noise made there; peak memory is that process's, pixels included. A row
takes the place of an earlier one of the same shape, model and steps; the others stay.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np
import torch

import retint
from common import earlier, made, peak_memory, write
from retint.modelfile import Card
from retint.network import architecture, build


def volume_model(arch: str) -> retint.Model:
    """A model for grey volumes with weights that were not trained: they do not matter here."""
    torch.manual_seed(0)
    card = Card(
        architecture=architecture(arch).to_dict(), classes=("membrane", "interior"), colours=((0, 0, 0), (255, 255, 255)),
        channels=1, dtype="uint8", mean=(0.5,), std=(0.25,),
    )  # fmt: skip
    return retint.Model(build(architecture(arch), 1, 2, "same"), card)


def one(shape: tuple[int, ...], arch: str, steps: int) -> dict:
    """Label once, here."""
    model = volume_model(arch) if len(shape) == 3 else retint.load(arch)
    channels = () if len(shape) == 3 else (3,)
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, *channels), dtype=np.uint8)
    began = time.perf_counter()
    labeling = model.label(pixels, steps)
    taken = time.perf_counter() - began
    return {
        "shape": shape, "model": arch, "steps": labeling.steps, "seconds": round(taken, 1),
        "megapixels per second": round(labeling.labels.size / taken / 1e6, 3),
        "peak GiB": round(peak_memory() / (1 << 30), 3), "pixels GiB": round(pixels.nbytes / (1 << 30), 3),
    }  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--image", type=int, nargs="*", default=[20000], help="sides of square images")
    options.add_argument("--volume", nargs="*", default=["256,1024,1024"], help="slices,rows,columns")
    options.add_argument("--steps", type=int, default=2)
    options.add_argument("--arch", default="slices-2", help="of volumes")
    options.add_argument("--one", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        shape, arch = json.loads(given.one)
        print(json.dumps(one(tuple(shape), arch, given.steps)))
        return
    rows = list(earlier("large", "runs"))
    wanted = [((side, side), "street") for side in given.image]
    wanted += [(tuple(map(int, text.split(","))), given.arch) for text in given.volume]
    for shape, arch in wanted:
        command = [sys.executable, __file__, "--one", json.dumps([shape, arch]), "--steps", str(given.steps)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = made() | json.loads(done.stdout)
        rows = [r for r in rows if (r["shape"], r["model"], r["steps"]) != (list(shape), arch, given.steps)] + [row]
        print(row, flush=True)
        write("large", {"runs": rows}, own=True)


if __name__ == "__main__":
    main()
