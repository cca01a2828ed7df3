"""A session of several views: each keeps its own steps, and the labels are what they say together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import Labeling
from ..tiles import Box
from ..views import View, combined, mean_of
from .drawing import Drawing, read_only
from .session import Session

Part = tuple[slice, ...]


class ViewSession(Drawing):
    """`Session` of an image that is labelled at several scales, or mirrored: the same properties and methods.

    After any of them the labels are those that `Model.label` gives at the same scales with the strokes that stand, to rounding.

    Args:
        sessions: one for each view, each with `logs`, on the image as the view sees it, with the hints below likewise.
        views: in the same order.
        hints: one plane of them for all, (pixels ...) uint8, nothing known.
    """

    def __init__(self, sessions: Sequence[Session], views: Sequence[View], hints: NDArray[np.uint8]) -> None:
        super().__init__(sessions[0].classes, hints)
        self._sessions, self._views = tuple(sessions), tuple(views)
        self._labels, self._columns = np.empty(hints.shape, np.uint8), int(hints.shape[-1])
        self._show([tuple(slice(0, n) for n in hints.shape)])

    @property
    def labels(self) -> NDArray[np.uint8]:
        """See `Session.labels`."""
        return read_only(self._labels)

    @property
    def steps(self) -> int:
        """That each view's estimate takes."""
        return self._sessions[0].steps

    @property
    def bytes(self) -> int:
        """What the arrays that it keeps take; the hints are there once."""
        each = sum(session.bytes - self._hints.nbytes for session in self._sessions)
        return self._labels.nbytes + self._hints.nbytes + each

    @property
    def labeling(self) -> Labeling:
        """The labels now, as `Model.label` returns them: a copy, which later changes leave as it is."""
        return combined([session.labeling for session in self._sessions], self._views, self.hints.copy())

    def follow(self, drawn: Sequence[Box]) -> Part:
        """See `Drawing.follow`."""
        return self._each(lambda session, view: session.follow([(*rest, self._span(view, span)) for *rest, span in drawn]))

    def change(self, part: Any, at: Sequence[int]) -> Part:
        """See `Session.change`."""
        pixels, (*rest, span) = self._sessions[0].fitting(part, at)
        return self._each(lambda session, view: session.put(view.seen(pixels, -2), (*rest, self._span(view, span))))

    def advance(self, steps: int = 1) -> Part:
        """See `Session.advance`."""
        before = self.steps
        try:
            return self._each(lambda session, _: session.advance(steps))
        except BaseException:
            for session in self._sessions:
                if session.steps > before:
                    session.shorten(before)
            raise

    def _each(self, call: Callable[[Session, View], Part]) -> Part:
        """Let every view do it; the box of all pixels that may have another label."""
        parts = []
        for session, view in zip(self._sessions, self._views, strict=True):
            *rest, columns = call(session, view)
            if columns.stop > columns.start:
                parts.append((*rest, slice(*self._span(view, (columns.start, columns.stop)))))
        return self._show(parts)

    def _span(self, view: View, span: tuple[int, int]) -> tuple[int, int]:
        """Columns (first, last + 1) as a view has them, and back again."""
        return (self._columns - span[1], self._columns - span[0]) if view.mirrored else span

    def _show(self, parts: Sequence[Part]) -> Part:
        if not parts:
            return (slice(0, 0),) * self._labels.ndim
        where = tuple(
            slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*parts, strict=True)
        )
        logs = sum(
            view.turned(session.logs)[(slice(None), *where)]
            for session, view in zip(self._sessions, self._views, strict=True)
        )
        self._labels[where] = mean_of(np.ascontiguousarray(logs), len(self._views), self.hints[where])
        return where
