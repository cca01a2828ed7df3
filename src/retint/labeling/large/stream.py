"""A lane of an image, from a row to another: its labels, band after band, and how many changed at each step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from math import floor, prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...hardware import let_memory_go
from ...network import RecurrentNetwork
from ..counting import ROUNDING, followed, likeliest
from ..pipeline import read_ahead
from ..pixels import Pixels
from ..source import Source
from ..tiles import Box, Tile, slices
from .lanes import Lanes, counted, outer
from .rows import Rows
from .windows import COLUMNS, ROWS, Waiting


class Stream:
    """The labels of a lane.

    Where a band begins depends on the image's rows alone, not on the row that the stream begins with: so every layer is
    given the same rows at a time however often the work was stopped, and the labels are the same to the last bit.

    Args:
        network: folded, in evaluation mode, on its device, in its number type.
        source: the image.
        plan: the lanes.
        box: pixels that are wanted.
        steps: how many.
        scale: at which the image is labelled.
        alone: whether the box is always computed by itself. Then it begins with the rows that it needs; else a band earlier
            at least, so that its labels are those of the whole lane to the last bit.

    Attributes:
        needs: the image's own pixels that are read, if it is labelled at its own scale.
        changed: label cells of the box's columns whose label changed, (steps, rows of the label grid).
    """

    def __init__(
        self, network: RecurrentNetwork, source: Source, plan: Lanes, box: Box, steps: int, scale: float = 1.0,
        alone: bool = False,
    ) -> None:  # fmt: skip
        self._network, self._source, self._plan, self._box, self._steps = network, source, plan, box, steps
        self._alone, self._device, self._dtype = alone, network.device, network.dtype
        cells = network.cells(source.size)
        self._seen = network.seen(source.size)
        self._pixels = Pixels(source.own, cells, network.strides, scale)
        self._pitches = [s * n / m for s, n, m in zip(network.strides, source.own, source.size, strict=True)]
        self._cells = outer(network, box, source.own, cells, steps, self._pitches)
        stride, ends = network.strides[0], self._cells.outer[0][1]
        first = self._cells.core[0][0] * stride - plan.halo
        self._first = max(floor(first / plan.band), 0) * plan.band
        if alone:
            self._first = self._cells.outer[0][0] * stride
        self._last, self._end = ends * stride, cells[0]
        across = [
            (a * s, min(b * s, n)) for (a, b), s, n in zip(self._cells.outer, network.strides, source.size, strict=True)
        ]
        self.needs: Box = ((self._first, min(self._last, source.size[0])), *across[1:])
        self.changed = np.zeros((steps, cells[0]), np.int64)

    def counts(self, box: Box) -> list[int]:
        """Cells of a piece (of the box's own columns) whose label changed, at each step."""
        (a, b), *_ = counted(box, self._source.own, self._seen, self._pitches)
        return [int(n) for n in self.changed[:, a:b].sum(1)]

    def __iter__(self) -> Generator[tuple[tuple[int, int], NDArray[np.uint8]], None, None]:
        """The rows, and the labels (rows, columns) uint8 of all of the box's columns, from its first row to its last."""
        (first, last), *others = self._box
        for part, estimate in self._estimates():
            rows = self._pixels.of(part)[0]
            if rows.stop <= first or rows.start >= last or rows.start == rows.stop:
                continue
            labels = np.empty((rows.stop - rows.start, *(b - a for a, b in others)), np.uint8)
            for piece in self._pixels.parts(part, self._network.classes):
                inside = estimate[(slice(None), slice(None), *slices(piece.outer, part.outer))]
                found = self._pixels.labels_in(piece, inside).cpu().numpy()
                self._put(labels, (rows.start, *(a for a, _ in others)), self._pixels.of(piece), found)
            low, high = max(first - rows.start, 0), min(last, rows.stop) - rows.start
            yield (rows.start + low, rows.start + high), labels[low:high]

    @staticmethod
    def _put(
        labels: NDArray[np.uint8], corner: tuple[int, ...], where: tuple[slice, ...], found: NDArray[np.uint8]
    ) -> None:
        """A part's labels in their place; what lies beyond the box is dropped."""
        target, source = [], []
        for n, first, span in zip(labels.shape, corner, where, strict=True):
            low, high = max(span.start, first), min(span.stop, first + n)
            target.append(slice(low - first, max(high, low) - first))
            source.append(slice(low - span.start, max(high, low) - span.start))
        labels[tuple(target)] = found[tuple(source)]

    def _estimates(self) -> Iterator[tuple[Tile, Tensor]]:
        """The rows of the label grid that are done, and the estimate (1, K, cells ...) of them and one row around."""
        rows, waiting = Rows(self._network, self._steps), list[Tensor]()  # what is computed, and rows that are held
        done = held = self._first // self._network.strides[0]  # rows shown, and the first that is held
        across = zip(counted(self._box, self._source.own, self._seen, self._pitches)[1:], self._cells.outer[1:], strict=True)
        columns = [(a - first, b - first) for (a, b), (first, _) in across]
        counter = _Counter(self.changed, columns, done, self._seen[0], ROUNDING.get(self._dtype, 0.0))
        for number, (count, last, blocks) in enumerate(self._bands(rows)):
            if not self._alone and (number == 0 or last):
                let_memory_go()  # a lane's planes have other sizes than the one's before, and the last bands other rows
            counter.begin(rows.begin(count, last))
            found = []
            for block, ends in blocks:
                estimates = rows.push(block, ends)
                counter.add(estimates)
                found.append(estimates[-1])
            if parts := [estimate for estimate in found if estimate is not None]:
                waiting.append(torch.cat(parts, COLUMNS))
            end = held + sum(part.shape[ROWS] for part in waiting)
            if end <= done + 1 and end < self._end:
                continue
            estimate = torch.cat(waiting, ROWS)
            until = end if rows.finished else end - 1
            across = zip(self._cells.core[1:], self._cells.outer[1:], strict=True)
            cores, outers = zip(*across, strict=True)
            yield Tile(((done, until), *cores), ((held, end), *outers)), estimate.contiguous()  # scores come faster so
            held = max(until - 1, held)
            done = until
            waiting = [estimate.narrow(ROWS, estimate.shape[ROWS] - (end - held), end - held).clone()]
            if done >= self._cells.core[0][1]:
                return

    def _bands(self, rows: Rows) -> Iterator[tuple[int, bool, Iterator[tuple[Tensor | None, bool]]]]:
        """For each band its rows, whether the image has no more, and the blocks, (1, C, pixels ...), and whether each is the band's
        last; the next bands are read meanwhile."""
        strides = self._network.strides[1:]
        across = [(a * s, b * s) for (a, b), s in zip(self._cells.outer[1:], strides, strict=True)]
        firsts = range(self._first, self._last, self._plan.band)
        boxes: list[Box] = [((first, min(first + self._plan.band, self._last)), *across) for first in firsts]
        with closing(read_ahead(boxes, self._source.pixels)) as bands:
            for box, pixels in zip(boxes, bands, strict=True):
                first, last = box[0]
                yield last - first, last == self._last, self._blocks(pixels, box)
        first, last = across[-1]
        count = -(-(last - first) // self._plan.block)
        while not rows.finished:
            yield 0, True, ((None, number == count) for number in range(1, count + 1))

    def _blocks(self, pixels: NDArray[Any], band: Box) -> Iterator[tuple[Tensor, bool]]:
        *others, (first, end) = band
        for left in range(first, end, self._plan.block):
            right = min(left + self._plan.block, end)
            part = pixels[..., left - first : right - first, :]
            yield self._source.normalised(part, (*others, (left, right)), self._dtype).to(self._device), right == end


class _Counter:
    """Counts the changes, box by box, though the steps come to a row one after another; see `followed`.

    Args:
        changed: label cells whose label changed, (steps, rows of the grid), which it adds to.
        across: those of the estimates that count, along each axis but the rows.
        first: row of the grid that the estimates begin with.
        rows: of the grid that lie in the image.
        rounding: by which estimates may move though nothing changes.
    """

    def __init__(self, changed: NDArray[np.int64], across: Sequence[tuple[int, int]], first: int, rows: int, rounding: float) -> None:
        self._changed, self._first, self._most, self._rounding = changed, first, rows, rounding
        *between, self._columns = across
        self._between = slices(tuple(between))
        self._labels = [Waiting() for _ in changed]
        self._rows, self._reached = [(0, 0)] * len(changed), [0] * len(changed)

    def begin(self, rows: list[int]) -> None:
        """Begin a band of so many rows of each step's estimate."""
        self._reached = [0] * len(rows)
        self._rows = [(labels.rows, labels.begin(n)) for labels, n in zip(self._labels, rows, strict=True)]

    def add(self, estimates: list[Tensor | None]) -> None:
        """The next columns of each step's estimate."""
        for step, estimate in enumerate(estimates):
            if estimate is None:
                continue
            first, (low, high) = self._reached[step], self._columns
            self._reached[step] = end = first + estimate.shape[COLUMNS]
            a, b = max(first, low), min(end, high)
            if a >= b:
                continue
            y = estimate[0][(slice(None), slice(None), *self._between, slice(a - first, b - first))]
            rows, each = y.shape[1], prod(y.shape[2:])
            if step:
                previous = self._labels[step - 1].take(self._rows[step], (a - low, b - low))[0, 0]
                labels, changed = followed(y, previous, self._rounding)
                counts = torch.bincount(changed // each, minlength=rows)
            else:
                labels, counts = likeliest(y), torch.full((rows,), each)
            if step + 1 < len(estimates):
                self._labels[step].put(labels[None, None])
            row = self._first + self._rows[step][0]
            counts = counts[: max(self._most - row, 0)]
            self._changed[step, row : row + len(counts)] += counts.cpu().numpy()
