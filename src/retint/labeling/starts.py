"""Starts and hints: label maps that come from outside, brought onto the label grid part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RetintError
from ..network.grid import MEANS
from ..network.hints import Hints
from ..network.layers import padded
from .pixels import bands
from .resample import linear, nearest
from .source import array_of
from .tiles import Box, slices

UNKNOWN = 255
_LARGEST = 1e30  # of what is taken for a probability, and so brought to a sum of 1 in float32

_AXES = {2: "rows, columns", 3: "slices, rows, columns"}


class LabelMap:
    """Integer labels, as shares of the classes in the label cells.

    Args:
        labels: of as many axes as the image, at any resolution; 255 is unknown.
        classes: K.
        size: the image's pixels, as the network sees it.
        strides: pixels for each label cell.
        what: what to call it in messages.

    Raises:
        RetintError: the map is not integer, or has a class that the model has not.
    """

    def __init__(
        self, labels: NDArray[Any], classes: int, size: tuple[int, ...], strides: tuple[int, ...], what: str
    ) -> None:
        if labels.ndim != len(size) or labels.dtype.kind not in "uib" or not labels.size:
            raise RetintError(
                f"{what}: {labels.dtype} of shape {labels.shape}; expected integer labels ({_AXES[len(size)]})"
            )
        low, high = UNKNOWN, 0
        for band in bands(labels.shape):
            part = labels[band]
            low = min(low, int(part.min()))
            high = max(high, int(np.max(part, where=part != UNKNOWN, initial=0)))
        if low < 0 or high >= classes:
            from_1 = "; 0 is nowhere in it: if it counts from 1, as ilastik does, subtract 1" if low > 0 and high == classes else ""
            raise RetintError(
                f"{what}: label {high if high >= classes else low} found; the classes are 0 to {classes - 1}, and 255 "
                f"is unknown{from_1}"
            )
        self._labels, self._classes, self._size, self._strides = labels, classes, size, strides

    def estimate(self, box: Box) -> Tensor:
        """The shares of the classes among the labelled pixels of each cell of a box, (1, K, cells ...), float32."""
        return _distribution(self._planes(box)[0])

    def hints(self, box: Box) -> Hints:
        """Labels as hints in a box of label cells; of a cell at the image's end, the pixels in the image count."""
        planes, inside = self._planes(box)
        fixed = planes / inside.clamp(min=torch.finfo(planes.dtype).tiny)
        return fixed, 1 - fixed.sum(1, keepdim=True)

    def _planes(self, box: Box) -> tuple[Tensor, Tensor]:
        """Of each cell of a box, the share of each class (1, K, cells ...), and that of the pixels in the image."""
        part = self._labels
        for axis, (a, b) in enumerate(_pixels(box, self._size, self._strides)):
            old, new = part.shape[axis], self._size[axis]
            index = slice(a, b) if old == new else nearest(a, b, old, new).index[:, 0]
            part = part[(slice(None),) * axis + (index,)]
        each = (_mean(torch.from_numpy(part == k).float(), box, self._strides) for k in range(self._classes))
        return torch.cat(list(each), 1), _mean(torch.ones(part.shape), box, self._strides)


class ProbabilityMap:
    """Probabilities, (K, rows, columns) or (K, slices, rows, columns), on the label cells.

    Those of the label grid's own size are taken as they are. Others are averaged over the cells; maps of another
    resolution than the image's are first brought to it, linearly.

    Args:
        planes: float, not negative.
        classes, size, strides, what: as for `LabelMap`.
        cells: of the label grid.
        covered: of the planes' own cells, how many the image covers along each axis: the last ones of an estimate reach
            beyond it. None: all.

    Raises:
        RetintError: wrong shape or values.
    """

    def __init__(
        self, planes: NDArray[Any], classes: int, size: tuple[int, ...], strides: tuple[int, ...],
        cells: tuple[int, ...], what: str, covered: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        found = f"{planes.dtype} of shape {planes.shape}"
        if planes.ndim != len(size) + 1 or planes.shape[0] != classes or planes.dtype.kind != "f":
            axes = _AXES[len(size)]
            raise RetintError(
                f"{what}: {found}; expected integer labels ({axes}) or float probabilities ({classes}, {axes})"
            )
        if planes.size == 0 or planes.min() < -1e-6:
            raise RetintError(f"{what}: probabilities must not be negative or empty; found shape {planes.shape}")
        if not float(planes.max()) <= _LARGEST:  # halves do not reach that far
            raise RetintError(f"{what}: probabilities must be finite; found {planes.max():g}")
        self._planes, self._size, self._strides = planes, size, strides
        self._ready = planes.shape[1:] == cells
        self._covered = planes.shape[1:] if covered is None else tuple(covered)

    def estimate(self, box: Box) -> Tensor:
        """The distributions in a box of label cells, (1, K, cells ...), float32."""
        if self._ready:
            part = np.array(self._planes[(slice(None), *slices(box))], dtype=np.float32, order="C")
            return _distribution(torch.from_numpy(part)[None].clamp(min=0))
        return _distribution(
            torch.cat([_mean(self._at_pixels(k, box), box, self._strides) for k in range(len(self._planes))], 1)
        )

    def _at_pixels(self, k: int, box: Box) -> Tensor:
        spans = _pixels(box, self._size, self._strides)
        shape = self._planes.shape[1:]
        taps = [
            nearest(*span, old, new) if old == covered == new else linear(*span, old, new / covered)
            for span, old, covered, new in zip(spans, shape, self._covered, self._size, strict=True)
        ]
        cut = tuple(t.span for t in taps)
        x = torch.from_numpy(np.array(self._planes[k][slices(cut)], dtype=np.float32, order="C")).clamp(min=0)
        for axis, (t, (low, _)) in enumerate(zip(taps, cut, strict=True)):
            x = t.along(x, axis, low)
        return x


Start = LabelMap | ProbabilityMap


def start_map(
    start: Any,
    classes: int,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    cells: tuple[int, ...],
    what: str = "start",
    covered: Sequence[float] | None = None,
    own: tuple[int, ...] | None = None,
) -> Start:
    """Y(0) from integer labels (255 unknown) at any resolution, probabilities, or an estimate; see the two classes. `own` are the image's own pixels,
    where it is labelled at another scale.

    Raises:
        RetintError: wrong classes, shape or values.
    """
    array = array_of(start, what)
    flat = array.ndim == len(size)
    found = LabelMap(array, classes, size, strides, what) if flat else ProbabilityMap(array, classes, size, strides, cells, what, covered)
    if covered is None and len(size) == 2 and array.shape[-2:] != cells:  # volumes may have a resolution for each axis
        _check_proportions(array.shape[-2:], own or size, what)
    return found


def _check_proportions(shape: tuple[int, ...], size: tuple[int, ...], what: str) -> None:
    """Whether a map can be of the image at some resolution, give or take two cells.

    Raises:
        RetintError: it cannot: it was turned or cut, perhaps.
    """
    scales = [((n - 2) / m, (n + 2) / m) for n, m in zip(shape, size, strict=True)]
    if max(low for low, _ in scales) > min(high for _, high in scales):
        told = (" x ".join(map(str, one)) for one in (shape, size))
        raise RetintError(f"{what}: found {next(told)} cells, the image has {next(told)}; expected its proportions: turn or cut the map as the image is")


def _pixels(box: Box, size: tuple[int, ...], strides: tuple[int, ...]) -> Box:
    """The image's pixels under a box of label cells."""
    return tuple((a * s, min(b * s, n)) for (a, b), n, s in zip(box, size, strides, strict=True))


def _mean(plane: Tensor, box: Box, strides: tuple[int, ...]) -> Tensor:
    """Means over the cells of a box, (1, 1, cells ...); pixels beyond the image count as zeros."""
    missing = [(b - a) * s - n for (a, b), s, n in zip(box, strides, plane.shape, strict=True)]
    plane = padded(plane, missing)
    mean: Tensor = plane[None, None] if max(strides) == 1 else MEANS[len(strides)](plane[None, None], strides)
    return mean


def _distribution(shares: Tensor) -> Tensor:
    """Shares (1, K, cells ...) as distributions; uniform where there are none."""
    total = shares.sum(1, keepdim=True)
    return torch.where(total > 0, shares / total.clamp(min=torch.finfo(shares.dtype).tiny), 1.0 / shares.shape[1])
