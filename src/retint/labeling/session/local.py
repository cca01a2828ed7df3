"""A part of a plane, from no more of the planes before it than it needs: one step in a box equals the same step everywhere.

A box's sides read their neighbours. Beyond the plane's own edges stand zeros, where padding `same` has them; they are computed
with, so that boxes of one size take planes of one size wherever they lie: for each new size a convolution is prepared anew.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ...hardware import laid_out
from ...network import RecurrentNetwork
from ...network.layers import ACTIVATIONS, Layer, Unit, extent, finer, max_pool, part
from ..backends.fused import FinerReadout, at_once, ends_at_once, one_pass, possible, together
from ..tiles import Box
from .region import moved, parts

_CONVOLUTIONS: dict[int, Any] = {2: F.conv2d, 3: F.conv3d}

Plane = Callable[[Box], Tensor]
"""Gives a box of a plane, (1, channels, cells ...)."""


def cut(plane: Tensor, box: Box) -> Tensor:
    """A view of a box of a plane (..., cells ...)."""
    return part(plane, [slice(a, b) for a, b in box])


def renewed(
    plane: Tensor, box: Box, new: Tensor, tolerance: float, gaps: Sequence[int], everywhere: bool = False
) -> list[Box]:
    """Put new values into a box of a plane, but for the cells that moved by no more than a tolerance; the boxes of what did.

    Args:
        plane: (1, channels, cells ...), written to.
        box: of its cells.
        new: values, likewise.
        tolerance: largest change of any channel of a cell that counts as none.
        gaps: along each axis, the longest stretch of cells without a change that stays within a box.
        everywhere: put all of them, and tell alone what moved by more.
    """
    old = cut(plane, box)
    differs = (new - old).abs_().amax(1, keepdim=True) > tolerance
    found = parts(differs[0, 0].cpu().numpy(), gaps)
    if everywhere:
        old.copy_(new)
    else:
        for inside in found:
            torch.where(cut(differs, inside), cut(new, inside), cut(old, inside), out=cut(old, inside))
    return [moved(inside, [a for a, _ in box]) for inside in found]


def context(
    network: RecurrentNetwork, image: Plane, target: Box, size: Sequence[int], detail: Iterable[torch.nn.Module] | None = None
) -> Tensor:
    """U * X in a box of context cells, (1, channels, cells ...).

    Args:
        network: folded, with padding `same`.
        image: X.
        target: context cells.
        size: of the image, in whole periods.
        detail: its layers, if their planes are to come in a readout's order.
    """
    fused = possible(network)
    hidden = through(network.U, image, target, size, fused)
    if not len(network.D):
        return hidden
    fine = (*network.context_units[: network.architecture.branch], *(network.D if detail is None else detail))
    return torch.cat([hidden, through(fine, image, target, size, fused)], 1)


def through(
    units: Iterable[torch.nn.Module], plane: Plane, target: Box, size: Sequence[int], fused: bool, detail: Plane | None = None,
    end: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """A box of what a chain of layers makes of a plane.

    Args:
        units: the layers, folded.
        plane: their input.
        target: cells of the output, inside its plane.
        size: of the input plane, in whole periods.
        fused: whether torch can compute a layer in one pass; see `backends.fused`.
        detail: what is added in the first layer, of one cell, if anything is.
        end: what is added in the last layer, which is then rectified, if anything is.
    """
    chain = [unit for unit in units if isinstance(unit, Unit)]
    sizes, boxes = [tuple(size)], [target]
    for unit in chain:
        sizes.append(tuple(made(unit.layer, n, axis) for axis, n in enumerate(sizes[-1])))
    for unit in reversed(chain):
        boxes.append(tuple(_needed(unit.layer, *span, axis) for axis, span in enumerate(boxes[-1])))
    boxes.reverse()
    x = _wide(plane, boxes[0], sizes[0])
    beside = None if detail is None else _wide(detail, boxes[0], sizes[0])
    for unit, box, inside in zip(chain, boxes[1:], sizes[1:], strict=True):
        if end is not None and unit is chain[-1]:
            return one_pass(unit, x, laid_out(end), "relu", (0,) * len(box))
        x, beside = _emptied(_layer(unit, x, box, fused, beside), box, inside), None
    return x


def step(
    network: RecurrentNetwork, context: Tensor, before: Plane | None, target: Box, size: Sequence[int],
    readout: FinerReadout | None = None, feedback: Iterable[torch.nn.Module] | None = None,
) -> Tensor:  # fmt: skip
    """V * H(t) in a box of label cells, (1, K, cells ...), from the whole context.

    Args:
        network: folded, with padding `same`.
        context: U * X, (1, channels, context cells ...).
        before: Y(t-1), or the planes that `feedback` reads; None is no estimate.
        target: label cells, in whole periods.
        size: of the plane that `before` gives boxes of.
        readout: that the context's detail was ordered for, if it was.
        feedback: the layers of W that are still to be computed; None: all.
    """
    fused = possible(network)
    units = [unit for unit in (network.W if feedback is None else feedback) if isinstance(unit, Unit)]
    at_end = fused and bool(units) and ends_at_once(network, units[-1])

    def hidden(box: Box) -> Tensor:
        wide = tuple((a * pool, b * pool) for (a, b), pool in zip(box, network.pool, strict=True))
        h = network.parts(cut(context, wide))[0]
        if before is not None and at_end:
            return through(units, before, wide, size, fused, end=h)
        if before is not None and units:
            h = through(units, before, wide, size, fused).add_(h)
        return network.g(max_pool(h, network.pool) if max(network.pool) > 1 else h)

    pooled = [n // pool for n, pool in zip(context.shape[2:], network.pool, strict=True)]
    beside = network.parts(context)[1]
    detail = None if beside is None else lambda box: cut(beside, box)
    if readout is None:
        return through(network.V, hidden, target, pooled, fused, detail)
    coarse = tuple((a // up, b // up) for (a, b), up in zip(target, readout.up, strict=True))
    return readout.rest(through([readout.first], hidden, coarse, pooled, fused, detail))


@functools.lru_cache(maxsize=1024)
def _extents(layer: Layer, axis: int) -> tuple[int, int, int, int, int]:
    """Of a layer along one axis: stride, dilation, input cells per output cell, cells made of one, padding before.

    Looked up often, and for small boxes asking the layer each time would cost as much as the convolutions.
    """
    _, stride, dilation = layer.along(axis)
    return stride, dilation, layer.coarser(axis), extent(layer.up, axis), layer.padding(axis)[0]


def made(layer: Layer, cells: int, axis: int) -> int:
    """Cells that a layer makes of so many."""
    _, _, each, up, _ = _extents(layer, axis)
    return -(-cells // each) * up


def _needed(layer: Layer, first: int, last: int, axis: int) -> tuple[int, int]:
    """The input cells that output cells first ... last - 1 see, beyond the plane's edges too."""
    stride, dilation, each, up, before = _extents(layer, axis)
    reach = dilation * (extent(layer.kernel, axis) - 1) + 1
    return first // up * each - before, -(-last // up) * each - stride + reach - before


def _wide(plane: Plane, box: Box, size: Sequence[int]) -> Tensor:
    """A box of a plane, with zeros where it reaches beyond."""
    have = tuple((max(a, 0), min(b, n)) for (a, b), n in zip(box, size, strict=True))
    missing = [n for (a, b), (c, d) in zip(reversed(box), reversed(have), strict=True) for n in (c - a, b - d)]
    x = plane(have)
    return F.pad(x, missing) if any(missing) else x


def _emptied(x: Tensor, box: Box, size: Sequence[int]) -> Tensor:
    """A box of a plane, with zeros put where it reaches beyond."""
    for axis, ((a, b), n) in enumerate(zip(box, size, strict=True), start=2):
        if a < 0:
            x.narrow(axis, 0, -a).zero_()
        if b > n:
            x.narrow(axis, n - a, b - n).zero_()
    return x


def _layer(unit: Unit, x: Tensor, out: Box, fused: bool, detail: Tensor | None) -> Tensor:
    """One layer (see `Unit.forward`), from all cells that a box of its output sees."""
    layer, dims = unit.layer, len(out)
    assert unit.norm is None
    strides, dilations, _, _, befores = zip(*(_extents(layer, axis) for axis in range(dims)), strict=True)
    sizes = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], unit.conv.kernel_size, strides, dilations, strict=True)
    ]
    added = [] if detail is None else [detail]
    if layer.residual:
        added.append(part(x, (slice(a, a + n) for a, n in zip(befores, sizes, strict=True))))
    if fused and at_once(unit):
        y = one_pass(unit, x, together(added), layer.activation, (0,) * dims)
    else:
        y = _CONVOLUTIONS[dims](x, unit.conv.weight, unit.conv.bias, strides, (0,) * dims, dilations)
        for other in added:
            y += other
        if max(unit.pool) > 1:
            y = max_pool(y, unit.pool)
        y = ACTIVATIONS[layer.activation](y)
    if max(unit.up) == 1:
        return y
    begins = [a % up for (a, _), up in zip(out, unit.up, strict=True)]
    return part(finer(y, unit.up), (slice(n, n + b - a) for n, (a, b) in zip(begins, out, strict=True)))
