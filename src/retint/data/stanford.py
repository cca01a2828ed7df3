"""The Stanford Background set (Gould, Fulton and Koller 2009): outdoor scenes, and tables of numbers as their labels.

    images/NAME.jpg  labels/NAME.regions.txt      a row of numbers with spaces between for each row of pixels

The numbers are indices into `CLASSES`, or -1 for a pixel that nobody labelled. Other files beside these have no part.

References:
    Gould, Fulton and Koller (2009), Decomposing a scene into geometric and semantically consistent regions, ICCV.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import DataProblems, RetintError
from retint.images import read_image, write_labels

from . import messages
from .files import image_files
from .folder import IGNORE, Colour

CLASSES = ("sky", "tree", "road", "grass", "water", "building", "mountain", "foreground")
COLOURS: tuple[Colour, ...] = (
    (130, 190, 235), (20, 120, 50), (125, 100, 135), (150, 210, 70), (30, 80, 200), (200, 90, 60), (150, 120, 80), (250, 200, 40),
)  # fmt: skip

_TABLE = ".regions.txt"
_JPEG = (".jpg", ".jpeg")
_VALUES = {"-1": IGNORE} | {str(k): k for k in range(len(CLASSES))}
_AGAIN = "copy it again from the original set"

_Scene = tuple[Path, NDArray[np.uint8]]  # the image file; its labels


def import_stanford(source: str | Path, out: str | Path) -> list[Path]:
    """Make a data set of a folder in the format of Stanford Background.

    The JPEG files are copied as they are. All is read before anything is written, and `out` appears whole or not at all.

    Args:
        source: the folder that holds `images/` and `labels/`.
        out: the folder to make; it may exist if it is empty.

    Returns:
        The new label files, ordered by name.

    Raises:
        DataProblems: everything that is wrong with the files.
        RetintError: `out` is in the way, or cannot be written.
    """
    source, out = Path(source), Path(out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        found = "a folder that is not empty" if out.is_dir() else "a file"
        raise RetintError(f"{out}: found {found}; expected nothing there yet: give another --out, or remove it")
    scenes = _read(source)
    place = out.resolve()
    part = place.with_name(f".{secrets.token_hex(6)}.part")
    try:
        _write(part, scenes)
        if place.is_dir():
            place.rmdir()  # it is empty; not every system renames onto a folder
        part.rename(place)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RetintError(
            f"{out}: found that it cannot be written ({reason}); expected a writable place with room: give another --out"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return [out / "labels" / f"{stem}.png" for stem in scenes]


def folds(stems: Iterable[str], count: int = 5, seed: int = 0) -> list[tuple[list[str], list[str]]]:
    """Divide images for cross-validation: each is in the test part of one fold, and in the training part of the others.

    With five folds, the 715 images of Stanford Background become 572 to train with and 143 to test on, as Gould et al.
    and, after them, Pinheiro and Collobert (2014) do it. The images are drawn by a hash of their stem and the seed, so
    the folds are the same on every machine, in whatever order the stems come.

    Args:
        stems: the names of the images.
        count: how many folds, 2 or more.
        seed: another one, other folds.

    Returns:
        (train, test) of each fold, each ordered by stem. The sizes of test parts differ by one at most.

    Raises:
        ValueError: fewer than 2 folds, more folds than images, or a stem that comes twice.

    >>> [(len(train), len(test)) for train, test in folds(map(str, range(715)))]
    [(572, 143), (572, 143), (572, 143), (572, 143), (572, 143)]
    """
    given = sorted(stems)
    if len(set(given)) < len(given):
        raise ValueError("a stem comes twice; expected each once")
    if not 2 <= count <= len(given):
        raise ValueError(f"{count} folds of {len(given)} images; expected 2 folds or more, and an image for each")
    drawn = sorted(given, key=lambda stem: sha256(f"{seed}/{stem}".encode()).digest())
    tests = [set(drawn[k::count]) for k in range(count)]
    return [([stem for stem in given if stem not in test], sorted(test)) for test in tests]


def _read(source: Path) -> dict[str, _Scene]:
    """All scenes by stem, in order; raises with all that is wrong."""
    folders = source / "images", source / "labels"
    if missing := [folder for folder in folders if not folder.is_dir()]:
        expected = f"images/*.jpg and labels/*{_TABLE} in {source}"
        raise DataProblems(
            [f"{f}: found no such folder; expected {expected}: give the folder of both" for f in missing]
        )
    images: dict[str, list[Path]] = {}
    for file in image_files(folders[0]):
        if file.suffix.lower() in _JPEG:
            images.setdefault(file.stem, []).append(file)
    beside = (file for file in folders[1].iterdir() if file.is_file() and not file.name.startswith("."))
    tables = {file.name.removesuffix(_TABLE): file for file in beside if file.name.endswith(_TABLE)}
    if not images or not tables:
        none = [f"{folders[0]}: found no JPEG files; expected one for each image"] if not images else []
        none += [f"{folders[1]}: found no files *{_TABLE}; expected one for each image"] if not tables else []
        raise DataProblems([f"{line}: copy the original set again, or give its folder" for line in none])
    scenes: dict[str, _Scene] = {}
    problems: list[str] = []
    for stem in sorted(images.keys() | tables.keys()):
        files, table = images.get(stem, []), tables.get(stem)
        if not files:
            found = f"{table}: found no {stem}.jpg in {folders[0]}"
            problems.append(f"{found}; expected the image of these labels: add it, or move them away")
        elif len(files) > 1:
            problems.append(messages.same_name(files))
        elif table is None:
            absent = folders[1] / f"{stem}{_TABLE}"
            problems.append(f"{absent}: missing; expected the labels of {files[0].name}: add them, or move it away")
        else:
            pixels, labels = _told(problems, read_image, files[0]), _told(problems, _read_table, table)
            if pixels is None or labels is None:
                continue
            if labels.shape != pixels.shape[:2]:
                problems.append(_other_size(table, labels.shape, files[0], pixels.shape))
            scenes[stem] = files[0], labels
    if problems:
        raise DataProblems(problems)
    return scenes


def _told(problems: list[str], read: Callable[[Path], NDArray[Any]], path: Path) -> NDArray[Any] | None:
    try:
        return read(path)
    except RetintError as error:
        problems.append(str(error))
        return None


def _other_size(table: Path, found: tuple[int, ...], image: Path, size: tuple[int, ...]) -> str:
    return (
        f"{table}: found {found[1]} x {found[0]} numbers; expected {size[1]} x {size[0]}, the size of {image.name}: "
        f"copy both again from the original set"
    )


def _read_table(path: Path) -> NDArray[np.uint8]:
    """The table as class indices, (rows, columns) uint8, 255 for -1."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")  # what is no number is told with its place below
    except OSError as error:
        raise RetintError(f"{path}: found that it cannot be read ({error.strerror}); {_AGAIN}") from error
    lines = [line.split() for line in text.rstrip().splitlines()]
    if not lines:
        raise RetintError(f"{path}: found an empty file; expected a row of numbers for each row of pixels: {_AGAIN}")
    rows: list[list[int]] = []
    for number, line in enumerate(lines, start=1):
        if len(line) != len(lines[0]):
            raise RetintError(
                f"{path}: found {len(line)} numbers in line {number}; expected {len(lines[0])}, as in the first: {_AGAIN}"
            )
        if strange := [word for word in line if word not in _VALUES]:
            raise RetintError(
                f"{path}: found {strange[0][:20]} in line {number}; expected whole numbers from -1 (unknown) to "
                f"{len(CLASSES) - 1} ({CLASSES[-1]}): {_AGAIN}"
            )
        rows.append([_VALUES[word] for word in line])
    return np.array(rows, np.uint8)


def _write(root: Path, scenes: Mapping[str, _Scene]) -> None:
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    for stem, (image, labels) in scenes.items():
        shutil.copyfile(image, root / "images" / image.name)
        write_labels(root / "labels" / f"{stem}.png", labels, COLOURS)
    card = {"classes": CLASSES, "ignore": IGNORE, "colours": COLOURS}
    (root / "classes.json").write_text(json.dumps(card) + "\n", encoding="utf-8")
