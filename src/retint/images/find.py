"""Which files are meant when a person names files and folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from retint.errors import RetintError

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"}
)


def find_images(paths: Iterable[str | PathLike[str]]) -> list[Path]:
    """Expand folders to the image files in them.

    Args:
        paths: files, kept as they are whatever their suffix, and folders. Folders inside folders and hidden files
            are left out; the files of a folder come in natural order (2 before 10).

    Returns:
        The files, each once.

    Raises:
        RetintError: a path that does not exist, or a folder without images.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = [p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
            inside = sorted((p for p in inside if not p.name.startswith(".")), key=_natural)
            if not inside:
                kinds = " ".join(sorted(IMAGE_SUFFIXES))
                raise RetintError(f"{path}: found no images in this folder; expected {kinds}: name another folder")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise RetintError(f"{path}: found no such file; expected an image or a folder of images: check the name")
    return list(dict.fromkeys(found))


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    # a number sorts by its value, before any text; the name itself decides between 01 and 1
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name.casefold())
    return [(int(part), "") if part[0] in "0123456789" else (1 << 62, part) for part in parts], path.name
