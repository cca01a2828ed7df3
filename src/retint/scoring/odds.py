"""Pixels of two kinds, counted by how likely something is of each: in bins, for more pixels than fit in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_REACH = 16.0  # log odds, p = 1.1e-7 and 1 - 1.1e-7: just below 1 float32 resolves next to no more, near 0 it would
_CHUNK = 1 << 22


def counts_by_odds(second: ArrayLike, values: ArrayLike, bins: int, names: tuple[str, str]) -> NDArray[np.int64]:
    """How many pixels of the first kind and of the second lie in each bin, (2, bins).

    The bins have equal widths in log odds, log(p / (1 - p)), from -16 to 16, which resolves the crowds near 0 and 1 that a
    network's probabilities make. What lies beyond, p below 1.1e-7 or above 1 - 1.1e-7, is in the first bin or the last; the
    order within a bin is lost.

    Args:
        second: bool, any shape; whether a pixel is of the second kind.
        values: of the same shape, p in 0 ... 1.
        bins: how many.
        names: of the two in messages.

    Raises:
        ValueError: the shapes differ, or a value is NaN or outside 0 ... 1.
    """
    kinds, p = np.asarray(second, bool), np.asarray(values)
    if kinds.shape != p.shape:
        raise ValueError(f"{names[0]} has shape {kinds.shape}, {names[1]} {p.shape}; they must be equal")
    kinds, p = kinds.ravel(), p.ravel()
    counts = np.zeros((2, bins), np.int64)
    for begin in range(0, p.size, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        index = _bin(p[part].astype(np.float64), bins, names[1]) + bins * kinds[part]
        counts += np.bincount(index, minlength=2 * bins).reshape(2, bins)
    return counts


def _bin(p: NDArray[np.float64], bins: int, name: str) -> NDArray[np.int64]:
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"{name} reaches from {p.min()} to {p.max()}; expected 0 to 1")
    with np.errstate(divide="ignore"):
        odds = np.clip(np.log(p) - np.log1p(-p), -_REACH, _REACH)
    index = (odds + _REACH) * (bins / (2 * _REACH))
    return np.asarray(np.minimum(index, bins - 1), np.int64)
