"""How to go through an image of any size: lanes from its first row to its last, in bands of rows.

A lane's memory grows with its width alone. Where the whole width is one lane there is no halo; else each lane has a halo at
its sides. On a processor two lanes are gone through at a time, each by half of the threads, if their halos cost less than that
brings: threads that share every layer wait for each other. The plan does not depend on how many threads there are, so that work
can be gone on with elsewhere. Work is done in whole pieces of a lane, each recorded; to begin at a piece that is not the first,
the rows before it that its labels can see are computed first.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, lcm, log2, prod

from ...network import RecurrentNetwork
from ...network.work import Walked, walk
from ..plan import TileSide, sides_of
from ..tiles import Box, Tile

ROOM = 6 << 27
"""Bytes that the planes of the lanes which are gone through at a time may take."""

_ROWS = 256  # pixels of an image's band at most
_BLOCK = {"cpu": 1 << 19, "cuda": 1 << 22}  # pixels of an image's block, about: its planes stay in a processor's cache
_VOLUME = 1 << 22  # voxels of a volume's band, and block, at most
_COPIES = 3  # of a block's widest planes at a time: a layer's input, its output, and what is joined
_AHEAD = 3  # bands of pixels that are there at a time: read ahead, waiting, and in use
_WIDEST = 1 << 15  # columns of a lane at most: the rows of chunks or tiles under two of them fit into what readers keep decoded
_GRAIN = 512  # rows and columns in which labels are stored
_PIECE = 1 << 24  # pixels of a piece, about
_ALONE = 1.1  # two lanes at a time are chosen if their halos cost less than a tenth more


@dataclass(frozen=True)
class Lanes:
    """The plan.

    Attributes:
        size: the image's pixels along each axis.
        lanes: pixels of each lane, along the axes but the first.
        rows: pixels of a piece along the first axis.
        band: rows of the scaled image that are gone through at a time, in whole periods.
        block: columns of the scaled image that are computed at a time, in whole periods.
        together: lanes that are gone through at a time.
        halo: rows of the scaled image, in whole bands, to be computed before the first piece of a run.
        waste: pixels computed for each one wanted, less one: the share of work that the lanes' halos cost.
    """

    size: tuple[int, ...]
    lanes: tuple[Box, ...]
    rows: int
    band: int
    block: int
    together: int
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
    one = _lanes(network, size, steps, tile, scale, 1)
    if len(size) > 2 or network.device.type != "cpu":
        return one
    two = _lanes(network, size, steps, tile, scale, 2)
    return two if len(two.lanes) > 1 and 1 + two.waste < _ALONE * (1 + one.waste) else one


def _lanes(
    network: RecurrentNetwork, size: Sequence[int], steps: int, tile: TileSide | None, scale: float, together: int
) -> Lanes:
    """The plan with at least so many lanes, if there is no tile that says it, of which so many are gone through at a time."""
    geometry = network.geometry
    halos = [sum(g.tile_halo(steps, False)) * g.stride / scale for g in geometry]
    grains = [lcm(16, g.period) for g in geometry]
    demand = _demand(network, steps)
    flat = len(size) == 2
    values, shrunk, period = ROOM / together / network.dtype.itemsize, scale ** (len(size) - 1), geometry[0].period
    # of a volume, a band is one block
    largest = _BLOCK.get(network.device.type, _BLOCK["cpu"]) if flat else _VOLUME
    block = min(largest, values / 4 / demand.block)
    values -= demand.block * block
    pixels = values / 3 / demand.band if flat else min(block, values / 3 / demand.band)
    across = (values - demand.band * pixels) / demand.across / shrunk
    # a band has a period of rows at least
    across = min(across, values / (demand.across + demand.band * period) / shrunk, _WIDEST if flat else inf)
    given = sides_of(tile, len(size))
    if given is None:
        sides = _sides(size[1:], halos[1:], [lcm(_GRAIN, grain) for grain in grains[1:]], across, together)
        wide = prod(side + halo for side, halo in zip(sides, halos[1:], strict=True))
        rows = _up(_PIECE / wide, lcm(_GRAIN if flat else 16, grains[0]))
    else:
        rows, *sides = (_up(t, grain) for t, grain in zip(given, grains, strict=True))
    wide = prod(min(side + halo, n) for side, halo, n in zip(sides, halos[1:], size[1:], strict=True))
    pixels = max(pixels, (values - demand.across * wide * shrunk) / demand.band) if flat else pixels
    most = min(pixels / (wide * shrunk), rows * scale, _ROWS if flat else inf)
    band = period << floor(log2(max(most / period, 1)))  # so that bands and chunks of files begin together
    before = geometry[0].tile_halo(steps, False)[0] * geometry[0].stride
    spans = [_spans(n, side) for n, side in zip(size[1:], sides, strict=True)]
    waste = prod(1 + (len(s) - 1) * halo / n for s, halo, n in zip(spans, halos[1:], size[1:], strict=True)) - 1
    return Lanes(
        tuple(size), tuple(itertools.product(*spans)), min(rows, _up(size[0], grains[0])), band,
        _up(block / band, geometry[-1].period) if flat else sys.maxsize, together, _up(before + band, band), waste,
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


def _sides(size: Sequence[int], halos: Sequence[float], grains: Sequence[int], most: float, least: int) -> list[int]:
    """Sides of lanes that with their halos have at most so many pixels across, cut where it costs least; of a multiple of
    `least` lanes.

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
        if (prod(wide) <= most and prod(counts) % least == 0) or not cuts:
            return sides
        counts[max(cuts, key=lambda axis: sides[axis] / max(halos[axis], 1))] += 1


@dataclass(frozen=True)
class _Demand:
    """Values that a lane takes: for each pixel across the rows, for each pixel of a band, and of a block."""

    across: float
    band: float
    block: float


def _demand(network: RecurrentNetwork, steps: int) -> _Demand:
    """What a lane takes; see `windows` for what is kept and what waits."""
    units, branch, image = network.context_units, network.architecture.branch, (1.0, 1.0)
    context = walk(units, image)
    *_, stem = [image, *(layer.after for layer in context[:branch])]
    hidden = context[-1].after
    pooled = hidden[0] / network.pool[0], hidden[1] / prod(network.pool[1:])
    detail, grid = walk(network.D, stem), (1 / network.strides[0], 1 / prod(network.strides[1:]))
    parts = [(1, context), (1, detail), (steps - 1, walk(network.W, grid)), (steps, walk(network.V, pooled))]
    ahead = network.geometry[0].start_halo(1)[1] / network.geometry[0].per_period  # hidden rows that a step waits for
    waiting = network.context_channels * hidden[1]
    kept = (steps - 1) * ahead * waiting + sum(n * _kept(layer) for n, part in parts for layer in part)
    widest = max(layer.unit.conv.out_channels * prod(layer.within) for _, part in parts for layer in part)
    floats = 4 / network.dtype.itemsize  # the estimates are float32, as they come and joined
    band = waiting * hidden[0] + _AHEAD * network.channels + 3 * floats * network.classes * prod(grid)
    return _Demand(kept, band, _COPIES * max(8.0, 3.0 * network.channels, widest))


def _kept(layer: Walked) -> float:
    """Values of the rows that a layer will see again."""
    unit = layer.unit
    kernel, stride, dilation = unit.layer.along(0)
    again = max(dilation * (kernel - 1) + 1 - stride, 0)
    pooled = unit.pool[0] * unit.conv.out_channels * layer.within[1] if unit.pool[0] > 1 else 0.0
    return again * unit.conv.in_channels * layer.before[1] + pooled


def _spans(n: int, side: int) -> list[tuple[int, int]]:
    return [(first, min(first + side, n)) for first in range(0, n, side)]


def _up(value: float, grain: int) -> int:
    """The least multiple of a grain that is no less, and no less than the grain."""
    return max(ceil(value / grain), 1) * grain
