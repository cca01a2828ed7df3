"""What the page asks for, by name: each answer is a value for JSON, or the bytes of a picture or a plane."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import RetintError
from ..labeling.files.desk import Corrections, Desk, Drawings
from ..labeling.session.strokes import Stroke
from ..pictures import doubt_palette

ENDED = "retint has ended, and this is not done: start it again"
Asked = Mapping[str, Any]


class Calls:
    """The calls of the page; none holds logic of its own: see `Drawings` and `Session`.

    Those of `asked` change nothing and answer bytes; those of `told` answer a value for JSON. All but `state`, `open` and `finish`
    name the `image` that they are of, so that a second page does not draw on the image that a first one opened.

    Args:
        drawings: the images.
        finish: called when the page has ended.
    """

    def __init__(self, drawings: Drawings, finish: Callable[[], None]) -> None:
        self._drawings, self._finish = drawings, finish
        self._doubt: tuple[Any, NDArray[np.uint8]] | None = None
        self._changes, self._ended = 0, False
        self.asked: dict[str, Callable[[Asked], bytes]] = {
            "picture.png": self._picture, "labels": self._labels, "hints": self._hints,
        }  # fmt: skip
        self.told: dict[str, Callable[[Asked], dict[str, Any]]] = {
            "state": self._state, "open": self._open, "stroke": self._stroke, "undo": self._undo, "redo": self._redo,
            "clear": self._clear, "save": self._save, "finish": self._end,
        }  # fmt: skip
        if isinstance(drawings, Corrections):
            self.asked["doubt"] = partial(self._doubts, drawings)
            self.told["advance"] = partial(self._advance, drawings)

    def end(self) -> None:
        """Write what is not yet written; nothing is drawn any more, as nobody would write it.

        Raises:
            RetintError: a file cannot be written; then nothing has ended.
        """
        self._drawings.keep()
        self._ended = True

    def _desk(self, given: Asked) -> Desk:
        desk = self._drawings.desk
        if self._ended:
            raise RetintError(ENDED)
        if desk is None or given.get("image") not in (desk.number, str(desk.number)):
            raise RetintError("another image is open by now: reload the page")
        return desk

    def _picture(self, given: Asked) -> bytes:
        desk, held = self._desk(given), io.BytesIO()
        Image.fromarray(desk.shown[_slice(desk, given)]).save(held, format="PNG", compress_level=1)
        return held.getvalue()

    def _labels(self, given: Asked) -> bytes:
        return _part(self._desk(given), self._desk(given).session.labels, given)

    def _hints(self, given: Asked) -> bytes:
        return _part(self._desk(given), self._desk(given).session.hints, given)

    def _doubts(self, corrections: Corrections, given: Asked) -> bytes:
        desk = self._desk(given)
        now = (desk.number, desk.session.strokes, desk.session.steps)
        if self._doubt is None or self._doubt[0] != now:
            self._doubt = now, corrections.doubt()
        return _part(desk, self._doubt[1], given)

    def _state(self, given: Asked) -> dict[str, Any]:
        drawings, desk = self._drawings, self._drawings.desk
        return {
            "model": drawings.outcome.model, "classes": drawings.classes, "colours": drawings.colours, "background": drawings.background,
            "doubt": doubt_palette(),
            "images": [path.name for path in drawings.images],
            "written": [path in drawings.outcome.images for path in drawings.images],
            "open": None if desk is None else desk.number,
        }  # fmt: skip

    def _open(self, given: Asked) -> dict[str, Any]:
        desk, number = self._drawings.desk, given.get("image", -1)
        if desk is None or desk.number != number:
            desk = self._drawings.open(number)
        return {
            **self._now(desk), "image": desk.number, "name": self._drawings.images[desk.number].name,
            "size": desk.shown.shape[:3], "warnings": desk.warnings,
        }  # fmt: skip

    def _stroke(self, given: Asked) -> dict[str, Any]:
        def draw(desk: Desk) -> tuple[slice, ...]:
            session, size = desk.session, desk.shown.shape[1:3]
            stroke = Stroke.line(session.index(given.get("class", -1)), given.get("points"), given.get("width", 0), size)
            return session.draw(stroke if session.labels.ndim == 2 else stroke.in_slice(_slice(desk, given)))

        return self._changed(given, draw)

    def _undo(self, given: Asked) -> dict[str, Any]:
        return self._changed(given, lambda desk: desk.session.undo())

    def _redo(self, given: Asked) -> dict[str, Any]:
        return self._changed(given, lambda desk: desk.session.redo())

    def _clear(self, given: Asked) -> dict[str, Any]:
        return self._changed(given, lambda desk: desk.session.clear())

    def _advance(self, corrections: Corrections, given: Asked) -> dict[str, Any]:
        return self._changed(given, lambda _: corrections.session.advance())

    def _save(self, given: Asked) -> dict[str, Any]:
        self._desk(given)
        return self._drawings.save()

    def _end(self, given: Asked) -> dict[str, Any]:
        self.end()
        self._finish()
        return {"written": len(self._drawings.outcome.images)}

    def _changed(self, given: Asked, call: Callable[[Desk], tuple[slice, ...]]) -> dict[str, Any]:
        """Do something that changes labels: the box of the pixels that may have others (first slice, last + 1, first row ...), and how
        long it took. Of two pages, each sees by the count of changes that the other one did something."""
        desk, began = self._desk(given), perf_counter()
        self._changes += 1
        box = [0, 1, *(end for part in call(desk) for end in (part.start, part.stop))]
        return {**self._now(desk), "box": box[-6:], "seconds": perf_counter() - began}

    def _now(self, desk: Desk) -> dict[str, Any]:
        undo, redo = desk.session.history
        return {
            "strokes": len(desk.session.strokes), "undo": undo, "redo": redo, "steps": desk.session.steps,
            "changed": self._drawings.changed, "changes": self._changes,
        }  # fmt: skip


def _slice(desk: Desk, given: Asked) -> int:
    """Which slice is meant: the first, if none is named."""
    try:
        number = int(given.get("slice", 0))
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < len(desk.shown):
        raise RetintError(f"slice {given.get('slice')}: there are {len(desk.shown)}, counted from 0")
    return number


def _part(desk: Desk, plane: NDArray[np.uint8], given: Asked) -> bytes:
    """A slice of a plane, or a box of it (first row, last + 1, first column, last + 1), row by row, one byte a pixel."""
    flat = plane.reshape(desk.shown.shape[:3])[_slice(desk, given)]
    try:
        top, bottom, left, right = map(int, given.get("box", f"0,{flat.shape[0]},0,{flat.shape[1]}").split(","))
    except ValueError:
        top = bottom = left = right = -1
    if not (0 <= top <= bottom <= flat.shape[0] and 0 <= left <= right <= flat.shape[1]):
        raise RetintError(f"box {given.get('box')}: expected rows and columns of {flat.shape[0]} x {flat.shape[1]} pixels")
    inside: bytes = flat[top:bottom, left:right].tobytes()
    return inside
