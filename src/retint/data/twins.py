"""Images that are there twice, so that one may be learned from while its copy says how well."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import adler32, crc32

import numpy as np
from numpy.typing import NDArray

from .files import FLAT

_Print = tuple[tuple[int, ...], int, int]  # of an image's pixels: their shape and two check sums


class Twins:
    """Images of each part by what their pixels are."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[_Print, list[Path]]] = {}

    def add(self, part: str, file: Path, image: NDArray[Any]) -> int:
        """One more, of any shape and dtype. Returns the check sum (CRC-32) of its pixels."""
        data = np.ascontiguousarray(image).data
        found = crc32(data)
        alike = self._parts.setdefault(part, {}).setdefault((image.shape, found, adler32(data)), [])
        alike.append(file)
        return found

    def learned(self, part: str) -> list[tuple[Path, Path]]:
        """The images of a part that are among those to learn from, too, each with the first of these."""
        learn = self._learn
        return [(file, learn[key][0]) for key, files in self._parts.get(part, {}).items() if key in learn for file in files]

    def copies(self) -> list[tuple[Path, Path]]:
        """The images to learn from that are there again, each with the first of its kind."""
        return [(file, first) for first, *again in self._learn.values() for file in again]

    @property
    def _learn(self) -> dict[_Print, list[Path]]:
        return self._parts.get("train") or self._parts.get(FLAT, {})


def same_files(files: Iterable[Path], others: Iterable[Path]) -> list[tuple[Path, Path]]:
    """The files that hold the very bytes of one of the others, each with that one.

    Next to nothing of them is read where their sizes differ, as those of compressed images do. Folders are passed over.
    """
    sized: dict[int, list[Path]] = {}
    for other in others:
        if other.is_file():
            sized.setdefault(other.stat().st_size, []).append(other)
    known: dict[int, dict[bytes, Path]] = {}  # of each size that occurs in both, by what they hold
    found = []
    for file in files:
        size = file.stat().st_size if file.is_file() else -1
        if size not in sized:
            continue
        if size not in known:
            known[size] = {_held(other): other for other in reversed(sized[size])}
        if (held := _held(file)) in known[size]:
            found.append((file, known[size][held]))
    return found


def _held(file: Path) -> bytes:
    return sha256(file.read_bytes()).digest()
