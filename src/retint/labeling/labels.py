"""The result of labelling an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import RetintError
from .counting import pixels_of
from .doubt import TRACED, Measure, check_measure, doubt_of
from .pixels import Pixels, scaled_size
from .starts import UNKNOWN
from .tiles import Tile, slices


@dataclass(frozen=True, repr=False)
class Labeling:
    """Labels of every pixel of an image or a volume, and how they came about.

    Attributes:
        labels: class index of each pixel, (rows, columns) or (slices, rows, columns), uint8.
        steps: taken, those of a start not counted.
        changes: share of label cells whose label changed, at each step.
        settled: whether no label cell changed at the last step; with `until_settled`, at the last two.
        classes: names.
        strides: image pixels per label cell along each axis.
        estimate: Y on the label grid, (K, cells ...), float32: give it (or this object) as a start to go on exactly, unless it is of several scales; to go on at
            another scale than this one's, this object. None for images too large to keep it, unless asked for.
        recorded: labels at the steps that were asked for, of the shape of `labels`.
        scale: at which the image was labelled.
        drifts: how far Y moved at each step: the mean over the label cells of half of sum |Y(t) - Y(t-1)|, 0 to 1; 1 at a
            first step from nothing. Empty for ways that take all steps at once.
        temperature: by which log Y is divided for `probabilities` and `doubt`, as the model's card has it (Guo et al.
            2017). `estimate` and `labels` do not depend on it.
        hints: labels that a person fixed, 255 elsewhere, of the shape of `labels`; None if there are none.
        trace: how much and how late each label cell changed, (2, cells ...), float32, 0 to 1; None unless it was asked for (`doubt`).
    """

    labels: NDArray[np.uint8]
    steps: int
    changes: tuple[float, ...]
    settled: bool
    classes: tuple[str, ...]
    strides: tuple[int, ...]
    estimate: NDArray[np.float32] | None = None
    recorded: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    scale: float = 1.0
    drifts: tuple[float, ...] = ()
    temperature: float = 1.0
    hints: NDArray[np.uint8] | None = None
    trace: NDArray[np.float32] | None = None

    def __repr__(self) -> str:
        size, state = " x ".join(map(str, self.labels.shape)), "settled" if self.settled else f"{self.change:.2%} still changed"
        return f"Labeling({size}, {len(self.classes)} classes, {self.steps} step{'s' * (self.steps != 1)}, {state})"

    @property
    def change(self) -> float:
        """Share of label cells whose label changed at the last step, 0 to 1."""
        return self.changes[-1] if self.changes else 0.0

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Distribution over the classes at every pixel, (K, rows, columns) or (K, slices, rows, columns), float32.

        Raises:
            RetintError: the image was too large to keep them without being asked (`keep=True`).
        """
        parts = self.probability_parts()
        y = np.empty((len(self.classes), *self.labels.shape), np.float32)
        for where, part in parts:
            y[(slice(None), *where)] = part
        return y

    def probability_parts(self) -> Iterator[tuple[tuple[slice, ...], NDArray[np.float32]]]:
        """The probabilities part by part, where all of them would be too many: where each part lies, and its values.

        Raises:
            RetintError: see `probabilities`.
        """
        if self.estimate is None:
            raise RetintError("probabilities: not kept for an image of this size; label it with keep=True")
        return self._parts(self.estimate)

    def doubt(self, measure: str = "entropy") -> NDArray[np.float32]:
        """How unsure the label of every pixel is, (rows, columns) or (slices, rows, columns), float32, 0 to 1; 0 at hints.

        Args:
            measure: entropy, margin, top, change or late: see `retint.labeling.doubt.Measure`.

        Raises:
            RetintError: no such measure; `change` or `late` without `Model.label(doubt=True)`; see `probabilities`.
        """
        parts = self.doubt_parts([measure])
        doubt = np.empty(self.labels.shape, np.float32)
        for where, part in parts:
            doubt[where] = part[0]
        return doubt

    def doubt_parts(self, measures: Sequence[str]) -> Iterator[tuple[tuple[slice, ...], NDArray[np.float32]]]:
        """Some measures of doubt part by part: where each part lies, and its values (measures, pixels ...).

        Raises:
            RetintError: see `doubt`.
        """
        chosen = [check_measure(name) for name in measures]
        if self.trace is None and (traced := [name for name in chosen if name in TRACED]):
            raise RetintError(f"doubt: {' and '.join(traced)} not recorded; label with doubt=True")
        if self.estimate is None:
            raise RetintError("doubt: not kept for an image of this size; label it with keep=True")
        return self._doubts(chosen, self.estimate)

    @property
    def covered(self) -> tuple[float, ...]:
        """How many cells of the estimate the image covers along each axis: the last ones may reach beyond it."""
        seen = scaled_size(self.labels.shape, self.scale)
        return tuple(n / s for n, s in zip(seen, self.strides, strict=True))

    @property
    def fractions(self) -> dict[str, float]:
        """Share of the pixels that each class has."""
        counts = pixels_of(self.labels, len(self.classes))
        return {name: float(n) / self.labels.size for name, n in zip(self.classes, counts, strict=True)}

    def _parts(self, estimate: NDArray[np.float32]) -> Iterator[tuple[tuple[slice, ...], NDArray[np.float32]]]:
        for pixels, tile in self._tiles(estimate):
            yield pixels.of(tile), self._part(pixels, tile, estimate)

    def _doubts(
        self, measures: Sequence[Measure], estimate: NDArray[np.float32]
    ) -> Iterator[tuple[tuple[slice, ...], NDArray[np.float32]]]:
        for pixels, tile in self._tiles(estimate):
            where = pixels.of(tile)
            y = self._part(pixels, tile, estimate) if set(measures) - set(TRACED) else None
            traced = None if self.trace is None else pixels.values(tile, _cut(self.trace, tile)).numpy()
            part = np.zeros((len(measures), *self.labels[where].shape), np.float32)
            for plane, measure in zip(part, measures, strict=True):
                if measure in TRACED:
                    assert traced is not None
                    free = True if self.hints is None else self.hints[where] == UNKNOWN
                    np.copyto(plane, traced[TRACED.index(measure)], where=free)
                else:
                    assert y is not None
                    plane[:] = doubt_of(y, measure)
            yield where, part

    def _tiles(self, estimate: NDArray[np.float32]) -> Iterator[tuple[Pixels, Tile]]:
        pixels = Pixels(self.labels.shape, estimate.shape[1:], self.strides, self.scale)
        for tile in pixels.parts(Tile.whole(pixels.cells), len(self.classes)):
            yield pixels, tile

    def _part(self, pixels: Pixels, tile: Tile, estimate: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities at the pixels of a tile's core, (K, pixels ...)."""
        scores = pixels.scores(tile, _cut(estimate, tile))
        y: NDArray[np.float32] = torch.softmax(scores / self.temperature, 0).numpy()
        if self.hints is not None:
            hints, classes = self.hints[pixels.of(tile)], len(self.classes)
            known = hints != UNKNOWN
            y[:, known] = np.arange(classes)[:, None] == hints[known]
        return y


def _cut(planes: NDArray[np.float32], tile: Tile) -> torch.Tensor:
    """The outer part of a tile, (1, N, cells ...)."""
    return torch.from_numpy(np.ascontiguousarray(planes[(slice(None), *slices(tile.outer))]))[None]
