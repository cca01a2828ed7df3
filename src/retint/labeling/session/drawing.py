"""Strokes on an image that come and go, and what follows from them: what sessions have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RetintError
from ..source import array_of
from ..starts import UNKNOWN, LabelMap
from ..tiles import Box
from .region import merged
from .strokes import Stroke, paint


class Drawing(ABC):
    """The strokes that a person drew on an image, every one of which can be taken back.

    Every method that changes something returns the smallest box of pixels that holds all labels it may have altered, as
    slices of the image; empty slices if there are none.

    Args:
        classes: names.
        hints: the plane that strokes are drawn on, see `nothing_known`; written to.

    Attributes:
        classes: names.
    """

    def __init__(self, classes: Sequence[str], hints: NDArray[np.uint8]) -> None:
        self.classes, self._hints = tuple(classes), hints
        self._past: list[tuple[Stroke, ...]] = [()]
        self._now = 0

    @property
    @abstractmethod
    def labels(self) -> NDArray[np.uint8]:
        """Class index of each pixel, (rows, columns) or (slices, rows, columns): a view that follows every change."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """That each estimate takes."""

    @abstractmethod
    def follow(self, drawn: Sequence[Box]) -> tuple[slice, ...]:
        """Bring the labels to what the hints say, which changed in some boxes of pixels; the box of all labels that may have."""

    @property
    def hints(self) -> NDArray[np.uint8]:
        """The strokes as a label map of the image's size, 255 elsewhere: a view that follows every change."""
        return read_only(self._hints)

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """Those that stand, in the order in which they were drawn: later ones lie over earlier ones."""
        return self._past[self._now]

    @property
    def history(self) -> tuple[int, int]:
        """How many times `undo` and `redo` would change something."""
        return self._now, len(self._past) - 1 - self._now

    def stroke(self, label: int | str, points: Any, width: float = 3) -> tuple[slice, ...]:
        """Draw a line.

        Args:
            label: the class, as an index or by name.
            points: (n, 2) rows and columns, or (n, 3), in pixels; the line goes through all of them. One point is a dot.
            width: of the line, in pixels.

        Raises:
            RetintError: no such class, or nothing is drawn inside the image.
        """
        return self.draw(Stroke.line(self.index(label), points, width, self._hints.shape))

    def add(self, hints: Any) -> tuple[slice, ...]:
        """Add the known pixels of a label map, integers of the image's size with 255 elsewhere, as one stroke.

        Raises:
            RetintError: another size, another type, unknown classes, or no pixel is labelled.
        """
        return self.draw(self.stroke_of(hints))

    def stroke_of(self, hints: Any) -> Stroke:
        """The known pixels of a label map as a stroke that is not drawn yet; see `add`."""
        array, size = array_of(hints, "hints"), self._hints.shape
        if array.shape != size:
            raise RetintError(f"hints: shape {array.shape}, the image has {size}; they must agree")
        LabelMap(array, len(self.classes), size, (1,) * len(size), "hints")
        return Stroke.pixels(array)

    def draw(self, stroke: Stroke) -> tuple[slice, ...]:
        """Draw a stroke."""
        return self._become((*self.strokes, stroke))

    def remove(self, number: int) -> tuple[slice, ...]:
        """Take back any stroke, by its place in `strokes`. The labels are then as if it had never been drawn.

        Raises:
            RetintError: there is no such stroke.
        """
        count = len(self.strokes)
        if not isinstance(number, int | np.integer) or not -count <= number < count:
            raise RetintError(f"stroke {number}: there are {count}, counted from 0")
        return self._become(tuple(s for n, s in enumerate(self.strokes) if n != number % count))

    def clear(self) -> tuple[slice, ...]:
        """Take back all strokes; one `undo` brings them again."""
        return self._become(())

    def undo(self) -> tuple[slice, ...]:
        """Take back the last stroke, addition, removal or clearing; does nothing if there is none."""
        return self._go(self._past, max(self._now - 1, 0))

    def redo(self) -> tuple[slice, ...]:
        """Do again what was undone last; does nothing if nothing was, or if something else was done since."""
        return self._go(self._past, min(self._now + 1, len(self._past) - 1))

    def index(self, label: int | str) -> int:
        """Of a class, by its index or its name.

        Raises:
            RetintError: there is none such.
        """
        if isinstance(label, str) and label in self.classes:
            return self.classes.index(label)
        if isinstance(label, (int, np.integer)) and not isinstance(label, bool) and 0 <= label < len(self.classes):
            return int(label)
        names = ", ".join(f"{k} {name}" for k, name in enumerate(self.classes))
        raise RetintError(f"class {label}: expected one of {names}")

    def _become(self, strokes: tuple[Stroke, ...]) -> tuple[slice, ...]:
        """A new state after the present one; what was undone is forgotten."""
        return self._go([*self._past[: self._now + 1], strokes], self._now + 1)

    def _go(self, past: list[tuple[Stroke, ...]], to: int) -> tuple[slice, ...]:
        """To another state; if the labels cannot follow, as memory is short, all is as it was."""
        before = self._past, self._now
        try:
            return self._turn(past, to)
        except BaseException:
            self._turn(*before)
            raise

    def _turn(self, past: list[tuple[Stroke, ...]], to: int) -> tuple[slice, ...]:
        """Draw again where another state's strokes differ, and let the labels follow."""
        before, strokes = self.strokes, past[to]
        self._past, self._now = past, to
        other = {*before} ^ {*strokes}
        painted = [paint(self._hints, box, strokes) for box in merged(stroke.box for stroke in other)]
        return self.follow(merged(box for box in painted if box is not None))


class Painting(Drawing):
    """Strokes and nothing else: the labels are what was drawn, 255 where nothing was. For images that no model has learned from yet."""

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The strokes, see `hints`."""
        return self.hints

    @property
    def steps(self) -> int:
        """None: nothing is estimated."""
        return 0

    def follow(self, drawn: Sequence[Box]) -> tuple[slice, ...]:
        """Nothing but the strokes has changed."""
        if not drawn:
            return (slice(0, 0),) * self._hints.ndim
        return tuple(slice(min(a for a, _ in axis), max(b for _, b in axis)) for axis in zip(*drawn, strict=True))


def nothing_known(size: Sequence[int]) -> NDArray[np.uint8]:
    """A label map of so many pixels, all of them unknown."""
    return np.full(tuple(size), UNKNOWN, np.uint8)


def read_only(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A view of an array that nobody may write to."""
    view = array.view()
    view.flags.writeable = False
    return view
