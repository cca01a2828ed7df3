"""Tiles that equal the whole: which parts to compute, and what each needs around it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Box = tuple[tuple[int, int], ...]
"""(first, last + 1) along each axis."""


@dataclass(frozen=True)
class Tile:
    """A part of the label grid, in label cells.

    Attributes:
        core: the cells that this tile answers for; the cores of all tiles cover the grid once.
        outer: core and halo, cut at the grid's edges.
    """

    core: Box
    outer: Box

    @classmethod
    def whole(cls, cells: Sequence[int]) -> Tile:
        """The grid as one tile."""
        box = tuple((0, n) for n in cells)
        return cls(box, box)

    def split(self, sides: Sequence[int], halo: Sequence[tuple[int, int]]) -> Iterator[Tile]:
        """Tiles of at most these sides that cover the core, each with a halo as far as the outer part has it."""
        spans = []
        for (a, b), (low, high), side, (before, after) in zip(self.core, self.outer, sides, halo, strict=True):
            firsts = [(first, min(first + side, b)) for first in range(a, b, side)]
            spans.append([(span, (max(span[0] - before, low), min(span[1] + after, high))) for span in firsts])
        for parts in itertools.product(*spans):
            yield Tile(tuple(core for core, _ in parts), tuple(outer for _, outer in parts))


def slices(box: Box, within: Box | None = None) -> tuple[slice, ...]:
    """A box as an index of the whole plane, or of the part `within` which it lies."""
    firsts = [0] * len(box) if within is None else [first for first, _ in within]
    return tuple(slice(a - first, b - first) for (a, b), first in zip(box, firsts, strict=True))
