"""The result of labelling an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RetintError
from ..network.grid import SMALLEST


@dataclass(frozen=True)
class Labeling:
    """Labels of every pixel, and how they came about.

    Attributes:
        labels: class index of each pixel, (rows, columns), uint8.
        steps: taken, those of a start not counted.
        changes: share of label cells whose label changed, at each step.
        settled: whether the labels had stopped changing: no cell changed at the last step.
        classes: names.
        stride: image pixels per label cell.
        estimate: Y on the label grid, (K, cells down, cells across), float32: give it (or this object) as a start to go
            on exactly. None for images too large to keep it, unless asked for.
        recorded: labels at the steps that were asked for, (rows, columns) each.
        scale: at which the image was labelled.
    """

    labels: NDArray[np.uint8]
    steps: int
    changes: tuple[float, ...]
    settled: bool
    classes: tuple[str, ...]
    stride: int
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
        """Distribution over the classes at every pixel, (K, rows, columns), float32.

        Raises:
            RetintError: the image was too large to keep them without being asked (`keep=True`).
        """
        if self.estimate is None:
            raise RetintError("probabilities: not kept for an image of this size; label it with keep=True")
        y = np.empty((len(self.classes), *self.labels.shape), np.float32)
        for rows, scores in score_bands(self.estimate, self.labels.shape, self.stride, self.scale):
            y[:, rows] = (
                torch.softmax(scores, 0).numpy() if self.stride > 1 or self.scale != 1 else scores.exp().numpy()
            )
        if self._hints is not None:
            known = self._hints < len(self.classes)
            y[:, known] = np.arange(len(self.classes))[:, None] == self._hints[known]
        return y

    @property
    def fractions(self) -> dict[str, float]:
        """Share of the pixels that each class has."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        return {name: float(n) / self.labels.size for name, n in zip(self.classes, counts, strict=True)}


def score_bands(
    estimate: NDArray[np.float32], size: tuple[int, ...], stride: int, scale: float = 1.0, band: int = 256
) -> Iterator[tuple[slice, Tensor]]:
    """log Y of an estimate at the pixels of an image labelled at some scale, in bands of rows: (K, band, columns) each.

    Linear between the centres of the label cells, as `network.grid` does it, for any scale.
    """
    scores = torch.from_numpy(np.ascontiguousarray(estimate)).clamp(min=SMALLEST).log()
    down_pitch, across_pitch = (stride * n / m for n, m in zip(size, scaled_size(size, scale), strict=True))
    left, right, across = _between(np.arange(size[1]), scores.shape[2], across_pitch)
    for first in range(0, size[0], band):
        rows = slice(first, min(first + band, size[0]))
        above, below, down = _between(np.arange(rows.start, rows.stop), scores.shape[1], down_pitch)
        lines = torch.lerp(scores[:, above], scores[:, below], down[:, None])
        yield rows, torch.lerp(lines[:, :, left], lines[:, :, right], across)


def scaled_size(size: tuple[int, ...], scale: float) -> tuple[int, ...]:
    """Rows and columns of an image at another scale."""
    return tuple(max(1, round(n * scale)) for n in size)


def _between(pixels: NDArray[np.int64], cells: int, pitch: float) -> tuple[Tensor, Tensor, Tensor]:
    """For each pixel, the two cells whose centres it lies between, and how far it is from the first to the second."""
    at = np.clip((pixels + 0.5) / pitch - 0.5, 0, cells - 1)
    first = np.floor(at).astype(np.int64)
    second = np.minimum(first + 1, cells - 1)
    return torch.from_numpy(first), torch.from_numpy(second), torch.from_numpy((at - first).astype(np.float32))
