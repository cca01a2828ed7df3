"""Two Dask workers of one thread against one: python benchmarks/dask_scaling.py [--size 8192] [--steps 2].

The same blocks both times, after a first labelling that starts the workers and loads the model. Runs take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, here and in the workers

import numpy as np

import retint
from common import write
from huge import make
from retint.images import open_regions
from retint.labeling.cluster import label_on_cluster
from retint.labeling.large import LargeWish


def seconds(model: retint.Model, folder: Path, images: list[Path], workers: int, wish: LargeWish) -> float:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        for image in images:  # the small one first
            began = time.perf_counter()
            label_on_cluster(
                model, open_regions(image, 2), folder / f"{workers}-{image.name}", wish, cluster.scheduler_address
            )
        return time.perf_counter() - began


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", type=int, default=8192)
    options.add_argument("--model", default="street")
    options.add_argument("--steps", type=int, default=2)
    options.add_argument("--tile", type=int, default=2048)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--quick", action="store_true", help="1024 pixels a side, one run, nothing written")
    given = options.parse_args()
    if given.quick:
        given.size, given.tile, given.runs = 1024, 512, 1
    model = retint.load(given.model)
    times: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        images = [Path(folder) / "warm.zarr", Path(folder) / "image.zarr"]
        make(images[0], 2 * given.tile, model.card.channels)
        make(images[1], given.size, model.card.channels)
        for _ in range(given.runs):
            for workers in times:
                wish = LargeWish(given.steps, tile=given.tile, anew=True)
                times[workers].append(seconds(model, Path(folder), images, workers, wish))
    medians = {workers: float(np.median(taken)) for workers, taken in times.items()}
    table = {
        "size": given.size, "model": given.model, "steps": given.steps, "block": given.tile,
        "seconds": {f"{workers} workers": [round(t, 2) for t in taken] for workers, taken in times.items()},
        "two workers against one": round(medians[1] / medians[2], 3),
    }  # fmt: skip
    print(json.dumps(table, indent=1))
    if not given.quick:
        write("dask-scaling", table)


if __name__ == "__main__":
    main()
