"""GeoTIFF and Cloud-Optimised GeoTIFF by region; their labels lie on the same piece of Earth. Needs rasterio."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import reason_of
from retint.wholefile import whole_file

from .regions import CHUNK, KEPT, Box, Labels, chunks, need
from .tiff import look_of, opened_tiff, shown
from .write import Colour


class GeoRegions:
    """A reader of a GeoTIFF, or of one of its overviews; see `RegionReader`."""

    def __init__(self, path: Path, level: int | None) -> None:
        self.path, self._rasterio = path, need("rasterio", "geo", path, "a GeoTIFF")
        warnings.filterwarnings("ignore", category=self._rasterio.errors.NotGeoreferencedWarning)  # one may do without
        with opened_tiff(path) as file:
            look = look_of(path, file.pages.first)
        with self._environment():
            options = {} if level is None else {"overview_level": level}
            self._file = self._rasterio.open(path, **options)
            self._look = replace(look, palette=self._colours())
            self._holes = any(n is not None and n != n for n in self._file.nodatavals)
        like = shown(path, np.zeros((1, 1, self._file.count), self._file.dtypes[0]), self._look)
        self.shape: tuple[int, ...] = (self._file.height, self._file.width, like.shape[2])
        self.dtype: np.dtype[Any] = like.dtype

    @classmethod
    def open(cls, path: Path) -> GeoRegions:
        """A reader of the full resolution."""
        return cls(path, None)

    @property
    def alpha(self) -> bool:
        """Whether the last band is alpha, as GDAL tells it: its writers often leave ExtraSamples wrong."""
        return bool(self._file.colorinterp[-1] == self._rasterio.enums.ColorInterp.alpha)

    def read(self, box: Box) -> NDArray[Any]:
        """See `RegionReader`."""
        with self._environment():
            values = self._file.read(window=self._window(box))
        if self._holes and values.dtype.kind == "f":
            values = np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)  # labelled as others are
        return np.ascontiguousarray(shown(self.path, np.moveaxis(values, 0, -1), self._look))

    def at(self, scale: float) -> GeoRegions:
        """See `RegionReader`."""
        coarse = [k for k, factor in enumerate(self._file.overviews(1)) if factor * scale <= 1]
        return GeoRegions(self.path, coarse[-1]) if coarse else self

    def suffix(self) -> str:
        """See `RegionReader`."""
        return ".tif"

    def write_labels(self, path: Path, labels: Labels, palette: Sequence[Colour]) -> None:
        """A Cloud-Optimised GeoTIFF of class indices, with coordinates (transform, control points, RPCs), colour table and overviews."""
        from rasterio.shutil import copy

        rows, columns = labels.shape
        where = {"crs": self._file.crs, "transform": self._file.transform, "rpcs": self._file.rpcs}
        if self._file.gcps[0]:
            where |= {"gcps": self._file.gcps[0], "crs": self._file.gcps[1], "transform": None}
        with whole_file(path) as part, self._environment(), self._refused():
            plain = part.with_suffix(".plain.tif")
            try:
                with self._rasterio.open(
                    plain, "w", driver="GTiff", height=rows, width=columns, count=1, dtype="uint8", tiled=True, blockxsize=CHUNK,
                    blockysize=CHUNK, compress="deflate", BIGTIFF="IF_SAFER", **where,
                ) as file:  # fmt: skip
                    file.write_colormap(1, {k: (*map(int, colour), 255) for k, colour in enumerate(palette)})
                    for box in chunks(labels.shape):
                        file.write(labels.read(box), 1, window=self._window(box))
                copy(
                    str(plain), str(part), driver="COG", COMPRESS="DEFLATE", BLOCKSIZE=CHUNK, BIGTIFF="IF_SAFER",
                    OVERVIEW_RESAMPLING="NEAREST",
                )  # fmt: skip
            finally:
                plain.unlink(missing_ok=True)
            with self._rasterio.open(part) as file:  # on a full disk, GDAL may leave out the end without a word
                for box in chunks(labels.shape):
                    if not np.array_equal(file.read(1, window=self._window(box)), labels.read(box)):
                        raise OSError("not all of it is there")

    @contextmanager
    def _refused(self) -> Iterator[None]:
        """GDAL's errors of writing, as those of the system are."""
        from rasterio._err import CPLE_BaseError

        try:
            yield
        except (CPLE_BaseError, self._rasterio.errors.RasterioError) as error:
            raise OSError(reason_of(error)) from error

    def _colours(self) -> NDArray[np.uint8] | None:
        if self._file.colorinterp[0] != self._rasterio.enums.ColorInterp.palette:
            return None
        table = self._file.colormap(1)
        return np.asarray([table.get(k, (0, 0, 0, 0))[:3] for k in range(max(table) + 1)], np.uint8)

    def _window(self, box: Box) -> Any:
        (top, bottom), (left, right) = box
        return self._rasterio.windows.Window(left, top, right - left, bottom - top)

    def _environment(self) -> Any:
        return self._rasterio.Env(GDAL_CACHEMAX=KEPT >> 20)  # MB; else a twentieth of the memory
