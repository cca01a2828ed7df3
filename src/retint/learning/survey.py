"""What a training set looks like: the numbers that the defaults and the card are made from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..images import detail, to_unit
from .examples import Examples

_LOOKED_AT = 200
_BAND = 512  # rows converted at once
_LARGEST = 4096  # rows and columns whose texture is looked at, in the middle


@dataclass(frozen=True)
class Survey:
    """Of the training images.

    Attributes:
        mean, std: of each channel, on the unit scale.
        counts: labelled pixels of each class, (K,).
        size: median rows and columns; of volumes slices, rows and columns.
        pixels: of all images together.
        detail: mean and spread of the fineness of texture; of volumes in the middle slice.
        object_size: median width of each class's runs of pixels, along rows.
        upright: whether up differs from down in the labels (the upper rows from the lower ones, whatever the slice), so
            that views must not be turned over.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    counts: NDArray[np.int64]
    size: tuple[int, ...]
    pixels: int
    detail: tuple[float, float]
    object_size: tuple[float, ...]
    upright: bool


def survey(examples: Examples) -> Survey:
    """Look at the examples (at most 200 of them, evenly spread; the rest is taken to be alike).

    Raises:
        RetintError: a file cannot be read, or holds values that are NaN or infinite.
    """
    chosen = np.unique(np.linspace(0, len(examples) - 1, min(len(examples), _LOOKED_AT)).astype(int))
    looks = [_look(examples, int(index)) for index in chosen]
    mean = np.mean([look.mean for look in looks], 0)
    square = np.mean([look.square for look in looks], 0)
    variance = square - mean**2
    std = np.sqrt(np.where(variance > 1e-12 * square, variance, 1.0))  # a channel of one value has none
    details = [look.detail for look in looks]
    sizes = [look.size for look in looks]
    runs = [np.concatenate(of_class) for of_class in zip(*(look.runs for look in looks), strict=True)]
    return Survey(
        mean=tuple(map(float, mean)),
        std=tuple(map(float, std)),
        counts=np.sum([look.halves.sum(0) for look in looks], 0),
        size=tuple(map(int, np.median(sizes, 0))),
        pixels=int(np.mean([math.prod(size) for size in sizes]) * len(examples)),
        detail=(float(np.mean(details)), float(np.std(details))),
        object_size=tuple(float(np.median(of_class)) if len(of_class) else 0.0 for of_class in runs),
        upright=bool(np.mean([_tilt(look.halves) for look in looks]) > 0.1),
    )


@dataclass(frozen=True)
class _Look:
    """At one example: mean and mean square (C,), labelled pixels in the upper and lower half of the slices (2, K)."""

    mean: NDArray[np.float64]
    square: NDArray[np.float64]
    halves: NDArray[np.int64]
    runs: list[NDArray[np.int64]]
    detail: float
    size: tuple[int, ...]


def _look(examples: Examples, index: int) -> _Look:
    image, truth = examples.stored(index)
    where, classes, size = str(examples.pairs[index].image), examples.classes, tuple(truth.shape)
    pixels = image.movedim(0, -1).numpy().reshape(-1, *size[-2:], len(image))
    labels = truth.numpy().reshape(-1, *size[-2:])
    mean, square = np.zeros((2, len(image)))
    halves = np.zeros((2, classes), np.int64)
    runs: list[list[NDArray[np.int64]]] = [[] for _ in range(classes)]
    for plane, known in zip(pixels, labels, strict=True):
        for top in range(0, len(plane), _BAND):
            unit = to_unit(plane[top : top + _BAND], where)
            mean += unit.sum((0, 1), dtype=np.float64)
            square += np.square(unit, dtype=np.float64).sum((0, 1))
            for value, lengths in enumerate(_runs(known[top : top + _BAND], classes)):
                runs[value].append(lengths)
        for half, part in enumerate(np.array_split(known, 2)):
            halves[half] += np.bincount(part[part < classes], minlength=classes)
    top, left = (max(0, n - _LARGEST) // 2 for n in size[-2:])
    middle = pixels[len(pixels) // 2, top : top + _LARGEST, left : left + _LARGEST]
    fineness = detail(to_unit(middle, where))
    return _Look(mean / truth.numel(), square / truth.numel(), halves, list(map(np.concatenate, runs)), fineness, size)


def _tilt(halves: NDArray[np.int64]) -> float:
    """How far the classes' shares (2, K) differ between the upper and the lower half: 0 alike, 1 apart."""
    if (halves.sum(1) == 0).any():
        return 0.0
    upper, lower = halves / halves.sum(1, keepdims=True)
    return float(np.abs(upper - lower).sum() / 2)


def _runs(labels: NDArray[np.integer], classes: int) -> Sequence[NDArray[np.int64]]:
    """Lengths of the runs of equal labels along rows, for each class."""
    flat = np.pad(labels.astype(np.int32), ((0, 0), (0, 1)), constant_values=-1).ravel()
    ends = np.flatnonzero(np.diff(flat, append=-1))
    lengths = np.diff(ends, prepend=-1)
    values = flat[ends]
    return [lengths[values == value] for value in range(classes)]
