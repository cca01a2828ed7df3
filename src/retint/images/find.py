"""Which files are meant when a person names files and folders, and what their names say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from retint.errors import RetintError

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".svs"}
)
TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".ome.tif", ".ome.tiff"})
NIFTI_SUFFIXES = frozenset({".nii", ".nii.gz"})
ZARR_SUFFIXES = frozenset({".zarr", ".ome.zarr"})  # of folders

_ZARR_FILES = (".zattrs", ".zgroup", ".zarray", "zarr.json")


def find_images(paths: Iterable[str | PathLike[str]]) -> list[Path]:
    """Expand folders to the image files in them. A .zarr folder is one image.

    Args:
        paths: files, kept as they are whatever their suffix, and folders. Folders inside folders and hidden files
            are left out; the files of a folder come in natural order (2 before 10). A folder that may not be read is
            kept, too: whoever reads it says so.

    Returns:
        The files, each once.

    Raises:
        RetintError: a path that does not exist, or a folder without images.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK) and not is_zarr(path):
            inside = sorted(images_in(path), key=_natural)
            if not inside:
                kinds = " ".join(sorted(IMAGE_SUFFIXES | NIFTI_SUFFIXES | {".zarr"}))
                raise RetintError(f"{path}: found no images in this folder; expected {kinds}: name another folder")
            found += inside
        elif os.path.exists(path):
            found.append(path)
        else:
            raise RetintError(f"{path}: found no such file; expected an image or a folder of images: check the name")
    return list(dict.fromkeys(found))


def images_in(folder: Path) -> list[Path]:
    """The files and .zarr folders right in a folder that are images by their names, in no order; hidden ones are not."""
    return [path for path in folder.iterdir() if not path.name.startswith(".") and _is_image(path)]


def is_zarr(path: str | PathLike[str]) -> bool:
    """Whether a path is a Zarr folder: one named so, or one that holds Zarr's metadata."""
    path = Path(path)
    # os.path says no of what may not be read, where Path raises
    return os.path.isdir(path) and (path.suffix.lower() == ".zarr" or any(os.path.isfile(path / name) for name in _ZARR_FILES))


def volume_suffix(path: str | PathLike[str]) -> str:
    """The whole suffix of an image file, lower case: `.nii.gz` and `.ome.zarr` are one suffix.

    >>> volume_suffix("a.b.nii.gz"), volume_suffix("A.OME.TIF"), volume_suffix("a.b.png"), volume_suffix("a")
    ('.nii.gz', '.ome.tif', '.png', '')
    """
    name = Path(path)
    last, before = name.suffix.lower(), Path(name.stem).suffix.lower()
    return before + last if last and (before == ".ome" or (before, last) == (".nii", ".gz")) else last


def volume_stem(path: str | PathLike[str]) -> str:
    """The name of an image file without its whole suffix.

    >>> volume_stem("scans/a.b.nii.gz"), volume_stem("a.ome.zarr"), volume_stem("a.png")
    ('a.b', 'a', 'a')
    """
    name = Path(path).name
    return name.removesuffix(name[len(name) - len(volume_suffix(path)) :])


def _is_image(path: Path) -> bool:
    if path.suffix.lower() == ".zarr":
        return path.is_dir()
    return (path.suffix.lower() in IMAGE_SUFFIXES or volume_suffix(path) in NIFTI_SUFFIXES) and path.is_file()


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    # a number sorts by its value, before any text; the name itself decides between 01 and 1
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name.casefold())
    return [(int(part), "") if part[0] in "0123456789" else (1 << 62, part) for part in parts], path.name
