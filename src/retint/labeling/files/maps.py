"""The maps that are given with images, starts or hints: a file, or a folder of them with the images' names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RetintError, reason_of
from ...images import (
    RegionReader,
    is_hdf5,
    is_zarr,
    open_regions,
    read_hdf5,
    read_image,
    read_labels,
    read_volume,
    read_volume_labels,
    read_whole,
)
from ...images.geo_regions import GeoRegions
from ...images.read import as_indices, head_of, told
from ...images.tiff import is_tiff, opened_tiff, plane_axes, read_tiff_labels, tiff_axes
from ..starts import UNKNOWN
from .naming import VOLUME_SUFFIXES, names_of

_CHANGED = 60.0  # seconds by which labels are newer than the estimate beside them, if a person changed them
_NO_DATA = 42113  # GDAL's tag of the value that stands for none
_EXPORTED = (".h5", ".tif", ".tiff", ".npy")
_ILASTIK = (*(f"_Probabilities{end}" for end in _EXPORTED), *(f"_Simple Segmentation{end}" for end in (*_EXPORTED, ".png")))
"""What ilastik puts behind an image's name, if nobody chose otherwise."""
_AXES = {2: "rows, columns", 3: "slices, rows, columns"}


class Maps:
    """The starts, or the hints, of images.

    Args:
        given: a label map, probabilities (of an HDF5 file also the path of a dataset in it), or a folder of them; None for none.
        option: --start or --hints, also to call them in messages. Hints are labels, and an image may have none.
        dims: of the model.
        classes: the names of its classes.
    """

    def __init__(self, given: Path | None, option: str, dims: int, classes: Sequence[str]) -> None:
        self._given, self._option, self._dims, self._classes = given, option, dims, classes
        self._warnings, self._found = list[str](), list[tuple[int, int]]()

    def check(self, images: Sequence[Path]) -> None:
        """Before anything is labelled: whether there is what is to begin from, or to be kept.

        Raises:
            RetintError: there is no such file or folder, or one of hints for none of the images.
        """
        given, option = self._given, self._option
        if given is None:
            return
        if not given.exists() and not is_hdf5(given):
            raise RetintError(
                f"{option} {given}: found no such file or folder; expected a label map, or a folder of them by name"
            )
        if option == "--hints" and images and not any(map(self._path, images)):
            one = names_of(images[0], self._dims)
            raise RetintError(
                f"{option} {given}: holds no map for any of the {len(images)} images; expected {one.stem}{one.labels} for {images[0].name}"
            )

    def of(self, image: Path, reader: RegionReader | None = None) -> Any:
        """The map of an image: the file itself, or the one of the same name in a folder.

        Of several in a folder, an estimate is taken before probabilities and these before labels, unless somebody changed
        the labels afterwards.

        Args:
            image: that it is for.
            reader: that reads the image, if it is read by region.

        Returns:
            Integer labels (rows, columns), or float probabilities (K, rows, columns), with slices of a volume; None for none.

        Raises:
            RetintError: the folder holds no start for the image, or it cannot be read.
        """
        if (path := self._path(image)) is None:
            if self._given is not None and self._option != "--hints":
                stem, labels, *_ = names_of(image, self._dims)
                raise RetintError(
                    f"{self._option} {self._given}: holds no map for {image.name}; expected {stem}{labels} or {stem}.estimate.tif"
                )
            return None
        found = read_map(path, self._option, self._dims, len(self._classes))
        if isinstance(reader, GeoRegions) and (place := reader.elsewhere(path)):
            self._warnings.append(
                f"{image}: {self._option} {path}: {place}; it is taken as if it lay on the image: reproject it if it does not"
            )
        if self._option == "--hints" and found.size and found.dtype.kind in "ui" and (found != UNKNOWN).all():
            self._warnings.append(
                f"{image}: --hints {path}: fixes every pixel, so nothing is left to label; where it says of none what it is, it has to be {UNKNOWN}"
            )
        if found.dtype.kind in "ui" and found.size:
            low, high = int(found.min()), int(np.max(found, where=found != UNKNOWN, initial=0))
            if low != UNKNOWN and high < len(self._classes):  # else nothing is known in it, or it is refused
                self._found.append((low, high))
        return found

    @property
    def warnings(self) -> list[str]:
        """Lines for the user about the maps that were read so far."""
        low, high = min((low for low, _ in self._found), default=0), max((high for _, high in self._found), default=0)
        if self._option == "--hints" or low < 1:
            return self._warnings
        # a class may well be missing; whoever sees the names of those that are there can tell
        there = " to ".join(f"{k} ({self._classes[k]})" for k in dict.fromkeys((low, high)))
        line = f"class 0 ({self._classes[0]}) is nowhere in it, only {there}; if it counts from 1, as ilastik does, subtract 1"
        return [*self._warnings, f"{self._option} {self._given}: {line}"]

    def _path(self, image: Path) -> Path | None:
        """Where the map of an image is; None if there is none."""
        given = self._given
        if given is None or not given.is_dir() or is_zarr(given):
            return given
        stem, labels, planes, _ = names_of(image, self._dims)
        others = (".tif",) if self._dims == 2 else VOLUME_SUFFIXES
        hints = self._option == "--hints"
        # ilastik's segmentations are no hints: they tell of every pixel
        first = (f".hints{labels}",) if hints else (".estimate.tif", f".probabilities{planes}", *_ILASTIK)
        ends = dict.fromkeys((*first, labels, *others, ".npy", ".h5"))
        itself = image.resolve()  # ilastik writes beside the images
        found = [file for end in ends if (file := given / f"{stem}{end}").exists() and file.resolve() != itself]
        shown = given / f"{stem}{labels}"
        if found and not hints and shown in found and shown.stat().st_mtime - found[0].stat().st_mtime > _CHANGED:
            return shown
        return found[0] if found else None


def read_map(path: Path, option: str, dims: int, classes: int) -> NDArray[Any]:
    """Integer labels or float probabilities from a file, with as many axes as a model of `dims` dimensions wants; see `Maps.of`.

    Raises:
        RetintError: it cannot be read, or is no map.
    """
    if path.suffix.lower() == ".npy":
        return _numpy_map(path, option, dims, classes)
    if is_hdf5(path):
        return _hdf5_map(path, option, dims, classes)
    if dims == 2 and path.is_file():
        with told(path):
            head = head_of(path)
        if is_tiff(head):
            return _tiff_map(path, option)
    if dims == 2:
        return _zarr_labels(path, option) if is_zarr(path) else read_labels(path)
    pixels = read_volume(path).pixels
    probabilities = pixels.dtype.kind == "f" and pixels.shape[-1] > 1  # NIfTI may store labels as floats
    return np.moveaxis(pixels, -1, 0) if probabilities else read_volume_labels(path).pixels


def _numpy_map(path: Path, option: str, dims: int, classes: int) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file does to its decoder
        raise RetintError(f"{option} {path}: not a readable NumPy array ({reason_of(error)})") from None
    if not isinstance(array, np.ndarray):
        raise RetintError(f"{option} {path}: found several arrays; expected one, as np.save writes it")
    return _channels_first(array, dims, classes)


def _channels_first(array: NDArray[Any], dims: int, classes: int) -> NDArray[Any]:
    """An array as it is, but for channels that lie last: the only one of labels, or those of the classes."""
    if array.ndim == dims + 1 and array.dtype.kind in "uib" and array.shape[-1] == 1:
        return array[..., 0]
    if array.ndim == dims + 1 and array.dtype.kind == "f" and array.shape[-1] == classes != array.shape[0]:
        return np.moveaxis(array, -1, 0)
    return array


def _hdf5_map(path: Path, option: str, dims: int, classes: int) -> NDArray[Any]:
    """Labels of whole numbers, or probabilities of floats; axes that the file does not name lie as in a NumPy array."""
    values, named = read_hdf5(path, dims)
    if not named:
        values = _channels_first(values, dims, classes)
    if values.ndim == dims:
        values = _whole(path, option, values) if values.dtype.kind == "f" else values
        return np.ascontiguousarray(as_indices(path, values))
    if values.ndim != dims + 1 or values.dtype.kind != "f" or len(values) != classes:
        size = " x ".join(map(str, values.shape))
        raise RetintError(
            f"{option} {path}: found {values.dtype} of {size}; expected class indices ({_AXES[dims]}), or probabilities as floats, one "
            f"channel for each of the model's {classes} classes ({classes}, {_AXES[dims]}): export it so (in ilastik as floating "
            "32-bit, not renormalised)"
        )
    return values


def _tiff_map(path: Path, option: str) -> NDArray[Any]:
    """Labels of one channel of whole numbers, those that stand for no data unknown; or probabilities of several of floats."""
    with told(path):
        axes = tiff_axes(path)
        if axes and len(plane_axes(*axes) or "") > 2:
            pixels = read_image(path)
            if pixels.dtype.kind == "f":
                return np.moveaxis(pixels, -1, 0)
            if pixels.shape[-1] in (3, 4):
                return read_labels(path)  # which says that they are colours
            raise RetintError(
                f"{option} {path}: found {pixels.shape[-1]} channels of {pixels.dtype}; expected class indices in one channel, or "
                "probabilities as floats in one for each class"
            )
        values = read_tiff_labels(path)
        assert values is not None
        with opened_tiff(path) as file:
            hole = _number(file.pages.first.tags.valueof(_NO_DATA))
        if hole is not None and not 0 <= hole < UNKNOWN:  # below, a class may have that number
            values = np.where(np.isnan(values) if np.isnan(hole) else values == hole, np.uint8(UNKNOWN), values)
        if values.dtype.kind == "f":
            values = _whole(path, option, values)
        return np.ascontiguousarray(as_indices(path, values))


def _whole(path: Path, option: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """Floats that are class indices, as integers."""
    low, high = (float(n) for n in (values.min(), values.max()))
    if not 0 <= low <= high <= 65535 or (values != np.rint(values)).any():
        raise RetintError(
            f"{option} {path}: found one channel of {values.dtype} from {low:g} to {high:g}; expected class indices, whole numbers from "
            "0 with 255 for unknown, or probabilities in one channel for each class"
        )
    return values.astype(np.int64)


def _number(told_: Any) -> float | None:
    """What a tag says, if that is a number."""
    try:
        return float(str(told_).strip(" \0"))
    except ValueError:
        return None


def _zarr_labels(path: Path, option: str) -> NDArray[Any]:
    reader = open_regions(path, 2)
    if reader is None or reader.shape[-1] != 1 or reader.dtype.kind not in "iu":
        raise RetintError(f"{option} {path}: found no label map of two axes; expected integers, one channel")
    return read_whole(reader)[..., 0]
