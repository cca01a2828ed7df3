"""When to stop taking steps: at a number of them, when nothing moves any more, or when the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import RetintError
from ..numbers import real, whole
from .asking import Asking
from .canvas import Canvas
from .refinement import Refinement

MOST_STEPS = 256
"""Where labelling until settled gives up."""


@dataclass(frozen=True)
class Stop:
    """When to stop, one of four ways; none is the model's usual number of steps.

    Args:
        steps: after so many.
        settled: when no label cell changes at two steps running.
        tolerance: when Y moves by less than this at one, in the mean over the label cells (`Refinement.drifts`).
        budget: seconds.

    Raises:
        RetintError: more than one is given, or a number that is none.
    """

    steps: int | None = None
    settled: bool = False
    tolerance: float | None = None
    budget: float | None = None

    def __post_init__(self) -> None:
        if sum((self.steps is not None, self.settled, self.budget is not None, self.tolerance is not None)) > 1:
            raise RetintError("steps, until settled, budget, tolerance: give one of them")
        if self.steps is not None:
            object.__setattr__(self, "steps", whole(self.steps, "--steps"))
        if self.tolerance is not None and not real(self.tolerance, "--tolerance") > 0:
            raise RetintError(f"--tolerance {self.tolerance:g}: expected a number above 0")
        if self.budget is not None and not real(self.budget, "--budget") > 0:
            raise RetintError(f"--budget {self.budget:g}: expected a time above 0")

    @property
    def open(self) -> bool:
        """Whether it is the estimate that says when, so that each one is needed afterwards."""
        return self.settled or self.tolerance is not None or self.budget is not None

    def running(self, refinement: Refinement, canvas: Canvas, usual: int, keep: bool) -> Asking[bool]:
        """Take the steps and paint the labels of the last one, asking for what the network is to compute.

        Args:
            refinement: to be taken further.
            canvas: that shows it.
            usual: steps to take if nothing is said.
            keep: whether the estimate is wanted afterwards.

        Returns:
            Whether the labels have settled.
        """
        if self.settled:
            return (yield from _until(refinement, canvas, lambda step: refinement.changes[step] == 0, running=2))
        if self.tolerance is not None:
            least = self.tolerance
            yield from _until(refinement, canvas, lambda step: refinement.drifts[step] < least, running=1)
        elif self.budget is not None:
            yield from _within(refinement, canvas, self.budget)
        else:
            yield from _count(refinement, canvas, self.steps or usual, keep)
        return refinement.changes[-1] == 0


def _count(refinement: Refinement, canvas: Canvas, wanted: int, keep: bool) -> Asking[None]:
    """So many steps."""
    while (left := wanted - refinement.steps) > 0:
        take = left if refinement.whole else min(left, refinement.sweep)
        yield from refinement.advancing(take, keep=keep or take < left, emit=canvas.paint, at=canvas.at(wanted, keep))


def _until(refinement: Refinement, canvas: Canvas, still: Callable[[int], bool], running: int) -> Asking[bool]:
    """Steps until so many running are still (asked by their index); exact in tiles too, by going back within a sweep."""
    quiet = 0
    while refinement.steps < MOST_STEPS:
        take = 1 if refinement.whole else min(max(refinement.sweep // 2, 1), MOST_STEPS - refinement.steps)
        before, done, trace = refinement.estimate, refinement.steps, refinement.trace
        if trace is not None and take > 1:
            refinement.trace = trace.copy()
        yield from refinement.advancing(take, emit=canvas.paint, at=canvas.at())
        for number in range(1, take + 1):
            quiet = quiet + 1 if still(done + number - 1) else 0
            if quiet == running:
                if number < take:
                    refinement.back_to(before, done, trace)
                    yield from refinement.advancing(number)
                return True
    return False


def _within(refinement: Refinement, canvas: Canvas, budget: float) -> Asking[None]:
    """As many steps as fit into the budget, judged by what the last one took."""
    began = time.perf_counter()
    while True:
        step_began = time.perf_counter()
        yield from refinement.advancing(1, emit=canvas.paint, at=canvas.at())
        now = time.perf_counter()
        last = now - step_began if refinement.steps > 1 or not refinement.whole else 0.0
        if now - began + last > budget or refinement.steps >= MOST_STEPS:
            return
