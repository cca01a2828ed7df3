"""Where things lie: which image pixels a label cell sees and speaks for, sizes of planes, halos. Exact, in integers.

Along one axis, cell i of a chain's output sees the cells stride * i + low ... stride * i + high of its input.
Chains compose, so the receptive field after any number of steps follows from the tables of U, W and V alone:

    Y(1) sees the image through V and U;  Y(t) sees it through V and U, and Y(t-1) through V and W.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from .catalogue import Architecture
from .layers import Layer, Padding


@dataclass(frozen=True)
class Span:
    """Output cell i sees the input cells stride * i + low to stride * i + high, both included."""

    stride: int
    low: int
    high: int

    @property
    def size(self) -> int:
        """Input cells that one output cell sees."""
        return self.high - self.low + 1

    def through(self, below: Span) -> Span:
        """What an output cell sees of the plane under `below`, whose output is this span's input."""
        return Span(
            self.stride * below.stride, self.low * below.stride + below.low, self.high * below.stride + below.high
        )

    def union(self, other: Span) -> Span:
        """The smallest span that holds both."""
        return Span(self.stride, min(self.low, other.low), max(self.high, other.high))


def span(layers: Sequence[Layer], axis: int = -1) -> Span:
    """The span of a chain of layers as padding `same` places it (cell i lies over cell stride * i)."""
    result = Span(1, 0, 0)
    for layer in reversed(layers):
        kernel, stride, dilation = layer.along(axis)
        before = layer.padding(axis)[0]
        result = result.through(Span(stride, -before, dilation * (kernel - 1) - before))
    return result


class Geometry:
    """The geometry of one architecture along one axis.

    Args:
        architecture: its tables.
        padding: `same` or `valid`; the architecture's own if not given.
        axis: which spatial axis, counted as in the image's shape (-1: columns).
    """

    def __init__(self, architecture: Architecture, padding: Padding | None = None, axis: int = -1) -> None:
        self.padding: Padding = padding or architecture.padding
        self.axis = axis
        self._layers = architecture.context, architecture.feedback, architecture.readout
        self._u, self._w, self._v = (span(layers, axis) for layers in self._layers)
        self.stride: int = prod(layer.along(axis)[1] for layer in architecture.context)

    @property
    def feedback_shrink(self) -> int:
        """Cells that W takes off a plane with padding `valid`."""
        return self._w.size - 1

    @property
    def feedback_margin(self) -> int:
        """Cells that W takes off the beginning of a plane with padding `valid`."""
        return -self._w.low

    def span(self, steps: int) -> Span:
        """Image pixels that a label cell sees after `steps` steps, in the placement of padding `same`."""
        if steps < 1:
            raise ValueError(f"steps: {steps}; at least 1 is needed")
        first = self._v.through(self._u)
        result = first
        back = self._v.through(self._w)
        for _ in range(steps - 1):
            result = first.union(back.through(result))
        return result

    def receptive_field(self, steps: int) -> int:
        """Image pixels, along this axis, that one label cell sees after `steps` steps (a start counts as no pixels)."""
        return self.span(steps).size

    def halo(self, steps: int) -> tuple[int, int]:
        """Image pixels that a tile needs before and after itself for `steps` steps, in whole label cells.

        One cell more than the receptive field asks, for the interpolation from label cells to pixels.
        """
        seen = self.span(steps)
        before, after = (max(-(-n // self.stride), 0) for n in (-seen.low, seen.high - (self.stride - 1)))
        return (before + 1) * self.stride, (after + 1) * self.stride

    def start_halo(self, steps: int) -> tuple[int, int]:
        """Label cells of the start that a tile needs before and after itself for `steps` steps."""
        back = self._v.through(self._w)
        return -back.low * steps, back.high * steps

    def context_size(self, image: int) -> int:
        """Cells of the context plane for an image of `image` pixels along this axis; 0 if the image is too small.

        `same`: image / stride, rounded up. `valid`: Pinheiro and Collobert 2014, eq. 1, layer by layer.
        """
        return self._through(self._layers[0], image)

    def output_size(self, image: int, steps: int = 1) -> int:
        """Label cells after `steps` steps for an image of `image` pixels; 0 if the image is too small."""
        cells = self._through(self._layers[2], self.context_size(image))
        for _ in range(steps - 1):
            cells = self._through(self._layers[2], self._through(self._layers[1], cells))
        return cells

    def speaks_for(self, cell: int, steps: int = 1) -> tuple[int, int]:
        """First and last image pixel of the `stride` pixels that a label cell of the plane Y(steps) speaks for."""
        first = self.stride * cell
        if self.padding == "valid":
            hidden = -self._v.low * steps - self._w.low * (steps - 1)
            first += -self._u.low + self.stride * hidden
        return first, first + self.stride - 1

    def margin(self, missing: int) -> int:
        """Context cells that lie before a plane Y(t) with `missing` cells less than the context (padding `valid`).

        Raises:
            ValueError: no number of steps leaves such a plane.
        """
        v, w = self._v.size - 1, self._w.size - 1
        if missing == 0:
            return 0
        if missing < v or (missing - v) % max(v + w, 1):
            raise ValueError(
                f"a label plane {missing} cells smaller than the context belongs to no step of this network"
            )
        again = (missing - v) // max(v + w, 1)
        return -self._v.low + again * (-self._v.low - self._w.low)

    def _through(self, layers: Sequence[Layer], cells: int) -> int:
        for layer in layers:
            kernel, stride, dilation = layer.along(self.axis)
            reach = dilation * (kernel - 1) + 1
            cells = -(-cells // stride) if self.padding == "same" else max((cells - reach) // stride + 1, 0)
        return cells
