"""The network from an image's first row to its last, each layer keeping just the rows that it will need again.

No row is computed twice, however many steps are taken: along the rows there is no halo. Step t follows step t - 1 by as
many rows as W and V reach ahead. Memory grows with an image's width, not with its height. `Rows` alone stands for the
equation; what it gives equals `RecurrentNetwork.refinements` of the whole image, to rounding. In volumes, slices take
the place of rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..network import RecurrentNetwork
from ..network.hardware import laid_out
from ..network.layers import ACTIVATIONS, Unit, finer, max_pool
from .backends.fused import FinerReadout, at_once, one_pass, plain, possible, together
from .windows import Queue, Window

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
        readout = FinerReadout.of(network) if possible(network) else None
        self._context = _Context(network, readout)
        self._steps = [_Step(network, readout, first=number == 0) for number in range(steps)]

    def push(self, image: Tensor, last: bool) -> list[Tensor | None]:
        """The next rows of Y(1), Y(2), ... as far as they can be told; None where no row is ready.

        Args:
            image: the next rows of X, (1, C, rows, columns), in whole periods.
            last: whether they are the last ones.

        Returns:
            For each step (1, K, rows, columns), float32.
        """
        with torch.inference_mode():
            hidden, detail = self._context.push(image, last)
            estimate: Tensor | None = None
            estimates = []
            for step in self._steps:
                estimate = step.push(hidden, detail, estimate, last)
                estimates.append(estimate)
        return estimates


class _Layer:
    """One `Unit`.

    Args:
        unit: the layer.
        fused: whether torch can compute convolution, addition and rectifier in one pass; see `backends.fused`.
    """

    def __init__(self, unit: Unit, fused: bool) -> None:
        self._unit, layer, dims = unit, unit.layer, len(unit.pool)
        kernel, stride, dilation = layer.along(0)
        pads = [layer.padding(axis) for axis in range(dims)]
        self._before = pads[0][0]
        self._window = Window(dilation * (kernel - 1) + 1, stride, *pads[0])
        self._pooled = Window(unit.pool[0], unit.pool[0], 0, 0)
        even = all(before == after for before, after in pads[1:])
        self._pads = [] if even else [n for pair in reversed(pads[1:]) for n in pair]
        self._padding = (0, *(before if even else 0 for before, _ in pads[1:]))
        self._convolution = _CONVOLUTION[dims]
        self._fused = fused and at_once(unit)

    def push(self, rows: Tensor | None, last: bool, detail: Tensor | None = None) -> Tensor | None:
        unit = self._unit
        seen = self._window.push(rows, last)
        y = None if seen is None else self._convolved(*seen, detail)
        if max(unit.pool) > 1:
            pooled = self._pooled.push(y, last)
            y = None if pooled is None else max_pool(pooled[0], unit.pool)
        if y is None:
            return None
        if not self._fused:
            y = ACTIVATIONS[unit.layer.activation](y)
        return finer(y, unit.up) if max(unit.up) > 1 else y

    def _convolved(self, x: Tensor, count: int, detail: Tensor | None) -> Tensor:
        """The convolution, and what is added to it; if fused, its rectifier too."""
        unit, conv = self._unit, self._unit.conv
        added = [x.narrow(2, self._before, count)] if unit.layer.residual else []
        added += [] if detail is None else [detail]
        wide = F.pad(x, [*self._pads, 0, 0]) if self._pads else x
        if self._fused:
            return one_pass(unit, wide, together(added), unit.layer.activation, self._padding)
        y: Tensor = self._convolution(wide, conv.weight, conv.bias, conv.stride, self._padding, conv.dilation)
        if unit.norm is not None:
            y = unit.norm(y)
        for other in added:
            y += other
        return y


class _Chain:
    """Layers one after another."""

    def __init__(self, units: Iterable[nn.Module], fused: bool) -> None:
        self._layers = [_Layer(unit, fused) for unit in units if isinstance(unit, Unit)]

    def push(self, rows: Tensor | None, last: bool, detail: Tensor | None = None) -> Tensor | None:
        """The next rows; the detail, of as many rows as are given, is added in the first layer, which is of one cell."""
        for layer in self._layers:
            rows, detail = layer.push(rows, last, detail), None
            if rows is None and not last:
                return None
        return rows


class _Context:
    """U * X, as `RecurrentNetwork.context` has it; the hidden layer's planes and the detail's apart."""

    def __init__(self, network: RecurrentNetwork, readout: FinerReadout | None) -> None:
        units, branch, fused = network.context_units, network.architecture.branch, possible(network)
        self._stem, self._trunk = _Chain(units[:branch], fused), _Chain(units[branch:], fused)
        detail = readout.ordering(network.D) if readout and len(network.D) else network.D
        self._detail = _Chain(detail, fused) if len(network.D) else None

    def push(self, image: Tensor, last: bool) -> tuple[Tensor | None, Tensor | None]:
        fine = self._stem.push(image, last)
        return self._trunk.push(fine, last), None if self._detail is None else self._detail.push(fine, last)


class _Step:
    """Y(t) from U * X and Y(t-1), as `RecurrentNetwork.step` has it."""

    def __init__(self, network: RecurrentNetwork, readout: FinerReadout | None, first: bool) -> None:
        self._network, self._same, fused = network, not first and not len(network.W), possible(network)
        units = [] if first or self._same else [unit for unit in network.W if isinstance(unit, Unit)]
        rectified = network.architecture.activation == "relu" and max(network.pool) == 1
        ends = fused and rectified and bool(units) and plain(units[-1]) and max(units[-1].conv.kernel_size) == 1
        self._end = units.pop() if ends else None  # of W: it, the context and the rectifier are one pass
        self._hidden, self._detail = Queue(), Queue() if len(network.D) else None
        self._feedback = None if first or self._same else _Chain(units, fused)
        self._fed = None if self._feedback is None else Queue()
        self._queues = [queue for queue in (self._hidden, self._detail, self._fed) if queue is not None]
        self._finer = readout
        self._readout = _Chain([readout.first] if readout else network.V, fused)
        self._pooled = Window(network.pool[0], network.pool[0], 0, 0)
        self._dtype, self._most = next(network.parameters()).dtype, 0

    def push(self, hidden: Tensor | None, detail: Tensor | None, estimate: Tensor | None, last: bool) -> Tensor | None:
        if self._same:  # without feedback nothing changes any more
            return estimate
        self._hidden.put(hidden)
        if self._detail is not None:
            self._detail.put(detail)
        if not last:
            self._most = max(self._most, *(0 if rows is None else rows.shape[2] for rows in (hidden, estimate)))
        if self._feedback is not None and self._fed is not None:
            for part, ends in self._parted(estimate, last):
                given = None if part is None else laid_out(part.to(self._dtype))
                self._fed.put(self._feedback.push(given, ends))
        ready = min(queue.rows for queue in self._queues)
        found = [] if ready or not last else [self._scores(None, True)]
        while ready:  # as the rows lie, so that none is copied to lie beside others
            count = min(ready, *(queue.front for queue in self._queues))
            ready -= count
            found.append(self._scores(count, last and not ready))
        estimates = [torch.softmax(scores.float(), 1) for scores in found if scores is not None]
        return torch.cat(estimates, 2) if len(estimates) > 1 else next(iter(estimates), None)

    def _parted(self, estimate: Tensor | None, last: bool) -> list[tuple[Tensor | None, bool]]:
        """The rows for W, at most as many at a time as came with any band before the last, and whether they are the last.

        At the end of the image all rows that steps have waited for come at once, more at every step.
        """
        if estimate is None or not last:
            return [(estimate, last)]
        parts = torch.split(estimate, self._most or estimate.shape[2], 2)
        return [(part, number == len(parts)) for number, part in enumerate(parts, start=1)]

    def _scores(self, count: int | None, last: bool) -> Tensor | None:
        """V * g(U * X + W * Y(t-1)) of rows that all queues have; None of no more rows."""
        if count is None:
            return self._read(None, None, last)
        hidden = self._hidden.take(count)
        detail = None if self._detail is None else self._detail.take(count)
        if self._fed is not None and self._end is not None:
            return self._labelled(one_pass(self._end, self._fed.take(count), hidden, "relu"), last, detail)
        return self._read(hidden if self._fed is None else self._fed.take(count) + hidden, detail, last)

    def _read(self, hidden: Tensor | None, detail: Tensor | None, last: bool) -> Tensor | None:
        if max(self._network.pool) > 1:
            pooled = self._pooled.push(hidden, last)
            hidden = None if pooled is None else max_pool(pooled[0], self._network.pool)
        return self._labelled(None if hidden is None else self._network.g(hidden), last, detail)

    def _labelled(self, hidden: Tensor | None, last: bool, detail: Tensor | None) -> Tensor | None:
        """V * hidden; the detail is added in its first layer."""
        scores = self._readout.push(hidden, last, detail)
        return scores if scores is None or self._finer is None else self._finer.rest(scores)
