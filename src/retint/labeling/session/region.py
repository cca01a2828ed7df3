"""Regions of planes: the boxes that hold what changed, and those that hold no more than must be computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..tiles import Box

SIDE = 16
"""Boxes are 1, 2, 3, 4, 6, 8, 12 ... times so many label cells long: for each new size of a plane, a convolution is prepared anew."""

Grow = Callable[[int, int, int], tuple[int, int]]
"""From an axis and its span (first, last + 1) to another span."""


def bounds(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box that holds all that is set; None if nothing is."""
    spans = []
    for axis in range(mask.ndim):
        used = np.flatnonzero(mask.any(tuple(other for other in range(mask.ndim) if other != axis)))
        if not used.size:
            return None
        spans.append((int(used[0]), int(used[-1]) + 1))
    return tuple(spans)


def parts(mask: NDArray[np.bool_], gaps: Sequence[int]) -> list[Box]:
    """Boxes that hold all that is set, cut apart wherever nothing is set across the whole box for more than a gap.

    Args:
        mask: a plane.
        gaps: along each axis, the longest empty stretch that stays within a box.
    """
    box = bounds(mask)
    if box is None:
        return []
    inside = mask[tuple(slice(a, b) for a, b in box)]
    for axis, gap in enumerate(gaps):
        used = np.flatnonzero(inside.any(tuple(other for other in range(mask.ndim) if other != axis)))
        wide = np.flatnonzero(np.diff(used) > gap + 1)
        if wide.size:
            middle = int(used[wide[0]]) + 1
            halves = np.split(inside, [middle], axis)
            firsts = [[a for a, _ in box], [a + middle * (axis == i) for i, (a, _) in enumerate(box)]]
            return [
                moved(part, first) for half, first in zip(halves, firsts, strict=True) for part in parts(half, gaps)
            ]
    return [box]


def moved(box: Box, by: Sequence[int]) -> Box:
    """The box, so much further along each axis."""
    return tuple((a + n, b + n) for (a, b), n in zip(box, by, strict=True))


def grown(box: Box, grow: Grow, size: Sequence[int]) -> Box:
    """The box with each span grown, cut at a plane's edges."""
    spans = (grow(axis, *span) for axis, span in enumerate(box))
    return tuple((max(a, 0), min(b, n)) for (a, b), n in zip(spans, size, strict=True))


def rounded(box: Box, each: Sequence[int], size: Sequence[int]) -> Box:
    """The box with sides of few lengths, as far as the plane is that large: 1, 2, 3, 4, 6, 8, 12, 16 ... times `each`."""
    result = []
    for (a, b), step, cells in zip(box, each, size, strict=True):
        needed = -(-(b - a) // step)
        half = 1 << max(needed.bit_length() - 2, 0)  # a quarter to a half of what is needed
        side = min(-(-needed // half) * half * step, cells)
        first = min(a, cells - side)
        result.append((first, first + side))
    return tuple(result)


def merged(boxes: Iterable[Box]) -> list[Box]:
    """Boxes without those that are empty; ones that overlap become one that holds both, until none overlap."""
    result: list[Box] = []
    for box in boxes:
        if any(a >= b for a, b in box):
            continue
        while touching := [other for other in result if _overlap(box, other)]:
            result = [other for other in result if other not in touching]
            box = tuple((min(a for a, _ in s), max(b for _, b in s)) for s in zip(box, *touching, strict=True))
        result.append(box)
    return result


def _overlap(one: Box, other: Box) -> bool:
    return all(a < d and c < b for (a, b), (c, d) in zip(one, other, strict=True))
