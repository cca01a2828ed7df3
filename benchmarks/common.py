"""What the benchmarks share: the machine, the tables of results, the data sets, what is measured in more than one way."""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import retint
from retint.data import Pair, hold_out, open_dataset
from retint.images import read_labels, write_labels
from retint.scoring import Confusion, components, partition_scores

RESULTS = Path(__file__).parent / "results"
SETS = {"street": "camvid", "membrane": "em", "vessel": "retina"}
"""The shipped models, and the data set that each learned from."""
SEQUENCES = ("0001TP", "0006R0", "0016E5")
"""CamVid's training sequences, by the beginning of their file names."""


def parser(description: str) -> argparse.ArgumentParser:
    """Every benchmark takes the folder that holds the data sets `camvid`, `em` and `retina`."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with camvid/, em/ and retina/")
    return result


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = "unknown"
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":")[1].strip() if lines else model
    return {
        "processor": model, "threads": torch.get_num_threads(), "instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16_instructions": bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()),
        "python": platform.python_version(), "torch": torch.__version__,
    }  # fmt: skip


def peak_memory() -> int:
    """Bytes that this process held at most. `ru_maxrss` may be its parent's: Linux hands it on when a process is started."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    own = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return 1024 * (own[0] if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def made() -> dict[str, Any]:
    """How figures came about: the command that makes them again, and the machine."""
    script = Path(sys.argv[0]).name
    shown = [a if not Path(a).is_absolute() and not a.startswith("..") else "DIR" for a in sys.argv[1:]]
    return {"command": shlex.join(["python", f"benchmarks/{script}", *shown]), "machine": machine()}


def variant(name: str, options: argparse.ArgumentParser, given: argparse.Namespace, option: str) -> str:
    """A table's name; of another model or architecture than the usual one, with its name, so that each has a table of its own."""
    value = getattr(given, option)
    return name if value == options.get_default(option) else f"{name}-{Path(value).stem}"


def write(name: str, figures: dict[str, Any], *, own: bool = False) -> None:
    """Write a table of results, with the command that makes it again.

    Args:
        name: of the file, without its suffix.
        figures: the table.
        own: each of its rows says how it came about, so the table itself does not.
    """
    RESULTS.mkdir(exist_ok=True)
    file, before = RESULTS / f"{name}.json", table(name).get("command")
    if not own and before not in (None, made()["command"]):
        print(f"{file}: replaces what was made by {before}")
    file.write_text(json.dumps(({} if own else made()) | figures, indent=1) + "\n")
    print(file)


def table(name: str) -> dict[str, Any]:
    """A table as it was written, if it was."""
    file = RESULTS / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def refuse_to_mix(name: str, settings: dict[str, Any], only: Iterable[str] = (), kind: str = "models") -> None:
    """End the program if a table has rows of others than these, taken with other settings. To be called before anything is measured."""
    found = table(name)
    rows = found.get(kind, {})
    others = set(rows) - set(only) if isinstance(rows, dict) else {"rows"} if rows else set()
    differ = [f"{key} {found.get(key)}" for key, value in settings.items() if found.get(key) != value]
    if others and differ:
        told = f"{', '.join(sorted(others))} with {', '.join(differ)}"
        raise SystemExit(
            f"{name}.json: has {told}; measure all of them anew, set the same, or give that file another name"
        )


def earlier(name: str, kind: str) -> Any:
    """A table's rows, a dictionary or a list. Each says how it came about; where one does not, its table said so for all."""
    found = table(name)
    told = {key: found[key] for key in ("command", "machine") if key in found}
    rows = found.get(kind, {})
    return {key: told | row for key, row in rows.items()} if isinstance(rows, dict) else [told | row for row in rows]


def write_rows(
    name: str, settings: dict[str, Any], rows: dict[str, Any], kind: str = "models", order: Iterable[str] = SETS,
    summary: Callable[[dict[str, Any]], dict[str, Any]] | None = None, **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """Write a table that has a row for each model, with those that it has of others, if they were taken with the same settings.

    Args:
        name: of the table.
        settings: of all its rows.
        rows: by model, as they are measured now.
        kind: what they are rows of.
        order: of the rows.
        summary: what all rows come to.
        more: what else stands in the table.

    Returns:
        All rows.
    """
    found = table(name)
    same = all(found.get(key) == value for key, value in settings.items())
    every = (earlier(name, kind) if same else {}) | {key: made() | row for key, row in rows.items()}
    every = {key: every[key] for key in sorted(every, key=lambda key: [*order, key].index(key))}
    write(name, {**settings, **more, **(summary(every) if summary else {}), kind: every}, own=True)
    return every


def linked(source: Path, parts: dict[str, Iterable[Pair]], folder: Path) -> Path:
    """A data set of a source's classes, with these images in each part."""
    for part, pairs in parts.items():
        for kind in ("images", "labels"):
            (folder / part / kind).mkdir(parents=True)
        for pair in pairs:
            for kind, file in (("images", pair.image), ("labels", pair.labels)):
                (folder / part / kind / file.name).symlink_to(file.resolve())
    shutil.copy(source / "classes.json", folder)
    return folder


def retina_parts(data: Path, folder: Path) -> Path:
    """The retina set with 4 of its 20 images as `val`: the ones that training holds out by itself.

    Outside the camera's field of view there is no vessel. In the part that is learned from, those pixels are background
    (else a network is free to see vessels along the rim); in `val` they stay ignored, as the literature measures.
    """
    source = open_dataset(data / "retina")
    learn, held = hold_out(source.splits["train"].pairs)
    for part, pairs in (("train", learn), ("val", held)):
        for kind in ("images", "labels"):
            (folder / part / kind).mkdir(parents=True, exist_ok=True)
        for pair in pairs:
            shutil.copy(pair.image, folder / part / "images")
            if part == "val":
                shutil.copy(pair.labels, folder / part / "labels")
                continue
            labels = read_labels(pair.labels)
            target = folder / part / "labels" / f"{pair.stem}.png"
            write_labels(target, np.where(labels == 255, 0, labels), [(0, 0, 0), (255, 255, 255)])
    shutil.copy(data / "retina" / "classes.json", folder)
    return folder


def set_of(model: retint.Model, data: Path, folder: Path) -> Path:
    """The data set among camvid, em and retina that has a model's classes; what has to be made of it goes into the folder."""
    for name in SETS.values():
        if open_dataset(data / name).classes == model.classes:
            return retina_parts(data, folder / name) if name == "retina" else data / name
    raise SystemExit(f"{model.name}: no data set in {data} has its classes")


def validation(model: retint.Model, data: Path, folder: Path, every: int = 1) -> list[Pair]:
    """Every so-many-th validation image of a model, with its labels."""
    return list(open_dataset(set_of(model, data, folder)).splits["val"].pairs)[::every]


def axis_of_steps(axis: Any, steps: list[int]) -> None:
    """The horizontal axis of a plot against numbers of steps: each of them is named, and the lines are told apart."""
    axis.set(xlabel="steps", xscale="log")
    axis.set_xticks(steps, list(map(str, steps)))
    axis.minorticks_off()
    axis.legend(fontsize=8)


def after_steps(model: retint.Model, pairs: Iterable[Pair], steps: Iterable[int]) -> dict[int, Confusion]:
    """Labels against the truth after each of these steps, begun from nothing."""
    result = {step: Confusion(len(model.classes)) for step in steps}
    for pair in pairs:
        image, truth = pair.read()
        for labeling in model.refinements(image, at=tuple(result)):
            result[labeling.steps].add(truth, labeling.labels)
    return result


def of_cells(labels: Iterable[np.ndarray], truths: Iterable[np.ndarray]) -> dict[str, float]:
    """F1 of membrane; of the cells, slice by slice, the adapted Rand error and the variation of information."""
    confusion, parts = Confusion(2), []
    for mine, truth in zip(labels, truths, strict=True):
        confusion.add(truth, mine)
        parts.append(partition_scores(components(truth == 1), components(mine == 1)))
    means = {key: float(np.mean([part[key] for part in parts])) for key in parts[0]}
    return {"f1_membrane": confusion.f1(0), "miou": confusion.miou(), **means}


def clocked(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds by the clock, seconds of processor time, and the result."""
    wall, own = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - wall, time.process_time() - own, result
