"""The network from an image's first row to its last, each layer keeping just the rows that it will need again.

No row is computed twice, however many steps are taken: along the rows there is no halo. Step t follows step t - 1 by as
many rows as W and V reach ahead. Memory grows with an image's width, not with its height. `Rows` alone stands for the
equation; what it gives equals `RecurrentNetwork.refinements` of the whole image, to rounding. In volumes, slices take
the place of rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..network import RecurrentNetwork
from ..network.hardware import laid_out
from ..network.layers import ACTIVATIONS, Unit, finer, max_pool

_CONVOLUTION: dict[int, Any] = {2: F.conv2d, 3: F.conv3d}


def flows(network: RecurrentNetwork) -> bool:
    """Whether a network can be computed so: not those whose label planes change their size, nor unpadded ones."""
    return network.padding == "same" and not network.architecture.rescales and not network.architecture.instances


class Rows:
    """U, V, W and the loop, given an image band by band.

    Args:
        network: folded, in evaluation mode.
        steps: how many, at least 1.
    """

    def __init__(self, network: RecurrentNetwork, steps: int) -> None:
        self._context = _Context(network)
        self._steps = [_Step(network, first=number == 0) for number in range(steps)]

    def push(self, image: Tensor, last: bool) -> list[Tensor | None]:
        """The next rows of Y(1), Y(2), ... as far as they can be told; None where no row is ready.

        Args:
            image: the next rows of X, (1, C, rows, columns), in whole periods.
            last: whether they are the last ones.

        Returns:
            For each step (1, K, rows, columns), float32.
        """
        with torch.inference_mode():
            context = self._context.push(image, last)
            estimate: Tensor | None = None
            estimates = []
            for step in self._steps:
                estimate = step.push(context, estimate, last)
                estimates.append(estimate)
        return estimates


class Queue:
    """Rows that wait, along an axis of tensors; they are not copied until they are taken."""

    def __init__(self, axis: int = 2) -> None:
        self._axis, self._parts, self.rows = axis, deque[Tensor](), 0

    def put(self, rows: Tensor | None) -> None:
        """Add rows behind."""
        if rows is not None:
            self._parts.append(rows)
            self.rows += rows.shape[self._axis]

    def take(self, count: int) -> Tensor:
        """Remove rows from the front."""
        self.rows -= count
        taken = []
        while count:
            part = self._parts.popleft()
            have = part.shape[self._axis]
            if have > count:
                self._parts.appendleft(part.narrow(self._axis, count, have - count))
                part = part.narrow(self._axis, 0, count)
            taken.append(part)
            count -= part.shape[self._axis]
        return taken[0] if len(taken) == 1 else torch.cat(taken, self._axis)


class _Window:
    """Rows collected until a layer can make its next ones.

    Row i of the layer's output sees the rows stride * i - before ... stride * i - before + reach - 1 of its input.
    """

    def __init__(self, reach: int, stride: int, before: int, after: int) -> None:
        self._reach, self._stride, self._before, self._after = max(reach, stride), stride, before, after
        self._kept: Tensor | None = None

    def push(self, rows: Tensor | None, last: bool) -> tuple[Tensor, int] | None:
        """The rows that the next outputs see, and how many outputs these are."""
        if rows is None and (self._kept is None or not last):
            return None
        parts = [part for part in (self._kept, rows) if part is not None]
        if self._kept is None and self._before:
            parts.insert(0, _zeros(parts[0], self._before))
        if last and self._after:
            parts.append(_zeros(parts[0], self._after))
        held = parts[0] if len(parts) == 1 else torch.cat(parts, 2)
        count = max((held.shape[2] - self._reach) // self._stride + 1, 0)
        gone = count * self._stride
        # a copy, so that the rows gone are freed
        self._kept = held.narrow(2, gone, held.shape[2] - gone).clone() if gone else held
        return (held.narrow(2, 0, gone - self._stride + self._reach), count) if count else None


class _Layer:
    """One `Unit`."""

    def __init__(self, unit: Unit) -> None:
        self._unit, layer, dims = unit, unit.layer, len(unit.pool)
        kernel, stride, dilation = layer.along(0)
        pads = [layer.padding(axis) for axis in range(dims)]
        self._before = pads[0][0]
        self._window = _Window(dilation * (kernel - 1) + 1, stride, *pads[0])
        self._pooled = _Window(unit.pool[0], unit.pool[0], 0, 0)
        even = all(before == after for before, after in pads[1:])
        self._pads = [] if even else [n for pair in reversed(pads[1:]) for n in pair]
        self._padding = (0, *(before if even else 0 for before, _ in pads[1:]))
        self._convolution = _CONVOLUTION[dims]

    def push(self, rows: Tensor | None, last: bool, detail: Tensor | None = None) -> Tensor | None:
        unit, conv = self._unit, self._unit.conv
        seen = self._window.push(rows, last)
        y: Tensor | None = None
        if seen is not None:
            x, count = seen
            wide = F.pad(x, [*self._pads, 0, 0]) if self._pads else x
            y = self._convolution(wide, conv.weight, conv.bias, conv.stride, self._padding, conv.dilation)
            assert y is not None
            if unit.norm is not None:
                y = unit.norm(y)
            if unit.layer.residual:
                y += x.narrow(2, self._before, count)
            if detail is not None:
                y += detail
        if max(unit.pool) > 1:
            pooled = self._pooled.push(y, last)
            y = None if pooled is None else max_pool(pooled[0], unit.pool)
        if y is None:
            return None
        y = ACTIVATIONS[unit.layer.activation](y)
        return finer(y, unit.up) if max(unit.up) > 1 else y


class _Chain:
    """Layers one after another."""

    def __init__(self, units: Iterable[nn.Module]) -> None:
        self._layers = [_Layer(unit) for unit in units if isinstance(unit, Unit)]

    def push(self, rows: Tensor | None, last: bool, detail: Tensor | None = None) -> Tensor | None:
        """The next rows; the detail, of as many rows as are given, is added in the first layer, which is of one cell."""
        for layer in self._layers:
            rows, detail = layer.push(rows, last, detail), None
            if rows is None and not last:
                return None
        return rows


class _Context:
    """U * X, as `RecurrentNetwork.context` has it."""

    def __init__(self, network: RecurrentNetwork) -> None:
        units, branch = network.context_units, network.architecture.branch
        self._stem, self._trunk, self._detail = _Chain(units[:branch]), _Chain(units[branch:]), _Chain(network.D)
        self._beside = Queue() if len(network.D) else None

    def push(self, image: Tensor, last: bool) -> Tensor | None:
        fine = self._stem.push(image, last)
        hidden = self._trunk.push(fine, last)
        if self._beside is None:
            return hidden
        self._beside.put(self._detail.push(fine, last))
        return None if hidden is None else torch.cat([hidden, self._beside.take(hidden.shape[2])], 1)


class _Step:
    """Y(t) from U * X and Y(t-1), as `RecurrentNetwork.step` has it."""

    def __init__(self, network: RecurrentNetwork, first: bool) -> None:
        self._network, self._same = network, not first and not len(network.W)
        self._feedback = None if first or self._same else _Chain(network.W)
        self._readout, self._pooled = _Chain(network.V), _Window(network.pool[0], network.pool[0], 0, 0)
        self._context, self._fed = Queue(), Queue()
        self._dtype = next(network.parameters()).dtype

    def push(self, context: Tensor | None, estimate: Tensor | None, last: bool) -> Tensor | None:
        if self._same:  # without feedback nothing changes any more
            return estimate
        hidden, detail = None, None
        if self._feedback is not None:
            hidden, detail = self._beside(self._feedback, context, estimate, last)
        elif context is not None:
            hidden, detail = self._network.parts(context)
        if max(self._network.pool) > 1:
            pooled = self._pooled.push(hidden, last)
            hidden = None if pooled is None else max_pool(pooled[0], self._network.pool)
        scores = self._readout.push(None if hidden is None else self._network.g(hidden), last, detail)
        return None if scores is None else torch.softmax(scores.float(), 1)

    def _beside(
        self, feedback: _Chain, context: Tensor | None, estimate: Tensor | None, last: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        """U * X + W * Y(t-1), as far as both are there, and the detail beside it."""
        given = None if estimate is None else laid_out(estimate.to(self._dtype))
        self._context.put(context)
        self._fed.put(feedback.push(given, last))
        ready = min(self._context.rows, self._fed.rows)
        if not ready:
            return None, None
        hidden, detail = self._network.parts(self._context.take(ready))
        return self._fed.take(ready) + hidden, detail


def _zeros(like: Tensor, rows: int) -> Tensor:
    shape = list(like.shape)
    shape[2] = rows
    return laid_out(like.new_zeros(shape))
