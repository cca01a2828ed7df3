"""The planes inside W, kept for every step, so that a change of Y is followed through W a layer at a time.

What a layer makes of a change lies as far around it as the layer reaches. To compute the last layer there from Y alone, each
layer before it is needed as far around again, whether or not anything changed there. With the planes before W's last wide
layer kept, the layers before that one are computed where they can have changed, and no further; and of what they make, often
more than half has not changed, so that the layers after it have less to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import torch
from torch import Tensor

from ...hardware import laid_out
from ...network import RecurrentNetwork
from ...network.geometry import span
from ...network.layers import Unit
from ..backends.fused import possible
from ..tiles import Box, Tile
from .local import Plane, cut, made, renewed, through
from .region import SIDE, grown, merged, rounded


class Halfway:
    """W in two halves, and what lies between them.

    Args:
        network: folded, with padding `same`.
        cells: of the label grid, in whole periods.
        tile: label cells of the largest box that is computed at a time; None: all of them.

    Attributes:
        rest: W's layers from its last wide one (a kernel larger than one cell) on; all of them if none lies before it.
        size: cells of the planes between the halves.
        planes: of each step, (1, channels, cells ...) in the network's number type; None where W is fed nothing, or none of
            its layers lies before `rest`.
    """

    def __init__(self, network: RecurrentNetwork, cells: Sequence[int], tile: Sequence[int] | None = None) -> None:
        units = [unit for unit in network.W if isinstance(unit, Unit)]
        wide = [number for number, unit in enumerate(units) if max(unit.conv.kernel_size) > 1]
        self._first, self.rest = (units[: wide[-1]], units[wide[-1] :]) if wide else ([], units)
        self._geometry, self._cells, self._fused = network.geometry, tuple(cells), possible(network)
        self._to, self._from = (
            [span([unit.layer for unit in half], axis) for axis in range(len(self._cells))] for half in (self._first, self.rest)
        )
        self.size = self._cells
        for unit in self._first:
            self.size = tuple(made(unit.layer, n, axis) for axis, n in enumerate(self.size))
        strides = [max(n // m, 1) for n, m in zip(self._cells, self.size, strict=True)]
        self._tile = [max(n // s, 1) for n, s in zip(tile or self._cells, strides, strict=True)]
        self._side = [max(SIDE // s, 1) for s in strides]
        self._gaps = [ahead.high - ahead.low + 2 for ahead in self._from]  # beyond them, nothing is reached from both sides
        self.planes, self._spread = list[Tensor | None](), 0.0

    @property
    def values(self) -> int:
        """Of the planes of one step."""
        return self._first[-1].channels * prod(self.size) if self._first else 0

    def extend(self, estimate: Plane | None, like: Tensor) -> None:
        """Compute the planes of the next step.

        Args:
            estimate: Y(t-1), as W is fed it; None is no estimate.
            like: of the planes' number type, on their device.
        """
        self.planes.append(None)
        if estimate is None or not self._first:
            return
        shape = 1, self._first[-1].channels, *self.size
        plane = self.planes[-1] = laid_out(torch.zeros(shape, dtype=like.dtype, device=like.device))
        for box in self._tiles(tuple((0, n) for n in self.size)):
            cut(plane, box).copy_(self._made(box, estimate))
        self._spread = self._spread or float(plane.square().mean(dtype=torch.float32).sqrt())

    def follow(self, step: int, changed: Iterable[Box], estimate: Plane | None, tolerance: float) -> list[Box]:
        """Carry changes of Y(t-1) as far as between the halves; what moved there by no more than a tolerance stays as it was.

        Args:
            step: t, counted from 1.
            changed: boxes of label cells of Y(t-1), or of hints that W is told of.
            estimate: Y(t-1), as W is fed it; None is no estimate.
            tolerance: in units of the planes' own spread, the root of their mean square when they were first computed.

        Returns:
            The boxes of label cells of Y(t), in whole periods, that the changes have a part in.
        """
        plane, geometry = self.planes[step - 1], self._geometry
        if estimate is None or plane is None:
            return [grown(box, lambda axis, a, b: geometry[axis].reached_by_estimate(a, b), self._cells) for box in changed]
        here = merged(grown(box, lambda axis, a, b: self._to[axis].reached(a, b), self.size) for box in changed)
        tiles = (tile for box in merged(rounded(box, self._side, self.size) for box in here) for tile in self._tiles(box))
        return [
            grown(part, lambda axis, a, b: geometry[axis].reached_by_context(*self._from[axis].reached(a, b)), self._cells)
            for tile in tiles
            for part in renewed(plane, tile, self._made(tile, estimate), tolerance * self._spread, self._gaps)
        ]

    def _tiles(self, box: Box) -> Iterable[Box]:
        return (tile.core for tile in Tile(box, box).split(self._tile, [(0, 0)] * len(box)))

    def _made(self, box: Box, estimate: Plane) -> Tensor:
        return through(self._first, estimate, box, self._cells, self._fused)
