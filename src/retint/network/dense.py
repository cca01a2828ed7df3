"""Labels at a finer resolution than the label grid, exact: two ways that give the same.

Shift and stitch (Pinheiro and Collobert 2014, section 3.3): label shifted copies of the image and interleave them.
Unit stride: pool and convolve at every position, the later layers dilated to match, so that nothing is computed twice.

Both are given a part of an image with a margin about it, and answer for the part alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import mod

import torch
from torch import Tensor, nn

from .grid import MEANS
from .layers import Unit, max_pool, part
from .recurrence import RecurrentNetwork
from .rescaling import RescalingNetwork


def margin(network: RecurrentNetwork, steps: int) -> tuple[list[int], list[int]]:
    """Image pixels that a part needs before and after itself along each axis; the first are whole label cells."""
    seen = [geometry.span(steps) for geometry in network.geometry]
    return [-(s.low // s.stride) * s.stride for s in seen], [max(s.high, 0) for s in seen]


def coarse(network: RecurrentNetwork, image: Tensor, steps: int, size: Sequence[int]) -> Iterator[Tensor]:
    """Y(1), ... Y(steps) of a part of an image on each step's own label grid; arguments as for `shift_and_stitch`."""
    before, _ = margin(network, steps)
    for step, estimate in enumerate(network.refinements(image, steps), start=1):
        strides = network.strides_at(step)
        yield part(estimate, (slice(b // s, b // s + n // s) for b, s, n in zip(before, strides, size, strict=True)))


def shift_and_stitch(
    network: RecurrentNetwork, image: Tensor, steps: int, every: int, size: Sequence[int]
) -> Iterator[Tensor]:
    """Y(1), ... Y(steps) of a part of an image, with one cell for each `every` pixels.

    Args:
        network: with padding `same`.
        image: the part with its `margin`, (N, C, pixels ...), normalised.
        steps: how many.
        every: pixels per cell of the result, a divisor of the stride.
        size: pixels of the part, whole label cells of the last step.

    Yields:
        For each step Y, (N, K, cells ...), with one cell for each `every` pixels, or the step's stride where that is finer.
    """
    before, _ = margin(network, steps)
    if isinstance(network, RescalingNetwork):
        copies = _again(network, image, steps, every)
    else:
        copies = _anew(network, image, steps, every)
    planes: dict[int, Tensor] = {}
    for step, shift, estimate in copies:
        strides = network.strides_at(step)
        apart = [min(every, s) for s in strides]
        if step not in planes:
            cells = [n // e for n, e in zip(size, apart, strict=True)]
            planes[step] = estimate.new_empty(*estimate.shape[:2], *cells)
        cut = (slice(b // s, b // s + n // s) for b, s, n in zip(before, strides, size, strict=True))
        where = (slice(d // e, None, s // e) for d, e, s in zip(shift, apart, strides, strict=True))
        part(planes[step], where).copy_(part(estimate, cut))
    for step in range(1, steps + 1):
        yield planes[step]


_Copies = Iterator[tuple[int, tuple[int, ...], Tensor]]


def _anew(network: RecurrentNetwork, image: Tensor, steps: int, every: int) -> _Copies:
    """Every step of every shifted copy: step, shift, Y."""
    for shift in _shifts(network.strides, every):
        for step, estimate in enumerate(network.refinements(_from(image, shift), steps), start=1):
            yield step, shift, estimate


def _again(network: RescalingNetwork, image: Tensor, steps: int, every: int) -> _Copies:
    """The same where every step has a coarser grid: copies that differ by whole cells of a step share its hidden layer."""
    earlier: dict[tuple[int, ...], Tensor | None] = {(0,) * len(network.geometry): None}
    for step in range(1, steps + 1):
        last, strides = network.strides_at(step - 1), network.strides_at(step)
        wanted = {tuple(map(mod, shift, strides)) for shift in _shifts(network.strides_at(steps), every)}
        planes: dict[tuple[int, ...], Tensor | None] = {}
        for phase, before in earlier.items():
            hidden = network.hidden(_from(image, phase), before, step - 1)
            for cells in itertools.product(*map(range, network.strides)):
                shift = tuple(d + n * s for d, n, s in zip(phase, cells, last, strict=True))
                if shift not in wanted:
                    continue
                planes[shift] = estimate = torch.softmax(network.read(_from(hidden, cells)), 1)
                if all(d % min(every, s) == 0 for d, s in zip(shift, strides, strict=True)):
                    yield step, shift, estimate
        earlier = planes


def _shifts(strides: Sequence[int], every: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(0, stride, every) for stride in strides))


def _from(plane: Tensor, first: Sequence[int]) -> Tensor:
    """The plane from some cells on."""
    return part(plane, (slice(n, None) for n in first))


def unit_stride(network: RecurrentNetwork, image: Tensor, steps: int, size: Sequence[int]) -> Iterator[Tensor]:
    """Y(1), ... Y(steps) of a part of an image at every pixel; arguments and result as for `shift_and_stitch`.

    Raises:
        ValueError: the network's readout makes several label cells of one, so it has no such form.
    """
    if any(geometry.per_period > 1 for geometry in network.geometry):
        raise ValueError(f"{network.architecture.name}: its readout makes several label cells of one; use stitch")
    dims = len(size)
    before, _ = margin(network, steps)
    picture = _Plane(image, (0,) * dims, (1,) * dims)
    context = None if network.architecture.rescales else picture.through(network.U)
    estimate: _Plane | None = None
    for _ in range(steps):
        hidden = context or picture.averaged(estimate.gap if estimate else (1,) * dims).through(network.U)
        if estimate is not None and len(network.W):
            hidden = hidden.plus(estimate.through(network.W))
        scores = hidden.pooled(network.pool).through(network.V, network.g)
        estimate = _Plane(torch.softmax(scores.values, 1), scores.first, scores.gap)
        cut = (slice(b - f, b - f + n) for b, f, n in zip(before, estimate.first, size, strict=True))
        yield part(estimate.values, cut)


@dataclass(frozen=True)
class _Plane:
    """Values at every position; the first lies at pixel `first`, and a layer's cells lie `gap` pixels apart."""

    values: Tensor
    first: tuple[int, ...]
    gap: tuple[int, ...]

    def through(self, units: nn.Sequential, g: object = None) -> _Plane:
        values, first, gap = (g(self.values) if callable(g) else self.values), self.first, self.gap
        for unit in units:
            assert isinstance(unit, Unit)
            values = unit.spread(values, gap)
            first = tuple(f + unit.layer.padding(axis)[0] * gap[axis] for axis, f in enumerate(first))
            gap = tuple(n * unit.layer.coarser(axis) for axis, n in enumerate(gap))
        return _Plane(values, first, gap)

    def pooled(self, size: tuple[int, ...]) -> _Plane:
        if max(size) == 1:
            return self
        return _Plane(
            max_pool(self.values, size, self.gap), self.first, tuple(n * g for n, g in zip(size, self.gap, strict=True))
        )

    def averaged(self, size: tuple[int, ...]) -> _Plane:
        """The mean of the `size` pixels from each position on."""
        if max(size) == 1:
            return self
        return _Plane(MEANS[len(size)](self.values, size, stride=1), self.first, size)

    def plus(self, other: _Plane) -> _Plane:
        """The sum where both have values."""
        first = tuple(map(max, zip(self.first, other.first, strict=True)))
        ends = [min(f + n for f, n in pair) for pair in zip(
            zip(self.first, self.values.shape[2:], strict=True), zip(other.first, other.values.shape[2:], strict=True), strict=True
        )]  # fmt: skip
        parts = [
            part(plane.values, (slice(a - f, b - f) for a, b, f in zip(first, ends, plane.first, strict=True)))
            for plane in (self, other)
        ]
        return _Plane(parts[0] + parts[1], first, self.gap)
