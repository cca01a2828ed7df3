"""A data set is a folder: images, labels of the same names, and the classes.

    classes.json      {"classes": ["sky", "tree"], "ignore": 255}, and "colours": [[r, g, b], ...] if you like
    images/  labels/  directly beside it, or one such pair in each of train/, val/ and test/

Labels are PNG or TIFF files of one channel that hold class indices; 255 is a pixel that nobody labelled.

A set may hold volumes (3-D images) instead: TIFF stacks, NIfTI or OME-Zarr folders, both for images and for labels,
which need not have the same format. It does if its first image is one, or if classes.json says "dims": 3.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError
from retint.images import is_volume, volume_stem

from . import messages
from .files import FLAT, label_files, listed, split_folders, stem_of
from .files import SPLITS as SPLITS  # "as": other rooms take these from here
from .files import image_files as image_files
from .files import read_indices as read_indices
from .files import read_pixels as read_pixels

IGNORE = 255

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Pair:
    """An image file and the file of its labels.

    Attributes:
        stem: the image's name without its suffix.
        image, labels: the files, or .zarr folders.
        dims: 2 for images, 3 for volumes.
    """

    stem: str
    image: Path
    labels: Path
    dims: int = 2

    def read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Read both.

        Returns:
            The image, (rows, columns, channels) uint8, uint16 or float32, or (slices, rows, columns, channels) if
            `dims` is 3; its labels, uint8 or uint16, of the same shape without the channels.

        Raises:
            RetintError: one of them cannot be read, or their sizes differ.
        """
        image, labels = read_pixels(self.image, self.dims), read_indices(self.labels, self.dims)
        if image.shape[:-1] != labels.shape:
            raise RetintError(messages.other_size(self.labels, labels.shape, image.shape[:-1]))
        return image, labels


@dataclass(frozen=True)
class Split:
    """One part of a data set.

    Attributes:
        name: `train`, `val` or `test`; `all` for a folder without parts.
        folder: where its `images/` and `labels/` are.
        pairs: the images that have labels, ordered by stem.
    """

    name: str
    folder: Path
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Dataset:
    """An opened data set; its pixels are not read yet.

    Attributes:
        root: the folder.
        classes: their names; a label is an index into them.
        colours: one (r, g, b) of 0 to 255 each, if the set says so.
        ignore: the label of a pixel that is never counted; always 255.
        splits: by name.
        dims: 2 for images, 3 for volumes.
    """

    root: Path
    classes: tuple[str, ...]
    colours: tuple[Colour, ...] | None
    ignore: int
    splits: dict[str, Split]
    dims: int = 2

    def part(self, name: str | None, usual: str) -> Split:
        """A part by its name; None takes the usual one, or what there is.

        Raises:
            RetintError: there is none of that name.
        """
        name = name or (usual if usual in self.splits else next(iter(self.splits)))
        if name not in self.splits:
            found = "no parts; leave --split out" if FLAT in self.splits else " and ".join(self.splits)
            raise RetintError(f"--split {name}: no such part; {self.root} has {found}")
        return self.splits[name]

    def read(self, pair: Pair) -> tuple[NDArray[Any], NDArray[Any]]:
        """An image and its labels, which are all classes of this set or to be ignored; see `Pair.read`.

        Raises:
            RetintError: one of them cannot be read, their sizes differ, or a label is no class.
        """
        image, labels = pair.read()
        found = np.bincount(labels.ravel(), minlength=self.ignore + 1)
        found[[*range(len(self.classes)), self.ignore]] = 0
        if found.any():
            strange = {int(value): int(found[value]) for value in np.flatnonzero(found)}
            mend = messages.mend_strange(self.root, list(strange), self.ignore)
            raise RetintError(messages.out_of_range(pair.labels, strange, len(self.classes), self.ignore, mend))
        return image, labels


def open_dataset(path: str | Path) -> Dataset:
    """Find the images, labels and classes of a data set. Reads none of the images: `check_dataset` does.

    Args:
        path: the folder that holds `classes.json`.

    Raises:
        RetintError: the folder, its `classes.json` or an `images/` folder is missing or malformed.
    """
    root = Path(path)
    folders = split_folders(root)
    classes, colours = read_classes(root, folders)
    dims = find_dims(root, folders)
    splits = {name: Split(name, folder, _pairs(folder, dims)) for name, folder in folders.items()}
    return Dataset(root, classes, colours, IGNORE, splits, dims)


def find_dims(root: Path, folders: dict[str, Path]) -> int:
    """2 for a set of images, 3 for one of volumes: what `classes.json` says under "dims", else what the first image is.

    Raises:
        RetintError: it says something else than 2 or 3.
    """
    path = root / "classes.json"
    dims = _card(path).get("dims")
    if dims is None:
        first = next((file for folder in folders.values() for file in image_files(folder / "images")), None)
        return 3 if first is not None and is_volume(first) else 2
    if type(dims) is not int or dims not in (2, 3):
        raise RetintError(f'{path}: found "dims": {json.dumps(dims)}; expected 2 for images or 3 for volumes')
    return dims


def known_colours(root: Path) -> list[Colour]:
    """The colours that `classes.json` gives to classes; none if it gives none."""
    card = _card(root / "classes.json") or _card(root.parent / "classes.json")  # of a part that is converted alone
    colours = card.get("colours")
    return [(r, g, b) for r, g, b in colours] if isinstance(colours, list) and all(map(_is_colour, colours)) else []


def _card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):  # missing or malformed: for others to tell
        return {}
    return card if isinstance(card, dict) else {}


def _pairs(folder: Path, dims: int) -> tuple[Pair, ...]:
    # reversed: of two files with one stem, which the check reports, the first counts
    images = {stem_of(p): p for p in reversed(image_files(folder / "images"))}
    labels = {stem_of(p): p for p in reversed(label_files(folder / "labels"))}
    both = sorted(images.keys() & labels.keys())
    return tuple(Pair(volume_stem(images[stem]), images[stem], labels[stem], dims) for stem in both)


def check_names(where: str | Path, names: Sequence[str]) -> None:
    """Whether classes may be called so.

    Args:
        where: they are given, in messages.
        names: of the classes, not empty.

    Raises:
        RetintError: there are too few or too many, two are the same, or one is no text.
    """
    if wrong := next((name for name in names if name.encode(errors="replace").decode() != name), None):
        raise RetintError(f"{where}: found the class {wrong!a}, which is no text; give it another name")
    if not 2 <= len(names) <= IGNORE:
        raise RetintError(f"{where}: found {len(names)} classes; expected 2 to {IGNORE}, as {IGNORE} stands for ignore")
    stripped = [name.strip() for name in names]  # as tags are
    if twice := sorted({name for name in stripped if stripped.count(name) > 1}):
        raise RetintError(f"{where}: found the class {listed(twice)} more than once; give each class its own name")


def read_classes(root: Path, folders: dict[str, Path]) -> tuple[tuple[str, ...], tuple[Colour, ...] | None]:
    """The names and colours of the classes that `classes.json` tells; no colours if it tells none.

    Args:
        root: the folder that holds it.
        folders: of the set's parts, by name.

    Raises:
        RetintError: it is missing or malformed.
    """
    path = root / "classes.json"
    if not path.is_file():
        if (root.parent / "classes.json").is_file():
            raise RetintError(f"{path}: missing, but there is one in the folder above: give {root.parent}")
        if inside := [f / path.name for f in folders.values() if (f / path.name).is_file()]:
            raise RetintError(
                f"{path}: missing, as it is in {inside[0].parent}; expected one above all parts: move it up"
            )
        raise RetintError(
            f"{path}: missing; write it with your own names for the classes: {_suggestion(root, folders)}"
        )
    try:
        card = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RetintError(f"{path}: not valid JSON ({error}); expected such as {_example(2)}") from error
    names = card.get("classes") if isinstance(card, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise RetintError(f'{path}: found no list "classes" of names; expected such as {_example(2)}')
    check_names(path, names)
    ignore = card.get("ignore", IGNORE)
    if ignore != IGNORE:
        known = type(ignore) is int and 0 <= ignore < 1 << 16
        mapping = f"{ignore}={IGNORE}"
        if ignore == 0 and _highest(root, folders) == len(names):
            mapping += f",{messages.from_one(len(names))}"
        mend = f", then renumber the labels with: retint convert {root} --map {mapping}" if known else ""
        raise RetintError(
            f'{path}: found "ignore": {json.dumps(ignore)}; expected {IGNORE}, always: write {IGNORE} there{mend}'
        )
    return tuple(names), _colours(path, card.get("colours"), len(names))


def _colours(path: Path, colours: object, classes: int) -> tuple[Colour, ...] | None:
    if colours is None:
        return None
    if not isinstance(colours, list) or len(colours) != classes or not all(map(_is_colour, colours)):
        raise RetintError(
            f'{path}: found "colours" that are not one [red, green, blue] of 0 to 255 for each of the {classes} '
            f"classes; write them so, or leave them out"
        )
    return tuple((r, g, b) for r, g, b in colours)


def _is_colour(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(type(v) is int and 0 <= v <= 255 for v in value)


def _suggestion(root: Path, folders: dict[str, Path]) -> str:
    """A `classes.json` with as many classes as a few of the label files hold."""
    return _example(max(1, _highest(root, folders, 8)) + 1)


def _highest(root: Path, folders: dict[str, Path], most: int | None = None) -> int:
    """The highest label below 255, in all label files or in the first few of each part."""
    highest, dims = 0, find_dims(root, folders)
    for file in [file for folder in folders.values() for file in label_files(folder / "labels")[:most]]:
        try:
            labels = read_indices(file, dims)
        except RetintError:
            continue
        highest = max(highest, int(np.max(labels, where=labels < IGNORE, initial=0)))
    return highest


def _example(classes: int) -> str:
    names = ["background", "object"] if classes == 2 else [f"class {k}" for k in range(classes)]
    return json.dumps({"classes": names, "ignore": IGNORE})
