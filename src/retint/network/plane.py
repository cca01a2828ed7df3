"""Planes that know where their values lie: what networks are computed on at finer positions than their own cells."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace
from math import prod
from operator import add

import torch
from torch import Tensor, nn

from .layers import ACTIVATIONS, Unit, convolution, max_pool, part
from .recurrence import RecurrentNetwork


@dataclass(frozen=True)
class Plane:
    """Values at every position; the first lies at pixel `first`, and a layer's cells lie `gap` pixels apart."""

    values: Tensor
    first: tuple[int, ...]
    gap: tuple[int, ...]

    @classmethod
    def of_image(cls, network: RecurrentNetwork, image: Tensor, steps: int) -> Plane:
        """As much of a part of an image with its margin as so many steps see: margins are whole label cells."""
        first = tuple(g.span(steps).low % g.span(steps).stride for g in network.geometry)
        return cls(part(image, (slice(n, None) for n in first)), first, (1,) * len(first))

    def through(self, units: nn.Sequential) -> Plane:
        """The layers at every position; nothing is padded."""
        values, first, gap = self.values, self.first, self.gap
        rest = [unit for unit in units if isinstance(unit, Unit)]
        while rest:
            unit, *rest = rest
            after = list(itertools.takewhile(lambda u: u.of_cells, rest))
            values, rest = unit.spread(values, gap, after), rest[len(after) :]
            first = tuple(f + unit.layer.padding(axis)[0] * gap[axis] for axis, f in enumerate(first))
            gap = tuple(n * unit.layer.coarser(axis) for axis, n in enumerate(gap))
        return Plane(values, first, gap)

    def activated(self, name: str) -> Plane:
        """The non-linearity of each value, in place."""
        return replace(self, values=ACTIVATIONS[name](self.values))

    def pooled(self, size: tuple[int, ...]) -> Plane:
        """The largest of `size` cells from each position on."""
        if max(size) == 1:
            return self
        return Plane(
            max_pool(self.values, size, self.gap), self.first, tuple(n * g for n, g in zip(size, self.gap, strict=True))
        )

    def averaged(self, size: tuple[int, ...]) -> Plane:
        """The mean of the `size` pixels from each position on."""
        if max(size) == 1:
            return self
        values = self.values
        for axis, n in enumerate(size, start=2):
            length = values.shape[axis] - n + 1
            values = functools.reduce(torch.add, (values.narrow(axis, k, length) for k in range(n)))
        return Plane(values / prod(size), self.first, size)

    def plus(self, other: Plane) -> Plane:
        """The sum where both have values."""
        first, (mine, others) = self.common(other)
        return Plane(mine + others, first, self.gap)

    def common(self, other: Plane) -> tuple[tuple[int, ...], tuple[Tensor, Tensor]]:
        """Where both have values, and the values of each there."""
        planes = self, other
        first = tuple(map(max, zip(*(plane.first for plane in planes), strict=True)))
        ends = zip(*(map(add, plane.first, plane.values.shape[2:]) for plane in planes), strict=True)
        spans = list(zip(first, map(min, ends), strict=True))
        mine, others = (
            part(plane.values, (slice(a - f, b - f) for (a, b), f in zip(spans, plane.first, strict=True)))
            for plane in planes
        )
        return first, (mine, others)


def hidden_layer(network: RecurrentNetwork, picture: Plane, estimate: Plane | None) -> Plane:
    """U * I(p) + W * Y(p-1) where both are known. One layer each, alike, is one convolution of [Y, I], as the paper has it."""
    if estimate is None or not len(network.W):
        return picture.through(network.U)
    (u, *more_u), (w, *more_w) = network.U, network.W
    assert isinstance(u, Unit)
    assert isinstance(w, Unit)
    axes = range(len(picture.gap))
    if more_u or more_w or not (u.linear and w.linear) or any(u.layer.along(n) != w.layer.along(n) for n in axes):
        return picture.through(network.U).plus(estimate.through(network.W))
    first, planes = estimate.common(picture)
    apart = [u.layer.along(axis)[2] * n for axis, n in enumerate(picture.gap)]
    biases = [unit.conv.bias for unit in (w, u) if unit.conv.bias is not None]
    kernel = torch.cat([w.conv.weight, u.conv.weight], 1)
    values = convolution(torch.cat(planes, 1), kernel, torch.stack(biases).sum(0) if biases else None, apart)
    return Plane(
        values,
        tuple(f + u.layer.padding(axis)[0] * picture.gap[axis] for axis, f in enumerate(first)),
        tuple(n * u.layer.coarser(axis) for axis, n in enumerate(picture.gap)),
    )
