"""Strokes: what a person fixed in one go, as labels in a box of the image."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RetintError
from ..starts import UNKNOWN
from ..tiles import Box, slices
from .region import bounds


@dataclass(frozen=True, eq=False)
class Stroke:
    """Pixels whose class a person fixed.

    Attributes:
        box: the pixels that it lies in, (first, last + 1) along each axis of the image.
        labels: of the box, uint8; 255 where the stroke fixes nothing.
    """

    box: Box
    labels: NDArray[np.uint8]

    @classmethod
    def line(cls, label: int, points: Any, width: float, size: Sequence[int]) -> Stroke:
        """A line through points, as broad as `width` pixels; a single point is a dot.

        Args:
            label: class index.
            points: (n, axes), in pixels: the centre of pixel (row, column) is at (row, column).
            width: at least 1; all pixels with their centre within half of it are drawn, and those that the points lie in.
            size: pixels of the image. What lies outside is dropped.

        Raises:
            RetintError: no such points, or none of them draws a pixel inside the image.
        """
        try:
            corners = np.atleast_2d(np.asarray(points, float))
        except (TypeError, ValueError):
            corners = np.empty(0)
        if corners.ndim != 2 or corners.shape[1] != len(size) or not len(corners) or not np.isfinite(corners).all():
            raise RetintError(
                f"points: expected one or more of {len(size)} finite coordinates each; found shape {corners.shape}"
            )
        if not isinstance(width, int | float | np.number) or not 1 <= width < float("inf"):
            raise RetintError(f"width {width}: a number of at least 1 pixel is needed")
        reach = width / 2
        low, high = corners.min(0) - max(reach, 1), corners.max(0) + max(reach, 1)
        box = tuple((max(ceil(a), 0), min(floor(b) + 1, n)) for a, b, n in zip(low, high, size, strict=True))
        drawn = np.zeros([max(b - a, 0) for a, b in box], bool)
        begin = [a for a, _ in box]
        inside = (corners - begin).tolist()
        for one, other in itertools.pairwise(inside if len(inside) > 1 else inside * 2):
            _draw(drawn, one, other, reach)
        for nearest in np.rint(corners).astype(int) - begin:  # a thin dot between the centres of pixels
            if all(0 <= n < many for n, many in zip(nearest, drawn.shape, strict=True)):
                drawn[tuple(nearest)] = True
        labels = np.where(drawn, np.uint8(label), np.uint8(UNKNOWN))
        return cls._cut(labels, begin, "points: nothing is drawn inside the image's", size)

    def in_slice(self, number: int) -> Stroke:
        """The stroke of an image as one of a volume, in one of its slices alone."""
        return Stroke(((number, number + 1), *self.box), self.labels[None])

    @classmethod
    def pixels(cls, labels: NDArray[Any]) -> Stroke:
        """The known pixels of a label map of the image's size, 255 elsewhere.

        Raises:
            RetintError: no pixel is known.
        """
        return cls._cut(labels.astype(np.uint8), [0] * labels.ndim, "hints: no pixel is labelled among", labels.shape)

    @classmethod
    def _cut(cls, labels: NDArray[np.uint8], begin: Sequence[int], problem: str, size: Sequence[int]) -> Stroke:
        box = bounds(labels != UNKNOWN)
        if box is None:
            raise RetintError(f"{problem} {' x '.join(map(str, size))} pixels")
        return cls(tuple((a + n, b + n) for (a, b), n in zip(box, begin, strict=True)), labels[slices(box)].copy())


def paint(plane: NDArray[np.uint8], box: Box, strokes: Iterable[Stroke]) -> Box | None:
    """Draw what strokes, later ones over earlier ones, say in a box of a label map; the box of the pixels that changed."""
    inside = plane[slices(box)]
    before = inside.copy()
    inside[...] = UNKNOWN
    for stroke in strokes:
        shared = tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(box, stroke.box, strict=True))
        if all(a < b for a, b in shared):
            part = stroke.labels[slices(shared, stroke.box)]
            np.copyto(plane[slices(shared)], part, where=part != UNKNOWN)
    changed = bounds(before != inside)
    return None if changed is None else tuple((a + n, b + n) for (a, b), (n, _) in zip(changed, box, strict=True))


def _draw(drawn: NDArray[np.bool_], one: Sequence[float], other: Sequence[float], reach: float) -> None:
    """Set the pixels whose centres lie within reach of a segment."""
    ends = [(min(pair), max(pair)) for pair in zip(one, other, strict=True)]
    spans = [(max(ceil(a - reach), 0), min(floor(b + reach) + 1, n)) for (a, b), n in zip(ends, drawn.shape, strict=True)]
    if any(a >= b for a, b in spans):
        return
    along = [b - a for a, b in zip(one, other, strict=True)]
    from_one = np.ix_(*(np.arange(a, b) - p for (a, b), p in zip(spans, one, strict=True)))
    share = sum(d * v for d, v in zip(from_one, along, strict=True)) / max(sum(v * v for v in along), 1e-12)
    share = np.minimum(np.maximum(share, 0), 1)
    distance = sum((d - share * v) ** 2 for d, v in zip(from_one, along, strict=True))
    drawn[tuple(slice(a, b) for a, b in spans)] |= distance <= reach**2 + 1e-9
