"""GeoTIFF and Cloud-Optimised GeoTIFF by region; their labels lie on the same piece of Earth. Needs rasterio."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import reason_of
from retint.extras import need
from retint.wholefile import whole_file

from .read import head_of, told
from .regions import CHUNK, KEPT, Box, Labels, chunks
from .tiff import is_geotiff, is_tiff, look_of, opened_tiff, shown
from .write import Colour


class GeoRegions:
    """A reader of a GeoTIFF, or of one of its overviews; see `RegionReader`."""

    def __init__(self, path: Path, level: int | None) -> None:
        self.path, self._rasterio = path, need("rasterio", "geo", f"{path}: found a GeoTIFF")
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
        from rasterio.shutil import copy as convert

        with whole_file(path) as part, self._environment(), self._refused():
            plain = part.with_suffix(".plain.tif")
            try:
                with self._created(plain, (1, *labels.shape), "uint8", **self._place((1, 1))) as file:
                    file.write_colormap(1, {k: (*map(int, colour), 255) for k, colour in enumerate(palette)})
                    for box in chunks(labels.shape):
                        file.write(labels.read(box), 1, window=self._window(box))
                convert(
                    str(plain), str(part), driver="COG", COMPRESS="DEFLATE", BLOCKSIZE=CHUNK, BIGTIFF="IF_SAFER",
                    OVERVIEW_RESAMPLING="NEAREST",
                )  # fmt: skip
            finally:
                plain.unlink(missing_ok=True)
            self._check(part, labels.shape, labels.read)

    def write_probabilities(
        self, path: Path, planes: NDArray[np.float32], classes: Sequence[str], cell: tuple[float, float] = (1.0, 1.0)
    ) -> None:
        """A GeoTIFF of one band for each class, called by its name, where the image lies.

        Args:
            path: the file.
            planes: (K, rows, columns), float32.
            classes: K names.
            cell: how many rows and columns of the image one of the planes' cells stands for. RPCs are those of single pixels,
                and left out of any others.

        Raises:
            RetintError: the file cannot be written.
        """

        def part_of(box: Box) -> NDArray[np.float32]:
            (top, bottom), (left, right) = box
            return planes[:, top:bottom, left:right]

        shape = planes.shape[1:]
        with whole_file(path) as part, self._environment(), self._refused():
            with self._created(
                part, planes.shape, "float32", interleave="band", predictor=3, **self._place(cell)
            ) as file:
                file.descriptions = tuple(classes)
                for box in chunks(shape):
                    file.write(part_of(box), window=self._window(box))
            self._check(part, shape, part_of)

    def elsewhere(self, path: Path) -> str | None:
        """How the place of another GeoTIFF, a map of this image at any resolution, differs from the image's; None if it does
        not, to three of the larger cells (those of a label grid reach beyond the image), or if one of them does not say."""
        with told(path), self._environment():
            if not (path.is_file() and is_tiff(head_of(path)) and is_geotiff(path)):
                return None
            with self._rasterio.open(path) as other:
                if self._file.crs and other.crs and self._file.crs != other.crs:
                    return f"its coordinate system is {_named(other.crs)}, the image's {_named(self._file.crs)}"
                if self._file.transform.is_identity or other.transform.is_identity:
                    return None
                (mine, large), (its, small) = map(_corners, (self._file, other))
                if np.hypot(*(mine - its).T).max() <= 3 * max(large, small):
                    return None
                found, wanted = (
                    ", ".join(f"{n:.10g}" for n in (*place.min(0), *place.max(0))) for place in (its, mine)
                )
                return f"its bounds are {found}, the image's {wanted}"

    @contextmanager
    def _refused(self) -> Iterator[None]:
        """GDAL's errors of writing, as those of the system are."""
        from rasterio._err import CPLE_BaseError

        try:
            yield
        except (CPLE_BaseError, self._rasterio.errors.RasterioError) as error:
            raise OSError(reason_of(error)) from error

    def _created(self, path: Path, shape: tuple[int, ...], dtype: str, **more: Any) -> Any:
        """A new GeoTIFF of (bands, rows, columns), to write to."""
        return self._rasterio.open(
            path, "w", driver="GTiff", count=shape[0], height=shape[1], width=shape[2], dtype=dtype, tiled=True, blockxsize=CHUNK,
            blockysize=CHUNK, compress="deflate", BIGTIFF="IF_SAFER", **more,
        )  # fmt: skip

    def _place(self, cell: tuple[float, float]) -> dict[str, Any]:
        """Where a map of the image lies whose cells are so many of its rows and columns large."""
        (high, wide), t, (points, crs) = cell, self._file.transform, self._file.gcps
        rpcs = self._file.rpcs if cell == (1, 1) else None
        if points:
            moved = [copy(point) for point in points]
            for point in moved:
                point.row, point.col = point.row / high, point.col / wide
            return {"gcps": moved, "crs": crs, "transform": None, "rpcs": rpcs}
        if not t.is_identity:
            t = self._rasterio.Affine(t.a * wide, t.b * high, t.c, t.d * wide, t.e * high, t.f)
        return {"crs": self._file.crs, "transform": t, "rpcs": rpcs}

    def _check(self, path: Path, shape: tuple[int, ...], written: Callable[[Box], NDArray[Any]]) -> None:
        """Whether a file holds what was written: on a full disk, GDAL may leave out the end without a word."""
        with self._rasterio.open(path) as file:
            for box in chunks(shape):
                if not np.array_equal(np.squeeze(file.read(window=self._window(box))), np.squeeze(written(box))):
                    raise OSError("not all of it is there")

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


def _corners(file: Any) -> tuple[NDArray[np.float64], float]:
    """Where the corners of a georeferenced file lie, (4, 2), and how large its cells are."""
    t, (rows, columns) = file.transform, file.shape
    at = [(r, c) for r in (0, rows) for c in (0, columns)]
    places = np.array([(t.a * c + t.b * r + t.c, t.d * c + t.e * r + t.f) for r, c in at])
    return places, float(max(np.hypot(t.a, t.d), np.hypot(t.b, t.e)))


def _named(crs: Any) -> str:
    """A coordinate system, in few words."""
    return str(crs.to_string())[:60]
