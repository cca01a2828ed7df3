"""How unsure a labelling is of each pixel: from its probabilities, and from how the estimate came to rest."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RetintError
from .store import let_go, room_for
from .tiles import Box, slices

Measure = Literal["entropy", "margin", "top", "change", "late"]
"""Of doubt, each from 0 (sure) to 1. With p1 >= p2 the two largest of a pixel's K probabilities p:

entropy: -sum(p log p) / log K. margin: 1 - (p1 - p2). top: 1 - p1. (Settles 2009, section 3.1: entropy, margin and least
confident sampling.)

change: how much and how late the estimate moved: the sum over the steps t = 1 ... T of t / T times half of
sum |Y(t) - Y(t-1)|, 1 at most: to change wholly at the last step counts 1, at the middle one 1/2.
late: the last step at which the label changed, divided by T. Both hold for label cells and are interpolated between them;
the step from nothing to Y(1) is no change, so one step alone leaves 0.

References:
    Settles (2009), Active learning literature survey, University of Wisconsin-Madison, Computer Sciences TR 1648.
"""

MEASURES: tuple[Measure, ...] = get_args(Measure)
TRACED: tuple[Measure, ...] = ("change", "late")
"""The measures that need a record of the steps."""


class Trace:
    """What the steps did to each label cell: two numbers, however many steps there are.

    Args:
        cells: of the label grid.

    Attributes:
        planes: (2, cells ...) float32: the sum over the steps t of t times how far Y moved, and the last step at which the
            label changed (0: none).
    """

    def __init__(self, cells: Sequence[int]) -> None:
        self.planes = room_for((2, *cells))
        self.planes[:] = 0
        let_go(self.planes)

    def follow(self, box: Box, step: int, moved: Tensor, changed: Tensor) -> None:
        """Take note of a step.

        Args:
            box: the cells it was taken at.
            step: its number, from 1.
            moved: half of sum |Y(t) - Y(t-1)| of each, (cells ...), 0 to 1: the total variation distance.
            changed: whether its label changed, (cells ...) bool.
        """
        part = self.planes[(slice(None), *slices(box))]
        part[0] += step * moved.cpu().numpy()
        part[1][changed.cpu().numpy()] = step
        let_go(self.planes)

    def copy(self) -> Trace:
        """One that further steps do not change."""
        other = Trace(self.planes.shape[1:])
        other.planes[:] = self.planes
        return other

    def maps(self, steps: int) -> NDArray[np.float32]:
        """`change` and `late` of each cell after so many steps, (2, cells ...), 0 to 1."""
        maps = room_for(self.planes.shape)
        for plane, seen in zip(maps, self.planes, strict=True):
            np.minimum(np.multiply(seen, 1 / steps, out=plane, casting="same_kind"), 1, out=plane)
        let_go(maps)
        return maps


def doubt_of(probabilities: NDArray[np.float32], measure: Measure) -> NDArray[np.float32]:
    """Doubt from distributions.

    Args:
        probabilities: (K, ...), float32, of two classes or more.
        measure: entropy, margin or top.

    Returns:
        (...) float32, 0 to 1.

    >>> doubt_of(np.array([[0.5, 1.0], [0.5, 0.0]], np.float32), "entropy").astype(int).tolist()
    [1, 0]
    """
    if measure == "entropy":
        logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
        doubt = np.einsum("k...,k...->...", probabilities, logs) / -log(len(probabilities))
    elif measure == "margin":
        second, first = np.partition(probabilities, -2, axis=0)[-2:]
        doubt = 1 - (first - second)
    else:
        doubt = 1 - probabilities.max(0)
    return np.asarray(doubt.clip(0, 1), np.float32)


def check_measure(measure: str) -> Measure:
    """The measure of that name.

    Raises:
        RetintError: there is none.
    """
    for known in MEASURES:
        if measure == known:
            return known
    raise RetintError(f"doubt: no measure {measure!r}; expected {', '.join(MEASURES)}")
