"""Whether each image of a part has its labels and each label file its image, by the names of the files alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from pathlib import Path
from unicodedata import normalize

from retint.images import volume_stem, volume_suffix

from . import messages
from .files import FLAT, image_files, label_files, nested, stem_of, told_empty
from .folder import Split
from .report import Lines


class Unlabelled(Enum):
    """What images without labels are: a problem; left out, which one of the warnings says; or what is asked for."""

    WRONG = "wrong"
    LEFT_OUT = "left out"
    WANTED = "wanted"


def check_stems(
    split: Split, dims: int, unlabelled: Unlabelled, excused: Collection[str], problems: Lines, warnings: Lines
) -> None:
    """Look at the names in a part.

    Args:
        split: the part.
        dims: 2 for images, 3 for volumes.
        unlabelled: what images without labels are. What has the name of one and cannot be its labels is a problem in any
            case, as somebody meant to label it.
        excused: stems of images that need no labels.
        problems, warnings: get a line for each.
    """
    images, labels = _by_stem(image_files(split.folder / "images")), _by_stem(label_files(split.folder / "labels"))
    folder = split.folder / "labels"
    if not images:
        problems.add("empty parts", told_empty(split.folder / "images", split.name in ("train", FLAT)))
    elif inside := nested(split.folder / "images"):
        line = messages.not_read(split.folder / "images", [one.name for one in inside])
        warnings.add("folders that are not read", line)
    for files in (*images.values(), *labels.values()):
        if len(files) > 1:
            problems.add("files of the same name", messages.same_name(files))
    needed = unlabelled is Unlabelled.WRONG or (unlabelled is Unlabelled.LEFT_OUT and split.name in ("train", FLAT))
    if needed and not folder.is_dir():
        if not excused:
            problems.add("no labels", messages.no_labels_folder(folder))
        return
    others = _others(folder, labels)
    lacking = sorted(images.keys() - labels.keys() - {*excused})
    waiting = [stem for stem in lacking if unlabelled is not Unlabelled.WRONG and stem not in others]
    if waiting and unlabelled is Unlabelled.LEFT_OUT:
        warnings.add("images left out", messages.left_out(split.folder / "images", len(waiting), len(images)))
    for stem in sorted(set(lacking) - set(waiting)):
        image, found = images[stem][0], others.get(stem)
        suffix = ".png" if dims == 2 else volume_suffix(image)
        line = messages.no_labels(folder / f"{volume_stem(image)}{suffix}", image, found)
        problems.add("images without labels", line)
    others = _others(split.folder / "images", images)
    for stem in sorted(labels.keys() - images.keys()):
        line = messages.no_image(labels[stem][0], split.folder / "images", others.get(stem))
        problems.add("labels without an image", line)


def _by_stem(files: Sequence[Path]) -> dict[str, list[Path]]:
    result: dict[str, list[Path]] = {}
    for file in files:
        result.setdefault(stem_of(file), []).append(file)
    return result


def _others(folder: Path, known: Mapping[str, Sequence[Path]]) -> dict[str, str]:
    """What else is in a folder, if it is one, beside the files of known stems, by what may be its stem."""
    result: dict[str, str] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        if stem_of(file) not in known:
            kind = "a broken link, " if not file.exists() else "a folder, " if file.is_dir() else ""
            result |= dict.fromkeys((normalize("NFC", file.name.split(".")[0]), stem_of(file)), f"{kind}{file.name}")
    return result
