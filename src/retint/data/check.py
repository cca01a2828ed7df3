"""Looking at a data set whole before hours of work: every problem at once, each with what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from retint.errors import DataProblems, RetintError
from retint.images import ColouredMask, Volume, is_volume, read_image, read_volume, volume_suffix

from . import messages
from .files import FLAT, VOLUME_SUFFIXES, image_files, label_files, like_a_part, read_indices, stem_of, unused_parts
from .folder import Dataset, Split
from .masks import Masks
from .names import Unlabelled, check_stems
from .report import Lines, Report
from .tags import FILE as TAGS_FILE
from .tags import read_tags
from .twins import Twins, same_files

_SPACINGS_DIFFER = 1.5  # times


def check_dataset(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None, tagged: bool = False, some: bool = False
) -> Report:
    """Open every file of a data set and list all that is wrong with it.

    Args:
        dataset: an opened one.
        progress: called after each file with how many are done and how many there are.
        tagged: images that `tags.csv` names need no labels.
        some: images without labels are none of the problems; one of the warnings says how many there are.

    Returns:
        The report. Bad files raise nothing here; see `Report.raise_if_bad`.
    """
    check = _Check(dataset, progress, tagged, Unlabelled.LEFT_OUT if some else Unlabelled.WRONG)
    for split in dataset.splits.values():
        check.names(split)
        check.images_of(split, image_files(split.folder / "images"))
        check.masks_of(split)
    check.dimensions()
    check.formats()
    check.spacings()
    check.twins()
    check.values()
    check.never()
    check.beside()
    return check.report()


def check_part(dataset: Dataset, part: Split, fits: Callable[[NDArray[Any], Path], object]) -> Report:
    """The same of one part alone that something is to be measured on: its labels, and the images that have some.

    Images that are in the part and in those to learn from are found by their files here, so that only these are opened, and not
    by their pixels.

    Args:
        dataset: an opened one.
        part: one of its splits.
        fits: called with each image, (rows, columns, channels) or (slices, rows, columns, channels) uint8, uint16 or float32,
            and its file; raises RetintError if what is measured does not take it.

    Returns:
        The report. Images without labels are none of the problems, nor is it that they differ in channels or dtype.
    """
    check = _Check(dataset, unlabelled=Unlabelled.LEFT_OUT, fits=fits)
    check.names(part)
    check.images_of(part, [pair.image for pair in part.pairs])
    check.masks_of(part)
    check.dimensions()
    check.spacings()
    check.copied(part)
    check.values(part)
    check.beside()
    return check.report()


def check_labels(dataset: Dataset, part: Split) -> Report:
    """The same of the labels of one part alone, whose images without labels are those that are asked for.

    Args:
        dataset: an opened one.
        part: one of its splits.

    Returns:
        The report. No image was opened for it.
    """
    check = _Check(dataset, unlabelled=Unlabelled.WANTED)
    check.names(part)
    check.masks_of(part)
    check.dimensions()
    check.values(part)
    check.beside()
    return check.report()


@dataclass
class _Check:
    """What was seen so far."""

    dataset: Dataset
    progress: Callable[[int, int], None] | None = None
    tagged: bool = False
    unlabelled: Unlabelled = Unlabelled.WRONG
    fits: Callable[[NDArray[Any], Path], object] | None = None
    problems: Lines = field(default_factory=Lines)
    warnings: Lines = field(default_factory=Lines)
    kinds: dict[Path, messages.Kind] = field(default_factory=dict)  # of each image
    sizes: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)  # of each part's images, by stem
    sums: dict[Path, int] = field(default_factory=dict)  # of each file's pixels
    mixed: list[Path] = field(default_factory=list)  # 2-D among volumes, or volumes among 2-D
    volumes: dict[Path, tuple[tuple[float, ...], str | None]] = field(default_factory=dict)  # spacing and unit
    images: int = 0
    done: int = 0

    def __post_init__(self) -> None:
        folders = [split.folder for split in self.dataset.splits.values()]
        self.total = sum(len(image_files(f / "images")) + len(label_files(f / "labels")) for f in folders)
        self.masks = Masks(self.dataset)
        self.seen = Twins()

    def names(self, split: Split) -> None:
        """Which files are there, by their names alone."""
        check_stems(split, self.dataset.dims, self.unlabelled, self._tagged(split), self.problems, self.warnings)

    def images_of(self, split: Split, files: Iterable[Path]) -> None:
        """What is in images of a part."""
        sizes = self.sizes[split.name] = {}
        for file in files:
            if size := self._image(file, split.name):
                sizes.setdefault(stem_of(file), size)
            self._tick()

    def masks_of(self, split: Split, asked: bool = True) -> None:
        """What is in a part's label files, and whether they have the sizes of the images that were looked at.

        Of a part that was not `asked` for, what cannot be read is passed over.
        """
        sizes = self.sizes.get(split.name, {})
        for file in label_files(split.folder / "labels"):
            size = self._mask(file, split.name, asked)
            expected = sizes.get(stem_of(file))
            if size and expected and size != expected:
                self.problems.add("labels of another size", messages.other_size(file, size, expected))
            self._tick()

    def dimensions(self) -> None:
        """Whether all files have the set's."""
        if self.mixed:
            line = messages.mixed(self.dataset.root, self.mixed, self.total, self.dataset.dims)
            self.problems.add("files of other dimensions", line)

    def formats(self) -> None:
        """Whether all images have the same channels and dtype."""
        usual = self._usual()
        having = list(self.kinds.values()).count(usual)
        for file, kind in self.kinds.items():
            if kind != usual:
                line = messages.other_format(file, kind, usual, having, len(self.kinds))
                self.problems.add("images of another format", line)

    def spacings(self) -> None:
        """Whether the voxels of all volumes have about the same size."""
        usual, unit = self._usual_spacing()
        for file, (spacing, own) in self.volumes.items():
            if usual and own == unit:
                ratios = np.divide(spacing, usual)
                if max(ratios.max(), 1 / ratios.min()) > _SPACINGS_DIFFER:
                    self.warnings.add("volumes of another spacing", messages.other_spacing(file, spacing, usual))

    def twins(self) -> None:
        """Whether an image may be both learned from and scored on, being there twice."""
        for part in ("val", "test"):
            self._tell_learned(self.seen.learned(part), part)
        if (copies := self.seen.copies()) and "val" not in self.dataset.splits:
            self.warnings.add("images twice", messages.twice(*copies[0], len(copies)))

    def copied(self, part: Split) -> None:
        """The same for one part, by the files."""
        if part.name in ("val", "test") and "train" in self.dataset.splits:
            learn = image_files(self.dataset.splits["train"].folder / "images")
            self._tell_learned(same_files([pair.image for pair in part.pairs], learn), part.name)

    def beside(self) -> None:
        """Whether there are images in folders that are no parts."""
        for folder in unused_parts(self.dataset.root, [split.folder for split in self.dataset.splits.values()]):
            line = messages.not_used(folder, like_a_part(folder.name), FLAT in self.dataset.splits)
            self.warnings.add("folders that are not used", line)

    def values(self, part: Split | None = None) -> None:
        """Whether the masks, of the whole set or of a part of it, hold class indices.

        How to mend them is said of the whole set: if those of a part are not beyond doubt, the others are looked at, too.
        """
        for other in self.dataset.splits.values() if part and self.masks.doubtful(part.name) else ():
            if other is not part:
                self.masks_of(other, asked=False)
        asked = [part.name] if part else list(self.dataset.splits)
        self.masks.tell(asked, self.unlabelled is Unlabelled.WANTED, self.problems, self.warnings)

    def never(self) -> None:
        """Whether each class is there to be learned."""
        for name in ("train", FLAT) if not self.tagged else ():  # tags may teach what no pixel does
            for k, pixels in enumerate(self.masks.counts.get(name, ())):
                if not pixels:
                    line = messages.never_occurs(self.dataset.splits[name].folder, self.dataset.classes[k], k)
                    self.warnings.add("classes that never occur", line)

    def report(self) -> Report:
        channels, dtype = self._usual()
        spacing, unit = self._usual_spacing()
        labelled = sum(int(counts.sum()) for counts in self.masks.counts.values())
        return Report(
            problems=self.problems.told(),
            warnings=self.warnings.told(),
            images=self.images,
            channels=channels,
            dtype=dtype,
            pixels_per_class={name: counts.tolist() for name, counts in self.masks.counts.items()},
            labelled_share=labelled / max(1, labelled + self.masks.ignored.total()),
            dims=self.dataset.dims,
            spacing=spacing,
            unit=unit,
            pixels_in=self.masks.counted,
            sums=self.sums,
        )

    def _tagged(self, split: Split) -> set[str]:
        """Stems of the images that tags describe."""
        if not self.tagged or not (split.folder / TAGS_FILE).is_file():
            return set()
        try:
            return {stem_of(one.image) for one in read_tags(split.folder, self.dataset.classes)}
        except DataProblems as error:
            for line in error.problems:
                self.problems.add("tags", line)
        except RetintError as error:
            self.problems.add("tags", str(error))
        return {stem_of(file) for file in image_files(split.folder / "images")}

    def _image(self, file: Path, part: str) -> tuple[int, ...] | None:
        self.images += 1
        try:
            volume = None if self._other_dims(file) else self._read(file)
        except RetintError as error:
            self.problems.add("unreadable images", str(error))
            return None
        if volume is None or self._is_single(file, volume.pixels.shape):
            self.mixed.append(file)
            return None
        image = volume.pixels
        if volume.spacing:
            self.volumes[file] = volume.spacing, volume.unit
        self.kinds[file] = image.shape[-1], str(image.dtype)
        self.sums[file] = self.seen.add(part, file, image)
        if image.dtype.kind == "f" and (count := int(np.sum(~np.isfinite(image)))):
            self.problems.add("images that hold NaN", messages.not_finite(file, count))
        elif self.fits:
            try:
                self.fits(image, file)
            except RetintError as error:
                self.problems.add("images that do not fit", str(error))
        return image.shape[:-1]

    def _read(self, file: Path) -> Volume:
        return Volume(read_image(file)) if self.dataset.dims == 2 else read_volume(file)

    def _other_dims(self, file: Path) -> bool:
        return is_volume(file) if self.dataset.dims == 2 else volume_suffix(file) not in VOLUME_SUFFIXES

    def _is_single(self, file: Path, shape: tuple[int, ...]) -> bool:
        """Whether a file among volumes is a TIFF of one plane, which does not say whether it is meant as one."""
        return self.dataset.dims == 3 and shape[0] == 1 and ".tif" in volume_suffix(file)

    def _mask(self, file: Path, part: str, asked: bool) -> tuple[int, ...] | None:
        try:
            labels = None if self._other_dims(file) else read_indices(file, self.dataset.dims)
        except ColouredMask:
            self.masks.coloured.append(file)
            return None
        except RetintError as error:
            if asked:
                self.problems.add("unreadable labels", str(error))
            return None
        if labels is None or self._is_single(file, labels.shape):
            self.mixed.append(file)
            return None
        self.sums[file] = crc32(np.ascontiguousarray(labels).data)
        if not self.masks.add(part, file, labels) and asked:
            self.warnings.add("images without a labelled pixel", messages.all_ignored(file, self.dataset.ignore))
        return labels.shape

    def _tell_learned(self, both: Sequence[tuple[Path, Path]], part: str) -> None:
        if both:
            self.warnings.add("images in two parts", messages.in_both(*both[0], len(both), part))

    def _usual(self) -> messages.Kind:
        return Counter(self.kinds.values()).most_common(1)[0][0] if self.kinds else (0, "")

    def _usual_spacing(self) -> tuple[tuple[float, float, float] | None, str | None]:
        if not self.volumes:
            return None, None
        unit = Counter(unit for _, unit in self.volumes.values()).most_common(1)[0][0]
        slices, rows, columns = np.median([size for size, own in self.volumes.values() if own == unit], axis=0).tolist()
        return (slices, rows, columns), unit

    def _tick(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(self.done, self.total)
