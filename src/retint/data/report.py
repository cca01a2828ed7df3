"""What a check of a data set found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from retint.errors import DataProblems

_SHOWN = 20  # lines of one kind


@dataclass(frozen=True)
class Report:
    """What a data set holds, and what is wrong with it.

    Attributes:
        problems: one line each; training would fail or learn nonsense.
        warnings: one line each; worth knowing.
        images: how many image files there are.
        channels: of the images; of most of them, where they differ; 0 if there are none.
        dtype: likewise, `uint8`, `uint16` or `float32`; empty if there are none.
        pixels_per_class: for each split how many pixels each class has.
        pixels_in: likewise for each file of labels that could be read.
        sums: for each file that could be read, a check sum (CRC-32) of its decoded pixels.
        labelled_share: of all pixels of the label files, those that are not ignored; 0 ... 1.
        dims: 2 for images, 3 for volumes.
        spacing: of volumes, along (slice, row, column): the median over those that say it in the unit that most have;
            None if none does.
        unit: of the spacing, such as `micrometer`; None if none is said.
    """

    problems: list[str]
    warnings: list[str]
    images: int
    channels: int
    dtype: str
    pixels_per_class: dict[str, list[int]]
    labelled_share: float
    dims: int = 2
    spacing: tuple[float, float, float] | None = None
    unit: str | None = None
    pixels_in: dict[Path, NDArray[np.int64]] = field(default_factory=dict, repr=False, compare=False)
    sums: dict[Path, int] = field(default_factory=dict, repr=False, compare=False)

    def sum_of(self, files: Iterable[Path]) -> int:
        """A check sum of several files, in their order: another one if the pixels of any are others."""
        return crc32(np.array([self.sums.get(file, 0) for file in files], np.uint32).data)

    def raise_if_bad(self) -> None:
        """Raise DataProblems if there are any."""
        if self.problems:
            raise DataProblems(self.problems)


class Lines:
    """Lines by kind, in the order in which the kinds came up; only the first few of each kind are told."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[str]] = {}

    def add(self, kind: str, line: str) -> None:
        """One more."""
        self._kinds.setdefault(kind, []).append(line)

    def told(self) -> list[str]:
        """What to show."""
        result = []
        for kind, lines in self._kinds.items():
            result += lines[:_SHOWN]
            if len(lines) > _SHOWN:
                result.append(f"... and {len(lines) - _SHOWN} more: {kind} ({len(lines)} in all)")
        return result
