"""Which tiles to label an image in, and how many steps to take at each, so that memory is bounded and little is wasted.

A tile computes its halo in vain. More steps at a time need a larger halo, fewer compute the context more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from operator import index

from ..errors import RetintError
from ..network import RecurrentNetwork
from ..network.work import work

SWEEP = 8
"""Most steps that one sweep of tiles takes."""

_FLOATS = 4.0  # per pixel, at least: image, labels and what converting them takes
_COPIES = 4  # of the widest planes at a time: a layer's input and output, and a convolution's own

TileSide = int | tuple[int, ...]
"""Pixels of a tile's side, for all axes or for each."""


def sides_of(tile: TileSide | None, dims: int) -> tuple[int, ...] | None:
    """Pixels of a tile's side along each axis; None if none are given.

    Raises:
        RetintError: they are no whole numbers of at least 1, or not one for each axis.
    """
    if tile is None:
        return None
    try:
        sides = tuple(map(index, tile)) if isinstance(tile, Sequence) else (index(tile),) * dims
    except TypeError:
        sides = ()
    if len(sides) != dims or min(sides) < 1:
        raise RetintError(f"--tile {tile}: whole pixels are needed, at least 1, for all {dims} axes or for each")
    return sides


@dataclass(frozen=True)
class Plan:
    """How to go through an image.

    Attributes:
        tile: label cells of a tile's side along each axis, in whole periods.
        sweep: most steps to take at a tile before going on to the next.
    """

    tile: tuple[int, ...]
    sweep: int


def plan(network: RecurrentNetwork, size: Sequence[int], tile: Sequence[int] | None, room: int) -> Plan:
    """The plan for an image.

    Args:
        network: the network.
        size: pixels of the image along each axis.
        tile: pixels of a tile's side along each axis; None chooses.
        room: bytes that the planes of one piece may take. A halo alone may need more; then the tiles are small ones.
    """
    demand = work(network)
    pixels = room / (max(_FLOATS, demand.planes) * 4 * _COPIES)
    geometry = network.geometry
    if tile is None and prod(size) <= pixels:
        return Plan(network.cells(size), SWEEP)
    best: tuple[float, Plan] | None = None
    for sweep in range(1, SWEEP + 1):
        halo = [sum(g.tile_halo(sweep, started=True)) * g.stride for g in geometry]
        periods = [g.period for g in geometry]
        if tile is None:
            sides = _sides(size, halo, periods, pixels)
        else:
            sides = [max(t // p, 1) * p for t, p in zip(tile, periods, strict=True)]
        if best is not None and prod(_outer(size, sides, halo)) > pixels:
            break
        cost = prod(map(_waste, size, sides, halo)) * (demand.context / sweep + demand.step)
        if best is None or cost < best[0]:
            best = cost, Plan(tuple(side // g.stride for side, g in zip(sides, geometry, strict=True)), sweep)
    assert best is not None
    return best[1]


def _sides(size: Sequence[int], halo: Sequence[int], periods: Sequence[int], pixels: float) -> list[int]:
    """Sides of tiles that with their halos have at most so many pixels, cut where it costs least."""
    counts = [1] * len(size)

    def sides(counts: Sequence[int]) -> list[int]:
        return [-(-n // (c * p)) * p for n, c, p in zip(size, counts, periods, strict=True)]

    while prod(_outer(size, now := sides(counts), halo)) > pixels:
        worth: list[tuple[float, int]] = []
        for axis, (n, h) in enumerate(zip(size, halo, strict=True)):
            finer = _more(counts, axis)
            side = sides(finer)[axis]
            if side >= max(h // 2, periods[axis]):
                less = _outer_side(n, side, h) / _outer_side(n, now[axis], h)
                worth.append((less * _waste(n, side, h) / _waste(n, now[axis], h), axis))
        if not worth:
            break
        counts = _more(counts, min(worth)[1])
    return now


def _more(counts: list[int], axis: int) -> list[int]:
    return [count + (n == axis) for n, count in enumerate(counts)]


def _outer(size: Sequence[int], sides: Sequence[int], halo: Sequence[int]) -> list[int]:
    return list(map(_outer_side, size, sides, halo))


def _outer_side(n: int, side: int, halo: int) -> int:
    """The longest side of a tile with its halo; an image's edges have none."""
    return min(n, side + (halo if n > 2 * side else -(-halo // 2)))


def _waste(n: int, side: int, halo: int) -> float:
    """Pixels computed for each one wanted, along one axis."""
    return (n + (-(-n // side) - 1) * halo) / n
