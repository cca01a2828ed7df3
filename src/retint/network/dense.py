"""Labels at a finer resolution than the label grid, exact: two ways that give the same.

Shift and stitch (Pinheiro and Collobert 2014, section 3.3): label shifted copies of the image and interleave them.
Unit stride: pool and convolve at every position, the later layers dilated to match, so that nothing is computed twice.

Both are given a part of an image with a margin about it, and answer for the part alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .copies import rescaled_copies
from .layers import part
from .plane import Plane, hidden_layer
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
    copies = (rescaled_copies if isinstance(network, RescalingNetwork) else _copies)(network, image, steps, every)
    planes: dict[int, Tensor] = {}
    for step, first, estimate in copies:
        strides = network.strides_at(step)
        apart = [min(every, s) for s in strides]
        if step not in planes:
            cells = [n // e for n, e in zip(size, apart, strict=True)]
            planes[step] = estimate.new_empty(*estimate.shape[:2], *cells)
        shift = [f % s for f, s in zip(first, strides, strict=True)]
        begin = [(b + d - f) // s for b, d, f, s in zip(before, shift, first, strides, strict=True)]
        cut = (slice(a, a + n // s) for a, n, s in zip(begin, size, strides, strict=True))
        where = (slice(d // e, None, s // e) for d, e, s in zip(shift, apart, strides, strict=True))
        part(planes[step], where).copy_(part(estimate, cut))
    for step in range(1, steps + 1):
        yield planes[step]


def _copies(
    network: RecurrentNetwork, image: Tensor, steps: int, every: int
) -> Iterator[tuple[int, tuple[int, ...], Tensor]]:
    """Every step of every shifted copy: step, pixel of the first cell, Y."""
    for shift in itertools.product(*(range(0, stride, every) for stride in network.strides)):
        copy = part(image, (slice(n, None) for n in shift))
        for step, estimate in enumerate(network.refinements(copy, steps), start=1):
            yield step, shift, estimate


def unit_stride(network: RecurrentNetwork, image: Tensor, steps: int, size: Sequence[int]) -> Iterator[Tensor]:
    """Y(1), ... Y(steps) of a part of an image at every pixel; arguments and result as for `shift_and_stitch`.

    Raises:
        ValueError: the network's readout makes several label cells of one, so it has no such form.
    """
    if any(geometry.per_period > 1 for geometry in network.geometry):
        raise ValueError(f"{network.architecture.name}: its readout makes several label cells of one; use stitch")
    before, _ = margin(network, steps)
    picture = Plane.of_image(network, image, steps)
    context = None if network.architecture.rescales else picture.through(network.U)
    estimate: Plane | None = None
    for _ in range(steps):
        if context is None:
            hidden = hidden_layer(network, picture.averaged(estimate.gap) if estimate else picture, estimate)
        else:
            back = None if estimate is None or not len(network.W) else estimate.through(network.W)
            hidden = replace(context, values=context.values.clone()) if back is None else context.plus(back)
        scores = hidden.pooled(network.pool).activated(network.architecture.activation).through(network.V)
        estimate = replace(scores, values=torch.softmax(scores.values, 1))
        cut = (slice(b - f, b - f + n) for b, f, n in zip(before, estimate.first, size, strict=True))
        yield part(estimate.values, cut)
