"""How to go through an image of any size: lanes from its first row to its last, in bands of rows.

A lane's memory grows with its width alone. Where the whole width fits there is one lane and no halo; else each lane has
a halo at its sides. Work is done in whole pieces of a lane, each recorded; to begin at a piece that is not the first,
the rows before it that its labels can see are computed first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, lcm, prod

from torch import nn

from ..network import RecurrentNetwork
from ..network.layers import Unit
from .plan import TileSide
from .tiles import Box, Tile

ROOM = 1 << 30
"""Bytes that the planes of a lane may take."""

_BAND = 1 << 21  # pixels of a band, about
_COPIES = 3  # of a band's widest planes at a time: a layer's input, its output, and the rows joined
_GRAIN = 512  # rows and columns in which labels are stored
_PIECE = 1 << 24  # pixels of a piece, about


@dataclass(frozen=True)
class Lanes:
    """The plan.

    Attributes:
        size: the image's pixels along each axis.
        lanes: pixels of each lane, along the axes but the first.
        rows: pixels of a piece along the first axis.
        band: rows of the scaled image that are computed at a time, in whole periods.
        halo: rows of the scaled image, in whole bands, to be computed before a piece that is begun with.
        waste: pixels computed for each one wanted, less one: the share of work that the lanes' halos cost.
    """

    size: tuple[int, ...]
    lanes: tuple[Box, ...]
    rows: int
    band: int
    halo: int
    waste: float

    @property
    def count(self) -> int:
        """Of all pieces."""
        return len(self.lanes) * self.each

    @property
    def each(self) -> int:
        """Pieces of a lane."""
        return -(-self.size[0] // self.rows)

    def piece(self, number: int) -> Box:
        """Pixels of a piece; they are numbered lane after lane, each from the first row to the last."""
        lane, place = divmod(number, self.each)
        return ((place * self.rows, min((place + 1) * self.rows, self.size[0])), *self.lanes[lane])


def lanes(
    network: RecurrentNetwork, size: Sequence[int], steps: int, tile: TileSide | None = None, scale: float = 1.0
) -> Lanes:
    """The plan for an image.

    Args:
        network: the network.
        size: the image's pixels along each axis.
        steps: how many will be taken.
        tile: pixels of a piece's side along each axis; None chooses.
        scale: at which it is labelled.
    """
    geometry = network.geometry
    halos = [sum(g.tile_halo(steps, False)) * g.stride / scale for g in geometry]
    grains = [lcm(16, g.period) for g in geometry]
    kept, widest = _demand(network, steps)
    across = ROOM / 2 / (4 * kept) / scale ** (len(size) - 1)
    if tile is None:
        sides = _sides(size[1:], halos[1:], [lcm(_GRAIN, grain) for grain in grains[1:]], across)
        wide = prod(side + halo for side, halo in zip(sides, halos[1:], strict=True))
        rows = _up(_PIECE / wide, lcm(_GRAIN if len(size) == 2 else 16, grains[0]))
    else:
        given = [tile] * len(size) if isinstance(tile, int) else list(tile)
        rows, *sides = (_up(t, grain) for t, grain in zip(given, grains, strict=True))
    wide = prod(min(side + halo, n) for side, halo, n in zip(sides, halos[1:], size[1:], strict=True))
    most = min(_BAND, ROOM / 2 / (4 * widest * _COPIES)) / wide / scale ** (len(size) - 1)
    band = max(int(min(most, rows * scale)) // geometry[0].period, 1) * geometry[0].period
    before = geometry[0].tile_halo(steps, False)[0] * geometry[0].stride
    spans = [_spans(n, side) for n, side in zip(size[1:], sides, strict=True)]
    waste = prod(1 + (len(s) - 1) * halo / n for s, halo, n in zip(spans, halos[1:], size[1:], strict=True)) - 1
    return Lanes(
        tuple(size), tuple(itertools.product(*spans)), min(rows, _up(size[0], grains[0])), band,
        _up(before + band, band), waste,
    )  # fmt: skip


def outer(
    network: RecurrentNetwork, box: Box, size: Sequence[int], cells: Sequence[int], steps: int, pitches: Sequence[float]
) -> Tile:
    """The label cells over a box of pixels, and those that they need around them.

    Args:
        network: the network.
        box: of the image's own pixels.
        size: the image's own pixels along each axis.
        cells: of the whole label grid.
        steps: how many will be taken.
        pitches: own pixels for each label cell, along each axis.
    """
    cores, outers = [], []
    for (a, b), n, all_, pitch, g in zip(box, size, cells, pitches, network.geometry, strict=True):
        core = floor(a / pitch), all_ if b == n else min(ceil(b / pitch), all_)
        (before, after), each = g.tile_halo(steps, False), g.per_period
        cores.append(core)
        outers.append((max(core[0] // each * each - before, 0), min(_up(core[1], each) + after, all_)))
    return Tile(tuple(cores), tuple(outers))


def counted(box: Box, size: Sequence[int], seen: Sequence[int], pitches: Sequence[float]) -> Box:
    """The label cells that a box of pixels answers for; those of all pieces cover the image's cells once."""
    return tuple(
        (min(floor(a / pitch), all_), all_ if b == n else min(floor(b / pitch), all_))
        for (a, b), n, all_, pitch in zip(box, size, seen, pitches, strict=True)
    )


def _sides(size: Sequence[int], halos: Sequence[float], grains: Sequence[int], most: float) -> list[int]:
    """Sides of lanes that with their halos have at most so many pixels across, cut where it costs least.

    None becomes shorter than its halo: many steps, in a wide image, take more memory than others.
    """
    counts = [1] * len(size)
    while True:
        sides = [_up(n / c, grain) for n, c, grain in zip(size, counts, grains, strict=True)]
        wide = [min(side + halo * (c > 1), n) for side, halo, c, n in zip(sides, halos, counts, size, strict=True)]
        cuts = [
            axis
            for axis, (n, c, halo, grain) in enumerate(zip(size, counts, halos, grains, strict=True))
            if sides[axis] > grain and n / (c + 1) >= halo
        ]
        if prod(wide) <= most or not cuts:
            return sides
        counts[max(cuts, key=lambda axis: sides[axis] / max(halos[axis], 1))] += 1


def _demand(network: RecurrentNetwork, steps: int) -> tuple[float, float]:
    """Floats that are kept for each pixel across the rows, and those of the widest plane for each pixel of a band."""
    units, branch = network.context_units, network.architecture.branch
    _, _, *fine = _chain(units[:branch], 1.0, 1.0)
    kept_d, widest_d, *_ = _chain(network.D, *fine)
    kept_u, widest_u, density, hidden = _chain(units, 1.0, 1.0)
    grid = [1 / s for s in network.strides]
    kept_w, widest_w, *_ = _chain(network.W, prod(grid[1:]), grid[0])
    kept_v, widest_v, *_ = _chain(network.V, density / prod(network.pool[1:]), hidden / network.pool[0])
    ahead = network.geometry[0].start_halo(1)[1] / network.geometry[0].per_period  # hidden rows that a step waits for
    channels = network.context_channels
    kept = kept_u + kept_d + (steps - 1) * (kept_w + ahead * channels * density) + steps * kept_v
    return kept, max(8.0, 3.0 * network.channels, widest_u, widest_d, widest_w, widest_v)


def _chain(layers: Iterable[nn.Module], across: float, along: float) -> tuple[float, float, float, float]:
    """For each pixel across: floats of the rows that the layers keep; of a pixel: those of the widest plane; and how
    many cells there are for each pixel, across and along, after the layers."""
    kept = widest = 0.0
    for unit in layers:
        assert isinstance(unit, Unit)
        kernel, stride, dilation = unit.layer.along(0)
        kept += (dilation * (kernel - 1) + 1 + unit.pool[0] - 1) * unit.conv.in_channels * across
        across, along = across / prod(unit.conv.stride[1:]), along / stride
        widest = max(widest, unit.conv.out_channels * across * along)
        across, along = across * prod(unit.up[1:]) / prod(unit.pool[1:]), along * unit.up[0] / unit.pool[0]
    return kept, widest, across, along


def _spans(n: int, side: int) -> list[tuple[int, int]]:
    return [(first, min(first + side, n)) for first in range(0, n, side)]


def _up(value: float, grain: int) -> int:
    """The least multiple of a grain that is no less, and no less than the grain."""
    return max(ceil(value / grain), 1) * grain
