"""Where in an image which classes are, how far apart two images are by that, and where the most doubtful box lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PARTS = 4
"""Of an image, along each axis, whose class shares describe it."""


def most_doubted(doubt: NDArray[np.float32], sides: Sequence[int]) -> tuple[tuple[int, ...], float]:
    """The first cell of the box of these sides whose mean doubt is largest, and that mean.

    >>> most_doubted(np.array([[0, 0, 0], [0, 0.5, 1]], np.float32), (1, 2))
    ((1, 1), 0.75)
    """
    means = doubt.astype(np.float64)
    for axis, side in enumerate(sides):
        sums = np.cumsum(np.insert(means, 0, 0, axis), axis)
        last = sums.shape[axis]
        means = (sums.take(range(side, last), axis) - sums.take(range(last - side), axis)) / side
    corner = np.unravel_index(int(means.argmax()), means.shape)
    return tuple(map(int, corner)), float(means.max())


def layout(shares: NDArray[np.floating]) -> NDArray[np.float32]:
    """Where which classes are: the mean of (K, cells ...) in each of 4 parts along each axis, (K, parts)."""
    means = np.asarray(shares, np.float32)
    for axis in range(1, means.ndim):
        n = means.shape[axis]
        spans = [(k * n // _PARTS, max((k + 1) * n // _PARTS, k * n // _PARTS + 1)) for k in range(_PARTS)]
        means = np.stack([means.take(range(a, b), axis).mean(axis) for a, b in spans], axis)
    return means.reshape(len(means), -1)


def distances(layouts: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of layouts (N, K, parts) from another one (K, parts): the mean over the parts of half of sum |difference|, 0 to 1.

    Parts where the other one is NaN, as nothing is labelled there, are left out.
    """
    known = np.isfinite(other[0])
    apart = np.abs(layouts[..., known] - other[:, known]).sum(1) / 2
    return np.asarray(apart.mean(1, dtype=np.float64))


def layout_of_labels(labels: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """The layout of a label map; NaN in parts where nothing is labelled."""
    counts = np.stack([layout((labels == k)[None])[0] for k in range(classes)])
    total = counts.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(counts / total, np.float32)
