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
    branch, image = network.architecture.branch, (1.0, 1.0)
    *_, stem = [image, *(layer.after for layer in walk(network.context_units[:branch], image))]
    hidden = walk(network.U, image)[-1].after
    pooled = hidden[0] / network.pool[0], hidden[1] / prod(network.pool[1:])
    grid = 1 / network.strides[0], 1 / prod(network.strides[1:])
    parts = [walk(network.U, image), walk(network.D, stem), walk(network.W, grid), walk(network.V, pooled)]
    context, detail, feedback, readout = (
        sum((layer.unit.conv.weight.numel() * prod(layer.within) for layer in part), 0.0) for part in parts
    )
    planes = max(layer.unit.conv.out_channels * prod(layer.within) for part in parts for layer in part)
    return Work(context + detail, feedback, readout, max(network.channels, planes))


Density = tuple[float, float]
"""Cells for each image pixel: along the first axis, and along all others together."""


@dataclass(frozen=True)
class Walked:
    """A layer, and how dense the cells are before it, after its convolution, and after it."""

    unit: Unit
    before: Density
    within: Density
    after: Density


def walk(layers: Iterable[nn.Module], density: Density) -> list[Walked]:
    """Layers one after another, from planes of some density on."""
    walked = []
    for unit in layers:
        assert isinstance(unit, Unit)
        (first, *strides), (up, *ups), (pool, *pools) = unit.conv.stride, unit.up, unit.pool
        within = density[0] / first, density[1] / prod(strides)
        after = within[0] * up / pool, within[1] * prod(ups) / prod(pools)
        walked.append(Walked(unit, density, within, after))
        density = after
    return walked
