"""What a training set looks like: the numbers that the defaults and the card are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..images import detail
from .examples import Examples

_LOOKED_AT = 200


@dataclass(frozen=True)
class Survey:
    """Of the training images.

    Attributes:
        mean, std: of each channel, on the unit scale.
        counts: labelled pixels of each class, (K,).
        size: median rows and columns.
        pixels: of all images together.
        detail: mean and spread of the fineness of texture.
        object_size: median width of each class's runs of pixels.
        upright: whether up differs from down in the labels, so that views must not be turned over.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    counts: NDArray[np.int64]
    size: tuple[int, int]
    pixels: int
    detail: tuple[float, float]
    object_size: tuple[float, ...]
    upright: bool


def survey(examples: Examples) -> Survey:
    """Look at the examples (at most 200 of them, evenly spread; the rest is taken to be alike)."""
    classes = examples.classes
    chosen = np.unique(np.linspace(0, len(examples) - 1, min(len(examples), _LOOKED_AT)).astype(int))
    sums, squares, details, sizes, tilt = [], [], [], [], []
    counts = np.zeros(classes, np.int64)
    runs: list[list[NDArray[np.int64]]] = [[] for _ in range(classes)]
    for index in chosen:
        image, truth = examples[int(index)]
        labels = truth.numpy()
        sums.append(image.mean((1, 2)).double().numpy())
        squares.append((image.double() ** 2).mean((1, 2)).numpy())
        details.append(detail(image.movedim(0, -1).numpy()))
        sizes.append(labels.shape)
        counts += np.bincount(labels[labels < classes].ravel(), minlength=classes)
        tilt.append(_tilt(labels, classes))
        for value, lengths in enumerate(_runs(labels, classes)):
            runs[value].append(lengths)
    mean = np.mean(sums, 0)
    std = np.sqrt(np.maximum(np.mean(squares, 0) - mean**2, 1e-8))
    height, width = np.median(sizes, 0)
    return Survey(
        mean=tuple(map(float, mean)),
        std=tuple(map(float, std)),
        counts=counts,
        size=(int(height), int(width)),
        pixels=int(np.mean([h * w for h, w in sizes]) * len(examples)),
        detail=(float(np.mean(details)), float(np.std(details))),
        object_size=tuple(float(np.median(np.concatenate(r))) if sum(map(len, r)) else 0.0 for r in runs),
        upright=bool(np.mean(tilt) > 0.1),
    )


def _tilt(labels: NDArray[np.int64], classes: int) -> float:
    """How far the classes' shares differ between the upper and the lower half: 0 alike, 1 apart."""
    halves = np.array_split(labels, 2)
    shares = [np.bincount(h[h < classes].ravel(), minlength=classes) for h in halves]
    if any(s.sum() == 0 for s in shares):
        return 0.0
    return float(np.abs(shares[0] / shares[0].sum() - shares[1] / shares[1].sum()).sum() / 2)


def _runs(labels: NDArray[np.int64], classes: int) -> Sequence[NDArray[np.int64]]:
    """Lengths of the runs of equal labels along rows, for each class."""
    flat = np.pad(labels, ((0, 0), (0, 1)), constant_values=-1).ravel()
    ends = np.flatnonzero(np.diff(flat, append=-1))
    lengths = np.diff(ends, prepend=-1)
    values = flat[ends]
    return [lengths[values == value] for value in range(classes)]
