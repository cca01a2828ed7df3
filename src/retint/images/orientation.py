"""Which way is up: EXIF's orientation, which TIFF has too."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

ORIENTATION = 0x0112
"""The tag's number, in EXIF and in TIFF."""


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an orientation, 1 to 8, of (rows, columns, ...); a view. Other numbers mean nothing."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return pixels[::rows, ::columns]
