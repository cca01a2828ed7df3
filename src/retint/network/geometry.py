"""Where things lie: which image pixels a label cell sees and speaks for, sizes of planes, halos. Exact, in integers.

Along one axis, cell i of a chain's output sees the cells stride * i + low ... stride * i + high of its input.
Chains compose, so the receptive field after any number of steps follows from the tables of U, W and V alone:

    Y(1) sees the image through V and U;  Y(t) sees it through V and U, and Y(t-1) through V and W.

Where the readout makes several label cells of a hidden one, they see the same; the `period` is that hidden cell's pixels.
Where the label planes grow coarser at every step (`rescales`), Y(t) sees Y(t-1), and the image under it, through U and V.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from .catalogue import Architecture
from .layers import Layer, Padding, extent


@dataclass(frozen=True)
class Span:
    """Output cells cells * i to cells * i + cells - 1 see the input cells stride * i + low to stride * i + high."""

    stride: int
    low: int
    high: int
    cells: int = 1

    @property
    def size(self) -> int:
        """Input cells that one output cell sees."""
        return self.high - self.low + 1

    def through(self, below: Span) -> Span:
        """What an output cell sees of the plane under `below`, whose output is this span's input."""
        many = lcm(self.stride, below.cells) // self.stride
        stride, high = self.stride * many, self.high + self.stride * (many - 1)
        return Span(
            stride // below.cells * below.stride,
            self.low // below.cells * below.stride + below.low,
            high // below.cells * below.stride + below.high,
            self.cells * many,
        )

    def reached(self, first: int, last: int) -> tuple[int, int]:
        """First and last + 1 of the output cells that see any of the input cells first ... last - 1; it may lie outside the plane."""
        begin, end = -((self.high - first) // self.stride), (last - 1 - self.low) // self.stride + 1
        return begin * self.cells, end * self.cells

    def union(self, other: Span) -> Span:
        """The smallest span that holds both."""
        return Span(self.stride, min(self.low, other.low), max(self.high, other.high), self.cells)


def span(layers: Sequence[Layer], axis: int = -1) -> Span:
    """The span of a chain of layers as padding `same` places it (cell i lies over cell stride * i)."""
    result = Span(1, 0, 0)
    for layer in reversed(layers):
        kernel, stride, dilation = layer.along(axis)
        before, pool = layer.padding(axis)[0], extent(layer.pool, axis)
        for below in (
            Span(1, 0, 0, extent(layer.up, axis)),
            Span(pool, 0, pool - 1),
            Span(stride, -before, dilation * (kernel - 1) - before),
        ):
            result = result.through(below)
    return result


class Geometry:
    """The geometry of one architecture along one axis.

    Args:
        architecture: its tables.
        padding: `same` or `valid`; the architecture's own if not given.
        axis: which spatial axis, counted as in the image's shape (-1: columns).

    Attributes:
        stride: image pixels per label cell (after one step).
        period: image pixels by which the network may be moved: the pixels of a hidden cell, a multiple of the stride.
        per_period: label cells in a period.
        detail_trim: cells at the beginning and the end of the detail's plane that the context, with `valid`, has not.
    """

    def __init__(self, architecture: Architecture, padding: Padding | None = None, axis: int = -1) -> None:
        self.padding: Padding = padding or architecture.padding
        self.axis, self.rescales = axis, architecture.rescales
        pool = extent(architecture.pool, axis)
        self._layers = architecture.context, architecture.feedback, architecture.readout
        self._pool = pool
        self._u, self._w = (span(layers, axis) for layers in self._layers[:2])
        self.detail_trim = 0, 0
        if architecture.detail:
            seen = span((*architecture.context[: architecture.branch], *architecture.detail), axis)
            if seen.stride != self._u.stride or (seen.low - self._u.low) % seen.stride:
                raise ValueError(f"{architecture.name}: its detail does not lie on the grid of its hidden layer")
            self.detail_trim = (seen.low - self._u.low) // seen.stride, (self._u.high - seen.high) // seen.stride
            self._u = self._u.union(seen)
        self._v = span(self._layers[2], axis).through(Span(pool, 0, pool - 1))
        self._first = self._v.through(self._u)
        self._back = self._v.through(self._w) if architecture.feedback else None
        self.period, self.per_period = self._first.stride, self._first.cells
        self.stride: int = self.period // self.per_period

    @property
    def feedback_trim(self) -> tuple[int, int]:
        """Hidden cells that W takes off the beginning and the end of a plane with padding `valid`."""
        each = self._w.stride
        return -self._w.low // each, (self._w.high - (each - 1)) // each

    def stride_at(self, step: int) -> int:
        """Image pixels per label cell of the plane Y(step)."""
        return self.stride**step if self.rescales else self.stride

    def span(self, steps: int) -> Span:
        """Image pixels that a label cell sees after `steps` steps, in the placement of padding `same`."""
        if steps < 1:
            raise ValueError(f"steps: {steps}; at least 1 is needed")
        result = self._first
        for _ in range(steps - 1):
            if self.rescales:
                result = self._first.through(result)
            elif self._back is not None:
                result = self._first.union(self._back.through(result))
        return result

    def receptive_field(self, steps: int) -> int:
        """Image pixels, along this axis, that one label cell sees after `steps` steps (a start counts as no pixels)."""
        return self.span(steps).size

    def cells(self, image: int, step: int = 1) -> int:
        """Label cells of the plane Y(step) of an image of `image` pixels with padding `same`: whole periods."""
        period = self.period**step if self.rescales else self.period
        return -(-image // period) * self.per_period

    def halo(self, steps: int) -> tuple[int, int]:
        """Image pixels that a tile needs before and after itself for `steps` steps, in whole periods.

        One period more than the receptive field asks, for the interpolation from label cells to pixels.
        """
        seen = self.span(steps)
        period = seen.stride
        before, after = (max(-(-n // period), 0) for n in (-seen.low, seen.high - (period - 1)))
        return (before + 1) * period, (after + 1) * period

    def start_halo(self, steps: int) -> tuple[int, int]:
        """Label cells of the start that a tile needs before and after itself for `steps` steps."""
        if self._back is None:
            return 0, 0
        reach = self._back
        for _ in range(steps - 1):
            reach = self._back.through(reach)
        return -reach.low, reach.high - (reach.cells - 1)

    def tile_halo(self, steps: int, started: bool) -> tuple[int, int]:
        """Label cells, in whole periods, that a tile needs before and after itself to take `steps` steps."""
        each = self.per_period
        before, after = (n // self.stride for n in self.halo(steps))
        if started:
            start_before, start_after = (-(-n // each) * each for n in self.start_halo(steps))
            before, after = max(before, start_before + each), max(after, start_after + each)
        return before, after

    def context_reached(self, first: int, last: int) -> tuple[int, int]:
        """Context cells that image pixels first ... last - 1 have a part in: first and last + 1, beyond the edges too (`same`)."""
        return self._u.reached(first, last)

    def reached_by_context(self, first: int, last: int) -> tuple[int, int]:
        """Label cells of Y(t), in whole periods, that context cells first ... last - 1 have a part in within one step."""
        return self._v.reached(first, last)

    def reached_by_estimate(self, first: int, last: int) -> tuple[int, int]:
        """Label cells of Y(t), in whole periods, that cells first ... last - 1 of Y(t-1) have a part in; none without feedback."""
        return (first, first) if self._back is None else self._back.reached(first, last)

    def context_size(self, image: int) -> int:
        """Cells of the context plane for an image of `image` pixels along this axis; 0 if the image is too small.

        `same`: image / stride, rounded up. `valid`: Pinheiro and Collobert 2014, eq. 1, layer by layer.
        """
        return self._through(self._layers[0], image)

    def output_size(self, image: int, steps: int = 1) -> int:
        """Label cells after `steps` steps for an image of `image` pixels; 0 if the image is too small."""
        cells = self._readout_size(self.context_size(image))
        for _ in range(steps - 1):
            if self.rescales or self._back is not None:
                hidden = self._through(self._layers[0 if self.rescales else 1], cells)
                cells = self._readout_size(hidden)
        return cells

    def speaks_for(self, cell: int, steps: int = 1) -> tuple[int, int]:
        """First and last image pixel of the pixels that a label cell of the plane Y(steps) speaks for."""
        stride = self.stride_at(steps)
        first = stride * cell
        if self.padding == "valid":
            first += self._missing_before(steps)
        return first, first + stride - 1

    def margin(self, missing: int) -> int:
        """Hidden cells that lie before a plane Y(t) with `missing` hidden cells less than the context (`valid`).

        Raises:
            ValueError: no number of steps leaves such a plane.
        """
        v, w = self._v.size - 1, sum(self.feedback_trim)
        if missing == 0:
            return 0
        if missing < v or (missing - v) % max(v + w, 1):
            raise ValueError(
                f"a label plane {missing} cells smaller than the context belongs to no step of this network"
            )
        again = (missing - v) // max(v + w, 1)
        return -self._v.low + again * (-self._v.low + self.feedback_trim[0])

    def _missing_before(self, steps: int) -> int:
        """Image pixels before the first label cell of a plane with padding `valid`."""
        if self.rescales:
            return -self.span(steps).low
        again = steps - 1 if self._back is not None else 0
        hidden = -self._v.low * (again + 1) + self.feedback_trim[0] * again
        return -self._u.low + self._u.stride * hidden

    def _readout_size(self, hidden: int) -> int:
        return self._through(
            self._layers[2], -(-hidden // self._pool) if self.padding == "same" else hidden // self._pool
        )

    def _through(self, layers: Sequence[Layer], cells: int) -> int:
        for layer in layers:
            kernel, stride, dilation = layer.along(self.axis)
            reach, pool = dilation * (kernel - 1) + 1, extent(layer.pool, self.axis)
            if self.padding == "same":
                cells = -(-cells // (stride * pool))
            else:
                cells = max((cells - reach) // stride + 1, 0) // pool
            cells *= extent(layer.up, self.axis)
        return cells
