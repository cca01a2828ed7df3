"""Images that a person draws on, one after another: opened from files, written when they are left."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data import refuse_other_classes, write_classes
from ...data.files import label_files, stem_of
from ...errors import RetintError
from ...hardware import keep_memory
from ...images import RegionReader, Volume, is_volume, open_regions
from ...images.write import Colour
from ...pictures import default_palette, displayable
from ..counting import pixels_of
from ..model import Model
from ..session.drawing import Drawing, Painting, nothing_known
from ..session.session import MOST_BYTES, Session
from ..session.strokes import Stroke
from ..session.views import ViewSession
from ..starts import UNKNOWN
from .account import Account
from .images import Wish
from .maps import Maps, read_map
from .naming import names_of, outputs, refuse_clashes
from .pictures import background, doubt_levels
from .reading import read_for
from .results import write_map, write_results

_NONE_OPEN = "no image is open: open one first"
_MOST_SHOWN = 100_000_000  # pixels of an image, or of a slice of a volume: a browser shows no more
_LONGEST_SHOWN = 32767  # pixels along a side


@dataclass
class Drawn(Account):
    """What became of the images that were drawn on.

    Attributes:
        images: for each one that was written: its files, its strokes, and the share of the pixels that they fix.
    """

    images: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As `retint draw --json` prints it."""
        return self.told("images", list(self.images.values()))


@dataclass(frozen=True)
class Desk:
    """The image that is being drawn on.

    Attributes:
        number: its place among the images.
        image: its pixels.
        session: its labels and strokes.
        shown: its pixels as a screen shows them, (slices, rows, columns, 3) uint8; an image has one slice.
        warnings: lines for the user.
    """

    number: int
    image: Volume
    reader: RegionReader | None
    session: Drawing
    shown: NDArray[np.uint8]
    warnings: tuple[str, ...]


class Drawings(ABC):
    """Images, one of which at a time is drawn on.

    Args:
        classes, colours: what strokes may say a pixel is.
        dims: 2 for images, 3 for volumes.
        images: their files.
        out: the folder to write to.
        wish: what to write.

    Attributes:
        desk: the image that is open, once one is.
        outcome: what was written so far.
        background: a class that pictures leave untinted, if there is one.

    Raises:
        RetintError: two images would write the same file, or `out` cannot be a folder.
    """

    outcome: Drawn
    background: int | None = None

    def __init__(
        self, classes: Sequence[str], colours: Sequence[Colour], dims: int, images: Sequence[Path], out: Path, wish: Wish
    ) -> None:
        self.classes, self.colours, self._dims = tuple(classes), list(colours), dims
        self.images, self._out, self._wish = tuple(images), out, wish
        refuse_clashes(images, out, wish, dims)
        self.desk: Desk | None = None
        self._written: tuple[tuple[Stroke, ...], int] = (), 0

    @abstractmethod
    def files(self, image: Path) -> dict[str, Path]:
        """What is written for an image, by what it holds: labels, hints (the strokes), the overlay."""

    @abstractmethod
    def _begun(self, path: Path, image: Volume, reader: RegionReader | None) -> Drawing:
        """A session of an image, before any hints."""

    @abstractmethod
    def _write(self, desk: Desk, files: dict[str, Path]) -> None:
        """Write an image's files."""

    def open(self, number: int) -> Desk:
        """Open an image, after writing the one that was open if it changed. That one stays open if this one cannot be, which `outcome` tells then.

        Raises:
            RetintError: there is no such image, it or what is given with it cannot be read, or a session of it would be too large.
        """
        if not isinstance(number, int) or not 0 <= number < len(self.images):
            raise RetintError(f"image {number}: there are {len(self.images)}, counted from 0")
        self.keep()
        path = self.images[number]
        self.outcome.failed = [row for row in self.outcome.failed if row["image"] != str(path)]
        try:
            return self._opened(number, path)
        except (RetintError, MemoryError) as error:
            self.outcome.fail("image", path, error)
            raise

    def _opened(self, number: int, path: Path) -> Desk:
        reader = open_regions(path, self._dims)
        image = read_for(path, self._dims, reader)
        rows, columns = image.pixels.shape[-3:-1]
        if rows * columns > _MOST_SHOWN or max(rows, columns) > _LONGEST_SHOWN:
            most = f"{_MOST_SHOWN // 1_000_000} million pixels and {_LONGEST_SHOWN} along a side"
            raise RetintError(f"{path}: found {rows} x {columns} pixels; expected at most {most}, as browsers do: cut it into parts")
        earlier = self.files(path)["hints"]
        session = self._begun(path, image, reader)
        if earlier.exists():
            _add(session, read_map(earlier, "--out", self._dims, len(self.classes)), str(earlier))
        elif (hints := self._hints_of(path, reader)) is not None:
            _add(session, hints, f"--hints {self._wish.hints}")
        pixels = image.pixels
        flat = displayable(pixels.reshape(-1, *pixels.shape[-2:]))  # slices together, so that all are equally bright
        shown = flat.reshape(-1, *pixels.shape[-3:-1], 3)
        warnings = [line for line in self._warnings(path, image) if line and line not in self.outcome.warnings]
        self.outcome.warnings += warnings
        self.desk = Desk(number, image, reader, session, shown, tuple(warnings))
        self._written = session.strokes if earlier.exists() else (), session.steps
        return self.desk

    @property
    def changed(self) -> bool:
        """Whether the image that is open has strokes or steps, or lacks some, that were not written."""
        return self.desk is not None and (self.desk.session.strokes, self.desk.session.steps) != self._written

    def keep(self) -> None:
        """Write the image that is open, if it changed."""
        if self.changed:
            self.save()

    def save(self) -> dict[str, Any]:
        """Write the labels and the strokes of the image that is open; what is told of it.

        Raises:
            RetintError: nothing is open, or a file cannot be written.
        """
        if (desk := self.desk) is None:
            raise RetintError(_NONE_OPEN)
        path, session = self.images[desk.number], desk.session
        files, strokes, fixed = self.files(path), session.strokes, session.hints != UNKNOWN
        self._write(desk, files)
        self._written = strokes, session.steps
        counts = pixels_of(session.labels, len(self.classes))[: len(self.classes)]  # without the unknown ones
        self.outcome.images[path] = row = {
            "image": str(path), "labels": str(files["labels"]), "hints": str(files["hints"]), "strokes": len(strokes),
            "fixed": round(float(fixed.mean()), 6), "steps": session.steps,
            "fractions": {name: round(float(n) / fixed.size, 6) for name, n in zip(self.classes, counts, strict=True)},
        }  # fmt: skip
        return row

    def _hints_of(self, path: Path, reader: RegionReader | None) -> Any:
        """The hints that were given for an image, if any were."""
        return None

    def _warnings(self, path: Path, image: Volume) -> Sequence[str | None]:
        """Lines for the user about an image, and what was given with it."""
        return ()


class Corrections(Drawings):
    """Images whose labels by a model are corrected, in sessions (see `Model.session`).

    Of an image NAME.ext, NAME.png (labels) and NAME.overlay.png are written as by `label_files`, and NAME.hints.png: the strokes, 255
    elsewhere. When the image is opened again, its strokes are taken from there, as one. Other formats keep theirs, as there.

    Args:
        model: that labels them.
        images: their files.
        out: the folder to write to.
        wish: how to label them (steps, scale, tile, precision), what to begin from, hints, `overlay`, `overwrite`.
        most_bytes: what the session of an image may keep.

    Raises:
        RetintError: the model has no sessions, two images would write the same file, there are labels already whose strokes are not,
            `out` cannot be a folder, or is that of a data set with other classes.
    """

    def __init__(self, model: Model, images: Sequence[Path], out: Path, wish: Wish, most_bytes: int = MOST_BYTES) -> None:
        refuse_other_classes(out, model.classes, model.name)
        model.session_bytes((1,) * model.dims, wish.steps, scale=wish.scale)
        self._model, self._most = model, most_bytes
        self._start, self._hints = (
            Maps(given, option, model.dims, model.classes)
            for option, given in (("--start", wish.start), ("--hints", wish.hints))
        )
        for maps in (self._start, self._hints):
            maps.check(images)
        super().__init__(model.classes, model.card.colours, model.dims, images, out, wish)
        stems = {names_of(image, model.dims).stem: image for image in images}
        for image in images:
            files = self.files(image)
            if (other := stems.get(f"{names_of(image, model.dims).stem}.hints")) is not None:
                raise RetintError(f"{image} and {other}: both would write {files['hints']}; draw on them apart")
            there = [file for file in files.values() if file.exists()]
            if there and not files["hints"].exists() and not wish.overwrite:
                raise RetintError(f"{there[0]}: exists already, without strokes to go on from; --overwrite replaces it")
        self.outcome, self.background = Drawn(model.name), background(model)
        keep_memory()

    def files(self, image: Path) -> dict[str, Path]:
        """See `Drawings.files`."""
        names = names_of(image, self._dims)
        return {"hints": self._out / f"{names.stem}.hints{names.labels}", **outputs(image, self._out, self._wish, self._dims)}

    @property
    def session(self) -> Session | ViewSession:
        """Of the image that is open.

        Raises:
            RetintError: none is.
        """
        session = self.desk and self.desk.session
        if not isinstance(session, Session | ViewSession):
            raise RetintError(_NONE_OPEN)
        return session

    def doubt(self) -> NDArray[np.uint8]:
        """The doubt of every pixel of the image that is open, entropy as 0 (sure) to 255, of the labels' shape."""
        return doubt_levels(self.session.labeling, "entropy")

    def _begun(self, path: Path, image: Volume, reader: RegionReader | None) -> Drawing:
        wish = self._wish
        return self._model.session(
            image.pixels, steps=wish.steps, start=self._start.of(path, reader), tile=wish.tile, precision=wish.precision,
            scale=wish.scale, most_bytes=self._most, where=path,
        )  # fmt: skip

    def _hints_of(self, path: Path, reader: RegionReader | None) -> Any:
        return self._hints.of(path, reader)

    def _warnings(self, path: Path, image: Volume) -> Sequence[str | None]:
        where, zoom = str(path), self._wish.zoom
        return (
            self._model.scale_warning(image.pixels, where, zoom), self._model.spacing_warning(image.spacing, image.unit, where, zoom),
            *self._start.warnings, *self._hints.warnings,
        )  # fmt: skip

    def _write(self, desk: Desk, files: dict[str, Path]) -> None:
        write_map(files["hints"], desk.session.hints, self.colours, desk.image, desk.reader)
        write_results(self._model, self.session.labeling, desk.image, files, desk.reader)


class FirstLabels(Drawings):
    """Images that no model labels yet: what is drawn on them are their labels, 255 elsewhere.

    Of an image NAME.ext, NAME.png is written, which training takes as it is, with `classes.json` in the folder above if there is none. Labels that are there already are gone on with; those of
    another format are not overlooked, as training would find two.

    Args:
        classes: that may be drawn.
        colours: theirs; None: chosen.
        images: their files; volumes, if the first one is.
        out: the folder to write to.

    Raises:
        RetintError: two images would write the same file, an image has labels of another format, or `out` cannot be a folder.
    """

    def __init__(self, classes: Sequence[str], colours: Sequence[Colour] | None, images: Sequence[Path], out: Path) -> None:
        super().__init__(classes, colours or default_palette(len(classes)), 3 if is_volume(images[0]) else 2, images, out, Wish(overlay=False))
        self.outcome = Drawn(None)
        ours = {stem_of(image): self.files(image)["labels"] for image in images}
        for other in label_files(out):
            if (file := ours.get(stem_of(other))) is not None and file.name != other.name:
                raise RetintError(f"{other}: what is drawn would be written beside it, as {file.name}; save it so, or move it away")

    def files(self, image: Path) -> dict[str, Path]:
        """See `Drawings.files`."""
        files = outputs(image, self._out, self._wish, self._dims)
        return {"hints": files["labels"], **files}

    def _begun(self, path: Path, image: Volume, reader: RegionReader | None) -> Drawing:
        return Painting(self.classes, nothing_known(image.pixels.shape[:-1]))

    def _write(self, desk: Desk, files: dict[str, Path]) -> None:
        write_classes(self._out, self.classes)
        write_map(files["labels"], desk.session.hints, self.colours, desk.image, desk.reader)


def _add(session: Drawing, hints: Any, where: str) -> None:
    """Begin with hints, if they fix anything."""
    try:
        if (np.asarray(hints) != UNKNOWN).any():
            session.add(hints)
    except RetintError as error:
        raise RetintError(f"{where}: {error}") from None
