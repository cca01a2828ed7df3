"""An image that is never held whole: its memory, its rate against a small image in memory, and the work that halos cost:
python benchmarks/huge.py [--size 32768] [--model street] [--steps 8] [--format zarr|tiff].

The image is seeded noise, smoothed at several scales, made and written by region. Each labelling has a process of its
own. With --compare, labels are compared with those of the image held whole. Of the 1024 x 1024 pixels in memory the
fastest of several runs counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import retint
from common import write
from retint.images import open_regions, regions
from retint.labeling.lanes import ROOM, lanes
from retint.labeling.large import LargeWish, label_large
from retint.labeling.plan import plan

BLOCK = 1024
MODELS = ("street", "membrane", "vessel")


def block(row: int, column: int, channels: int) -> np.ndarray:
    """A block of the image: noise of coarse and of fine grain, another one in each of 64 places."""
    rng = np.random.default_rng((row * 8 + column) % 64)
    grain = sum(np.kron(rng.normal(0, 20, (BLOCK // n, BLOCK // n, channels)), np.ones((n, n, 1))) for n in (2, 8, 64))
    return (128 + grain).clip(0, 255).astype(np.uint8)


def make(path: Path, size: int, channels: int) -> None:
    blocks = [(row, column) for row in range(0, size, BLOCK) for column in range(0, size, BLOCK)]
    parts = {n: block(n // 8, n % 8, channels) for n in range(64)}

    def at(row: int, column: int) -> np.ndarray:
        return parts[(row // BLOCK * 8 + column // BLOCK) % 64]

    if path.suffix == ".zarr":
        import zarr

        array = zarr.create_array(path, shape=(size, size, channels), chunks=(BLOCK, BLOCK, channels), dtype=np.uint8)
        for row, column in blocks:
            height, width = min(BLOCK, size - row), min(BLOCK, size - column)
            array[row : row + height, column : column + width] = at(row, column)[:height, :width]
    else:
        import tifffile

        shown = "rgb" if channels == 3 else "minisblack"
        shape = (size, size, channels) if channels > 1 else (size, size)
        tiles = (at(row, column) if channels > 1 else at(row, column)[..., 0] for row, column in blocks)
        tifffile.imwrite(
            path,
            tiles,
            shape=shape,
            dtype=np.uint8,
            tile=(BLOCK, BLOCK),
            bigtiff=True,
            photometric=shown,
            compression="zlib",
        )


def huge(image: Path, target: Path, name: str, steps: int) -> dict:
    regions.LARGE = 0  # smaller ones are tried in the same way
    model = retint.load(name)
    began = time.perf_counter()
    found = label_large(model, open_regions(image, 2), target, LargeWish(steps, anew=True))
    taken = time.perf_counter() - began
    pixels = np.prod(open_regions(image, 2).shape[:2])
    return {
        "seconds": round(taken, 1), "megapixels per second": round(pixels / taken / 1e6, 4), "change": found.changes[-1],
        "peak GiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20), 3),
    }  # fmt: skip


def small(name: str, steps: int, least: float) -> dict:
    model = retint.load(name)
    image = block(0, 0, model.card.channels)
    model.label(image, steps)
    times: list[float] = []
    while sum(times) < least or len(times) < 3:
        began = time.perf_counter()
        model.label(image, steps)
        times.append(time.perf_counter() - began)
    return {
        "megapixels per second": round(image[..., 0].size / min(times) / 1e6, 4), "runs": len(times),
        "median megapixels per second": round(image[..., 0].size / float(np.median(times)) / 1e6, 4),
    }  # fmt: skip


def compare(image: Path, target: Path, name: str, steps: int) -> dict:
    whole = open_regions(image, 2)
    box = tuple((0, n) for n in whole.shape[:2])
    labels = retint.load(name).label(whole.read(box), steps, tile=1 << 30).labels
    found = (
        open_regions(target, 2).read(box)[..., 0] if target.suffix == ".zarr" else __import__("tifffile").imread(target)
    )
    return {"pixels that differ": int((labels != found).sum()), "of": labels.size}


def halos(size: int) -> dict:
    """Pixels computed for each one wanted, less one: in lanes, and in square tiles of a gibibyte as they would be."""
    rows = {}
    for name in MODELS:
        model = retint.load(name)
        network = model._network(None)
        for steps in (2, 8):
            halo = [sum(g.tile_halo(steps, False)) * g.stride for g in network.geometry]
            tiles = plan(network, (size, size), None, ROOM)
            sides = [t * s for t, s in zip(tiles.tile, network.strides, strict=True)]
            square = np.prod([1 + h / s for h, s in zip(halo, sides, strict=True)]) - 1
            rows[f"{name}, {steps} steps"] = {
                f"lanes, {size} wide": round(lanes(network, (size, size), steps).waste, 4),
                "lanes, 1048576 wide": round(lanes(network, (1 << 20, 1 << 20), steps).waste, 4),
                "square tiles of 1 GiB": round(float(square), 4), "halo, pixels": halo[0],
            }  # fmt: skip
    return rows


def apart(*arguments: str) -> dict:
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=32768)
    options.add_argument("--model", default="street")
    options.add_argument("--steps", type=int, default=8)
    options.add_argument("--format", choices=("zarr", "tiff"), default="zarr")
    options.add_argument("--compare", action="store_true")
    options.add_argument("--quick", action="store_true", help="1024 pixels a side, 2 steps, nothing written")
    options.add_argument("--folder", help="for the image and its labels; it needs 4 bytes a pixel")
    options.add_argument("--one", nargs="*", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        kind, *paths = given.one
        if kind == "small":
            print(json.dumps(small(given.model, given.steps, 2.0 if given.quick else 20.0)))
        else:
            print(json.dumps({"huge": huge, "compare": compare}[kind](*map(Path, paths), given.model, given.steps)))
        return
    if given.quick:
        given.size, given.steps = 1024, 2
    same = ["--model", given.model, "--steps", str(given.steps), *(["--quick"] if given.quick else [])]
    suffix = {"zarr": ".zarr", "tiff": ".tif"}[given.format]
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        image, target = Path(folder) / f"image{suffix}", Path(folder) / "out" / f"image{suffix}"
        make(image, given.size, retint.load(given.model).card.channels)
        before = apart(*same, "--one", "small")
        large = apart(*same, "--one", "huge", str(image), str(target))
        after = apart(*same, "--one", "small")
        held = max(before["megapixels per second"], after["megapixels per second"])
        table = {
            "size": given.size, "model": given.model, "steps": given.steps, "format": given.format, "by region": large,
            "1024 x 1024 in memory, before and after": [before, after],
            "rate against memory": round(large["megapixels per second"] / held, 3), "halo": halos(given.size),
        }  # fmt: skip
        if given.compare:
            table["against the whole"] = apart(*same, "--one", "compare", str(image), str(target))
    print(json.dumps(table, indent=1))
    if not given.quick:
        write(f"huge-{given.size}", table)


if __name__ == "__main__":
    main()
