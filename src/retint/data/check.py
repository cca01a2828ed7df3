"""Looking at a data set whole before hours of training: every problem at once, each with what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize
from zlib import adler32, crc32

import numpy as np
from numpy.typing import NDArray

from retint.errors import DataProblems, RetintError
from retint.images import ColouredMask, Volume, is_volume, read_image, read_volume, volume_stem, volume_suffix

from . import messages
from .colours import CLEAR, colour_of, count_codes, propose_palette, written_palette
from .files import (
    FLAT,
    VOLUME_SUFFIXES,
    image_files,
    label_files,
    like_a_part,
    nested,
    read_indices,
    stem_of,
    told_empty,
    unused_parts,
)
from .folder import Dataset, Split
from .palettes import Palettes
from .report import Lines, Report
from .tags import FILE as TAGS_FILE
from .tags import read_tags

_LONGEST_PALETTE = 32  # colours that still fit in a message
_SPACINGS_DIFFER = 1.5  # times

Print = tuple[tuple[int, ...], int, int]  # of an image's pixels: their shape and two check sums


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
    check.twins()
    check.values()
    check.beside()
    return check.report()


@dataclass
class _Check:
    """What was seen so far."""

    dataset: Dataset
    progress: Callable[[int, int], None] | None
    tagged: bool = False
    some: bool = False
    problems: Lines = field(default_factory=Lines)
    warnings: Lines = field(default_factory=Lines)
    kinds: dict[Path, messages.Kind] = field(default_factory=dict)  # of each image
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # pixels of each class, of each split
    counted: dict[Path, NDArray[np.int64]] = field(default_factory=dict)  # and of each file
    sums: dict[Path, int] = field(default_factory=dict)  # of each file's pixels
    prints: dict[str, dict[Print, list[Path]]] = field(default_factory=dict)  # images of each part that are alike
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
        self.palettes = Palettes(self.dataset)

    def names(self, split: Split) -> None:
        """Which files are there, by their names alone."""
        images, labels = _by_stem(image_files(split.folder / "images")), _by_stem(label_files(split.folder / "labels"))
        folder = split.folder / "labels"
        if not images:
            self.problems.add("empty parts", told_empty(split.folder / "images", split.name in ("train", FLAT)))
        elif inside := nested(split.folder / "images"):
            line = messages.not_read(split.folder / "images", [one.name for one in inside])
            self.warnings.add("folders that are not read", line)
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
        others = _others(folder, labels)
        lacking = sorted(images.keys() - labels.keys() - excused)
        left_out = [stem for stem in lacking if self.some and stem not in others]
        if left_out:
            self.warnings.add("images left out", messages.left_out(split.folder / "images", len(left_out), len(images)))
        for stem in sorted(set(lacking) - set(left_out)):
            suffix = ".png" if self.dataset.dims == 2 else volume_suffix(images[stem][0])
            line = messages.no_labels(
                folder / f"{volume_stem(images[stem][0])}{suffix}", images[stem][0], others.get(stem)
            )
            self.problems.add("images without labels", line)
        others = _others(split.folder / "images", images)
        for stem in sorted(labels.keys() - images.keys()):
            line = messages.no_image(labels[stem][0], split.folder / "images", others.get(stem))
            self.problems.add("labels without an image", line)

    def pixels(self, split: Split) -> None:
        """What is in the files."""
        sizes: dict[str, tuple[int, ...]] = {}
        for file in image_files(split.folder / "images"):
            if size := self._image(file, split.name):
                sizes.setdefault(stem_of(file), size)
            self._tick()
        counts = self.counts[split.name] = np.zeros(len(self.dataset.classes), np.int64)
        for file in label_files(split.folder / "labels"):
            size = self._mask(file)
            counts += self.counted.get(file, 0)
            expected = sizes.get(stem_of(file))
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

    def twins(self) -> None:
        """Whether an image may be both learned from and scored on, being there twice."""
        learn = self.prints.get("train") or self.prints.get(FLAT, {})
        for part in ("val", "test"):
            other = self.prints.get(part, {})
            if both := [key for key in other if key in learn]:
                line = messages.in_both(
                    other[both[0]][0], learn[both[0]][0], sum(len(other[key]) for key in both), part
                )
                self.warnings.add("images in two parts", line)
        again = [files for files in learn.values() if len(files) > 1]
        if again and "val" not in self.dataset.splits:
            first, second = again[0][:2]
            self.warnings.add("images twice", messages.twice(second, first, sum(len(files) - 1 for files in again)))

    def beside(self) -> None:
        """Whether there are images in folders that are no parts."""
        for folder in unused_parts(self.dataset.root, [split.folder for split in self.dataset.splits.values()]):
            line = messages.not_used(folder, like_a_part(folder.name), FLAT in self.dataset.splits)
            self.warnings.add("folders that are not used", line)

    def values(self) -> None:
        """Whether the masks, over the whole set, hold class indices."""
        root, classes = self.dataset.root, self.dataset.classes
        every = sum(self.counts.values(), np.zeros(len(classes), np.int64))
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
        data = np.ascontiguousarray(image).data
        self.sums[file] = crc32(data)
        alike = self.prints.setdefault(part, {}).setdefault((image.shape, self.sums[file], adler32(data)), [])
        alike.append(file)
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
        if self.dataset.dims == 2:
            with suppress(RetintError):  # it was read without its palette
                self.palettes.add(file, self.counted[file])
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
        """What is in colours, and palettes that do not say what the indices do."""
        wrong, odd = self.palettes.wrong(), self.palettes.odd()
        for file in self.coloured:
            self.problems.add("coloured masks", messages.coloured(file, self.dataset.root))
        for file, line in wrong.items():
            self.problems.add("palettes in another order", line)
            self.strange.pop(file, None)  # nobody knows what its values are
        if self.coloured or wrong:
            self._propose([*self.coloured, *(self.palettes.spoken() if wrong else ())], self.problems)
        if odd:
            lines = self.problems if self.strange else self.warnings  # those may be mended by a palette
            lines.add("palettes of other colours", odd)
            if not wrong:
                self._propose(self.palettes.spoken() or list(self.palettes.shown), lines)

    def _propose(self, masks: Sequence[Path], lines: Lines) -> None:
        """The palette that these may be converted with."""
        root = self.dataset.root
        try:
            counts = count_codes(masks)
            colours = {colour_of(code): pixels for code, pixels in counts.items() if code >= 0}
            palette = propose_palette(colours, len(self.dataset.classes), self.dataset.colours)
        except RetintError as error:
            lines.add("colours", f"{root}: {error}")
            return
        if len(palette) <= _LONGEST_PALETTE:
            lines.add("colours", messages.palette(root, len(masks), written_palette(palette), counts[CLEAR]))

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
        result.setdefault(stem_of(file), []).append(file)
    return result


def _others(folder: Path, known: Mapping[str, Sequence[Path]]) -> dict[str, str]:
    """What else is in a folder, beside the files of known stems, by what may be its stem."""
    result: dict[str, str] = {}
    for file in folder.iterdir():
        if stem_of(file) not in known:
            kind = "a broken link, " if not file.exists() else "a folder, " if file.is_dir() else ""
            result |= dict.fromkeys((normalize("NFC", file.name.split(".")[0]), stem_of(file)), f"{kind}{file.name}")
    return result
