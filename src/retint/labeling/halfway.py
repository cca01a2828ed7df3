"""The planes inside W, kept for every step, so that a change of Y is followed through W a layer at a time.

What a layer makes of a change lies as far around it as the layer reaches. To compute the last layer there from Y alone, each
layer before it is needed as far around again, whether or not anything changed there. With the planes before W's last wide
layer kept, the layers before that one are computed where they can have changed, and no further; and of what they make, often
more than half has not changed, so that the layers after it have less to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from ..network import RecurrentNetwork
from ..network.geometry import span
from ..network.hardware import laid_out
from ..network.layers import Unit
from .backends.fused import possible
from .local import Plane, cut, made, renewed, through
from .region import grown
from .tiles import Box, Tile


class Halfway:
    """W in two halves, and what lies between them.

    Args:
        network: folded, with padding `same`.
        cells: of the label grid, in whole periods.

    Attributes:
        rest: W's layers from its last wide one (a kernel larger than one cell) on; all of them if none lies before it.
        size: cells of the planes between the halves.
        strides: label cells of one of them, along each axis.
        planes: of each step, (1, channels, cells ...) in the network's number type; None where W is fed nothing, or none of
            its layers lies before `rest`.
    """

    def __init__(self, network: RecurrentNetwork, cells: Sequence[int]) -> None:
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
        self.strides = tuple(max(n // m, 1) for n, m in zip(self._cells, self.size, strict=True))
        self.planes, self._spread = list[Tensor | None](), 0.0

    @property
    def values(self) -> int:
        """Of the planes of one step."""
        return self._first[-1].channels * prod(self.size) if self._first else 0

    def extend(self, estimate: Plane | None, like: Tensor, tile: Sequence[int]) -> None:
        """Compute the planes of the next step.

        Args:
            estimate: Y(t-1), as W is fed it; None is no estimate.
            like: of the planes' number type, on their device.
            tile: cells that are computed at a time.
        """
        self.planes.append(None)
        if estimate is None or not self._first:
            return
        shape = 1, self._first[-1].channels, *self.size
        plane = self.planes[-1] = laid_out(torch.zeros(shape, dtype=like.dtype, device=like.device))
        whole: Box = tuple((0, n) for n in self.size)
        for part in Tile(whole, whole).split(tile, [(0, 0)] * len(tile)):
            cut(plane, part.core).copy_(self._made(part.core, estimate))
        self._spread = self._spread or float(plane.square().mean(dtype=torch.float32).sqrt())

    def reached(self, box: Box) -> Box:
        """The cells between the halves that label cells of Y(t-1) have a part in."""
        return grown(box, lambda axis, a, b: self._to[axis].reached(a, b), self.size)

    def reaches(self, box: Box) -> Box:
        """The label cells of Y(t), in whole periods, that cells between the halves have a part in."""
        return grown(
            box, lambda axis, a, b: self._geometry[axis].reached_by_context(*self._from[axis].reached(a, b)), self._cells
        )

    def compare(self, step: int, box: Box, estimate: Plane, tolerance: float) -> list[Box]:
        """Compute a box again; what moved by no more than a tolerance stays as it was (see `renewed`). The boxes of what did.

        Args:
            step: counted from 1; one that has planes.
            box: of their cells.
            estimate: Y(t-1), as W is fed it.
            tolerance: in units of the planes' own spread, the root of their mean square when they were first computed.
        """
        plane, gaps = self.planes[step - 1], [ahead.high - ahead.low + 2 for ahead in self._from]
        assert plane is not None
        return renewed(plane, box, self._made(box, estimate), tolerance * self._spread, gaps)

    def _made(self, box: Box, estimate: Plane) -> Tensor:
        with torch.inference_mode():
            return through(self._first, estimate, box, self._cells, self._fused)
