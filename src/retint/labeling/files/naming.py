"""The names of what is written for an image."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    """Before anything is labelled.

    Raises:
        RetintError: `out` can be no folder, two images would write the same files, or labels would replace an image.
    """
    check_folder(out)
    seen, written = dict[str, Path](), dict[Path, Path]()
    inputs = {image.resolve() for image in images}
    for image in images:
        stem = names_of(image, dims).stem
        if stem in seen:
            raise RetintError(f"{image} and {seen[stem]}: both would write {out / stem}.*; label them apart")
        seen[stem] = image
        for kind, file in outputs(image, out, wish, dims).items():
            if file.resolve() in inputs:
                raise RetintError(
                    f"--out {out}: the {kind} of {image} would replace the image {file}; choose another folder"
                )
            if file in written:
                raise RetintError(f"{image} and {written[file]}: both would write {file}; label them apart")
            written[file] = image


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
