"""An image that is never held whole: its memory, its rate against a small image in memory, and the work that halos cost:
python benchmarks/huge.py [--size 32768] [--rows N] [--model street] [--steps 8] [--format zarr|tiff] | --halos.

The image is seeded noise, smoothed at several scales, made and written by region. Memory and rate depend on the number of
columns, not on that of rows, so --rows labels a part of the height. The labelling has a process of its own, whose peak
memory is told; at several points it is stopped while another process labels 1024 x 1024 pixels held in memory, again and again.
The rates are compared by the medians of these turns, before, between and after. With --compare, labels are compared with
those of the image held whole. --halos writes the table of halos alone.
"""

from __future__ import annotations

import argparse
import functools
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import retint
from common import peak_memory, variant, write
from retint.hardware import keep_memory
from retint.images import open_regions, read_labels, regions
from retint.labeling.large.image import LargeWish, label_large
from retint.labeling.large.lanes import lanes
from retint.labeling.plan import plan

BLOCK = 1024
MODELS = ("street", "membrane", "vessel")


@functools.cache
def block(number: int, channels: int) -> np.ndarray:
    """A block of the image: noise of coarse and of fine grain."""
    rng = np.random.default_rng(number)
    sides = {n: BLOCK // n for n in (2, 8, 64)}
    noise = {n: rng.standard_normal((side, side, channels), np.float32) for n, side in sides.items()}
    grain = sum(20 * values.repeat(n, 0).repeat(n, 1) for n, values in noise.items())
    return (128 + grain).clip(0, 255).astype(np.uint8)


def make(path: Path, rows: int, columns: int, channels: int) -> None:
    blocks = [(row, column) for row in range(0, rows, BLOCK) for column in range(0, columns, BLOCK)]

    def at(row: int, column: int) -> np.ndarray:
        return block((row // BLOCK * 3 + column // BLOCK) % 8, channels)

    if path.suffix == ".zarr":
        import zarr

        array = zarr.create_array(
            path, shape=(rows, columns, channels), chunks=(BLOCK, BLOCK, channels), dtype=np.uint8
        )
        for row, column in blocks:
            height, width = min(BLOCK, rows - row), min(BLOCK, columns - column)
            array[row : row + height, column : column + width] = at(row, column)[:height, :width]
    else:
        import tifffile

        shown = "rgb" if channels == 3 else "minisblack"
        shape = (rows, columns, channels) if channels > 1 else (rows, columns)
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


def huge(image: Path, target: Path, name: str, steps: int, pauses: int) -> dict:
    """Label, and say so at so many points on the way, where another process stops this one for a while."""
    regions.LARGE = 0  # smaller ones are tried in the same way
    keep_memory()  # as `retint label` does
    model, passed = retint.load(name), 0

    def progress(done: int, all_: int) -> None:
        nonlocal passed
        if passed < pauses and done * (pauses + 1) >= all_ * (passed + 1) and done < all_:
            passed += 1
            print("pause", flush=True)

    began = time.perf_counter()
    found = label_large(model, open_regions(image, 2), target, LargeWish(steps, anew=True), progress=progress)
    return {
        "seconds": time.perf_counter() - began, "change": found.changes[-1],
        "peak GiB": round(peak_memory() / (1 << 30), 3),
    }  # fmt: skip


def small(name: str, steps: int, least: float) -> dict:
    """An image in memory, for so many seconds at least."""
    keep_memory()
    model = retint.load(name)
    image = block(0, model.card.channels)
    model.label(image, steps)
    times: list[float] = []
    while sum(times) < least or len(times) < 3:
        began = time.perf_counter()
        model.label(image, steps)
        times.append(time.perf_counter() - began)
    rates = image[..., 0].size / np.asarray(times) / 1e6
    return {
        "median megapixels per second": round(float(np.median(rates)), 4),
        "best": round(float(rates.max()), 4), "runs": len(times),
    }  # fmt: skip


def compare(image: Path, target: Path, name: str, steps: int) -> dict:
    regions.LARGE = 0  # as it was labelled
    whole = open_regions(image, 2)
    box = tuple((0, n) for n in whole.shape[:2])
    labels = retint.load(name).label(whole.read(box), steps, tile=1 << 30).labels
    found = open_regions(target, 2).read(box)[..., 0] if target.suffix == ".zarr" else read_labels(target)
    return {"pixels that differ": int((labels != found).sum()), "of": labels.size}


def halos(widths: list[int]) -> dict:
    """Pixels computed for each one wanted, less one: in lanes, and in square tiles of a gibibyte as they would be."""
    rows = {}
    for name in MODELS:
        network = retint.load(name).network("bfloat16")
        for steps in (2, 8, 64):
            halo = [sum(g.tile_halo(steps, False)) * g.stride for g in network.geometry]
            tiles = plan(network, (32768, 32768), None, 1 << 30)
            sides = [t * s for t, s in zip(tiles.tile, network.strides, strict=True)]
            square = np.prod([1 + h / s for h, s in zip(halo, sides, strict=True)]) - 1
            rows[f"{name}, {steps} steps"] = {
                "halo, pixels": halo[0], "two lanes, up to": widest(network, steps),
                **{f"{width} wide": round(lanes(network, (width, width), steps).waste, 4) for width in widths},
                "square tiles of 1 GiB": round(float(square), 4),
            }  # fmt: skip
    return rows


def widest(network: object, steps: int) -> int:
    """The widest image, in thousands of pixels, that is one lane or two."""
    low, high = 0, 1 << 12
    while high - low > 1:
        middle = (low + high) // 2
        few = len(lanes(network, (4096, middle * 1000), steps).lanes) <= 2
        low, high = (middle, high) if few else (low, middle)
    return low * 1000


def apart(*arguments: str, pause: Callable[[], None] | None = None) -> dict:
    """What a process of its own finds; `pause` is called when it says so, and the process is stopped for that time."""
    command, stopped = [sys.executable, __file__, *arguments], 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = ""
        for line in process.stdout:
            if line == "pause\n":
                process.send_signal(signal.SIGSTOP)
                began = time.perf_counter()
                pause()
                stopped += time.perf_counter() - began
                process.send_signal(signal.SIGCONT)
    if process.returncode:
        raise SystemExit(process.returncode)
    found = json.loads(line)
    return found | {"seconds": round(found["seconds"] - stopped, 1)} if "seconds" in found else found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=32768, help="columns, and rows unless --rows says less")
    options.add_argument("--rows", type=int, help="of the image (default: as many as columns)")
    options.add_argument("--model", default="street")
    options.add_argument("--steps", type=int, default=8)
    options.add_argument("--format", choices=("zarr", "tiff"), default="zarr")
    options.add_argument("--pauses", type=int, default=3, help="turns of the small image on the way")
    options.add_argument("--turn", type=float, default=20.0, help="seconds of the small image at a turn, at least")
    options.add_argument("--halos", action="store_true", help="write the table of halos, and no more")
    options.add_argument("--compare", action="store_true")
    options.add_argument("--quick", action="store_true", help="2048 x 1024 pixels, 2 steps, nothing written")
    options.add_argument("--folder", help="for the image and its labels; it needs 4 bytes a pixel")
    options.add_argument("--one", nargs="*", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        kind, *paths = given.one
        if kind == "small":
            found = small(given.model, given.steps, given.turn)
        elif kind == "huge":
            found = huge(*map(Path, paths), given.model, given.steps, given.pauses)
        else:
            found = compare(*map(Path, paths), given.model, given.steps)
        print(json.dumps(found))
        return
    if given.halos:
        table = halos([8192, 32768, 1 << 20])
        print(json.dumps(table, indent=1))
        write("huge-halos", {"pixels computed for each one wanted, less one": table})
        return
    if given.quick:
        given.size, given.rows, given.steps, given.turn = 1024, 2048, 2, 2.0
    rows = given.rows or given.size
    same = ["--model", given.model, "--steps", str(given.steps), "--turn", str(given.turn)]
    suffix = {"zarr": ".zarr", "tiff": ".tif"}[given.format]
    turns: list[dict] = []

    def turn() -> None:
        turns.append(apart(*same, "--one", "small"))
        print("1024 x 1024 in memory", turns[-1], flush=True)

    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        image, target = Path(folder) / f"image{suffix}", Path(folder) / "out" / f"image{suffix}"
        make(image, rows, given.size, retint.load(given.model).card.channels)
        turn()
        pauses = ["--pauses", str(given.pauses)]
        large = apart(*same, *pauses, "--one", "huge", str(image), str(target), pause=turn)
        turn()
        large = {"megapixels per second": round(rows * given.size / large["seconds"] / 1e6, 4)} | large
        rates = [found["median megapixels per second"] for found in turns]
        table = {
            "rows, columns": [rows, given.size], "of": "memory and rate depend on the columns, not on the rows",
            "model": given.model, "steps": given.steps, "format": given.format, "by region": large,
            "1024 x 1024 in memory, before, between and after": turns,
            "rate against memory": round(large["megapixels per second"] / float(np.mean(rates)), 3),
            "against the fastest and the slowest turn": [round(large["megapixels per second"] / r, 3) for r in (max(rates), min(rates))],
        }  # fmt: skip
        if given.compare:
            table["against the whole"] = apart(*same, "--one", "compare", str(image), str(target))
    print(json.dumps(table, indent=1))
    if not given.quick:
        name = variant(variant("huge", options, given, "model"), options, given, "format")
        size = f"{given.size}" if rows == given.size else f"{rows}x{given.size}"
        write(f"{name}-{size}" + (f"-{given.steps}-steps" if given.steps != 2 else ""), table)


if __name__ == "__main__":
    main()
