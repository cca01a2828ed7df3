"""What the benchmarks share: the machine, the tables of results, the forest that they compare with."""

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
from retint.images import read_labels, to_unit, write_labels

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


def write(name: str, figures: dict[str, Any]) -> None:
    """Write a table of results, with the command that makes it again."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(made() | figures, indent=1) + "\n")
    print(RESULTS / f"{name}.json")


def _table(name: str) -> dict[str, Any]:
    """A table as it was written, if it was."""
    file = RESULTS / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def refuse_to_mix(name: str, settings: dict[str, Any], only: Iterable[str]) -> None:
    """End the program if a table has rows of other systems than these, taken with other settings."""
    table = _table(name)
    others = table.get("systems", {}).keys() - set(only)
    differ = [f"{key} {table.get(key)}" for key, value in settings.items() if table.get(key) != value]
    if others and differ:
        told = f"{', '.join(sorted(others))} with {', '.join(differ)}"
        raise SystemExit(f"{name}.json: has rows of {told}; measure them too, or set the same")


def with_earlier(
    name: str, settings: dict[str, Any], rows: dict[str, Any], kind: str = "models", order: Iterable[str] = SETS
) -> dict[str, Any]:
    """A table's rows by model, with those that it has of others, if they were taken with the same settings.

    Each says how it came about; where an earlier one does not, its table said so for all.
    """
    table = _table(name)
    same = all(table.get(key) == value for key, value in settings.items())
    told = {key: table[key] for key in ("command", "machine") if key in table}
    earlier = {key: told | row for key, row in table.get(kind, {}).items()} if same else {}
    every = earlier | {key: made() | row for key, row in rows.items()}
    return {key: every[key] for key in sorted(every, key=lambda key: [*order, key].index(key))}


def reporter(name: str, every: float = 60) -> Callable[[Any, float], None]:
    """What a training calls after each iteration: prints a line now and then."""
    last = [0.0]

    def report(progress: Any, share: float) -> None:
        if time.monotonic() - last[0] > every:
            last[0] = time.monotonic()
            print(f"{name} {share:6.1%} loss {progress.loss:.4f} score {progress.score}", flush=True)

    return report


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


def features(image: np.ndarray) -> np.ndarray:
    """(rows, columns, features): what ilastik's pixel classification computes, as scikit-image has it."""
    from skimage.feature import multiscale_basic_features

    unit = to_unit(image, "image")
    return multiscale_basic_features(
        unit, intensity=True, edges=True, texture=True, sigma_min=1, sigma_max=16, channel_axis=-1
    )


def forest(pairs: list[Any], per_image: int, seed: int = 0) -> Any:
    """A random forest on those features, trained on some random labelled pixels of each image."""
    from sklearn.ensemble import RandomForestClassifier

    chance = np.random.default_rng(seed)
    xs, ys = [], []
    for pair in pairs:
        image, labels = pair.read()
        known = np.flatnonzero(labels != 255)
        chosen = chance.choice(known, min(per_image, len(known)), replace=False)
        found = features(image)
        xs.append(found.reshape(-1, found.shape[-1])[chosen])
        ys.append(labels.ravel()[chosen])
    trees = RandomForestClassifier(n_estimators=60, max_depth=18, min_samples_leaf=3, n_jobs=2, random_state=seed)
    return trees.fit(np.concatenate(xs), np.concatenate(ys))


def forest_probabilities(trees: Any, image: np.ndarray, classes: int) -> np.ndarray:
    """(K, rows, columns)."""
    found = features(image)
    given = trees.predict_proba(found.reshape(-1, found.shape[-1]))
    result = np.zeros((classes, given.shape[0]), np.float32)
    result[trees.classes_.astype(int)] = given.T
    return result.reshape(classes, *image.shape[:2])
