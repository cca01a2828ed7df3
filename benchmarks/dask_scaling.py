"""Two Dask workers of one thread each against one: python benchmarks/dask_scaling.py [--size 4096] [--rows 2048] [--steps 2].

Both clusters are started once, and each worker loads the model once: a small image is labelled first, which does not
count. Then they label the same image in the same blocks, in turn; what counts is the labelling, from the image to the file.

How far two cores can get is measured beside it: two processes that know nothing of each other, of one thread each, label blocks
from memory again and again, at the same time and one alone; of each, twice the time alone over the time together.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, here and in the workers

import numpy as np

import retint
from common import variant, write
from huge import make
from retint.hardware import keep_memory
from retint.images import open_regions
from retint.labeling.large.cluster import label_on_cluster, local_cluster
from retint.labeling.large.image import LargeWish


def labeller(name: str, side: int, steps: int, orders: Connection) -> None:
    """A process that labels a block so many times whenever it is told to, and says how long that took."""
    keep_memory()
    model, image = retint.load(name), np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    model.label(image, steps)
    orders.send(0.0)
    while times := orders.recv():
        began = time.perf_counter()
        for _ in range(times):
            model.label(image, steps)
        orders.send(time.perf_counter() - began)


def without_dask(model: str, side: int, steps: int, runs: int, times: int = 16) -> list[float]:
    """What two such processes do in the time of one, in each run."""
    context, pipes, ratios = multiprocessing.get_context("spawn"), [], []
    for _ in range(2):
        here, there = context.Pipe()
        context.Process(target=labeller, args=(model, side, steps, there), daemon=True).start()
        pipes.append(here)
    for pipe in pipes:
        pipe.recv()
    for _ in range(runs):
        alone = []
        for pipe in pipes:
            pipe.send(times)
            alone.append(pipe.recv())
        for pipe in pipes:
            pipe.send(times)
        ratios.append(round(sum(one / both for one, both in zip(alone, [pipe.recv() for pipe in pipes], strict=True)), 3))
    for pipe in pipes:
        pipe.send(0)
    return ratios


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=4096, help="columns")
    options.add_argument("--rows", type=int, default=2048)
    options.add_argument("--model", default="street")
    options.add_argument("--steps", type=int, default=2)
    options.add_argument("--tile", type=int, default=1024, help="side of a block")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--quick", action="store_true", help="512 x 1024 pixels, one run, nothing written")
    given = options.parse_args()
    if given.quick:
        given.size, given.rows, given.tile, given.runs = 1024, 512, 256, 1
    model = retint.load(given.model)
    times: dict[int, list[float]] = {1: [], 2: []}
    started: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name, local_cluster(1) as one, local_cluster(2) as two:
        folder, clusters = Path(name), {1: one, 2: two}
        warm, image = folder / "warm.zarr", folder / "image.zarr"
        make(warm, 512, 1024, model.card.channels)
        make(image, given.rows, given.size, model.card.channels)

        def label(path: Path, workers: int, tile: int) -> float:
            wish, target = LargeWish(given.steps, tile=tile, anew=True), folder / f"{workers}-{path.name}"
            began = time.perf_counter()
            label_on_cluster(model, open_regions(path, 2), target, wish, clusters[workers].scheduler_address)
            return round(time.perf_counter() - began, 2)

        for workers in clusters:
            started[workers] = label(warm, workers, 256)
        for _ in range(given.runs):
            for workers in clusters:
                times[workers].append(label(image, workers, given.tile))
                print(workers, "workers", times[workers][-1], "s", flush=True)
    bare = without_dask(given.model, given.tile, given.steps, given.runs)
    ratios = [one / two for one, two in zip(times[1], times[2], strict=True)]
    table = {
        "rows, columns": [given.rows, given.size], "model": given.model, "steps": given.steps, "block": given.tile,
        "first labelling, seconds": started, "seconds": times, "cores": os.cpu_count(),
        "load of the machine, mean of a minute": round(os.getloadavg()[0], 2),
        "two workers against one": round(float(np.median(ratios)), 3),
        "two processes without Dask against one": round(float(np.median(bare)), 3), "of each run": bare,
    }  # fmt: skip
    print(json.dumps(table, indent=1))
    if not given.quick:
        write(variant("dask-scaling", options, given, "model"), table)


if __name__ == "__main__":
    main()
