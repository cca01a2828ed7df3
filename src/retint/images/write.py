"""Writing labels, pictures and probabilities; each file appears whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retint.errors import RetintError
from retint.wholefile import whole_file

Colour = tuple[int, int, int]


def write_labels(path: str | PathLike[str], labels: NDArray[Any], palette: Sequence[Colour]) -> None:
    """Write class indices as an 8-bit PNG with a palette: any viewer shows colours; Pillow and others that leave palettes alone read the indices.

    Args:
        path: the file.
        labels: (rows, columns), integers 0 to 255; 255 is ignore, shown black, unless the palette has 256 colours.
        palette: (red, green, blue) of each class, 0 to 255.

    Raises:
        RetintError: labels of another shape or range, or the file cannot be written.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or not labels.size or labels.dtype.kind not in "iu":
        found = f"{labels.dtype} {labels.shape}"
        raise RetintError(f"{path}: found labels of {found}; expected 2-D integers: pass class indices")
    if labels.dtype != np.uint8 and not 0 <= labels.min() <= labels.max() <= 255:
        found = f"{labels.min()} to {labels.max()}"
        raise RetintError(f"{path}: found labels {found}; expected 0 to 255: an indexed PNG holds at most 256 classes")
    image = Image.fromarray(np.ascontiguousarray(labels, np.uint8))
    # All 256 entries, black beyond the classes: Pillow would pack a shorter palette into fewer bits and lose 255.
    image.putpalette(np.asarray([*palette, *[(0, 0, 0)] * (256 - len(palette))], np.uint8).tobytes())
    with whole_file(path) as part:
        image.save(part, format="PNG")


def write_image(path: str | PathLike[str], rgb: NDArray[np.uint8]) -> None:
    """Write a picture as PNG.

    Args:
        path: the file.
        rgb: (rows, columns, 3) uint8.

    Raises:
        RetintError: another shape or dtype, or the file cannot be written.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise RetintError(f"{path}: found pixels of {rgb.dtype} {rgb.shape}; expected uint8 RGB: make it displayable")
    with whole_file(path) as part:
        Image.fromarray(np.ascontiguousarray(rgb)).save(part, format="PNG")


def write_probabilities(
    path: str | PathLike[str], probabilities: NDArray[np.float32], classes: Sequence[str] = ()
) -> None:
    """Write probabilities as a TIFF of one page per class, float32, deflate-compressed.

    Args:
        path: the file, .tif or .tiff.
        probabilities: (classes, rows, columns), float.
        classes: names, kept in the first page's description.

    Raises:
        RetintError: another shape or dtype, or the file cannot be written.
    """
    if probabilities.ndim != 3 or probabilities.dtype.kind != "f" or not probabilities.size:
        found = f"{probabilities.dtype} {probabilities.shape}"
        raise RetintError(f"{path}: found {found}; expected floats (classes, rows, columns): pass probabilities")
    if classes and len(classes) != len(probabilities):
        raise RetintError(f"{path}: found {len(classes)} names for {len(probabilities)} classes; expected one each")
    import tifffile

    probabilities = probabilities.astype(np.float32, copy=False)
    with whole_file(path) as part:
        tifffile.imwrite(
            part,
            probabilities,
            photometric="minisblack",
            compression="zlib",
            predictor=True,
            bigtiff=probabilities.nbytes > 1 << 31,
            metadata={"axes": "CYX"} | ({"classes": list(classes)} if classes else {}),
        )
