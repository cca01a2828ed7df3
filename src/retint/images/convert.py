"""The conversions that are done without asking. Whatever is not listed here is an error, never a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError

from .alpha import may_be_alpha

_NAMES = {1: "grey", 3: "RGB"}
_ROWS = 256  # converted at once, so that intermediate sums stay small


def fit_channels(pixels: NDArray[Any], channels: int, where: str | Path) -> NDArray[Any]:
    """Give an image the number of channels that a model takes.

    - as many as it has: unchanged
    - 4 to 3 (RGBA to RGB) and 2 to 1 (grey + alpha to grey): the alpha channel is dropped, unless the file says that
      it is another one; see `may_be_alpha`
    - 1 to 3 (grey to RGB): repeated
    - 3 to 1 (RGB to grey): luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B

    Args:
        pixels: (rows, columns, channels), or (rows, columns) for one channel; any real dtype.
        channels: how many are wanted.
        where: the path of the file, or what an array is called.

    Returns:
        (rows, columns, channels) in the same dtype; a view where nothing had to be computed.

    Raises:
        RetintError: any other number of channels or dimensions.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3:
        raise RetintError(
            f"{where}: found {pixels.ndim} dimensions; expected (rows, columns, channels): pass one image"
        )
    match pixels.shape[2], channels:
        case found, wanted if found == wanted:
            return pixels
        case (4, 3) | (2, 1) if may_be_alpha(where):
            return pixels[..., :-1]
        case 1, 3:
            return np.repeat(pixels, 3, axis=2)
        case 3, 1:
            return _luma(pixels)
        case found, wanted:
            raise RetintError(
                f"{where}: found {_channels(found)}; expected {_channels(wanted)}: convert it, or use another model"
            )


def to_unit(pixels: NDArray[Any], where: str | Path) -> NDArray[np.float32]:
    """Put an image on the unit scale: 8-bit values over 255, 16-bit over 65535; floats keep their values.

    Args:
        pixels: uint8, uint16, bool, or any float; any shape.
        where: the file, for the error.

    Returns:
        float32 of the same shape.

    Raises:
        RetintError: another dtype, or floats that are NaN or infinite (in float32).
    """
    if pixels.dtype == np.bool_:
        return pixels.astype(np.float32)
    if _whole(pixels.dtype):
        return np.asarray(np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32))
    if pixels.dtype.kind != "f":
        raise RetintError(f"{where}: found {pixels.dtype} values; expected uint8, uint16 or float32: convert them")
    with np.errstate(over="ignore"):
        unit = pixels.astype(np.float32, copy=False)
    if not np.isfinite(unit).all():
        count = int((~np.isfinite(unit)).sum())
        raise RetintError(f"{where}: found {count} values that are NaN or infinite; expected numbers: fill them in")
    return unit


def _luma(pixels: NDArray[Any]) -> NDArray[Any]:
    grey = np.empty((*pixels.shape[:2], 1), pixels.dtype)
    for top in range(0, len(pixels), _ROWS):
        red, green, blue = np.moveaxis(pixels[top : top + _ROWS], 2, 0)
        if _whole(pixels.dtype):  # 16-bit weights that sum to 65536: exact, and white stays white
            red, green, blue = (plane.astype(np.uint32) for plane in (red, green, blue))
            part = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
        else:
            part = 0.299 * red + 0.587 * green + 0.114 * blue
        grey[top : top + _ROWS, :, 0] = part
    return grey


def _whole(dtype: np.dtype[Any]) -> bool:
    """Whether values are integers of 8 or 16 bits without sign, in any order of their bytes."""
    return dtype.kind == "u" and dtype.itemsize <= 2


def _channels(count: int) -> str:
    name = f" ({_NAMES[count]})" if count in _NAMES else ""
    return f"{count} channel{'s' if count != 1 else ''}{name}"
