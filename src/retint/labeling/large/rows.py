"""The network from an image's first row to its last, each layer keeping just the cells that it will need again.

No cell is computed twice, however many steps are taken: there is no halo. The rows come in bands, each band is gone through in
blocks of columns, and a block passes all layers and steps before the next one, so that its planes stay in the processor's
cache. Step t follows step t - 1 by as many rows and columns as W and V reach ahead. Memory grows with an image's width, not with
its height. `Rows` alone stands for the equation; what it gives equals `RecurrentNetwork.refinements` of the whole image, to
rounding. In volumes, slices take the place of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import lcm
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...hardware import laid_out
from ...network import RecurrentNetwork
from ...network.layers import ACTIVATIONS, Unit, finer, max_pool
from ..backends.fused import FinerReadout, at_once, detail_for, ends_at_once, one_pass, possible, together
from .windows import COLUMNS, ROWS, Seen, Waiting, Window

_ENDS = 0, -1
"""Of a layer's extents, those along rows and along columns."""
_CONVOLUTION: dict[int, Any] = {2: F.conv2d, 3: F.conv3d}


def flows(network: RecurrentNetwork) -> bool:
    """Whether a network can be computed so: not those whose label planes change their size, nor unpadded ones."""
    return network.padding == "same" and not network.architecture.rescales and not network.architecture.instances


class Rows:
    """U, V, W and the loop, given an image band by band, and each band in blocks of columns.

    After the last band, what steps have waited for comes in further bands, which have no rows of the image: so no band is
    larger than others.

    Args:
        network: folded, in evaluation mode.
        steps: how many, at least 1.

    Attributes:
        finished: whether the band that was begun is the last one.
    """

    finished = False

    def __init__(self, network: RecurrentNetwork, steps: int) -> None:
        readout = FinerReadout.of(network) if possible(network) else None
        self._context = _Context(network, readout)
        self._steps = [_Step(network, readout, first=number == 0) for number in range(steps)]

    def begin(self, rows: int, last: bool) -> list[int]:
        """Begin a band.

        Args:
            rows: of X that it has, in whole periods; 0 after the image's last ones.
            last: whether the image has no more rows.

        Returns:
            The rows of Y(1), Y(2), ... that it gives: as many as can be told.
        """
        self.finished, given, found = last, self._context.begin(rows, last) if rows else (0, 0), [0]
        for step in self._steps:
            count, self.finished = step.begin(*given, found[-1], self.finished)
            found.append(count)
        return found[1:]

    def push(self, block: Tensor | None, last: bool) -> list[Tensor | None]:
        """The next columns of Y(1), Y(2), ... in the band's rows, as far as they can be told; None where there are none.

        Args:
            block: the next columns of X, (1, C, rows, columns), in whole periods, in every band as many; None in a band
                that has no rows of it.
            last: whether they are the last ones.

        Returns:
            For each step (1, K, rows, columns), float32.
        """
        with torch.inference_mode():
            hidden, detail = (None, None) if block is None else self._context.push(laid_out(block), last)
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
        many: so many of its cells, along rows and columns, are merged into one by the layers after it; it gives whole multiples.
    """

    def __init__(self, unit: Unit, fused: bool, many: Sequence[int] = (1, 1)) -> None:
        self._unit, layer, dims = unit, unit.layer, len(unit.pool)
        pads = [layer.padding(axis) for axis in range(dims)]
        self._before = [pads[axis][0] for axis in _ENDS]
        self._window = Window(*(_seen(unit, axis, unit.pool[axis] * n) for axis, n in zip(_ENDS, many, strict=True)))
        self._pooled = Window(*(_pooled(unit.pool[axis]) for axis in _ENDS)) if max(unit.pool) > 1 else None
        between = pads[1:-1]  # of volumes, the rows, which come all at once
        even = all(before == after for before, after in between)
        self._pads = () if even else (0, 0, *(n for pair in reversed(between) for n in pair))
        self._padding = (0, *(before if even else 0 for before, _ in between), 0)
        self._convolution = _CONVOLUTION[dims]
        self._fused = fused and at_once(unit)

    def begin(self, rows: int, last: bool) -> int:
        """Begin a band of so many rows; how many rows it gives."""
        made = self._window.begin(rows, last)
        return (made if self._pooled is None else self._pooled.begin(made, last)) * self._unit.up[0]

    def push(self, block: Tensor | None, last: bool, detail: Tensor | None = None) -> Tensor | None:
        """The next columns of what the layer makes of the band; `last` is for its last block."""
        unit = self._unit
        seen = self._window.push(block, last)
        y = None if seen is None else self._convolved(*seen, detail)
        if self._pooled is not None:
            pooled = self._pooled.push(y, last)
            y = None if pooled is None else max_pool(pooled[0], unit.pool)
        if y is None:
            return None
        if not self._fused:
            y = ACTIVATIONS[unit.layer.activation](y)
        return finer(y, unit.up) if max(unit.up) > 1 else y

    def _convolved(self, x: Tensor, counts: tuple[int, int], detail: Tensor | None) -> Tensor:
        """The convolution, and what is added to it; if fused, its rectifier too."""
        unit, conv, (down, right) = self._unit, self._unit.conv, self._before
        added = [x.narrow(ROWS, down, counts[0]).narrow(COLUMNS, right, counts[1])] if unit.layer.residual else []
        added += [] if detail is None else [detail]
        wide = F.pad(x, self._pads) if self._pads else x
        if self._fused:
            return one_pass(unit, wide, together(added), unit.layer.activation, self._padding)
        y: Tensor = self._convolution(wide, conv.weight, conv.bias, conv.stride, self._padding, conv.dilation)
        if unit.norm is not None:
            y = unit.norm(y)
        for other in added:
            y += other
        return y


def _seen(unit: Unit, axis: int, many: int) -> Seen:
    kernel, stride, dilation = unit.layer.along(axis)
    return Seen(max(dilation * (kernel - 1) + 1, stride), stride, *unit.layer.padding(axis), many)


def _pooled(cells: int) -> Seen:
    return Seen(cells, cells, 0, 0)


class _Chain:
    """Layers one after another.

    Args:
        many: as for a layer, of the last one.

    Attributes:
        many: of what comes before the first one.
    """

    def __init__(self, units: Iterable[nn.Module], fused: bool, many: tuple[int, int] = (1, 1)) -> None:
        layers = []
        for unit in reversed([unit for unit in units if isinstance(unit, Unit)]):
            made = [max(n // unit.up[axis], 1) for n, axis in zip(many, _ENDS, strict=True)]
            layers.append(_Layer(unit, fused, made))
            down, across = (n * unit.layer.coarser(axis) for n, axis in zip(made, _ENDS, strict=True))
            many = down, across
        self._layers, self.many = layers[::-1], many

    def begin(self, rows: int, last: bool) -> int:
        """Begin a band; see `_Layer`."""
        for layer in self._layers:
            rows = layer.begin(rows, last)
        return rows

    def push(self, block: Tensor | None, last: bool, detail: Tensor | None = None) -> Tensor | None:
        """The next columns; the detail, of as many cells as are given, is added in the first layer, which is of one cell."""
        for layer in self._layers:
            block, detail = layer.push(block, last, detail), None
        return block


class _Context:
    """U * X, as `RecurrentNetwork.context` has it; the hidden layer's planes and the detail's apart."""

    def __init__(self, network: RecurrentNetwork, readout: FinerReadout | None) -> None:
        units, branch, fused = network.context_units, network.architecture.branch, possible(network)
        self._trunk = _Chain(units[branch:], fused)
        self._detail = _Chain(detail_for(network, readout), fused) if len(network.D) else None
        both = [chain.many for chain in (self._trunk, self._detail) if chain is not None]
        down, across = (lcm(*many) for many in zip(*both, strict=True))
        self._stem = _Chain(units[:branch], fused, (down, across))

    def begin(self, rows: int, last: bool) -> tuple[int, int]:
        """Begin a band; how many rows it gives of either."""
        fine = self._stem.begin(rows, last)
        return self._trunk.begin(fine, last), 0 if self._detail is None else self._detail.begin(fine, last)

    def push(self, image: Tensor, last: bool) -> tuple[Tensor | None, Tensor | None]:
        fine = self._stem.push(image, last)
        return self._trunk.push(fine, last), None if self._detail is None else self._detail.push(fine, last)


class _Feed:
    """Y(t-1) on its way to W: at the end of the image in bands that have no more rows than any before."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype, self._waiting = dtype, Waiting()
        self._most, self._rows = 0, (0, 0)
        self._place, self._edges = 0, list[int]()  # columns after each block, in every band the same

    def begin(self, rows: int, last: bool) -> tuple[int, bool]:
        """Begin a band in which so many rows come; how many go on, and whether they are the last ones."""
        first, end = self._rows[1], self._waiting.begin(rows)
        if not last:
            self._most = max(self._most, rows)
        elif self._most:
            end = min(end, first + self._most)
        self._rows, self._place = (first, end), 0
        return end - first, last and end == self._waiting.rows

    def push(self, estimate: Tensor | None) -> Tensor | None:
        """The next columns that go on."""
        self._waiting.put(None if estimate is None else laid_out(estimate.to(self._dtype)))
        rows, place, self._place = self._rows, self._place, self._place + 1
        if rows[0] == rows[1]:
            return None
        columns = self._waiting.columns(rows[1])
        if columns is None:
            columns = self._edges[place]
        elif place == len(self._edges):
            self._edges.append(columns)
        first = self._edges[place - 1] if place else 0
        return None if first == columns else self._waiting.take(rows, (first, columns))


class _Step:
    """Y(t) from U * X and Y(t-1), as `RecurrentNetwork.step` has it."""

    def __init__(self, network: RecurrentNetwork, readout: FinerReadout | None, first: bool) -> None:
        self._network, self._same, fused = network, not first and not len(network.W), possible(network)
        units = [] if first or self._same else [unit for unit in network.W if isinstance(unit, Unit)]
        ends = fused and bool(units) and ends_at_once(network, units[-1]) and max(units[-1].conv.kernel_size) == 1
        self._end = units.pop() if ends else None  # of W: it, the context and the rectifier are one pass
        self._hidden, self._detail = Waiting(), Waiting() if len(network.D) else None
        self._feedback = None if first or self._same else _Chain(units, fused)
        self._feed, self._fed = _Feed(network.dtype), None if self._feedback is None else Waiting()
        self._ended = self._idle = False
        self._planes = [plane for plane in (self._hidden, self._detail, self._fed) if plane is not None]
        self._finer = readout
        self._readout = _Chain([readout.first] if readout else network.V, fused)
        self._pooled = Window(*(_pooled(network.pool[axis]) for axis in _ENDS)) if max(network.pool) > 1 else None
        self._rows, self._columns = (0, 0), 0

    def begin(self, hidden: int, detail: int, estimate: int, last: bool) -> tuple[int, bool]:
        """Begin a band of so many rows of the context's planes and the last estimate.

        Returns:
            How many rows it gives, and whether they are the last ones.
        """
        if self._same:
            return estimate, last
        self._idle = self._ended
        if self._idle:
            return 0, True
        ends = [self._hidden.begin(hidden)]
        if self._detail is not None:
            ends.append(self._detail.begin(detail))
        if self._feedback is not None and self._fed is not None:
            count, last = self._feed.begin(estimate, last)
            ends.append(self._fed.begin(self._feedback.begin(count, last)))
        self._rows, self._columns = (self._rows[1], min(ends)), 0
        rows = self._rows[1] - self._rows[0]
        if self._pooled is not None:
            rows = self._pooled.begin(rows, last)
        rows, self._ended = self._readout.begin(rows, last), last
        return rows if self._finer is None else rows * self._finer.up[0], last

    def push(self, hidden: Tensor | None, detail: Tensor | None, estimate: Tensor | None, last: bool) -> Tensor | None:
        """The next columns."""
        if self._same:  # without feedback nothing changes any more
            return estimate
        if self._idle:
            return None
        self._hidden.put(hidden)
        if self._detail is not None:
            self._detail.put(detail)
        if self._feedback is not None and self._fed is not None:
            self._fed.put(self._feedback.push(self._feed.push(estimate), last))
        (first, end), counts = self._rows, [plane.columns(self._rows[1]) for plane in self._planes]
        ready = min((count for count in counts if count is not None), default=0) if first < end else 0
        scores = self._scores(self._rows, (self._columns, ready), last)
        self._columns = ready
        return None if scores is None else torch.softmax(scores.float(), 1)

    def _scores(self, rows: tuple[int, int], columns: tuple[int, int], last: bool) -> Tensor | None:
        """V * g(U * X + W * Y(t-1)) of a box that all planes have."""
        if columns[0] == columns[1]:
            return self._read(None, None, last)
        hidden = self._hidden.take(rows, columns)
        detail = None if self._detail is None else self._detail.take(rows, columns)
        fed = None if self._fed is None else self._fed.take(rows, columns)
        if fed is not None and self._end is not None:
            return self._labelled(one_pass(self._end, fed, hidden, "relu"), last, detail)
        return self._read(hidden if fed is None else fed + hidden, detail, last)

    def _read(self, hidden: Tensor | None, detail: Tensor | None, last: bool) -> Tensor | None:
        if self._pooled is not None:
            pooled = self._pooled.push(hidden, last)
            hidden = None if pooled is None else max_pool(pooled[0], self._network.pool)
        return self._labelled(None if hidden is None else self._network.g(hidden), last, detail)

    def _labelled(self, hidden: Tensor | None, last: bool, detail: Tensor | None) -> Tensor | None:
        """V * hidden; the detail is added in its first layer."""
        scores = self._readout.push(hidden, last, detail)
        return scores if scores is None or self._finer is None else self._finer.rest(scores)
