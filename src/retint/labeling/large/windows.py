"""Blocks of planes on their way from layer to layer: those that wait, and what of them a layer will see again.

A plane is gone through in bands from its first row to its last, and each band in blocks from its first column to its last; in
volumes, slices take the place of rows, and a block has all rows. How many rows a band has is told before its blocks come.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

ROWS, COLUMNS = 2, -1
"""The axes along which planes come."""


class Seen(NamedTuple):
    """What a layer sees along an axis: output i sees cells stride * i - before ... stride * i - before + reach - 1.

    Attributes:
        reach, stride: cells seen at a time, no fewer than the stride, and from output to output.
        before, after: zeros at the plane's edges.
        many: outputs that are wanted at a time, but at the plane's end: as many as become one in the layers to come.
    """

    reach: int
    stride: int
    before: int
    after: int
    many: int = 1

    def outputs(self, cells: int, last: bool) -> int:
        """Outputs to make of so many cells."""
        enough = max((cells - self.reach) // self.stride + 1, 0)
        return enough if last else enough // self.many * self.many


class Window:
    """Cells collected until a layer can make its next outputs, with zeros beyond the plane's edges.

    Args:
        down: what the layer sees along the rows.
        across: and along the columns.
    """

    def __init__(self, down: Seen, across: Seen) -> None:
        self._down, self._across = down, across
        self._above: list[Tensor | None] = []  # rows that are seen again, for each of a band's blocks
        self._kept = down.before  # how many
        self._left: Tensor | None = None  # columns of the band that are seen again
        self._last = False
        self._edge = self._top = self._height = self._outputs = self._place = 0

    def begin(self, rows: int, last: bool) -> int:
        """Begin a band.

        Args:
            rows: that its blocks have.
            last: whether it is the last one.

        Returns:
            The rows of outputs that it gives.
        """
        down, self._top = self._down, self._kept
        self._height = self._top + rows + (down.after if last else 0)
        self._outputs = down.outputs(self._height, last)
        self._kept = self._height - self._outputs * down.stride
        self._last, self._place, self._edge = last, 0, self._across.before
        return self._outputs

    def push(self, block: Tensor | None, last: bool) -> tuple[Tensor, tuple[int, int]] | None:
        """What the next outputs see, and how many these are along rows and columns.

        Args:
            block: the band's next columns; None if there are none yet, or if the band has no rows.
            last: whether they are the band's last ones.
        """
        place, self._place = self._place, self._place + 1
        if place == len(self._above):
            self._above.append(None)
        above, self._above[place] = self._above[place], None
        like = next((x for x in (block, above, self._left) if x is not None), None)
        if like is None or (block is None and above is None and not last):
            return None
        new = next((x.shape[COLUMNS] for x in (block, above) if x is not None), 0)
        left, self._edge = self._edge if self._left is None else self._left.shape[COLUMNS], 0
        width = left + new + (self._across.after if last else 0)
        columns = self._across.outputs(width, last)
        gone_down, gone = self._outputs * self._down.stride, columns * self._across.stride
        if block is not None and (self._height, width) == (block.shape[ROWS], new) == (gone_down, gone):
            return block, (self._outputs, columns)  # each of its cells is seen once
        held = self._joined(like, above, block, left, new, width)
        if not self._last and new and self._kept:
            self._above[place] = kept(held.narrow(ROWS, gone_down, self._kept).narrow(COLUMNS, left, new), above)
        self._left = None if last or gone == width else kept(held.narrow(COLUMNS, gone, width - gone))
        if not self._outputs or not columns:
            return None
        seen = held.narrow(ROWS, 0, gone_down - self._down.stride + self._down.reach)
        extra = gone - self._across.stride + self._across.reach
        return seen if extra == width else kept(seen.narrow(COLUMNS, 0, extra)), (self._outputs, columns)

    def _joined(self, like: Tensor, above: Tensor | None, block: Tensor | None, left: int, new: int, width: int) -> Tensor:
        """All that is held of the band's rows, with new columns behind it."""
        held = room(like, self._height, width)
        columns = held.narrow(COLUMNS, 0, left)
        _ = columns.zero_() if self._left is None else columns.copy_(self._left)
        held.narrow(COLUMNS, left + new, width - left - new).zero_()
        columns, row = held.narrow(COLUMNS, left, new), 0
        for part, rows in ((above, self._top), (block, 0 if block is None else block.shape[ROWS])):
            target = columns.narrow(ROWS, row, rows)
            _ = target.zero_() if part is None else target.copy_(part)
            row += rows
        columns.narrow(ROWS, row, self._height - row).zero_()
        return held


class Waiting:
    """Blocks of a plane that wait until other planes have come as far."""

    def __init__(self) -> None:
        self._blocks: list[tuple[int, int, int, int, Tensor]] = []  # first and last + 1 of their rows and columns
        self._before = self.rows = self._columns = 0

    def begin(self, rows: int) -> int:
        """Begin a band of so many rows; how many rows there have been then."""
        self._before, self.rows, self._columns = self.rows, self.rows + rows, 0
        return self.rows

    def put(self, block: Tensor | None) -> None:
        """Add columns to the band."""
        if block is not None:
            left, self._columns = self._columns, self._columns + block.shape[COLUMNS]
            self._blocks.append((self._before, self.rows, left, self._columns, block))

    def columns(self, end: int) -> int | None:
        """How many columns are there of the rows before one; None is all."""
        return None if end <= self._before else self._columns

    def take(self, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
        """The next columns of the next rows, in one piece; blocks of which nothing is left are let go."""
        (top, end), (first, last), found = rows, columns, None
        for up, down, left, right, block in self._blocks:
            a, b, c, d = max(up, top), min(down, end), max(left, first), min(right, last)
            if a >= b or c >= d:
                continue
            part = block.narrow(ROWS, a - up, b - a)
            if (a, b, c, d) == (top, end, left, right) == (top, end, first, last):
                found = part
                break
            if found is None:
                found = room(block, end - top, last - first)
            target = found.narrow(ROWS, a - top, b - a).narrow(COLUMNS, c - first, d - c)
            target.copy_(part.narrow(COLUMNS, c - left, d - c))
        assert found is not None
        self._blocks = [block for block in self._blocks if block[1] > end or block[3] > last]
        return found


def room(like: Tensor, rows: int, columns: int) -> Tensor:
    """A new plane of so many cells, channels last, otherwise as another."""
    shape = [like.shape[0], *like.shape[2:], like.shape[1]]
    shape[ROWS - 1], shape[-2] = rows, columns
    return like.new_empty(shape).movedim(-1, 1)


def kept(part: Tensor, into: Tensor | None = None) -> Tensor:
    """A copy of a part of a plane, channels last; into what was kept before, if it has the size: memory would fall to pieces."""
    fits = into is not None and into.shape == part.shape
    return (into if fits and into is not None else room(part, part.shape[ROWS], part.shape[COLUMNS])).copy_(part)
