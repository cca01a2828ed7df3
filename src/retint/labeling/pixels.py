"""From label cells to an image's own pixels, at any scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..network.grid import MODES, SMALLEST
from ..network.layers import part
from ..numbers import real
from .counting import likeliest
from .quads import labels_between, possible
from .resample import linear
from .tiles import Tile, slices

_VALUES = 1 << 22
"""Of scores at pixels that are computed at a time."""


@dataclass(frozen=True)
class Pixels:
    """How the label cells lie over an image's own pixels.

    Attributes:
        size: the image's own pixels along each axis.
        cells: of the label grid.
        strides: pixels for each cell of the image as it was labelled.
        scale: at which it was labelled.
    """

    size: tuple[int, ...]
    cells: tuple[int, ...]
    strides: tuple[int, ...]
    scale: float = 1.0

    def parts(self, tile: Tile, classes: int) -> Iterator[Tile]:
        """The tile in parts whose scores are not too many, each with the margin of a cell that its pixels need."""
        sides, left = [1] * len(self.size), _VALUES / classes
        lengths = [(b - a) * pitch for (a, b), pitch in zip(tile.core, self._pitches, strict=True)]
        for many, axis in enumerate(sorted(range(len(sides)), key=lengths.__getitem__)):  # flat tiles in long parts
            side = min(lengths[axis], left ** (1 / (len(sides) - many)))
            sides[axis] = max(int(side / self._pitches[axis]), 1)
            left /= max(side, 1)
        return tile.split(sides, [(1, 1)] * len(sides))

    def of(self, tile: Tile) -> tuple[slice, ...]:
        """The pixels whose centres lie in a tile's core; the last cells have all that is left."""
        ends = [
            [n if cell == all_ else min(max(ceil(cell * pitch - 0.5), 0), n) for cell in span]
            for span, n, all_, pitch in zip(tile.core, self.size, self.cells, self._pitches, strict=True)
        ]
        return tuple(slice(a, b) for a, b in ends)

    def scores(self, tile: Tile, estimate: Tensor) -> Tensor:
        """log Y at the pixels of a tile's core, (K, pixels ...), linear between the cells' centres.

        Args:
            tile: the tile.
            estimate: Y of its outer part, (1, K, cells ...).
        """
        return self.values(tile, estimate.clamp(min=SMALLEST).log())

    def labels_in(self, tile: Tile, estimate: Tensor) -> Tensor:
        """The likeliest class at the pixels of a tile's core, (pixels ...) uint8; arguments as for `scores`."""
        if self._scaled or not possible(self.strides):
            return likeliest(self.scores(tile, estimate))
        labels = labels_between(estimate[0].clamp(min=SMALLEST).log(), self.strides)
        return part(labels, self._cut(tile))

    def values(self, tile: Tile, planes: Tensor) -> Tensor:
        """Any planes of the label grid at the pixels of a tile's core, (N, pixels ...), linear between the cells' centres.

        Args:
            tile: the tile.
            planes: its outer part, (1, N, cells ...).
        """
        full, where = planes[0], self.of(tile)
        if not self._scaled:
            if max(self.strides) > 1:
                factors, mode = tuple(map(float, self.strides)), MODES[len(self.strides)]
                full = F.interpolate(planes, scale_factor=factors, mode=mode, align_corners=False)[0]
            return part(full, self._cut(tile))
        for axis in reversed(range(len(where))):
            taps = linear(where[axis].start, where[axis].stop, self.cells[axis], self._pitches[axis])
            full = taps.along(full, axis + 1, tile.outer[axis][0])
        return full

    def labels(self, estimate: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The labels of all pixels, (pixels ...), from Y (K, cells ...)."""
        labels = np.empty(self.size, np.uint8)
        for tile in self.parts(Tile.whole(self.cells), len(estimate)):
            inside = np.ascontiguousarray(estimate[(slice(None), *slices(tile.outer))])
            labels[self.of(tile)] = self.labels_in(tile, torch.from_numpy(inside)[None]).numpy()
        return labels

    def _cut(self, tile: Tile) -> tuple[slice, ...]:
        """Where the pixels of a tile's core lie among those of its outer part."""
        begins = [first * stride for (first, _), stride in zip(tile.outer, self.strides, strict=True)]
        return slices(tuple((p.start, p.stop) for p in self.of(tile)), tuple((b, b) for b in begins))

    @property
    def _scaled(self) -> bool:
        return scaled_size(self.size, self.scale) != self.size

    @property
    def _pitches(self) -> list[float]:
        """Own pixels for each label cell."""
        scaled = scaled_size(self.size, self.scale)
        return [s * n / m for s, n, m in zip(self.strides, self.size, scaled, strict=True)]


def scaled_size(size: Sequence[int], scale: float) -> tuple[int, ...]:
    """Pixels along each axis of an image at another scale.

    Raises:
        RetintError: the scale is not from 0.01 to 100.
    """
    real(scale, "--scale", 0.01, 100)
    return tuple(max(1, round(n * scale)) for n in size)


def bands(size: Sequence[int], pixels: int = 1 << 22) -> Iterator[slice]:
    """An image in bands along its first axis of about so many pixels each."""
    step = max(1, pixels // max(prod(size[1:]), 1))
    for first in range(0, size[0], step):
        yield slice(first, min(first + step, size[0]))
