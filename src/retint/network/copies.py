"""Shifted copies of an image as one batch, for networks whose labels grow coarser at every step (`RescalingNetwork`).

Shift and stitch (Pinheiro and Collobert 2014, section 3.3) labels copies of the image that are shifted by a few pixels. Copies
that differ by whole cells of a step share its hidden layer; so each step begins with as many copies as it has estimates to
begin from, and ends with those that its own, coarser cells make of them. Nothing beyond what the labels see is computed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from math import gcd
from operator import floordiv, mul, sub

import torch
from torch import Tensor

from .geometry import span
from .layers import part
from .plane import Plane, hidden_layer
from .recurrence import RecurrentNetwork

Cells = tuple[int, ...]
_Copy = tuple[Cells, Tensor]
"""The pixel of a copy's first cell, and its values."""


def rescaled_copies(
    network: RecurrentNetwork, image: Tensor, steps: int, every: int
) -> Iterator[tuple[int, Cells, Tensor]]:
    """Every step of every shifted copy: step, pixel of the first cell, Y.

    Args:
        network: one that rescales, with padding `same`.
        image: the part with its margin, (N, C, pixels ...).
        steps: how many.
        every: pixels between the shifts.
    """
    picture = Plane.of_image(network, image, steps)
    beyond = tuple(-span(network.architecture.readout, axis).low for axis in range(len(picture.gap)))
    firsts, estimate = [picture.first], None
    for step in range(1, steps + 1):
        cell, strides = network.strides_at(step - 1), network.strides_at(step)
        pooled_cell = tuple(map(mul, cell, network.pool))
        mean = picture.averaged(cell)
        begins = (map(sub, first, mean.first) for first in firsts)
        hidden = hidden_layer(network, _batch(_every(mean.values, begin, cell) for begin in begins), estimate)
        pooled = hidden.pooled(network.pool).activated(network.architecture.activation)
        labels_after = map(mul, beyond, pooled_cell)
        begun = _moved(firsts, pooled.first, cell)
        read = _shifted(begun, pooled.values, network.pool, cell, every, labels_after)
        scores = _batch(values for _, values in read).through(network.V)
        begun = _moved([first for first, _ in read], scores.first, pooled_cell)
        coarser = tuple(map(floordiv, strides, pooled_cell))
        found = _shifted(begun, torch.softmax(scores.values, 1), coarser, pooled_cell, every)
        for first, values in found:
            yield step, first, values
        firsts, estimate = [first for first, _ in found], _batch(values for _, values in found)


def _shifted(
    firsts: Sequence[Cells], values: Tensor, count: Cells, apart: Cells, every: int, beyond: Iterable[int] | None = None
) -> list[_Copy]:
    """The copies of every `count`-th cell whose labels are wanted: their first label lies `beyond` their first cell."""
    ahead = tuple(beyond or (0,) * len(count))
    wanted = [gcd(every, n * a) for n, a in zip(count, apart, strict=True)]
    return [
        (begin, _every(copy, cells, count))
        for first, copy in zip(firsts, values.chunk(len(firsts)), strict=True)
        for cells in itertools.product(*map(range, count))
        for begin in _moved([first], cells, apart)
        if all((f + b) % e == 0 for f, b, e in zip(begin, ahead, wanted, strict=True))
    ]


def _moved(firsts: Iterable[Cells], cells: Cells, apart: Cells) -> list[Cells]:
    """The pixels so many cells later."""
    return [tuple(f + c * a for f, c, a in zip(first, cells, apart, strict=True)) for first in firsts]


def _every(values: Tensor, begin: Iterable[int], apart: Sequence[int]) -> Tensor:
    return part(values, (slice(b, None, a) for b, a in zip(begin, apart, strict=True)))


def _batch(copies: Iterable[Tensor]) -> Plane:
    """Copies of one size as one plane, with positions in their own cells; the last cell of longer ones is not needed."""
    planes = list(copies)
    shortest = [min(sizes) for sizes in zip(*(plane.shape[2:] for plane in planes), strict=True)]
    values = torch.cat([part(plane, map(slice, shortest)) for plane in planes])
    return Plane(values, (0,) * len(shortest), (1,) * len(shortest))
