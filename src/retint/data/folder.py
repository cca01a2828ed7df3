"""A data set is a folder: images, labels of the same names, and the classes.

    classes.json      {"classes": ["sky", "tree"], "ignore": 255}, and "colours": [[r, g, b], ...] if you like
    images/  labels/  directly beside it, or one such pair in each of train/, val/ and test/

Labels are PNG or TIFF files of one channel that hold class indices; 255 is a pixel that nobody labelled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError
from retint.images import IMAGE_SUFFIXES, read_image, read_labels

from .messages import other_size

IGNORE = 255
SPLITS = ("train", "val", "test")
FLAT = "all"  # the name of the one split of a folder without parts
LABEL_SUFFIXES = (".png", ".tif", ".tiff")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Pair:
    """An image file and the file of its labels."""

    stem: str
    image: Path
    labels: Path

    def read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Read both.

        Returns:
            The image, (rows, columns, channels) uint8, uint16 or float32; its labels, (rows, columns) uint8 or uint16.

        Raises:
            RetintError: one of them cannot be read, or their sizes differ.
        """
        image, labels = read_image(self.image), read_labels(self.labels)
        if image.shape[:2] != labels.shape:
            raise RetintError(other_size(self.labels, labels.shape, image.shape))
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
    """

    root: Path
    classes: tuple[str, ...]
    colours: tuple[Colour, ...] | None
    ignore: int
    splits: dict[str, Split]


def open_dataset(path: str | Path) -> Dataset:
    """Find the images, labels and classes of a data set. Reads none of the images: `check_dataset` does.

    Args:
        path: the folder that holds `classes.json`.

    Raises:
        RetintError: the folder, its `classes.json` or an `images/` folder is missing or malformed.
    """
    root = Path(path)
    folders = split_folders(root)
    classes, colours = _read_classes(root, folders)
    splits = {name: Split(name, folder, _pairs(folder)) for name, folder in folders.items()}
    return Dataset(root, classes, colours, IGNORE, splits)


def split_folders(root: Path) -> dict[str, Path]:
    """The folders that hold `images/`, by the name of their split.

    Raises:
        RetintError: there are none, or both kinds.
    """
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise RetintError(f"{root}: found {found}; expected a folder with images/, labels/ and classes.json")
    parts = {name: root / name for name in SPLITS if (root / name).is_dir()}
    flat = (root / "images").is_dir()
    if flat and parts:
        raise RetintError(
            f"{root}: found images/ and {_listed(parts)} side by side; expected one or the other: "
            f"move images/ and labels/ into a split, or rename the other folders"
        )
    if flat:
        return {FLAT: root}
    if not parts:
        others = sorted(p.name for p in root.iterdir() if p.is_dir())
        raise RetintError(
            f"{root}: found {_listed(others) or 'no folders'}; expected images/ and labels/ here, "
            f"or in train/, val/ and test/: put your images into {root / 'images'}, "
            f"and a PNG of class indices for each, of the same name, into {root / 'labels'}"
        )
    for folder in parts.values():
        if not (folder / "images").is_dir():
            raise RetintError(f"{folder}: found no images/; expected images/ and labels/: make them, or remove it")
    return parts


def image_files(folder: Path) -> list[Path]:
    """The image files right in a folder, ordered by stem; none if there is no such folder."""
    if not folder.is_dir():
        return []
    files = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    return sorted((p for p in files if p.is_file()), key=lambda p: (p.stem, p.name))


def label_files(folder: Path) -> list[Path]:
    """The image files in a folder that can hold class indices: PNG and TIFF, which keep every value as it is."""
    return [p for p in image_files(folder) if p.suffix.lower() in LABEL_SUFFIXES]


def _pairs(folder: Path) -> tuple[Pair, ...]:
    # reversed: of two files with one stem, which the check reports, the first counts
    images = {p.stem: p for p in reversed(image_files(folder / "images"))}
    labels = {p.stem: p for p in reversed(label_files(folder / "labels"))}
    return tuple(Pair(stem, images[stem], labels[stem]) for stem in sorted(images.keys() & labels.keys()))


def _read_classes(root: Path, folders: dict[str, Path]) -> tuple[tuple[str, ...], tuple[Colour, ...] | None]:
    path = root / "classes.json"
    if not path.is_file():
        if (root.parent / "classes.json").is_file():
            raise RetintError(f"{path}: missing, but there is one in the folder above: give {root.parent}")
        raise RetintError(f"{path}: missing; write it with your own names for the classes: {_suggestion(folders)}")
    try:
        card = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RetintError(f"{path}: not valid JSON ({error}); expected such as {_example(2)}") from error
    names = card.get("classes") if isinstance(card, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise RetintError(f'{path}: found no list "classes" of names; expected such as {_example(2)}')
    if not 2 <= len(names) <= IGNORE:
        raise RetintError(f"{path}: found {len(names)} classes; expected 2 to {IGNORE}, as {IGNORE} stands for ignore")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RetintError(f"{path}: found the class {_listed(twice)} more than once; give each class its own name")
    ignore = card.get("ignore", IGNORE)
    if ignore != IGNORE:
        raise RetintError(
            f'{path}: found "ignore": {json.dumps(ignore)}; expected {IGNORE}, always: write {IGNORE} there, '
            f"then renumber the labels with: retint convert {root} --map {json.dumps(ignore)}={IGNORE}"
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


def _suggestion(folders: dict[str, Path]) -> str:
    """A `classes.json` with as many classes as a few of the label files hold."""
    highest = 1
    for file in [file for folder in folders.values() for file in label_files(folder / "labels")[:8]]:
        try:
            labels = read_labels(file)
        except RetintError:
            continue
        highest = max(highest, int(np.max(labels, where=labels < IGNORE, initial=0)))
    return _example(highest + 1)


def _example(classes: int) -> str:
    names = ["background", "object"] if classes == 2 else [f"class {k}" for k in range(classes)]
    return json.dumps({"classes": names, "ignore": IGNORE})


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
