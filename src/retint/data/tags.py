"""Tags: which classes an image shows, and not where. A network can learn labels of pixels from them alone.

    tags.csv      beside images/, in place of labels/ or in addition to them

    image,tags
    0000047,sky; tree; road
    0000051.jpg,sky; water

The first line may be left out. An image is named by its file or its stem; tags are names of classes.

References:
    Pinheiro and Collobert (2015), From image-level to pixel-level labeling with convolutional networks, CVPR.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from retint.errors import DataProblems, RetintError
from retint.images import volume_stem
from retint.wholefile import whole_file

from . import messages
from .files import image_files, label_files, stem_of, told_empty
from .folder import IGNORE

FILE = "tags.csv"
_HEADER = ["image", "tags"]
_BETWEEN = ";"
_EXAMPLE = "expected such as: photo.jpg,sky; tree"


@dataclass(frozen=True)
class Tagged:
    """An image file, and the classes that it shows.

    Attributes:
        stem: of the file's name.
        image: the file.
        tags: class indices, ascending, at least one, each once.
    """

    stem: str
    image: Path
    tags: tuple[int, ...]


def read_tags(folder: str | Path, classes: Sequence[str]) -> tuple[Tagged, ...]:
    """Read the `tags.csv` of a part of a data set. Opens none of the images.

    Args:
        folder: holds `images/` and `tags.csv`.
        classes: names, in the order of their indices. None may have a semicolon in it.

    Returns:
        The images that have tags, ordered by stem. An image that has labels needs none.

    Raises:
        DataProblems: everything that is wrong with the file: lines that are not an image and its tags, unknown tags,
            images that are not there, that come twice, or that have neither tags nor labels.
        RetintError: there is no such file, or it is not text.
    """
    reading = _Reading(Path(folder), classes)
    reading.read()
    if reading.problems:
        raise DataProblems(reading.problems)
    return tuple(sorted(reading.tagged, key=lambda tagged: tagged.stem))


def write_tags(path: str | PathLike[str], rows: Mapping[str, Sequence[str]]) -> None:
    """Write a `tags.csv`; an earlier one is replaced.

    Args:
        path: the file.
        rows: for each image, by file name or stem, its tags: one or more names of classes.

    Raises:
        RetintError: an image without tags, a name that the file cannot hold, or the file cannot be written.
    """
    for image, tags in rows.items():
        if not tags:
            raise RetintError(f"{path}: found no tags for {image}; expected at least one: leave the image out")
        for name in (image, *tags):
            if len(name.splitlines()) != 1 or name != name.strip() or (name in tags and _BETWEEN in name):
                raise RetintError(
                    f"{path}: found the name {name!r}; expected one line without spaces about it, and no {_BETWEEN} in a tag: "
                    f"rename it"
                )
    with whole_file(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEADER)
        writer.writerows((image, f"{_BETWEEN} ".join(tags)) for image, tags in rows.items())


def tags_of(labels: NDArray[Any], classes: int, least: float = 0.0) -> tuple[int, ...]:
    """The tags that labels imply: the classes that cover more than some share of the labelled pixels.

    Args:
        labels: class indices, (rows, columns), integers; 255 where nobody labelled.
        classes: K.
        least: the share, 0 to 1; a class that covers just this share is no tag.

    Returns:
        Class indices, ascending; none if no pixel is labelled.

    Raises:
        ValueError: a label that is neither a class nor 255, or a share that is none.

    >>> tags_of(np.array([[0, 0, 0, 2], [0, 0, 255, 255]]), 3), tags_of(np.array([[0, 0, 0, 2]]), 3, least=0.25)
    ((0, 2), (0,))
    """
    if not 0 <= least <= 1:
        raise ValueError(f"least: {least}; expected a share of the pixels, 0 to 1")
    values, counts = np.unique(labels[labels != IGNORE], return_counts=True)
    if values.size and not 0 <= values[0] <= values[-1] < classes:
        wrong = values[-1] if values[-1] >= classes else values[0]
        raise ValueError(f"labels hold {wrong}; expected class indices 0 to {classes - 1}, or {IGNORE}")
    return tuple(values[counts > least * counts.sum()].tolist())


class _Reading:
    """What was read so far."""

    def __init__(self, folder: Path, classes: Sequence[str]) -> None:
        self.folder, self.file = folder, folder / FILE
        self.classes = {name.strip(): k for k, name in enumerate(classes)}
        self.tagged: list[Tagged] = []
        self.problems: list[str] = []
        self._advice: dict[str, str] = {}  # for each unknown tag, as it may be in every line
        self._seen: dict[Path, int] = {}  # the line of each image
        files = image_files(folder / "images")
        self._names = {normalize("NFC", file.name): file for file in files}
        self._stems: dict[str, list[Path]] = {}
        for file in files:
            self._stems.setdefault(stem_of(file), []).append(file)
        self.problems += [messages.same_name(same) for same in self._stems.values() if len(same) > 1]
        if not files:
            self.problems.append(told_empty(folder / "images"))

    def read(self) -> None:
        """All lines of the file."""
        reader = csv.reader(StringIO(_text(self.file)), skipinitialspace=True, strict=True)
        lines = 0
        try:
            for cells in reader:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    lines += 1
                    if lines > 1 or [cell.casefold() for cell in stripped] != _HEADER:
                        self._line(reader.line_num, stripped)
        except csv.Error as error:
            # and nothing on images without tags, as theirs may come below
            self._tell(reader.line_num, f"what CSV does not allow ({error}); expected quotes in pairs: correct it")
        else:
            self._untold()

    def _line(self, number: int, cells: Sequence[str]) -> None:
        """An image and its tags."""
        if len(cells) != len(_HEADER) or not cells[0]:
            found = "no name of an image" if len(cells) == len(_HEADER) else f"{len(cells)} values"
            self._tell(number, f"{found}; {_EXAMPLE}, with a {_BETWEEN} between tags")
            if image := self._find(cells[0]):
                self._seen.setdefault(image, number)
            return
        image = self._image(number, cells[0])
        names = [name for name in map(str.strip, cells[1].split(_BETWEEN)) if name]
        if not names:
            self._tell(number, f"no tags for {cells[0]}; expected at least one: add it, or move the image away")
        for name in names:
            if name not in self.classes:
                self._tell(number, f"the tag {name}; {self._advise(name)}")
        if image and (tags := {self.classes[name] for name in names if name in self.classes}):
            self.tagged.append(Tagged(volume_stem(image), image, tuple(sorted(tags))))

    def _untold(self) -> None:
        """Images that no line names, and that have no labels."""
        told = {stem_of(file) for file in (*self._seen, *label_files(self.folder / "labels"))}
        for stem, files in self._stems.items():
            if stem not in told:
                line = f"found no tags for {files[0].name}; expected a line for each image without labels"
                self.problems.append(f"{self.file}: {line}: add it, or move the image away")

    def _image(self, number: int, name: str) -> Path | None:
        image, images = self._find(name), self.folder / "images"
        if not self._names:
            pass  # told once for all
        elif image is None:
            others = self._stems.get(stem_of(name))
            mend = f"write {others[0].name}" if others else "correct the name, or remove the line"
            self._tell(number, f"the image {name}; expected a file, or its stem, in {images}: {mend}")
        elif (first := self._seen.setdefault(image, number)) != number:
            self._tell(number, f"{image.name} again, as in line {first}; expected one line: put its tags together")
            return None
        return image

    def _find(self, name: str) -> Path | None:
        name = normalize("NFC", name)
        return self._names.get(name) or next(iter(self._stems.get(name, ())), None)

    def _advise(self, name: str) -> str:
        if name not in self._advice:
            folded = {known.casefold(): known for known in self.classes}
            near = get_close_matches(name.casefold(), folded, n=1)
            if near:
                self._advice[name] = f"expected the name of a class: write {folded[near[0]]}"
            else:
                self._advice[name] = f"expected one of {', '.join(self.classes)}: correct it, or remove it"
        return self._advice[name]

    def _tell(self, number: int, found: str) -> None:
        self.problems.append(f"{self.file}, line {number}: found {found}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RetintError(f"{path}: missing; expected a line for each image: write it, {_EXAMPLE}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RetintError(
            f"{path}: cannot be read ({error}); expected text in UTF-8: save it so, {_EXAMPLE}"
        ) from error
