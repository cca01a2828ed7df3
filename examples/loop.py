"""What a host does around the graphs of `retint export`: NumPy alone (and Pillow, to read and write pictures)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def description(folder: Path) -> dict:
    """What `retint export` wrote beside the graphs."""
    return json.loads((folder / "model.json").read_text())


def prepared(image: np.ndarray, model: dict) -> np.ndarray:
    """An image (rows, columns, channels), or a volume with slices before its rows, as the context's input."""
    if image.ndim == len(model["axes"]):
        image = image[..., None]
    if image.ndim != len(model["axes"]) + 1 or image.shape[-1] != model["channels"]:
        raise SystemExit(f"image of shape {image.shape}; expected ({', '.join(model['axes'])}, {model['channels']})")
    largest = np.iinfo(image.dtype).max if image.dtype.kind in "ui" else 1
    x = image.astype(np.float32) / np.float32(largest)
    x = (x - np.array(model["mean"], np.float32)) / np.array(model["std"], np.float32)
    x = np.moveaxis(x, -1, 0)[None]
    missing = [(0, -n % period) for n, period in zip(x.shape[2:], model["period"])]
    return np.ascontiguousarray(np.pad(x, [(0, 0), (0, 0), *missing]))


def refined(context, first, step, x: np.ndarray, steps: int) -> np.ndarray:
    """Y after some steps, (K, cells ...), from three functions on arrays."""
    hidden = context(x)
    estimate = first(hidden)
    for _ in range(steps - 1):
        estimate = step(hidden, estimate)
    return estimate[0]


def labels(estimate: np.ndarray, size: tuple[int, ...], model: dict) -> np.ndarray:
    """The label of every pixel, from Y on the label grid: log Y is interpolated linearly between the cells' centres."""
    scores = np.log(np.maximum(estimate, np.float32(model["smallest"])))
    for axis, (n, stride) in enumerate(zip(size, model["stride"]), start=1):
        cells = scores.shape[axis]
        where = np.clip((np.arange(n) + 0.5) / stride - 0.5, 0, cells - 1)
        low = where.astype(int)
        share = (where - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(scores.ndim)])
        after = scores.take(np.minimum(low + 1, cells - 1), axis)
        scores = scores.take(low, axis) * (1 - share) + after * share
    return scores.argmax(0).astype(np.uint8)


def read(path: Path) -> np.ndarray:
    """A picture, or an array (.npy)."""
    if path.suffix == ".npy":
        return np.load(path)
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


def write(path: Path, labels: np.ndarray, model: dict) -> None:
    """Labels in the classes' colours (.png), or as an array (.npy)."""
    if path.suffix == ".npy":
        return np.save(path, labels)
    from PIL import Image

    picture = Image.fromarray(labels)
    picture.putpalette([value for colour in model["colours"] for value in colour])
    picture.save(path)
