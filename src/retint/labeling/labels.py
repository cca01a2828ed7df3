"""The result of labelling an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import RetintError
from .pixels import Pixels, bands
from .tiles import Tile, slices


@dataclass(frozen=True)
class Labeling:
    """Labels of every pixel of an image or a volume, and how they came about.

    Attributes:
        labels: class index of each pixel, (rows, columns) or (slices, rows, columns), uint8.
        steps: taken, those of a start not counted.
        changes: share of label cells whose label changed, at each step.
        settled: whether the labels had stopped changing: no cell changed at the last step.
        classes: names.
        strides: image pixels per label cell along each axis.
        estimate: Y on the label grid, (K, cells ...), float32: give it (or this object) as a start to go on exactly. None
            for images too large to keep it, unless asked for.
        recorded: labels at the steps that were asked for, of the shape of `labels`.
        scale: at which the image was labelled.
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
    _hints: NDArray[np.uint8] | None = None

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

    @property
    def fractions(self) -> dict[str, float]:
        """Share of the pixels that each class has."""
        parts = (self.labels[band].ravel() for band in bands(self.labels.shape))
        counts = sum(np.bincount(part, minlength=len(self.classes)) for part in parts)
        return {name: float(n) / self.labels.size for name, n in zip(self.classes, np.asarray(counts), strict=True)}

    def _parts(self, estimate: NDArray[np.float32]) -> Iterator[tuple[tuple[slice, ...], NDArray[np.float32]]]:
        cells, classes = estimate.shape[1:], len(self.classes)
        pixels = Pixels(self.labels.shape, cells, self.strides, self.scale)
        for tile in pixels.parts(Tile.whole(cells), classes):
            where = pixels.of(tile)
            part = np.ascontiguousarray(estimate[(slice(None), *slices(tile.outer))])
            y: NDArray[np.float32] = torch.softmax(pixels.scores(tile, torch.from_numpy(part)[None]), 0).numpy()
            if self._hints is not None:
                hints = self._hints[where]
                known = hints < classes
                y[:, known] = np.arange(classes)[:, None] == hints[known]
            yield where, y
