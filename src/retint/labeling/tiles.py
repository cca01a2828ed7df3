"""Tiles that equal the whole: which parts to compute, and what each needs around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..network import Geometry


@dataclass(frozen=True)
class Tile:
    """A part of the label grid. All in label cells, as (first, last + 1) for rows and columns.

    Attributes:
        core: the cells that this tile answers for; the cores of all tiles cover the grid once.
        outer: core and halo, cut at the grid's edges.
    """

    core: tuple[tuple[int, int], tuple[int, int]]
    outer: tuple[tuple[int, int], tuple[int, int]]


def halo_cells(geometry: Sequence[Geometry], steps: int, started: bool) -> list[tuple[int, int]]:
    """Cells that a tile needs before and after itself along each axis to take `steps` steps."""
    result = []
    for g in geometry:
        before, after = (n // g.stride for n in g.halo(steps))
        if started:
            start_before, start_after = g.start_halo(steps)
            before, after = max(before, start_before + 1), max(after, start_after + 1)
        result.append((before, after))
    return result


def tiles(cells: tuple[int, int], tile: tuple[int, int], halo: Sequence[tuple[int, int]]) -> Iterator[Tile]:
    """The tiles of a grid, row by row."""
    spans = []
    for n, size, (before, after) in zip(cells, tile, halo, strict=True):
        firsts = range(0, n, size)
        spans.append([((a, min(a + size, n)), (max(a - before, 0), min(a + size + after, n))) for a in firsts])
    for row_core, row_outer in spans[0]:
        for column_core, column_outer in spans[1]:
            yield Tile((row_core, column_core), (row_outer, column_outer))
