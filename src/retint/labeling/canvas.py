"""The labels at the image's own pixels, put there tile by tile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .pixels import Pixels
from .refinement import Refinement
from .tiles import Tile, slices


class Canvas:
    """The labels at the steps that are wanted.

    Args:
        refinement: where the estimates come from.
        size: the image's own pixels along each axis.
        scale: at which it is labelled.
        record: the steps that are wanted beside the last.

    Attributes:
        recorded: labels (pixels ...), uint8, at the steps painted so far.
    """

    def __init__(
        self, refinement: Refinement, size: tuple[int, ...], scale: float = 1.0, record: Sequence[int] = ()
    ) -> None:
        self.recorded: dict[int, NDArray[np.uint8]] = {}
        self._refinement, self._record = refinement, tuple(record)
        self._pixels = Pixels(size, refinement.cells, refinement.network.strides, scale)

    def at(self, last: int | None = None, kept: bool = True) -> tuple[int, ...]:
        """The steps at which tiles are painted: those recorded, and the last one if no estimate is kept to show it."""
        return self._record if kept or last is None else (*self._record, last)

    def paint(self, tile: Tile, step: int, estimate: Tensor) -> None:
        """Put a tile's labels in their place, from the estimate (1, K, cells ...) of its outer part."""
        if step not in self.recorded:
            self.recorded[step] = np.empty(self._pixels.size, np.uint8)
        for part in self._parts(tile):
            inside = estimate[(slice(None), slice(None), *slices(part.outer, tile.outer))]
            self._put(self.recorded[step], part, inside)

    def final(self) -> NDArray[np.uint8]:
        """The labels at the last step."""
        step = self._refinement.steps
        if self._refinement.estimate is None:
            return self.recorded[step] if step in self._record else self.recorded.pop(step)
        labels = np.empty(self._pixels.size, np.uint8)
        for part in self._parts(Tile.whole(self._refinement.cells)):
            self._put(labels, part, self._refinement.cut(part))
        return labels

    def _parts(self, tile: Tile) -> Sequence[Tile]:
        return list(self._pixels.parts(tile, self._refinement.network.classes))

    def _put(self, labels: NDArray[np.uint8], part: Tile, estimate: Tensor) -> None:
        labels[self._pixels.of(part)] = self._pixels.labels_in(part, estimate).cpu().numpy()
