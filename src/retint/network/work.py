"""What a network has to compute: multiply-adds for each image pixel, counted from its layers.

An image in whole label cells costs exactly this many times its pixels (padding `same`); at the edges of others, whole
cells are computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from torch import nn

from .layers import Unit
from .recurrence import RecurrentNetwork


@dataclass(frozen=True)
class Work:
    """Multiply-adds of the convolutions for each image pixel; one multiply-add is two floating-point operations.

    Where every step has a coarser grid (`rescales`), U is computed at every step, on ever fewer pixels: `context` and
    `readout` are those of the first step, `feedback` that of the second.

    Attributes:
        context: U, and the detail beside it: computed once.
        feedback: W, at every step but a first one without a start.
        readout: V, at every step.
        planes: values of the widest plane.
    """

    context: float
    feedback: float
    readout: float
    planes: float

    @property
    def first(self) -> float:
        """The first pass, from the image to Y(1)."""
        return self.context + self.readout

    @property
    def step(self) -> float:
        """A further step, from Y(t-1) to Y(t)."""
        return self.feedback + self.readout

    def operations(self, pixels: int, steps: int) -> float:
        """Floating-point operations of so many steps on an image, begun from nothing."""
        return 2.0 * pixels * (self.first + (steps - 1) * self.step)


def work(network: RecurrentNetwork) -> Work:
    """What the network has to compute."""
    branch = network.architecture.branch
    widest_u, context, hidden = _chain(network.U, 1.0)
    widest_d, detail, _ = _chain(network.D, _chain(network.context_units[:branch], 1.0)[2])
    widest_w, feedback, _ = _chain(network.W, 1 / prod(network.strides))
    widest_v, readout, _ = _chain(network.V, hidden / prod(network.pool))
    return Work(context + detail, feedback, readout, max(network.channels, widest_u, widest_d, widest_w, widest_v))


def _chain(layers: Iterable[nn.Module], density: float) -> tuple[float, float, float]:
    """Values of the widest plane and multiply-adds, for each image pixel, and how many cells a pixel has after them."""
    widest = work = 0.0
    for unit in layers:
        assert isinstance(unit, Unit)
        density /= prod(unit.conv.stride)
        widest = max(widest, unit.conv.out_channels * density)
        work += unit.conv.weight.numel() * density
        density *= prod(unit.up) / prod(unit.pool)
    return widest, work, density
