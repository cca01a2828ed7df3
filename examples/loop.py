"""What a host does around the graphs of `retint export`: NumPy alone (and Pillow, to read and write pictures)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np


def asked() -> tuple[Path, Path, Path, int]:
    """FOLDER IMAGE OUT STEPS, as the program was given them; what is wrong with them ends it in one line."""
    if len(sys.argv) != 5:
        raise SystemExit(f"usage: python {sys.argv[0]} FOLDER IMAGE OUT STEPS")
    folder, image, out = map(Path, sys.argv[1:4])
    steps = sys.argv[4]
    if not image.is_file():
        raise SystemExit(f"{image}: no such file; expected a picture, or an array (.npy)")
    if out.suffix not in (".png", ".npy") or not out.parent.is_dir():
        raise SystemExit(f"{out}: expected a name that ends in .png or .npy, in a folder that is there")
    if not steps.isdecimal() or int(steps) < 1:
        raise SystemExit(f"{steps} steps: expected a whole number, 1 at least")
    return folder, image, out, int(steps)


def description(folder: Path, *kinds: str) -> dict:
    """What `retint export` wrote beside the graphs, whose files end in one of the kinds."""
    file = folder / "model.json"
    if not file.is_file():
        raise SystemExit(f"{file}: no such file; expected the folder that `retint export` wrote")
    model = json.loads(file.read_text())
    if Path(graph := model["graphs"]["context"]).suffix not in kinds:
        raise SystemExit(f"{folder}: holds {graph}; expected {' or '.join(kinds)}: export the model anew")
    return model


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


def read(path: Path, channels: int) -> np.ndarray:
    """An array (.npy); or a picture the right way up, in colour for three channels, in grey for one."""
    try:
        if path.suffix == ".npy":
            return np.load(path)
        from PIL import Image, ImageOps

        with Image.open(path) as file:
            deep = file.mode in ("I", "F") or any(";16" in str(tile[3]) for tile in file.tile)
            picture = ImageOps.exif_transpose(file)
    except (OSError, ValueError, EOFError) as error:
        raise SystemExit(
            f"{path}: found that it cannot be read ({error}); expected a PNG, a JPEG or an array"
        ) from None
    if deep and picture.mode != "I;16":  # of deep grey
        raise SystemExit(
            f"{path}: more than 8 bits, which Pillow keeps of grey PNGs alone; expected 8, or an array (.npy)"
        )
    if not deep:
        picture = picture.convert("RGB").convert("RGB" if channels == 3 else "L")
    pixels = np.asarray(picture)
    return np.stack([pixels] * 3, -1) if pixels.ndim == 2 and channels == 3 else pixels


def write(path: Path, labels: np.ndarray, model: dict) -> None:
    """Labels in the classes' colours (.png), or as an array (.npy)."""
    if path.suffix == ".npy":
        return np.save(path, labels)
    from PIL import Image

    picture = Image.fromarray(labels)
    picture.putpalette([value for colour in model["colours"] for value in colour])
    picture.save(path)
