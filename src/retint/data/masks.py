"""What the masks of a data set hold, and whether these are class indices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError

from . import messages
from .colours import CLEAR, colour_of, count_codes, propose_palette, written_palette
from .folder import Dataset
from .palettes import Palettes
from .report import Lines

_LONGEST_PALETTE = 32  # colours that still fit in a message


class Masks:
    """The masks seen so far.

    Args:
        dataset: whose masks they are.

    Attributes:
        counts: pixels of each class, (K,) int64, of each part.
        counted: the same of each file.
        ignored: pixels of each part that nobody labelled.
        number: of masks of each part that hold indices.
        coloured: those in colours.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.counts = {name: np.zeros(len(dataset.classes), np.int64) for name in dataset.splits}
        self.counted: dict[Path, NDArray[np.int64]] = {}
        self.ignored: Counter[str] = Counter()
        self.number: Counter[str] = Counter()
        self.coloured: list[Path] = []
        self._strange: dict[Path, dict[int, int]] = {}  # pixels of each value that is no class
        self._palettes = Palettes(dataset)

    def add(self, part: str, file: Path, labels: NDArray[Any]) -> bool:
        """One more, of any shape, uint8 or uint16. Returns whether anybody labelled a pixel of it."""
        found = np.bincount(labels.ravel(), minlength=256)
        classes, ignore = len(self.dataset.classes), self.dataset.ignore
        self.number[part] += 1
        self.counted[file] = found[:classes]
        self.counts[part] += found[:classes]
        self.ignored[part] += int(found[ignore])
        if strange := {int(v): int(found[v]) for v in np.flatnonzero(found) if v >= classes and v != ignore}:
            self._strange[file] = strange
        if self.dataset.dims == 2:
            with suppress(RetintError):  # it was read without its palette
                self._palettes.add(file, self.counted[file])
        return int(found[ignore]) < labels.size

    def doubtful(self, part: str) -> bool:
        """Whether what is to be said of a part depends on the masks of the others."""
        one_class = self.ignored[part] and not self.counts[part][1:].any()
        return bool(self._strange or self.coloured or self._palettes.wrong() or one_class)

    def tell(self, asked: Collection[str], waiting: bool, problems: Lines, warnings: Lines) -> None:
        """Say what is wrong, and how it is mended over the whole set, as that is what is converted.

        Args:
            asked: the parts that the check is about.
            waiting: whether there is no need yet that any pixel is labelled.
            problems, warnings: get a line for each.
        """
        root, classes = self.dataset.root, self.dataset.classes
        every, number = sum(self.counts.values(), np.zeros(len(classes), np.int64)), self.number.total()
        self._tell_colours(problems, warnings)
        if self._strange:
            self._tell_strange(bool(every[0]), problems)
        elif self.ignored.total() and not every.any():
            if not waiting:
                problems.add("nothing labelled", messages.nothing_labelled(root, number))
        elif self.ignored.total() and not every[1:].any():
            problems.add("masks of 0 and 255", messages.only_0_and_255(root, number, classes))
        else:
            for part in asked:
                if self.ignored[part] and self.counts[part][0] and not self.counts[part][1:].any():
                    folder = self.dataset.splits[part].folder
                    line = messages.part_of_0_and_255(folder, self.number[part], classes)
                    warnings.add("parts of 0 and 255", line)

    def _tell_strange(self, class_zero_occurs: bool, problems: Lines) -> None:
        root, classes, ignore = self.dataset.root, len(self.dataset.classes), self.dataset.ignore
        values = sorted({value for found in self._strange.values() for value in found})
        if values == [classes] and not class_zero_occurs:
            mend = messages.mend_counted_from_one(root, classes)
        else:
            mend = messages.mend_strange(root, values, ignore)
        for file, found in self._strange.items():
            problems.add("values that are no class", messages.out_of_range(file, found, classes, ignore, mend))

    def _tell_colours(self, problems: Lines, warnings: Lines) -> None:
        """What is in colours, and palettes that do not say what the indices do."""
        wrong, odd, spoken = self._palettes.wrong(), self._palettes.odd(), self._palettes.spoken()
        for file in self.coloured:
            problems.add("coloured masks", messages.coloured(file, self.dataset.root))
        for file, line in wrong.items():
            problems.add("palettes in another order", line)
            self._strange.pop(file, None)  # nobody knows what its values are
        if self.coloured or wrong:
            self._propose([*self.coloured, *(spoken if wrong else ())], problems)
        if odd:
            lines = problems if self._strange else warnings  # those may be mended by a palette
            lines.add("palettes of other colours", odd)
            if not wrong:
                self._propose(spoken or list(self._palettes.shown), lines)

    def _propose(self, masks: Sequence[Path], lines: Lines) -> None:
        """The palette that these may be converted with."""
        root = self.dataset.root
        try:
            counts = count_codes(masks)
        except RetintError as error:
            lines.add("colours", str(error))
            return
        colours = {colour_of(code): pixels for code, pixels in counts.items() if code >= 0}
        try:
            palette = propose_palette(colours, len(self.dataset.classes), self.dataset.colours)
        except RetintError as error:
            lines.add("colours", f"{root}: {error}")
            return
        if len(palette) <= _LONGEST_PALETTE:
            lines.add("colours", messages.palette(root, len(masks), written_palette(palette), counts[CLEAR]))
