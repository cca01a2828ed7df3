"""Looking at a data set whole before hours of training: every problem at once, each with what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retint.errors import DataProblems, RetintError
from retint.images import ColouredMask, read_image, read_labels

from . import messages
from .colours import find_colours, propose_palette, written_palette
from .folder import FLAT, Dataset, Split, image_files, label_files

_SHOWN = 20  # lines of one kind
_LONGEST_PALETTE = 32  # colours that still fit in a message


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
        labelled_share: of all pixels of the label files, those that are not ignored; 0 ... 1.
    """

    problems: list[str]
    warnings: list[str]
    images: int
    channels: int
    dtype: str
    pixels_per_class: dict[str, list[int]]
    labelled_share: float

    def raise_if_bad(self) -> None:
        """Raise DataProblems if there are any."""
        if self.problems:
            raise DataProblems(self.problems)


def check_dataset(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Report:
    """Open every file of a data set and list all that is wrong with it.

    Args:
        dataset: an opened one.
        progress: called after each file with how many are done and how many there are.

    Returns:
        The report. Bad files raise nothing here; see `Report.raise_if_bad`.
    """
    check = _Check(dataset, progress)
    for split in dataset.splits.values():
        check.names(split)
        check.pixels(split)
    check.formats()
    check.values()
    return check.report()


class _Lines:
    """Lines by kind, in the order in which the kinds came up; only the first few of each kind are told."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[str]] = {}

    def add(self, kind: str, line: str) -> None:
        self._kinds.setdefault(kind, []).append(line)

    def told(self) -> list[str]:
        result = []
        for kind, lines in self._kinds.items():
            result += lines[:_SHOWN]
            if len(lines) > _SHOWN:
                result.append(f"... and {len(lines) - _SHOWN} more: {kind} ({len(lines)} in all)")
        return result


@dataclass
class _Check:
    """What was seen so far."""

    dataset: Dataset
    progress: Callable[[int, int], None] | None
    problems: _Lines = field(default_factory=_Lines)
    warnings: _Lines = field(default_factory=_Lines)
    kinds: dict[Path, messages.Kind] = field(default_factory=dict)  # of each image
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # pixels of each class, of each split
    strange: dict[Path, dict[int, int]] = field(default_factory=dict)  # pixels of each value that is no class
    coloured: list[Path] = field(default_factory=list)
    ignored: int = 0  # pixels
    images: int = 0
    masks: int = 0
    done: int = 0

    def __post_init__(self) -> None:
        folders = [split.folder for split in self.dataset.splits.values()]
        self.total = sum(len(image_files(f / "images")) + len(label_files(f / "labels")) for f in folders)

    def names(self, split: Split) -> None:
        """Which files are there, by their names alone."""
        images, labels = _by_stem(image_files(split.folder / "images")), _by_stem(label_files(split.folder / "labels"))
        folder = split.folder / "labels"
        if not images:
            self.problems.add("empty parts", messages.empty(split.folder / "images"))
        for files in (*images.values(), *labels.values()):
            if len(files) > 1:
                self.problems.add("files of the same name", messages.same_name(files))
        if not folder.is_dir():
            self.problems.add("no labels", messages.no_labels_folder(folder))
            return
        others = {file.name.split(".")[0]: file.name for file in folder.iterdir() if file.stem not in labels}
        for stem in sorted(images.keys() - labels.keys()):
            line = messages.no_labels(folder / f"{stem}.png", images[stem][0], others.get(stem))
            self.problems.add("images without labels", line)
        for stem in sorted(labels.keys() - images.keys()):
            line = messages.no_image(labels[stem][0], split.folder / "images")
            self.problems.add("labels without an image", line)

    def pixels(self, split: Split) -> None:
        """What is in the files."""
        sizes: dict[str, tuple[int, ...]] = {}
        for file in image_files(split.folder / "images"):
            if size := self._image(file):
                sizes.setdefault(file.stem, size)
            self._tick()
        counts = self.counts[split.name] = np.zeros(len(self.dataset.classes), np.int64)
        for file in label_files(split.folder / "labels"):
            size = self._mask(file, counts)
            expected = sizes.get(file.stem)
            if size and expected and size != expected:
                self.problems.add("labels of another size", messages.other_size(file, size, expected))
            self._tick()

    def formats(self) -> None:
        """Whether all images have the same channels and dtype."""
        usual = self._usual()
        having = list(self.kinds.values()).count(usual)
        for file, kind in self.kinds.items():
            if kind != usual:
                line = messages.other_format(file, kind, usual, having, len(self.kinds))
                self.problems.add("images of another format", line)

    def values(self) -> None:
        """Whether the masks, over the whole set, hold class indices."""
        root, classes = self.dataset.root, self.dataset.classes
        every = sum(self.counts.values(), np.zeros(len(classes), np.int64))
        if self.coloured:
            self._tell_colours()
        if self.strange:
            self._tell_strange(class_zero_occurs=bool(every[0]))
        elif self.ignored and not every.any():
            self.problems.add("nothing labelled", messages.nothing_labelled(root, self.masks))
        elif self.ignored and not every[1:].any():
            self.problems.add("masks of 0 and 255", messages.only_0_and_255(root, self.masks, classes))
        for name in ("train", FLAT):
            for k, pixels in enumerate(self.counts.get(name, ())):
                if not pixels:
                    line = messages.never_occurs(self.dataset.splits[name].folder, classes[k], k)
                    self.warnings.add("classes that never occur", line)

    def report(self) -> Report:
        channels, dtype = self._usual()
        labelled = sum(int(counts.sum()) for counts in self.counts.values())
        return Report(
            problems=self.problems.told(),
            warnings=self.warnings.told(),
            images=self.images,
            channels=channels,
            dtype=dtype,
            pixels_per_class={name: counts.tolist() for name, counts in self.counts.items()},
            labelled_share=labelled / max(1, labelled + self.ignored),
        )

    def _image(self, file: Path) -> tuple[int, ...] | None:
        self.images += 1
        try:
            image = read_image(file)
        except RetintError as error:
            self.problems.add("unreadable images", str(error))
            return None
        self.kinds[file] = image.shape[2], str(image.dtype)
        if image.dtype.kind == "f" and (count := int(np.sum(~np.isfinite(image)))):
            self.problems.add("images that hold NaN", messages.not_finite(file, count))
        return image.shape[:2]

    def _mask(self, file: Path, counts: NDArray[np.int64]) -> tuple[int, ...] | None:
        try:
            labels = read_labels(file)
        except ColouredMask:
            self.coloured.append(file)
            return None
        except RetintError as error:
            self.problems.add("unreadable labels", str(error))
            return None
        self.masks += 1
        found = np.bincount(labels.ravel(), minlength=256)
        classes, ignore = len(self.dataset.classes), self.dataset.ignore
        counts += found[:classes]
        self.ignored += int(found[ignore])
        if found[ignore] == labels.size:
            self.warnings.add("images without a labelled pixel", messages.all_ignored(file, ignore))
        if strange := {int(v): int(found[v]) for v in np.flatnonzero(found) if v >= classes and v != ignore}:
            self.strange[file] = strange
        return labels.shape

    def _tell_strange(self, class_zero_occurs: bool) -> None:
        root, classes, ignore = self.dataset.root, len(self.dataset.classes), self.dataset.ignore
        values = sorted({value for found in self.strange.values() for value in found})
        if values == [classes] and not class_zero_occurs:
            mend = messages.mend_counted_from_one(root, classes)
        else:
            mend = messages.mend_strange(root, values, ignore)
        for file, found in self.strange.items():
            self.problems.add("values that are no class", messages.out_of_range(file, found, classes, ignore, mend))

    def _tell_colours(self) -> None:
        root = self.dataset.root
        for file in self.coloured:
            self.problems.add("coloured masks", messages.coloured(file, root))
        try:
            palette = propose_palette(find_colours(self.coloured), len(self.dataset.classes), self.dataset.colours)
        except RetintError as error:
            self.problems.add("colours", f"{root}: {error}")
            return
        if len(palette) <= _LONGEST_PALETTE:
            self.problems.add("colours", messages.palette(root, len(self.coloured), written_palette(palette)))

    def _usual(self) -> messages.Kind:
        return Counter(self.kinds.values()).most_common(1)[0][0] if self.kinds else (0, "")

    def _tick(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(self.done, self.total)


def _by_stem(files: Sequence[Path]) -> dict[str, list[Path]]:
    result: dict[str, list[Path]] = {}
    for file in files:
        result.setdefault(file.stem, []).append(file)
    return result
