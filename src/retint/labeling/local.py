"""A part of a plane, from no more of the planes before it than it needs: one step in a box equals the same step everywhere.

Zeros stand beyond the plane's own edges alone, where padding `same` has them; a box's other sides read their neighbours. So
nothing is computed that is thrown away.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..network import RecurrentNetwork
from ..network.layers import ACTIVATIONS, Layer, Unit, extent, finer, max_pool, part
from .tiles import Box, slices

_CONVOLUTIONS: dict[int, Any] = {2: F.conv2d, 3: F.conv3d}

Plane = Callable[[Box], Tensor]
"""Gives a box of a plane, (1, channels, cells ...)."""


def cut(plane: Tensor, box: Box) -> Tensor:
    """A view of a box of a plane (..., cells ...)."""
    return part(plane, slices(box))


def context(network: RecurrentNetwork, image: Plane, target: Box, size: Sequence[int]) -> Tensor:
    """U * X in a box of context cells, (1, channels, cells ...).

    Args:
        network: folded, with padding `same`.
        image: X.
        target: context cells.
        size: of the image, in whole periods.
    """
    hidden = through(network.U, image, target, size)
    if not len(network.D):
        return hidden
    fine = (*network.context_units[: network.architecture.branch], *network.D)
    return torch.cat([hidden, through(fine, image, target, size)], 1)


def through(
    units: Iterable[torch.nn.Module], plane: Plane, target: Box, size: Sequence[int], detail: Plane | None = None
) -> Tensor:
    """A box of what a chain of layers makes of a plane.

    Args:
        units: the layers, folded.
        plane: their input.
        target: cells of the output, inside its plane.
        size: of the input plane, in whole periods.
        detail: what is added in the first layer, of one cell, if anything is.
    """
    chain = [unit for unit in units if isinstance(unit, Unit)]
    sizes = [tuple(size)]
    for unit in chain:
        sizes.append(tuple(_made(unit.layer, n, axis) for axis, n in enumerate(sizes[-1])))
    haves, wants = [target], list[Box]()
    for unit, inside in zip(reversed(chain), reversed(sizes[:-1]), strict=True):
        wants.append(tuple(_needed(unit.layer, *span, axis) for axis, span in enumerate(haves[-1])))
        haves.append(tuple((max(a, 0), min(b, n)) for (a, b), n in zip(wants[-1], inside, strict=True)))
    haves.reverse()
    x = plane(haves[0])
    beside = None if detail is None else detail(haves[0])
    for unit, want, have, out in zip(chain, reversed(wants), haves, haves[1:], strict=False):
        x, beside = _layer(unit, x, want, have, out, beside), None
    return x


def step(
    network: RecurrentNetwork, context: Tensor, estimate: Plane | None, target: Box, size: Sequence[int]
) -> Tensor:
    """V * H(t) in a box of label cells, (1, K, cells ...), from the whole context.

    Args:
        network: folded, with padding `same`.
        context: U * X, (1, channels, context cells ...).
        estimate: Y(t-1); None is no estimate.
        target: label cells, in whole periods.
        size: of the label grid.
    """

    def hidden(box: Box) -> Tensor:
        wide = tuple((a * pool, b * pool) for (a, b), pool in zip(box, network.pool, strict=True))
        h = network.parts(cut(context, wide))[0]
        if estimate is not None and len(network.W):
            h = through(network.W, estimate, wide, size).add_(h)
        return network.g(max_pool(h, network.pool) if max(network.pool) > 1 else h)

    pooled = [n // pool for n, pool in zip(context.shape[2:], network.pool, strict=True)]
    beside = network.parts(context)[1]
    return through(network.V, hidden, target, pooled, None if beside is None else lambda box: cut(beside, box))


@functools.lru_cache(maxsize=1024)
def _extents(layer: Layer, axis: int) -> tuple[int, int, int, int, int]:
    """Of a layer along one axis: stride, dilation, input cells per output cell, cells made of one, padding before.

    Looked up often, and for small boxes asking the layer each time would cost as much as the convolutions.
    """
    _, stride, dilation = layer.along(axis)
    return stride, dilation, layer.coarser(axis), extent(layer.up, axis), layer.padding(axis)[0]


def _made(layer: Layer, cells: int, axis: int) -> int:
    """Cells that a layer makes of so many."""
    _, _, each, up, _ = _extents(layer, axis)
    return -(-cells // each) * up


def _needed(layer: Layer, first: int, last: int, axis: int) -> tuple[int, int]:
    """The input cells that output cells first ... last - 1 see, beyond the plane's edges too."""
    stride, dilation, each, up, before = _extents(layer, axis)
    reach = dilation * (extent(layer.kernel, axis) - 1) + 1
    return first // up * each - before, -(-last // up) * each - stride + reach - before


def _layer(unit: Unit, x: Tensor, want: Box, have: Box, out: Box, detail: Tensor | None) -> Tensor:
    """One layer (see `Unit.forward`) on a part `have` of a plane, with zeros for the rest of what it wants."""
    layer, dims = unit.layer, len(want)
    assert unit.norm is None
    missing = [(c - a, b - d) for (a, b), (c, d) in zip(want, have, strict=True)]
    even = all(before == after for before, after in missing)
    padded = x if even else F.pad(x, [n for pair in reversed(missing) for n in pair])
    strides, dilations, _, _, befores = zip(*(_extents(layer, axis) for axis in range(dims)), strict=True)
    pads = tuple(before for before, _ in missing) if even else (0,) * dims
    y: Tensor = _CONVOLUTIONS[dims](padded, unit.conv.weight, unit.conv.bias, strides, pads, dilations)
    if layer.residual:
        firsts = [before - added for before, (added, _) in zip(befores, missing, strict=True)]
        y += part(x, (slice(a, a + n) for a, n in zip(firsts, y.shape[2:], strict=True)))
    if detail is not None:
        y += detail
    if max(unit.pool) > 1:
        y = max_pool(y, unit.pool)
    y = ACTIVATIONS[layer.activation](y)
    if max(unit.up) == 1:
        return y
    begins = [a % up for (a, _), up in zip(out, unit.up, strict=True)]
    return part(finer(y, unit.up), (slice(n, n + b - a) for n, (a, b) in zip(begins, out, strict=True)))
