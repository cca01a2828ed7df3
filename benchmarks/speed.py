"""What labelling costs: a refinement step against the first pass, and a whole process: python benchmarks/speed.py --data DIR."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

import retint
from common import parser, write
from retint.hardware import keep_memory
from retint.labeling.source import Source
from retint.modelfile import Card
from retint.network import architecture, build


def seconds(call, least: float = 3.0) -> float:
    """Median of repeated runs."""
    call()
    times: list[float] = []
    while sum(times) < least or len(times) < 5:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def step_cost(name: str, side: int = 1000) -> dict[str, float]:
    """One megapixel: U, V and the first estimate; a further step, as labelling computes them; and a whole labelling."""
    model = retint.load(name)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (side, side, model.card.channels), dtype=np.uint8)
    source, engine = Source(image, model.card, model.dims), model.engine()
    x = source.region(((0, side), (0, side))).to(next(model.network().parameters()).dtype)
    with torch.inference_mode():
        context = engine.context(x)
        estimate = torch.softmax(engine.logits(context, None), 1)
        first = seconds(lambda: torch.softmax(engine.logits(engine.context(x), None), 1))
        step = seconds(lambda: torch.softmax(engine.logits(context, estimate), 1))
    return {
        "first pass seconds": round(first, 4), "step seconds": round(step, 4), "step / first pass": round(step / first, 4),
        "label, 8 steps, seconds": round(seconds(lambda: model.label(image, 8, tile=100_000)), 4),
    }  # fmt: skip


def memory_kept() -> dict[str, float]:
    """8 steps of `street` on one megapixel in processes of their own: freed memory handed back to the system, or kept."""
    processes = get_context("spawn")
    taken = {}
    for way, keep in (("handed back", False), ("kept", True)):
        with processes.Pool(1) as pool:
            taken[way] = round(pool.apply(_eight_steps, (keep, torch.get_num_threads())), 4)
    return taken


def _eight_steps(keep: bool, threads: int, side: int = 1000) -> float:
    torch.set_num_threads(threads)
    if keep:
        keep_memory()
    model, image = retint.load("street"), np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return seconds(lambda: model.label(image, 8))


def full_maps(steps: int = 3) -> dict[str, Any]:
    """`rcnn3` on 480 x 360 pixels: a label for every 8, 4, 2 pixels and for every one, by both ways; the paper took 10.7 s."""
    arch = architecture("rcnn3")
    torch.manual_seed(0)
    card = Card(
        architecture=arch.to_dict(), classes=tuple(f"class {k}" for k in range(8)), colours=((0, 0, 0),) * 8, channels=3,
        dtype="uint8", mean=(0.5,) * 3, std=(0.25,) * 3, steps=steps,
    )  # fmt: skip
    model = retint.Model(build(arch, 3, 8, "same"), card)
    image = np.random.default_rng(0).integers(0, 256, (360, 480, 3), dtype=np.uint8)
    taken = {
        f"stitch, 1/{n}": seconds(lambda n=n: model.label(image, way="stitch", resolution=n)) for n in (8, 4, 2, 1)
    }
    taken["unit stride, 1/1"] = seconds(lambda: model.label(image, way="unit"))
    return {
        "seconds": {way: round(t, 3) for way, t in taken.items()},
        "times faster than the paper's 10.7 s at 1/1": {
            way: round(10.7 / t, 1) for way, t in taken.items() if way.endswith("1/1")
        },
        "note": "8 classes as in the paper; weights do not matter",
    }


def whole_process(data: Path) -> dict[str, float]:
    """`retint label` on one 480 x 360 photograph, from start to end, files cached."""
    image = sorted((data / "camvid" / "val" / "images").iterdir())[0]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "retint.cli.main",
            "label",
            str(image),
            "--model",
            "street",
            "--out",
            folder,
            "--overwrite",
        ]
        return {
            "median seconds": round(seconds(lambda: subprocess.run(command, check=True, capture_output=True), 8.0), 3)
        }


def convolution_rates() -> dict[str, float]:
    """GFLOP/s of a 3 x 3 convolution of 128 planes on 90 x 120 cells, channels last."""
    rates = {}
    for dtype in (torch.float32, torch.bfloat16):
        layer = torch.nn.Conv2d(128, 128, 3, padding=1).to(dtype).to(memory_format=torch.channels_last)
        x = torch.randn(1, 128, 90, 120, dtype=dtype).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            rates[str(dtype)] = round(2 * 128 * 128 * 9 * 90 * 120 / seconds(lambda: layer(x), 1.0) / 1e9, 1)  # noqa: B023
    return rates


def main() -> None:
    given = parser(__doc__).parse_args()
    keep_memory()  # as `retint label` does
    write("speed", {
        "one megapixel": {name: step_cost(name) for name in ("street", "membrane", "vessel")},
        "street, 8 steps of one megapixel, freed memory": memory_kept(),
        "retint label, 480 x 360, whole process": whole_process(given.data),
        "full-size map, rcnn3, 480 x 360": full_maps(),
        "convolution GFLOP/s": convolution_rates(),
    })  # fmt: skip


if __name__ == "__main__":
    main()
