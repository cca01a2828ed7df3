"""Making class indices of masks that hold something else: other numbers, or colours.

Labels of volumes stay in the format that they have; others become PNG. The masks that were there move to
`labels.original/` beside `labels/`, those of later conversions to `labels.original-2/` and so on; nothing is
overwritten. All parts of a set are converted, or none.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import DataProblems, RetintError
from retint.images import ColouredMask, read_volume_labels, write_labels, write_volume_labels

from .colours import CLEAR, IGNORED, code_of, colour_of, colours_in, hex_of
from .files import label_files, read_indices, split_folders
from .folder import IGNORE, Colour, find_dims, known_colours

# of a label file of 2 or 3 dimensions: its new labels, and whether they differ; None if the file is to stay as it is
Transform = Callable[[Path, int], tuple[NDArray[Any], bool] | None]


def convert_values(dataset_root: str | Path, mapping: Mapping[int, int]) -> list[Path]:
    """Replace values of all masks of a data set; those not in the mapping stay as they are.

    Args:
        dataset_root: the folder of the set; it needs no `classes.json` yet.
        mapping: old value (0 to 65535) to new (0 to 255). All are replaced at once: {0: 1, 1: 0} swaps.

    Returns:
        The new label files.

    Raises:
        DataProblems: masks that cannot be converted; then nothing has changed.
        RetintError: no masks, nothing to replace, or what a stopped conversion left is in the way.
    """
    for old, new in mapping.items():
        if not (0 <= old <= 65535 and 0 <= new <= 255):
            raise RetintError(f"{old}={new}: expected a value of 0 to 65535 and a class index of 0 to {IGNORE}")
    if all(old == new for old, new in mapping.items()):
        raise RetintError(f"{','.join(f'{old}={new}' for old, new in mapping.items())}: changes nothing; expected other new values")
    table = np.arange(65536, dtype=np.uint16)
    table[list(mapping)] = list(mapping.values())

    def transform(file: Path, dims: int) -> tuple[NDArray[np.uint16], bool]:
        try:
            labels = read_indices(file, dims)
        except ColouredMask as error:
            raise RetintError(f"{file}: found a mask in colours; convert those with --palette instead") from error
        converted = table[labels]
        return converted, not np.array_equal(converted, labels)

    colours = dict(enumerate(known_colours(Path(dataset_root))))
    return _convert(Path(dataset_root), transform, f"no pixel has a value of {sorted(mapping)}", colours)


def convert_palette(dataset_root: str | Path, palette: Mapping[Colour, int]) -> list[Path]:
    """Replace the colours of masks of a data set by class indices; masks of bare indices stay as they are.

    A mask with a palette of its own is taken by its colours if the palette given names one of them; if it names none, it
    stays, too. Pixels that are wholly transparent become 255, ignore, and so does an index 255 that is black.

    Args:
        dataset_root: the folder of the set; it needs no `classes.json` yet.
        palette: (red, green, blue), each 0 to 255, to class index, 255 for ignore.

    Returns:
        The new label files.

    Raises:
        DataProblems: masks with colours that the palette lacks; then nothing has changed.
        RetintError: no mask to convert, or what a stopped conversion left is in the way.
    """
    if not palette:
        raise RetintError('the palette is empty; expected such as {"#000000": 0, "#ff0000": 1}')
    for colour, index in palette.items():
        if not 0 <= index <= IGNORE:
            raise RetintError(f"{hex_of(colour)}: found class index {index}; expected 0 to {IGNORE}")
    by_code = {CLEAR: IGNORE, IGNORED: IGNORE} | {code_of(colour): index for colour, index in palette.items()}
    codes = np.array(sorted(by_code), np.int64)
    indices = np.array([by_code[code] for code in sorted(by_code)], np.uint8)

    def transform(file: Path, dims: int) -> tuple[NDArray[Any], bool] | None:
        labels, seen = colours_in(file, dims)
        if seen is None:
            return None
        place = np.minimum(np.searchsorted(codes, seen), len(codes) - 1)
        unknown = codes[place] != seen
        if labels is not None and (unknown | (seen < 0)).all():
            return None
        if unknown.any():
            most = Counter(seen[unknown].tolist()).most_common(5)
            told = ", ".join(f"{hex_of(colour_of(code))} ({pixels} pixels)" for code, pixels in most)
            raise RetintError(f"{file}: found {told}, which the palette lacks; add them, as {IGNORE} to ignore them")
        return None if labels is not None and np.array_equal(indices[place], labels) else (indices[place], True)

    shown = {index: colour for colour, index in reversed([*palette.items()])}
    return _convert(
        Path(dataset_root),
        transform,
        "no mask is in colours that become other indices, or has a palette of such",
        shown,
    )


def parse_mapping(texts: Iterable[str]) -> dict[int, int]:
    """Read `255=1` or `1=0,2=1`, one text or several, as old value to new.

    Raises:
        RetintError: a text is something else, or gives a value twice.

    >>> parse_mapping(["1=0,2=1", "255=2"])
    {1: 0, 2: 1, 255: 2}
    """
    mapping: dict[int, int] = {}
    for text in (part.strip() for group in texts for part in group.split(",")):
        match = re.fullmatch(r"(\d{1,5})=(\d{1,3})", text)
        if not match:
            raise RetintError(f"{text!r}: expected OLD=NEW, such as 255=1, and commas or spaces between several")
        old, new = map(int, match.groups())
        if mapping.setdefault(old, new) != new:
            raise RetintError(f"{old}={mapping[old]} and {old}={new}: give each value one new value")
    return mapping


def _convert(root: Path, transform: Transform, unchanged: str, colours: Mapping[int, Colour]) -> list[Path]:
    """Write transformed masks into `labels.new/` of each part, then put them in the place of `labels/`.

    `colours` are those to show classes in; the rest get others.
    """
    parts = split_folders(root)
    dims = find_dims(root, parts)
    folders = [folder / "labels" for folder in parts.values() if label_files(folder / "labels")]
    if not folders:
        kinds = "PNG or TIFF files" if dims == 2 else "TIFF stacks, NIfTI or OME-Zarr"
        raise RetintError(f"{root}: found no masks to convert; expected {kinds} in labels/")
    for folder in folders:
        if _new(folder).exists():
            line = "found what a conversion that was stopped left; expected nothing there: remove it"
            raise RetintError(f"{_new(folder)}: {line}")
    try:
        written, changed = _write(folders, transform, dims, colours)
        if not changed:
            raise RetintError(f"{root}: {unchanged}; nothing to convert")
        _exchange(folders)
    except OSError as error:
        file = error.filename or root
        raise RetintError(f"{file}: cannot be written ({error.strerror}); nothing has changed") from error
    finally:
        for folder in folders:
            shutil.rmtree(_new(folder), ignore_errors=True)
    return written


def _write(
    folders: Sequence[Path], transform: Transform, dims: int, colours: Mapping[int, Colour]
) -> tuple[list[Path], bool]:
    from retint.pictures import default_palette

    free = (colour for colour in default_palette(256) if colour not in colours.values())
    every = [colours.get(k) or next(free) for k in range(IGNORE)] + [colours.get(IGNORE, (0, 0, 0))]
    sources: dict[Path, Path] = {}  # of each new file
    written: list[Path] = []
    problems: list[str] = []
    changed = False
    for folder in folders:
        _new(folder).mkdir()
        for file in label_files(folder):
            try:
                transformed = transform(file, dims)
                target = file if transformed is None or dims == 3 else folder / f"{file.stem}.png"
                if (other := sources.setdefault(target, file)) != file:
                    raise RetintError(f"{file}: found {other.name} beside it; rename one of the two")
                if transformed is None:
                    (shutil.copytree if file.is_dir() else shutil.copyfile)(file, _new(folder) / file.name)
                    continue
                labels, differs = transformed
                if (highest := int(labels.max(initial=0))) > IGNORE:
                    raise RetintError(f"{file}: found {highest}; expected 0 to {IGNORE}: map it to one of these")
                changed |= differs
                used = int(np.max(labels, where=labels < IGNORE, initial=0)) + 1
                labels, palette = labels.astype(np.uint8), every if IGNORE in colours else every[:used]
                if dims == 2:
                    write_labels(_new(folder) / target.name, labels, palette)
                else:
                    write_volume_labels(_new(folder) / target.name, labels, palette, read_volume_labels(file))
                written.append(target)
            except RetintError as error:
                problems.append(str(error))
    if problems:
        raise DataProblems(problems)
    return written, changed


def _exchange(folders: Sequence[Path]) -> None:
    """`labels/` becomes `labels.original/`, `labels.new/` becomes `labels/`; all of them or none."""
    time = next(n for n in count(1) if not any(_original(folder, n).exists() for folder in folders))
    moved: list[tuple[Path, Path]] = []
    try:
        for folder in folders:
            for source, target in ((folder, _original(folder, time)), (_new(folder), folder)):
                source.rename(target)
                moved.append((source, target))
    except BaseException:
        for source, target in reversed(moved):
            target.rename(source)
        raise


def _original(folder: Path, time: int) -> Path:
    return folder.with_name("labels.original" if time == 1 else f"labels.original-{time}")


def _new(folder: Path) -> Path:
    return folder.with_name("labels.new")
