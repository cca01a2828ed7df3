"""What each backend costs for `street`, in turn in one process: python benchmarks/backends.py [--threads 1 2] [--repeats N].

Processor seconds count what this process computed, wall seconds what a person waits; on a machine with other work the
first is the fairer. The best and the median of several repeats, the backends one after another within each repeat. `plain torch` is torch layer by layer, `torch` with each layer in one pass.
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
from typing import Any

import numpy as np
import torch

import retint
from common import clocked, peak_memory, write
from retint.images import write_image
from retint.labeling.backends import FLOAT32, engine
from retint.network.layers import padded

SIZES = {"480x360": (360, 480), "1 megapixel": (1000, 1000)}
EACH = ("plain torch", "torch", "onnxruntime", "openvino", "compile")


def rows(times: list[tuple[float, float]]) -> dict[str, float]:
    wall, own = (np.array(column) for column in zip(*times, strict=True))
    return {
        "processor, best": round(float(own.min()), 4), "processor, median": round(float(np.median(own)), 4),
        "wall, best": round(float(wall.min()), 4),
    }  # fmt: skip


def measured(size: tuple[int, int], names: list[str], repeats: int, precision: str) -> dict[str, Any]:
    """Context, first and further step with each backend; the first call apart, which also converts or compiles."""
    model = retint.load("street", "cpu")
    exact = model.network("float32")
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, *size)).astype(np.float32))
    image = padded(image, [-n % g.period for n, g in zip(image.shape[2:], exact.geometry, strict=True)])
    image = image.contiguous(memory_format=torch.channels_last)
    networks = {name: exact if name in FLOAT32 else model.network(precision) for name in names}
    result: dict[str, Any] = {name: {} for name in names}
    engines, given, times = {}, {}, {}
    with torch.inference_mode():
        expected = exact.logits(exact.context(image), exact.step(exact.context(image), None))
        for name in names:
            network = networks[name]
            x = image.to(next(network.parameters()).dtype)
            result[name]["number type"] = str(x.dtype).removeprefix("torch.")
            wall, own, engines[name] = clocked(
                lambda name=name, network=network: network if name == "plain torch" else engine(name, network)
            )
            result[name]["loading"] = {"processor": round(own, 3), "wall": round(wall, 3)}

            def once(name: str = name, x: torch.Tensor = x) -> torch.Tensor:
                context = engines[name].context(x)
                estimate = torch.softmax(engines[name].logits(context, None), 1)
                given[name] = x, context, estimate
                return engines[name].logits(context, estimate)

            wall, own, scores = clocked(once)
            result[name]["first call of all"] = {"processor": round(own, 3), "wall": round(wall, 3)}
            difference = (torch.softmax(scores.float(), 1) - torch.softmax(expected, 1)).abs().max()
            result[name]["largest difference of probabilities"] = float(difference)
        for _ in range(repeats):
            for name in names:
                x, context, estimate = given[name]
                for part, call in (
                    ("context", lambda e=engines[name], x=x: e.context(x)),
                    ("first step", lambda e=engines[name], c=context: e.logits(c, None)),
                    ("step", lambda e=engines[name], c=context, y=estimate: e.logits(c, y)),
                ):
                    times.setdefault((name, part), []).append(clocked(call)[:2])
    for (name, part), taken in times.items():
        result[name][part] = rows(taken)
    for name in names:
        parts = [result[name][part]["processor, best"] for part in ("context", "first step", "step")]
        result[name]["8 steps, processor, best"] = round(parts[0] + parts[1] + 7 * parts[2], 4)
    return result


def whole_process(names: list[str], size: tuple[int, int], repeats: int) -> dict[str, Any]:
    """`retint label` on one image, from start to end: seconds and the most memory."""
    times: dict[str, list[tuple[float, float]]] = {}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.png"
        write_image(image, np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
        for _ in range(repeats):
            for name in names:
                command = [
                    sys.executable, __file__, "--child", "label", str(image), "--model", "street", "--out", str(Path(folder) / name),
                    "--overwrite", "--no-overlay", "--backend", name,
                ]  # fmt: skip
                began = time.perf_counter()
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                own, megabytes = json.loads(done.stdout.splitlines()[-1])
                times.setdefault(name, []).append((time.perf_counter() - began, own))
                memory[name] = max(memory.get(name, 0.0), megabytes)
    return {name: {**rows(taken), "peak memory, MB": round(memory[name])} for name, taken in times.items()}


def child(arguments: list[str]) -> None:
    """The command line, and what it took of processor and memory."""
    from retint.cli.main import main as retint_main

    code = retint_main(arguments)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, peak_memory() / 1e6]))
    sys.exit(code)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--backends", nargs="+", choices=EACH, default=[*EACH])
    options.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    options.add_argument("--sizes", nargs="+", choices=SIZES, default=[*SIZES])
    options.add_argument("--repeats", type=int, default=20)
    options.add_argument("--large", type=int, default=3000, metavar="N", help="side of the image for the memory")
    options.add_argument("--precision", choices=("auto", "float32"), default="auto", help="of torch; the others compute in float32")
    given = options.parse_args()
    figures: dict[str, Any] = {}
    for threads in given.threads:
        torch.set_num_threads(threads)
        for size in given.sizes:
            figures[f"{size}, {threads} threads"] = measured(SIZES[size], given.backends, given.repeats, given.precision)
            print(size, threads, json.dumps(figures[f"{size}, {threads} threads"], indent=1), flush=True)
    commands = [name for name in given.backends if name not in ("compile", "plain torch")]
    figures["retint label, 480x360, whole process"] = whole_process(commands, SIZES["480x360"], min(given.repeats, 5))
    side = (given.large, given.large)
    figures[f"retint label, {given.large}x{given.large}, whole process"] = whole_process(commands, side, 1)
    note = "seconds; other work may have run beside this: compare the best within one table"
    write("backends", {"note": note, "repeats": given.repeats, **figures})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    else:
        main()
