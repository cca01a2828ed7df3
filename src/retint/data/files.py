"""The files of a data set: where its parts are, which are images and which are labels, and their pixels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from unicodedata import normalize

from numpy.typing import NDArray

from retint.errors import RetintError
from retint.images import (
    NIFTI_SUFFIXES,
    TIFF_SUFFIXES,
    ZARR_SUFFIXES,
    images_in,
    is_zarr,
    read_image,
    read_labels,
    read_volume,
    read_volume_labels,
    volume_stem,
    volume_suffix,
)

from . import messages

SPLITS = ("train", "val", "test")
FLAT = "all"  # the name of the one split of a folder without parts
VOLUME_SUFFIXES = TIFF_SUFFIXES | NIFTI_SUFFIXES | ZARR_SUFFIXES
LABEL_SUFFIXES = VOLUME_SUFFIXES | {".png", ".ome.png"}
_LIKE_A_PART = re.compile(r"(train|val|test)(ing|id|idation|s)?([ _-]?(set|data|split))?", re.IGNORECASE)


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
            f"{root}: found images/ and {listed(parts)} side by side; expected one or the other: "
            f"move images/ and labels/ into a split, or rename the other folders"
        )
    if flat:
        return {FLAT: root}
    if not parts:
        others = sorted(p.name for p in root.iterdir() if p.is_dir())
        if like := {name: part for name in others if (part := like_a_part(name))}:
            raise RetintError(
                f"{root}: found {listed(others)}; expected train/, val/ and test/, with images/ and labels/ in each: "
                f"rename {listed(f'{name} to {part}' for name, part in like.items())}"
            )
        for above in (root.parent, root.parent.parent):  # a folder of images, right in the set or in a part of it
            if (above / "classes.json").is_file() and (root.parent / "images").is_dir():
                raise RetintError(f"{root}: is a folder of the data set {above}; name that one")
        raise RetintError(
            f"{root}: found {listed(others) or 'no folders'}; expected images/ and labels/ here, "
            f"or in train/, val/ and test/: put your images into {root / 'images'}, "
            f"and a PNG of class indices for each, of the same name, into {root / 'labels'}"
        )
    for folder in parts.values():
        if not (folder / "images").is_dir():
            raise RetintError(f"{folder}: found no images/; expected images/ and labels/: make them, or remove it")
    return parts


def like_a_part(name: str) -> str | None:
    """The name of a part that the name of a folder seems to mean.

    >>> like_a_part("Training"), like_a_part("valid"), like_a_part("test_set"), like_a_part("values")
    ('train', 'val', 'test', None)
    """
    match = _LIKE_A_PART.fullmatch(name)
    return match[1].lower() if match else None


def unused_parts(root: Path, used: Sequence[Path]) -> list[Path]:
    """Folders beside the parts of a set that look like parts, too, by their name or by images in an `images/` of theirs."""

    def looks(folder: Path) -> bool:
        inside = image_files(folder / "images")
        if like_a_part(folder.name):
            return bool(inside or image_files(folder))
        return bool(inside) and not (folder / "classes.json").exists()  # else it is a set of its own

    # by samefile, as it may be a part by another name where case does not count
    return [one for one in _folders(root) if looks(one) and not any(one.samefile(part) for part in used)]


def nested(folder: Path) -> list[Path]:
    """The folders in a folder of images that hold images themselves, or in folders inside them: none of these is read."""
    return [one for one in _folders(folder) if not is_zarr(one) and (image_files(one) or nested(one))]


def told_empty(images: Path, needed: bool = True) -> str:
    """What to say of an `images/` in which there are none, of a part that is `needed` or may go."""
    inside = [folder.name for folder in nested(images)]
    parts = {name: part for name in inside if (part := like_a_part(name))}
    return messages.empty(images, inside, parts, needed)


def _folders(folder: Path) -> list[Path]:
    """The folders that may be read right in another, if it is one; hidden ones are none."""
    if not folder.is_dir():
        return []
    every = (p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    return sorted(p for p in every if os.access(p, os.R_OK | os.X_OK))


def stem_of(file: str | Path) -> str:
    """What an image and its labels have in common: the name without its suffix, its accents written in one way (NFC)."""
    return normalize("NFC", volume_stem(file))


def image_files(folder: Path) -> list[Path]:
    """The files and .zarr folders of images right in a folder, ordered by stem; none if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(images_in(folder), key=lambda p: (volume_stem(p), p.name))


def label_files(folder: Path) -> list[Path]:
    """The image files in a folder that can hold class indices: those of a format that keeps every value as it is.

    Strokes beside the labels that they were drawn on (`NAME.hints.png` and `NAME.png`) are none.
    """
    found = {p: stem_of(p) for p in image_files(folder) if volume_suffix(p) in LABEL_SUFFIXES}
    corrected = {f"{stem}.hints" for stem in found.values()}
    return [p for p, stem in found.items() if stem not in corrected]


def read_pixels(file: Path, dims: int) -> NDArray[Any]:
    """An image, (rows, columns, channels), or a volume, (slices, rows, columns, channels)."""
    return read_image(file) if dims == 2 else read_volume(file).pixels


def read_indices(file: Path, dims: int) -> NDArray[Any]:
    """Labels, (rows, columns) or (slices, rows, columns), uint8 or uint16."""
    return read_labels(file) if dims == 2 else read_volume_labels(file).pixels


def listed(names: Iterable[str]) -> str:
    """Names in a message."""
    return ", ".join(names)
