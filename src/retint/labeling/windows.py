"""Rows on their way from layer to layer: those that wait, and those that a layer will see again."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor


class Queue:
    """Rows that wait, along an axis of tensors; they are not copied until they are taken."""

    def __init__(self, axis: int = 2) -> None:
        self._axis, self._parts, self.rows = axis, deque[Tensor](), 0

    @property
    def front(self) -> int:
        """Rows that can be taken without a copy."""
        return self._parts[0].shape[self._axis] if self._parts else 0

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


class Window:
    """Rows collected until a layer can make its next ones.

    Row i of the layer's output sees the rows stride * i - before ... stride * i - before + reach - 1 of its input.

    The rows lie in a buffer, the new ones behind those that are kept, so that they are seen in one piece; it has room for the
    kept ones twice, so that these are moved only now and then. A layer that sees each row once has its rows as they come.
    """

    def __init__(self, reach: int, stride: int, before: int, after: int) -> None:
        self._reach, self._stride, self._before, self._after = max(reach, stride), stride, before, after
        self._buffer: Tensor | None = None
        self._first = self._end = 0  # of the rows held in the buffer
        self._begun = False

    def push(self, rows: Tensor | None, last: bool) -> tuple[Tensor, int] | None:
        """The rows that the next outputs see, until the next call; and how many outputs these are."""
        if rows is None and (not self._begun or not last):
            return None
        before, after = 0 if self._begun else self._before, self._after if last else 0
        self._begun = True
        as_it_comes = rows is not None and self._end == self._first and not before and not after
        held = rows if as_it_comes else self._joined(rows, before, after)
        if held is None:
            return None
        count = max((held.shape[2] - self._reach) // self._stride + 1, 0)
        gone = count * self._stride
        if not as_it_comes:
            self._first += gone
        elif gone < held.shape[2]:
            self._joined(held.narrow(2, gone, held.shape[2] - gone), 0, 0)
        return (held.narrow(2, 0, gone - self._stride + self._reach), count) if count else None

    def _joined(self, rows: Tensor | None, before: int, after: int) -> Tensor | None:
        """All that is held, with new rows and zeros behind it."""
        new = before + (0 if rows is None else rows.shape[2]) + after
        buffer = self._room(new, rows)
        if buffer is None:
            return None
        for part, count in ((None, before), (rows, 0 if rows is None else rows.shape[2]), (None, after)):
            if count:
                target = buffer.narrow(2, self._end, count)
                _ = target.zero_() if part is None else target.copy_(part)
                self._end += count
        return buffer.narrow(2, self._first, self._end - self._first)

    def _room(self, new: int, like: Tensor | None) -> Tensor | None:
        """The buffer, with room for new rows behind those that are held."""
        old, held = self._buffer, self._end - self._first
        if old is not None and self._end + new <= old.shape[2]:
            return old
        like = old if like is None else like
        if like is None:
            return None
        if old is None or 2 * held > self._end or held + new > old.shape[2]:
            rows = 2 * max(held, self._reach - self._stride) + new
            shape = [n for axis, n in enumerate(like.shape) if axis != 1]
            shape[1] = rows
            self._buffer = like.new_empty([*shape, like.shape[1]]).movedim(-1, 1)  # channels last
        assert self._buffer is not None
        if old is not None and held:
            self._buffer.narrow(2, 0, held).copy_(old.narrow(2, self._first, held))
        self._first, self._end = 0, held
        return self._buffer
