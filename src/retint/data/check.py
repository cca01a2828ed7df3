"""Looking at a data set whole before hours of training: every problem at once, each with what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from retint.errors import DataProblems, RetintError
from retint.images import ColouredMask, Volume, is_volume, read_image, read_volume, volume_stem, volume_suffix

from . import messages
from .colours import find_colours, propose_palette, written_palette
from .folder import FLAT, VOLUME_SUFFIXES, Dataset, Split, image_files, label_files, read_indices
from .tags import FILE as TAGS_FILE
from .tags import read_tags

_SHOWN = 20  # lines of one kind
_LONGEST_PALETTE = 32  # colours that still fit in a message
_SPACINGS_DIFFER = 1.5  # times


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
    check = _Check(dataset, progress, tagged, some)
    for split in dataset.splits.values():
        check.names(split)
        check.pixels(split)
    check.formats()
    check.spacings()
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
    tagged: bool = False
    some: bool = False
    problems: _Lines = field(default_factory=_Lines)
    warnings: _Lines = field(default_factory=_Lines)
    kinds: dict[Path, messages.Kind] = field(default_factory=dict)  # of each image
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # pixels of each class, of each split
    counted: dict[Path, NDArray[np.int64]] = field(default_factory=dict)  # and of each file
    sums: dict[Path, int] = field(default_factory=dict)  # of each file's pixels
    strange: dict[Path, dict[int, int]] = field(default_factory=dict)  # pixels of each value that is no class
    coloured: list[Path] = field(default_factory=list)
    mixed: list[Path] = field(default_factory=list)  # 2-D among volumes, or volumes among 2-D
    volumes: dict[Path, tuple[tuple[float, ...], str | None]] = field(default_factory=dict)  # spacing and unit
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
        excused = self._tagged(split)
        if not folder.is_dir():
            if self.some and split.name not in ("train", FLAT):
                line = messages.left_out(split.folder / "images", len(images), len(images))
                self.warnings.add("images left out", line)
            elif not excused:
                self.problems.add("no labels", messages.no_labels_folder(folder))
            return
        others = {file.name.split(".")[0]: file.name for file in folder.iterdir() if volume_stem(file) not in labels}
        lacking = sorted(images.keys() - labels.keys() - excused)
        left_out = [stem for stem in lacking if self.some and stem not in others]
        if left_out:
            self.warnings.add("images left out", messages.left_out(split.folder / "images", len(left_out), len(images)))
        for stem in sorted(set(lacking) - set(left_out)):
            suffix = ".png" if self.dataset.dims == 2 else volume_suffix(images[stem][0])
            line = messages.no_labels(folder / f"{stem}{suffix}", images[stem][0], others.get(stem))
            self.problems.add("images without labels", line)
        for stem in sorted(labels.keys() - images.keys()):
            line = messages.no_image(labels[stem][0], split.folder / "images")
            self.problems.add("labels without an image", line)

    def pixels(self, split: Split) -> None:
        """What is in the files."""
        sizes: dict[str, tuple[int, ...]] = {}
        for file in image_files(split.folder / "images"):
            if size := self._image(file):
                sizes.setdefault(volume_stem(file), size)
            self._tick()
        counts = self.counts[split.name] = np.zeros(len(self.dataset.classes), np.int64)
        for file in label_files(split.folder / "labels"):
            size = self._mask(file)
            counts += self.counted.get(file, 0)
            expected = sizes.get(volume_stem(file))
            if size and expected and size != expected:
                self.problems.add("labels of another size", messages.other_size(file, size, expected))
            self._tick()

    def formats(self) -> None:
        """Whether all images have the same dimensions, channels and dtype."""
        if self.mixed:
            line = messages.mixed(self.dataset.root, self.mixed, self.total, self.dataset.dims)
            self.problems.add("files of other dimensions", line)
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
        for name in ("train", FLAT) if not self.tagged else ():  # tags may teach what no pixel does
            for k, pixels in enumerate(self.counts.get(name, ())):
                if not pixels:
                    line = messages.never_occurs(self.dataset.splits[name].folder, classes[k], k)
                    self.warnings.add("classes that never occur", line)

    def report(self) -> Report:
        channels, dtype = self._usual()
        spacing, unit = self._usual_spacing()
        labelled = sum(int(counts.sum()) for counts in self.counts.values())
        return Report(
            problems=self.problems.told(),
            warnings=self.warnings.told(),
            images=self.images,
            channels=channels,
            dtype=dtype,
            pixels_per_class={name: counts.tolist() for name, counts in self.counts.items()},
            labelled_share=labelled / max(1, labelled + self.ignored),
            dims=self.dataset.dims,
            spacing=spacing,
            unit=unit,
            pixels_in=self.counted,
            sums=self.sums,
        )

    def _tagged(self, split: Split) -> set[str]:
        """Stems of the images that tags describe."""
        if not self.tagged or not (split.folder / TAGS_FILE).is_file():
            return set()
        try:
            return {one.stem for one in read_tags(split.folder, self.dataset.classes)}
        except DataProblems as error:
            for line in error.problems:
                self.problems.add("tags", line)
        except RetintError as error:
            self.problems.add("tags", str(error))
        return {volume_stem(file) for file in image_files(split.folder / "images")}

    def _image(self, file: Path) -> tuple[int, ...] | None:
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
        self.sums[file] = crc32(np.ascontiguousarray(image).data)
        if image.dtype.kind == "f" and (count := int(np.sum(~np.isfinite(image)))):
            self.problems.add("images that hold NaN", messages.not_finite(file, count))
        return image.shape[:-1]

    def _read(self, file: Path) -> Volume:
        return Volume(read_image(file)) if self.dataset.dims == 2 else read_volume(file)

    def _other_dims(self, file: Path) -> bool:
        return is_volume(file) if self.dataset.dims == 2 else volume_suffix(file) not in VOLUME_SUFFIXES

    def _is_single(self, file: Path, shape: tuple[int, ...]) -> bool:
        """Whether a file among volumes is a TIFF of one plane, which does not say whether it is meant as one."""
        return self.dataset.dims == 3 and shape[0] == 1 and ".tif" in volume_suffix(file)

    def _mask(self, file: Path) -> tuple[int, ...] | None:
        try:
            labels = None if self._other_dims(file) else read_indices(file, self.dataset.dims)
        except ColouredMask:
            self.coloured.append(file)
            return None
        except RetintError as error:
            self.problems.add("unreadable labels", str(error))
            return None
        if labels is None or self._is_single(file, labels.shape):
            self.mixed.append(file)
            return None
        self.masks += 1
        self.sums[file] = crc32(np.ascontiguousarray(labels).data)
        found = np.bincount(labels.ravel(), minlength=256)
        classes, ignore = len(self.dataset.classes), self.dataset.ignore
        self.counted[file] = found[:classes]
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


def _by_stem(files: Sequence[Path]) -> dict[str, list[Path]]:
    result: dict[str, list[Path]] = {}
    for file in files:
        result.setdefault(volume_stem(file), []).append(file)
    return result
