"""Writing files that appear whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retint.errors import RetintError

Colour = tuple[int, int, int]


@contextmanager
def whole_file(path: str | PathLike[str]) -> Iterator[Path]:
    """Write a file that appears whole or not at all.

    Yields another name in the same folder, hidden and with the same suffix, to write to. On success that file takes
    the place of `path`; on an error or an interrupt it is removed, and an earlier `path` stays as it was.

    Args:
        path: the file to write; folders above it are created.

    Raises:
        RetintError: `path` is no place for a file, or the system refused (rights, a full disk).

    >>> with whole_file("/tmp/retint-doctest/note.txt") as part:
    ...     _ = part.write_text("done")
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        found = "a folder" if path.is_dir() else "a device"
        raise RetintError(f"{path}: found {found}; expected a place for a file: choose another name")
    part = path.with_name(f".{secrets.token_hex(6)}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        reason = error.strerror or (str(error).splitlines() or [type(error).__name__])[0]
        raise RetintError(
            f"{path}: found that it cannot be written ({reason}); expected a writable folder with room: choose another"
        ) from error
    finally:
        with suppress(OSError):  # it may never have been there
            part.unlink()


def write_labels(path: str | PathLike[str], labels: NDArray[Any], palette: Sequence[Colour]) -> None:
    """Write class indices as an 8-bit PNG with a palette: any viewer shows colours, any program reads the indices.

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
