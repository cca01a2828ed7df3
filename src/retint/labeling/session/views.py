"""A session of several views: each keeps its own steps, and the labels are what they say together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import Labeling
from ..views import View, combined, mean_of
from .drawing import read_only
from .session import Session
from .strokes import Stroke

Part = tuple[slice, ...]


class ViewSession:
    """`Session` of an image that is labelled at several scales, or mirrored: the same properties and methods.

    After any of them the labels are those that `Model.label` gives at the same scales with the strokes that stand, to rounding.

    Args:
        sessions: one for each view, each with `logs`, on the image as the view sees it.
        views: in the same order.
    """

    def __init__(self, sessions: Sequence[Session], views: Sequence[View]) -> None:
        self._sessions, self._views = tuple(sessions), tuple(views)
        size = sessions[0].labels.shape
        self._labels, self._columns = np.empty(size, np.uint8), int(size[-1])
        self._show([tuple(slice(0, n) for n in size)])

    @property
    def labels(self) -> NDArray[np.uint8]:
        """See `Session.labels`."""
        return read_only(self._labels)

    @property
    def hints(self) -> NDArray[np.uint8]:
        """See `Session.hints`."""
        return self._views[0].turned(self._sessions[0].hints)

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """See `Session.strokes`."""
        first = self._sessions[0].strokes
        return tuple(stroke.mirrored(self._columns) for stroke in first) if self._views[0].mirrored else first

    @property
    def steps(self) -> int:
        """That each view's estimate takes."""
        return self._sessions[0].steps

    @property
    def bytes(self) -> int:
        """What the arrays that it keeps take."""
        return self._labels.nbytes + sum(session.bytes for session in self._sessions)

    @property
    def labeling(self) -> Labeling:
        """The labels now, as `Model.label` returns them: a copy, which later changes leave as it is."""
        return combined([session.labeling for session in self._sessions], self._views, self.hints.copy())

    @property
    def history(self) -> tuple[int, int]:
        """See `Session.history`."""
        return self._sessions[0].history

    def index(self, label: int | str) -> int:
        """See `Session.index`."""
        return self._sessions[0].index(label)

    def stroke(self, label: int | str, points: Any, width: float = 3) -> Part:
        """See `Session.stroke`."""
        return self.draw(Stroke.line(self.index(label), points, width, self._labels.shape))

    def add(self, hints: Any) -> Part:
        """See `Session.add`."""
        return self.draw(self._sessions[0].stroke_of(hints))

    def draw(self, stroke: Stroke) -> Part:
        """See `Session.draw`."""
        return self._each(lambda session, view: session.draw(stroke.mirrored(self._columns) if view.mirrored else stroke))

    def remove(self, number: int) -> Part:
        """See `Session.remove`."""
        return self._each(lambda session, _: session.remove(number))

    def clear(self) -> Part:
        """See `Session.clear`."""
        return self._each(lambda session, _: session.clear())

    def undo(self) -> Part:
        """See `Session.undo`."""
        return self._each(lambda session, _: session.undo())

    def redo(self) -> Part:
        """See `Session.redo`."""
        return self._each(lambda session, _: session.redo())

    def change(self, part: Any, at: Sequence[int]) -> Part:
        """See `Session.change`."""
        pixels, (*rest, (first, end)) = self._sessions[0].fitting(part, at)

        def put(session: Session, view: View) -> Part:
            span = (self._columns - end, self._columns - first) if view.mirrored else (first, end)
            return session.put(view.seen(pixels, -2), (*rest, span))

        return self._each(put)

    def advance(self, steps: int = 1) -> Part:
        """See `Session.advance`."""
        return self._each(lambda session, _: session.advance(steps))

    def _each(self, call: Callable[[Session, View], Part]) -> Part:
        """Let every view do it; the box of all pixels that may have another label. If one cannot, none has other strokes, or steps."""
        parts, states, steps = [], [session.state for session in self._sessions], self.steps
        try:
            for session, view in zip(self._sessions, self._views, strict=True):
                *before, columns = call(session, view)
                if view.mirrored:
                    columns = slice(self._columns - columns.stop, self._columns - columns.start)
                if columns.stop > columns.start:
                    parts.append((*before, columns))
        except BaseException:
            for session, state in zip(self._sessions, states, strict=True):
                session.back_to(state)
                if session.steps > steps:
                    session.shorten(steps)
            raise
        return self._show(parts)

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
