"""The names of what is written for an image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import RetintError
from ...images import is_zarr, open_regions, volume_stem, volume_suffix
from ...images.geo_regions import GeoRegions
from ...wholefile import check_folder

if TYPE_CHECKING:
    from .images import Wish

VOLUME_SUFFIXES = (".tif", ".tiff", ".ome.tif", ".ome.tiff", ".nii", ".nii.gz", ".zarr", ".ome.zarr")


class Names(NamedTuple):
    """What the names of an image's results begin with, and the suffixes of its labels, its probabilities and its doubt."""

    stem: str
    labels: str
    planes: str
    doubt: str


def outputs(image: Path, out: Path, wish: Wish, dims: int) -> dict[str, Path]:
    """The files that are wished for an image, by what they hold; `dims` are those of the model."""
    stem, labels, planes, doubt = names_of(image, dims)
    files = {"labels": out / f"{stem}{labels}"}
    if wish.overlay:
        files["overlay"] = out / f"{stem}.overlay.png"
    if wish.strip:
        files["strip"] = out / f"{stem}.steps.png"
    if wish.doubt:
        files["doubt"] = out / f"{stem}.doubt{doubt}"
    if wish.probabilities:
        files["probabilities"] = out / f"{stem}.probabilities{planes}"
        files["estimate"] = out / f"{stem}.estimate.tif"
    return files


def names_of(image: Path, dims: int) -> Names:
    """The names of an image's results; `dims` are those of the model."""
    if dims == 2:
        try:
            reader = open_regions(image, 2)
        except (OSError, RetintError):  # whoever labels it says what is wrong
            reader = None
        stem = volume_stem(image) if os.path.isdir(image) else image.stem
        doubt = ".tif" if isinstance(reader, GeoRegions) else ".png"
        return Names(stem, ".png" if reader is None else reader.suffix(), ".tif", doubt)
    suffix = volume_suffix(image)
    if suffix not in VOLUME_SUFFIXES:
        suffix = ".ome.zarr" if os.path.isdir(image) else ".tif"  # which says no of what may not be read
    return Names(volume_stem(image), suffix, suffix, suffix)


def refuse_clashes(images: Sequence[Path], out: Path, wish: Wish, dims: int) -> None:
    """Before images are labelled; see `refuse_shared`. `dims` are those of the model."""
    planned = ((image, names_of(image, dims).stem, outputs(image, out, wish, dims)) for image in images)
    refuse_shared(planned, out, "image")


def refuse_shared(planned: Iterable[tuple[Path, str, Mapping[str, Path]]], out: Path, what: str) -> None:
    """Before anything is labelled: whether each file that will be written has a place of its own.

    Args:
        planned: for each that is to be labelled its path, what the names of its results begin with, and these by what they hold.
        out: the folder that they go into.
        what: is labelled: image or film.

    Raises:
        RetintError: `out` can be no folder, two would write the same files, or a result would replace what is to be labelled.
    """
    check_folder(out)
    rows = list(planned)
    seen, written = dict[str, Path](), dict[Path, Path]()
    inputs = {path.resolve(): path for path, *_ in rows}
    for path, stem, files in rows:
        if stem in seen:
            raise RetintError(f"{path} and {seen[stem]}: both would write {out / stem}.*; label them apart")
        seen[stem] = path
        for kind, file in files.items():
            if (named := inputs.get(file.resolve())) is not None:
                raise RetintError(f"--out {out}: the {kind} of {path} would replace the {what} {named}; choose another folder")
            if file in written:
                raise RetintError(f"{path} and {written[file]}: both would write {file}; label them apart")
            written[file] = path


def refuse_existing(files: Mapping[str, Path], wish: Wish, finished: str) -> None:
    """Before one is labelled: whether nothing is replaced that nobody said to replace.

    Args:
        files: that will be written.
        wish: with `skip_existing` what is finished was passed over already, so whatever else is there is a stopped run's.
        finished: what --skip-existing passes over.

    Raises:
        RetintError: one of the files is there.
    """
    if not (wish.overwrite or wish.skip_existing) and (there := [file for file in files.values() if file.exists()]):
        raise RetintError(f"{there[0]}: exists already; --overwrite replaces it, --skip-existing passes over {finished}")


def check_apart(paths: Sequence[Path], out: Path) -> None:
    """Before anything is labelled: whether what is written would be taken for images when a folder is labelled again.

    Args:
        paths: images, and folders of them.
        out: the folder that is written to.

    Raises:
        RetintError: it is one of the folders.
    """
    for path in paths:
        if os.path.isdir(path) and not is_zarr(path) and path.resolve() == out.resolve():
            raise RetintError(f"--out {out}: is the folder whose images are labelled; what is written there would be taken for images: choose another folder")
