"""TIFF and BigTIFF by region: tiles or strips, of any compression, with the levels of a pyramid."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.wholefile import whole_file

from .regions import CHUNK, KEPT, Box, Labels, chunks
from .tiff import JPEG, check_whole, heard, look_of, orientation_of, plane_axes, series_of, shown, squeezed
from .write import Colour

_LARGEST_PART = 128 << 20  # bytes; a strip or a tile above is no region


class TiffRegions:
    """A reader of one level of a TIFF; see `RegionReader`."""

    def __init__(self, path: Path, file: Any, levels: Sequence[Any], number: int) -> None:
        self.path, self._file, self._levels = path, file, levels
        self._level = levels[number]
        self._axes, size = squeezed(self._level)
        plane = plane_axes(self._axes, size)
        assert plane is not None
        key = self._key = self._level.keyframe
        self._look = look_of(path, key)
        lengths = dict(zip(plane, size, strict=True))
        channels = next((n for axis, n in lengths.items() if axis not in "YX"), 1)
        self._stored = (lengths["Y"], lengths["X"], channels)
        like = shown(path, np.zeros((1, 1, channels), key.dtype.newbyteorder("=")), self._look)
        self.shape: tuple[int, ...] = (*self._stored[:2], like.shape[2])
        self.dtype: np.dtype[Any] = like.dtype
        self._decoded: OrderedDict[tuple[int, int], NDArray[Any] | None] = OrderedDict()
        self._held = 0

    @classmethod
    def open(cls, path: Path, more_than: int) -> TiffRegions | None:
        """A reader, or None for a TIFF of no more pixels, one that is not upright, or one whose parts are not small."""
        from tifffile import TiffFile

        with heard(), ExitStack() as closing:
            file = closing.enter_context(TiffFile(path))
            series = series_of(file)
            if len(series) != 1 or not _fits(series[0]) or orientation_of(path, series[0].keyframe) != 1:
                return None  # whoever reads it whole says what is wrong, if anything is
            lengths = dict(zip(series[0].axes, series[0].shape, strict=True))
            if lengths["Y"] * lengths["X"] <= more_than:
                return None
            check_whole(file, series[0])
            levels = [level for level in series[0].levels if level is series[0] or _fits(level)]
            reader = cls(path, file, levels, 0)
            closing.pop_all()  # it stays open for the reader
            return reader

    def read(self, box: Box) -> NDArray[Any]:
        """See `RegionReader`."""
        rows, columns = box
        out = np.zeros((rows[1] - rows[0], columns[1] - columns[0], self._stored[2]), self._key.dtype.newbyteorder("="))
        pages = len(self._level.pages) if self._stored[2] > 1 and "S" not in self._axes else 1
        for page in range(pages):
            for number in self._numbers(box):
                for plane, (top, left), part in self._parts(page, number):
                    low = max(rows[0], top), max(columns[0], left)
                    high = min(rows[1], top + part.shape[0]), min(columns[1], left + part.shape[1])
                    inside = part[low[0] - top : high[0] - top, low[1] - left : high[1] - left]
                    target = out[low[0] - rows[0] : high[0] - rows[0], low[1] - columns[0] : high[1] - columns[0]]
                    first = page + plane
                    target[..., first : first + inside.shape[2]] = inside
        return np.ascontiguousarray(shown(self.path, out, self._look))

    def at(self, scale: float) -> TiffRegions:
        """See `RegionReader`."""
        wanted = [scale * n for n in self.shape[:2]]
        number = 0
        for k, level in enumerate(self._levels):
            size = dict(zip(level.axes, level.shape, strict=True))
            if size["Y"] >= wanted[0] and size["X"] >= wanted[1]:
                number = k
        return self if number == 0 else TiffRegions(self.path, self._file, self._levels, number)

    def suffix(self) -> str:
        """See `RegionReader`."""
        return ".tif"

    def write_labels(self, path: Path, labels: Labels, palette: Sequence[Colour]) -> None:
        """A tiled BigTIFF of class indices, in the colours of the classes."""
        import tifffile

        colours = np.zeros((3, 256), np.uint16)
        colours[:, : len(palette)] = np.transpose(palette).astype(np.uint16) * 257
        options: dict[str, Any] = {}
        per_unit = [self._key.tags.valueof(f"{axis}Resolution") for axis in "XY"]
        if all(pair and all(pair) for pair in per_unit):
            options["resolution"] = tuple(a / b for a, b in per_unit)
            options["resolutionunit"] = self._key.tags.valueof("ResolutionUnit") or 1
        with whole_file(path) as part:
            tifffile.imwrite(
                part, _tiles(labels), shape=labels.shape, dtype=np.uint8, bigtiff=True, tile=(CHUNK, CHUNK),
                photometric="palette", colormap=colours, compression="zlib", metadata=None, **options,
            )  # fmt: skip

    def _grid(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows and columns of a tile or strip, and how many there are along each axis."""
        return _grid(self._key)

    def _numbers(self, box: Box) -> Iterator[int]:
        (high, wide), (down, across) = self._grid()
        (top, bottom), (left, right) = box
        planes = self._stored[2] if self._key.planarconfig == 2 and "S" in self._axes else 1
        for plane in range(planes):
            for row in range(top // high, -(-bottom // high)):
                for column in range(left // wide, -(-right // wide)):
                    yield (plane * down + row) * across + column

    def _parts(self, page: int, number: int) -> Iterator[tuple[int, tuple[int, int], NDArray[Any]]]:
        """The plane, the place and the values of a tile or strip; nothing where the file has none (zeros)."""
        key = (page, number)
        if key in self._decoded:
            self._decoded.move_to_end(key)
        else:
            self._decoded[key] = part = self._decode(page, number)
            self._held += 0 if part is None else part.nbytes
            while self._held > KEPT:
                _, gone = self._decoded.popitem(last=False)
                self._held -= 0 if gone is None else gone.nbytes
        (high, wide), (down, across) = self._grid()
        if (part := self._decoded.get(key)) is not None:
            row, column = number // across % down, number % across
            yield number // (down * across), (row * high, column * wide), part

    def _decode(self, page: int, number: int) -> NDArray[Any] | None:
        frame = self._level.pages[page]
        count = frame.databytecounts[number]
        if not count:
            return None
        handle, more = self._file.filehandle, {}
        if self._key.compression in JPEG:
            more = {"jpegtables": getattr(frame, "jpegtables", None), "jpegheader": self._key.jpegheader}
        decode = self._key.decode  # is made when first asked for, which moves the file's position
        handle.seek(frame.dataoffsets[number])
        data, _, _ = decode(handle.read(count), number, **more)
        if data is None:
            return None
        (high, wide), _ = self._grid()
        values: NDArray[Any] = data.reshape(data.shape[-3:])[:high, :wide]
        return values


def _grid(key: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    if key.is_tiled:
        side = key.tilelength, key.tilewidth
    else:
        side = min(key.rowsperstrip or key.imagelength, key.imagelength), key.imagewidth
    return side, (-(-key.imagelength // side[0]), -(-key.imagewidth // side[1]))


def _fits(level: Any) -> bool:
    """Whether a level is a 2-D image, its channels samples or pages, in parts that are small."""
    axes, size = squeezed(level)
    key = level.keyframe
    lengths = dict(zip(axes, size, strict=True))
    if sorted(axes) not in (["X", "Y"], ["S", "X", "Y"], ["C", "X", "Y"]) or plane_axes(axes, size) is None:
        return False
    if key.imagedepth > 1 or (key.imagelength, key.imagewidth) != (lengths["Y"], lengths["X"]):
        return False
    if any(page is None for page in level.pages) or len(level.pages) != lengths.get("C", 1):
        return False
    (high, wide), _ = _grid(key)
    return bool(high * wide * lengths.get("S", 1) * key.dtype.itemsize <= _LARGEST_PART)


def _tiles(labels: Labels) -> Iterator[NDArray[np.uint8]]:
    for box in chunks(labels.shape):
        tile = labels.read(box)
        full = np.zeros((CHUNK, CHUNK), np.uint8)
        full[: tile.shape[0], : tile.shape[1]] = tile
        yield full
