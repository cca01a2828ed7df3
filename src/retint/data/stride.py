"""How coarse a grid of labels may be without losing what the labels show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.scoring import Confusion

from .files import read_indices
from .folder import IGNORE, Pair

_IMAGES = 8
_SLICES = 8  # of each volume
_WINDOW = 1024  # rows and columns looked at, in the middle of larger images


def choose_stride(
    pairs: Sequence[Pair],
    classes: int,
    ignore: int = IGNORE,
    candidates: Sequence[int] = (8, 4, 2, 1),
    keep: float = 0.82,
) -> int:
    """The coarsest label grid that can still say what the labels say.

    For each stride the labels themselves are averaged over the grid's cells, enlarged again and compared with what
    they were: no network on that grid can do much better. Looks at 8 images at most, spread over the set.

    Of volumes it looks at slices, 8 at most of each, spread over those with labels. The stride is
    that of rows and columns; it says nothing of the slices, which often lie further apart.

    Args:
        pairs: images with labels.
        classes: K.
        ignore: the label that counts nowhere.
        candidates: strides to choose from, in pixels.
        keep: the mean IoU that must remain.

    Returns:
        The largest candidate that keeps it; the smallest if none does.

    Raises:
        RetintError: labels cannot be read.
    """
    chosen = [pairs[i] for i in sorted({round(i) for i in np.linspace(0, len(pairs) - 1, _IMAGES)})] if pairs else []
    labels = [_middle(one) for pair in chosen for one in _slices(read_indices(pair.labels, pair.dims), ignore)]
    for stride in sorted(candidates, reverse=True):
        confusion = Confusion(classes, ignore)
        for truth in labels:
            confusion.add(truth, coarsened(truth, stride, ignore))
        if confusion.miou() >= keep:
            return stride
    return min(candidates)


def coarsened(labels: NDArray[Any], stride: int, ignore: int = IGNORE) -> NDArray[np.int64]:
    """Labels as a grid of cells of `stride` x `stride` pixels shows them: averaged, enlarged bilinearly, the likeliest.

    Args:
        labels: (rows, columns), integer class indices.
        stride: pixels of a cell along each axis.
        ignore: the label that has no part in the averages.

    Returns:
        (rows, columns) int64.
    """
    rows, columns = labels.shape
    padded = np.pad(labels, ((0, -rows % stride), (0, -columns % stride)), constant_values=ignore)
    cells = padded.reshape(padded.shape[0] // stride, stride, padded.shape[1] // stride, stride)
    known = np.maximum((cells != ignore).sum(axis=(1, 3)), 1)
    best = np.full(labels.shape, -1.0, np.float32)
    result = np.zeros(labels.shape, np.int64)
    for k in np.unique(labels[labels != ignore]):  # one class at a time, as there may be 255
        share = ((cells == k).sum(axis=(1, 3)) / known).astype(np.float32)
        enlarged = _enlarged(_enlarged(share, stride, rows).T, stride, columns).T
        better = enlarged > best
        best[better] = enlarged[better]
        result[better] = k
    return result


def _enlarged(plane: NDArray[np.float32], stride: int, size: int) -> NDArray[np.float32]:
    """Linear interpolation along the first axis, from centres of cells to centres of pixels, level beyond the ends."""
    place = np.clip((np.arange(size) + 0.5) / stride - 0.5, 0, len(plane) - 1)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, len(plane) - 1)
    part = (place - below).astype(np.float32)[:, None]
    return np.asarray(plane[below] * (1 - part) + plane[above] * part)


def _slices(labels: NDArray[Any], ignore: int) -> list[NDArray[Any]]:
    """Labels as a list of (rows, columns): an image itself, some slices of a volume."""
    if labels.ndim == 2:
        return [labels]
    known = np.flatnonzero((labels != ignore).any(axis=(1, 2)))
    return (
        [labels[known[i]] for i in sorted({round(i) for i in np.linspace(0, len(known) - 1, _SLICES)})]
        if len(known)
        else []
    )


def _middle(labels: NDArray[Any]) -> NDArray[Any]:
    top, left = (max(0, (size - _WINDOW) // 2) for size in labels.shape)
    return labels[top : top + _WINDOW, left : left + _WINDOW]
