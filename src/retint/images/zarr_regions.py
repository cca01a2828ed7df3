"""OME-Zarr images and plain Zarr arrays by region, in two dimensions or three."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError
from retint.extras import need
from retint.wholefile import whole_folder

from .find import volume_suffix
from .omezarr import VERSIONS, Layout, check_axes, create_level, open_multiscales, refuse_others, relaid
from .regions import CHUNK, KEPT, Box, Labels, chunks
from .tiff import MOST_UNNAMED, shown
from .write import Colour

_AXES = {
    "y": "row lat latitude northing height", "x": "column col lon longitude easting width",
    "c": "band channel channels sample samples rgb rgba",
    "t": "time", "z": "depth slice plane",
}  # fmt: skip
_LETTERS = {name: letter for letter, names in _AXES.items() for name in (letter, *names.split())}


class ZarrRegions:
    """A reader of one level of a Zarr image; see `RegionReader`."""

    def __init__(self, path: Path, dims: int, layout: Layout, levels: Sequence[Any], number: int) -> None:
        self.path, self._dims, self._layout, self._levels = path, dims, layout, levels
        self._array, letters = levels[number], layout.letters
        check_axes(path, layout, self._array.shape)
        lengths = dict(zip(letters, self._array.shape, strict=True))
        if dims == 2 and lengths.get("z", 1) > 1:
            raise RetintError(f"{path}: is a volume; the model labels 2-D images: save its slices, or use a 3-D model")
        if dims == 3 and lengths.get("z", 1) == 1:
            raise RetintError(f"{path}: is a 2-D image; the model labels volumes: use a 2-D model")
        self._axes = "zyx"[3 - dims :]
        self.shape: tuple[int, ...] = (*(lengths[axis] for axis in self._axes), lengths.get("c", 1))
        if not min(self.shape):
            raise RetintError(f"{path}: found an image of {self.shape}; expected at least 1 x 1 pixel: save it again")
        self.dtype: np.dtype[Any] = shown(path, np.zeros(0, self._array.dtype.newbyteorder("="))).dtype
        self._kept = OrderedDict[Box, tuple[int, int, NDArray[Any]]]()

    @classmethod
    def open(cls, path: Path, dims: int) -> ZarrRegions:
        """A reader of the finest level."""
        stored = need("zarr", "volumes", f"{path}: found Zarr").open(path, mode="r")
        if hasattr(stored, "shape"):
            return cls(path, dims, _plain(path, stored, dims), [stored], 0)
        group, entry, layout = open_multiscales(path)
        return cls(path, dims, layout, [group[level["path"]] for level in entry["datasets"]], 0)

    def read(self, box: Box) -> NDArray[Any]:
        """See `RegionReader`. The rest of a row of chunks is kept, as far as there is room: bands of fewer rows come one after another,
        of two lanes in turn."""
        (first, last), *across = box
        low, high, values = self._kept.pop(tuple(across), (0, 0, None))
        if values is None or not low <= first <= last <= high:
            each = self._array.chunks[self._layout.letters.index(self._axes[0])]
            row = prod(b - a for a, b in across) * self.shape[-1] * self.dtype.itemsize
            low, values = first, None  # let go before others are read
            high = min(-(-last // each) * each, self.shape[0], first + KEPT // 2 // max(row, 1))
            if high <= last:  # none left for the next band
                return self._load(box)
            size = (high - low) * row
            while self._kept and size + sum(other.nbytes for *_, other in self._kept.values()) > KEPT:
                self._kept.popitem(last=False)
            values = self._load(((low, high), *across))
        self._kept[tuple(across)] = low, high, values
        return values[first - low : last - low].copy()  # a view would hold all of the rows

    def _load(self, box: Box) -> NDArray[Any]:
        spans = {axis: slice(*span) for axis, span in zip(self._axes, box, strict=True)} | {"c": slice(None)}
        letters = self._layout.letters
        values = np.asarray(self._array[tuple(spans.get(axis, 0) for axis in letters)])
        left = [axis for axis in letters if axis in spans]
        order = [*self._axes, *("c" if "c" in letters else "")]
        values = values.transpose([left.index(axis) for axis in order])
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        return np.ascontiguousarray(shown(self.path, values if "c" in letters else values[..., None]))

    def at(self, scale: float) -> ZarrRegions:
        """See `RegionReader`."""
        letters, number = self._layout.letters, 0
        for k, level in enumerate(self._levels):
            size = dict(zip(letters, level.shape, strict=True))
            if all(size[axis] >= scale * n for axis, n in zip(self._axes, self.shape, strict=False)):
                number = k
        return self if number == 0 else ZarrRegions(self.path, self._dims, self._layout, self._levels, number)

    def suffix(self) -> str:
        """See `RegionReader`."""
        suffix = volume_suffix(self.path)
        return suffix if suffix.endswith(".zarr") else ".zarr"

    def write_labels(self, path: Path, labels: Labels, palette: Sequence[Colour]) -> None:
        """OME-Zarr of one level, of the version and the axes of the image (0.5 for a plain array)."""
        refuse_others(path)
        with whole_folder(path) as part:
            array = self.create_labels(part, path.name, palette)
            for box in chunks(labels.shape, 4 * CHUNK):
                array[self.index(box)] = labels.read(box)

    def create_labels(
        self, folder: Path, name: str, palette: Sequence[Colour], chunk: Sequence[int] = (32, CHUNK, CHUNK)
    ) -> Any:
        """Its labels, to be filled: an array of chunks that several processes may write at once, each its own."""
        layout = self._of_labels()
        if layout.version not in VERSIONS:
            layout = replace(layout, version="0.5")
        lengths = dict(zip(self._axes, self.shape, strict=False))
        shape = [lengths.get(axis, 1) for axis in layout.letters]
        return create_level(folder, name, layout, shape, np.uint8, chunk, palette)

    def index(self, box: Box) -> tuple[slice | int, ...]:
        """Where a box lies in the array of labels."""
        spans = {axis: slice(*span) for axis, span in zip(self._axes, box, strict=True)}
        return tuple(spans.get(axis, 0) for axis in self._of_labels().letters)

    def _of_labels(self) -> Layout:
        """How labels are laid out: rows before columns, whatever the image has."""
        return relaid(self._layout, channels=False, order="tzyx")


def _plain(path: Path, array: Any, dims: int) -> Layout:
    """The axes of an array that is no OME-Zarr: by their names, else the shortest at either end is the channels."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()  # Zarr 3, and xarray's
    if names and all(name and not re.fullmatch(r"dim_\d+", str(name)) for name in names):  # xarray's, where none is meant
        letters = [_LETTERS.get(str(name).lower(), str(name)) for name in names]
    else:
        letters = [*"zyx"[3 - dims :]]
        if array.ndim == dims + 1:
            first, *_, last = array.shape
            letters.insert(0 if first <= min(MOST_UNNAMED, last) else dims, "c")
    if len(letters) != array.ndim or array.ndim < 2:
        size = " x ".join(map(str, array.shape))
        raise RetintError(f"{path}: found a Zarr array of {size}; expected the axes y, x, and c or z: write OME-Zarr")
    axes = tuple({"name": axis, "type": {"c": "channel", "t": "time"}.get(axis, "space")} for axis in letters)
    return Layout("0.5", axes, (1.0,) * len(letters))
