"""The names of what is written for an image, and the maps that belong to it: a start or hints, by name in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RetintError, reason_of
from ..images import (
    is_zarr,
    open_regions,
    read_image,
    read_labels,
    read_volume,
    read_volume_labels,
    read_whole,
    volume_stem,
    volume_suffix,
)
from ..wholefile import check_folder

if TYPE_CHECKING:
    from .files import Wish

_CHANGED = 60.0  # seconds by which labels are newer than the estimate beside them, if a person changed them
_VOLUME_SUFFIXES = (".tif", ".tiff", ".ome.tif", ".ome.tiff", ".nii", ".nii.gz", ".zarr", ".ome.zarr")


def outputs(image: Path, out: Path, wish: Wish, dims: int) -> dict[str, Path]:
    """The files that are wished for an image, by what they hold; `dims` are those of the model."""
    stem, labels, planes = _names(image, dims)
    files = {"labels": out / f"{stem}{labels}"}
    if wish.overlay:
        files["overlay"] = out / f"{stem}.overlay.png"
    if wish.strip:
        files["strip"] = out / f"{stem}.steps.png"
    if wish.doubt:
        files["doubt"] = out / f"{stem}.doubt{labels if dims == 3 else '.png'}"
    if wish.probabilities:
        files["probabilities"] = out / f"{stem}.probabilities{planes}"
        files["estimate"] = out / f"{stem}.estimate.tif"
    return files


def _names(image: Path, dims: int) -> tuple[str, str, str]:
    """What the names of an image's results begin with, and the suffixes of its labels and of its probabilities."""
    if dims == 2:
        return (volume_stem(image) if os.path.isdir(image) else image.stem), _image_suffix(image), ".tif"
    suffix = volume_suffix(image)
    if suffix not in _VOLUME_SUFFIXES:
        suffix = ".ome.zarr" if os.path.isdir(image) else ".tif"  # which says no of what may not be read
    return volume_stem(image), suffix, suffix


def _image_suffix(image: Path) -> str:
    """Of an image's labels: that of its own format if it is read by region."""
    try:
        reader = open_regions(image, 2)
    except (OSError, RetintError):  # whoever labels it says what is wrong
        return ".png"
    return ".png" if reader is None else reader.suffix()


def refuse_clashes(images: Sequence[Path], out: Path, wish: Wish, dims: int) -> None:
    """Before anything is labelled.

    Raises:
        RetintError: `out` can be no folder, two images would write the same files, or labels would replace an image.
    """
    check_folder(out)
    seen, written = dict[str, Path](), dict[Path, Path]()
    inputs = {image.resolve() for image in images}
    for image in images:
        stem = _names(image, dims)[0]
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


def check_maps(wish: Wish) -> None:
    """Before anything is labelled: whether there is what is to begin from, or to be kept.

    Raises:
        RetintError: there is not.
    """
    for option, path in (("--start", wish.start), ("--hints", wish.hints)):
        if path is not None and not path.exists():
            raise RetintError(
                f"{option} {path}: found no such file or folder; expected a label map, or a folder of them by name"
            )


def map_for(image: Path, given: Path | None, option: str, dims: int) -> Any:
    """The start or hints of an image: the file itself, or the one of the same name in a folder.

    Of several in a folder, an estimate is taken before probabilities and these before labels, unless somebody changed the
    labels afterwards. Hints are labels.

    Args:
        image: that they are for.
        given: a label map, probabilities, or a folder of them; None for none.
        option: what to call it in messages.
        dims: of the model.

    Returns:
        Integer labels (rows, columns), or float probabilities (K, rows, columns), with slices of a volume; None for none.

    Raises:
        RetintError: the folder holds none for the image, or it cannot be read.
    """
    if given is None:
        return None
    path = given
    if given.is_dir() and not is_zarr(given):
        stem, labels, planes = _names(image, dims)
        others = (".tif",) if dims == 2 else _VOLUME_SUFFIXES
        soft = () if option == "--hints" else (".estimate.tif", f".probabilities{planes}")
        ends = dict.fromkeys((*soft, labels, *others, ".npy"))
        found = [file for end in ends if (file := given / f"{stem}{end}").exists()]
        shown = given / f"{stem}{labels}"
        if found and shown in found and shown.stat().st_mtime - found[0].stat().st_mtime > _CHANGED:
            found = [shown]
        if not found:
            raise RetintError(
                f"{option} {given}: holds no map for {image.name}; expected {' or '.join(f'{stem}{e}' for e in (labels, *soft[:1]))}"
            )
        path = found[0]
    suffix = path.suffix.lower()
    if suffix == ".npy":
        try:
            array = np.load(path, allow_pickle=False)
        except MemoryError:
            raise
        except Exception as error:  # whatever a damaged file does to its decoder
            raise RetintError(f"{option} {path}: not a readable NumPy array ({reason_of(error)})") from None
        if not isinstance(array, np.ndarray):
            raise RetintError(f"{option} {path}: found several arrays; expected one, as np.save writes it")
        return array
    if dims == 2 and is_zarr(path):
        return _zarr_labels(path, option)
    if dims == 3:
        pixels = read_volume(path).pixels
        probabilities = pixels.dtype.kind == "f" and pixels.shape[-1] > 1  # NIfTI may store labels as floats
        return np.moveaxis(pixels, -1, 0) if probabilities else read_volume_labels(path).pixels
    if suffix in (".tif", ".tiff"):
        pixels = read_image(path)
        if pixels.dtype.kind == "f":
            return np.moveaxis(pixels, -1, 0)
    return read_labels(path)


def _zarr_labels(path: Path, option: str) -> Any:
    reader = open_regions(path, 2)
    if reader is None or reader.shape[-1] != 1 or reader.dtype.kind not in "iu":
        raise RetintError(f"{option} {path}: found no label map of two axes; expected integers, one channel")
    return read_whole(reader)[..., 0]
