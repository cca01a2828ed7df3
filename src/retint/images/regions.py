"""Images that are read, and labels that are written, by region and never whole: Zarr, tiled TIFF, GeoTIFF."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .find import is_zarr
from .read import head_of, told
from .tiff import is_geotiff, is_tiff
from .write import Colour

Box = tuple[tuple[int, int], ...]
"""(first, last + 1) along each spatial axis."""

LARGE = 100_000_000
"""Pixels (voxels) above which a TIFF, or a volume in OME-Zarr, is read by region. Zarr images and GeoTIFFs always are."""

CHUNK = 512
"""Rows and columns of a tile of the labels that are written."""

KEPT = 384 << 20
"""Bytes of decoded pixels that a reader keeps: bands of two lanes come in turn, each of fewer rows than a chunk or tile."""

_SAMPLE = 64


class RegionReader(Protocol):
    """An image in a file.

    Attributes:
        path: of the file or folder.
        shape: (rows, columns, channels), or (slices, rows, columns, channels).
        dtype: of what `read` gives: uint8, uint16, or float32 for all the rest.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, box: Box) -> NDArray[Any]:
        """The pixels of a box inside the image, (pixels ..., channels), contiguous."""

    def at(self, scale: float) -> RegionReader:
        """The coarsest level of a pyramid that has the image at this scale or finer; else the image itself."""

    def suffix(self) -> str:
        """Of the file of labels that belongs to it."""

    def write_labels(self, path: Path, labels: Labels, palette: Sequence[Colour]) -> None:
        """Write its labels, in its own format and place; the file appears whole or not at all."""


class Labels(Protocol):
    """Labels that are read by region; `shape` is that of the spatial axes."""

    shape: tuple[int, ...]

    def read(self, box: Box) -> NDArray[np.uint8]:
        """The labels of a box."""


class HeldLabels:
    """Labels in memory, as `Labels`."""

    def __init__(self, values: NDArray[np.uint8]) -> None:
        self.shape, self._values = values.shape, values

    def read(self, box: Box) -> NDArray[np.uint8]:
        """The labels of a box."""
        return self._values[tuple(slice(a, b) for a, b in box)]


def open_regions(path: Path, dims: int) -> RegionReader | None:
    """A reader of an image that is to be read by region, or None if it is to be read whole.

    Args:
        path: a file, or a .zarr folder.
        dims: spatial axes that the image should have, 2 or 3.

    Raises:
        RetintError: it is damaged, has other axes, or the package that reads it is not installed.
    """
    if is_zarr(path):
        from .zarr_regions import ZarrRegions

        with told(path, "an image", "OME-Zarr or Zarr"):
            reader = ZarrRegions.open(path, dims)
        return reader if dims == 2 or prod(reader.shape[:-1]) > LARGE else None
    from .tiff_regions import TiffRegions

    with told(path):
        if dims != 2 or not path.is_file() or not is_tiff(head_of(path)):
            return None
        if is_geotiff(path):
            from .geo_regions import GeoRegions

            return GeoRegions.open(path)
        return TiffRegions.open(path, LARGE)


def read_whole(reader: RegionReader) -> NDArray[Any]:
    """All pixels."""
    with told(reader.path):
        return reader.read(tuple((0, n) for n in reader.shape[:-1]))


def identity(reader: RegionReader) -> dict[str, Any]:
    """What tells one image from another without reading it whole: shape, depth, the file's size and time, some pixels."""
    path = reader.path
    if path.is_dir():
        # of the group and its levels; what lies deeper are chunks, and may be millions
        names = [f"{level}{name}" for level in ("", "*/") for name in ("zarr.json", ".zarray", ".zattrs")]
        files = sorted(file for name in names for file in path.glob(name))
        stored = [[str(file.relative_to(path)), _hash(file.read_bytes())] for file in files]
    else:
        stored = [[str(path.stat().st_size), str(path.stat().st_mtime_ns)]]
    places: list[Callable[[int], int]] = [lambda n: 0, lambda n: n // 2, lambda n: max(n - _SAMPLE, 0)]
    boxes = [tuple((at(n), min(at(n) + _SAMPLE, n)) for n in reader.shape[:-1]) for at in places]
    with told(path):
        samples = [_hash(np.ascontiguousarray(reader.read(box)).tobytes()) for box in boxes]
    return {
        "name": path.name,
        "shape": list(reader.shape),
        "dtype": str(reader.dtype),
        "stored": stored,
        "pixels": samples,
    }


def chunks(shape: Sequence[int], side: int = CHUNK) -> list[Box]:
    """The boxes of a grid of tiles along the last two axes, row after row; all of the axes before."""
    *before, rows, columns = shape
    return [
        (*((0, n) for n in before), (row, min(row + side, rows)), (column, min(column + side, columns)))
        for row in range(0, rows, side)
        for column in range(0, columns, side)
    ]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
