"""TIFF: many depths, channels as planes or interleaved, and axes that have names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, in both byte orders
CHANNELS = "SC"  # tifffile's letters: samples of a pixel, channels
MOST_UNNAMED = 16
"""Planes that a TIFF without named axes may have to be read as channels; more are taken for a stack."""


def is_tiff(head: bytes) -> bool:
    """Whether these first bytes are a TIFF's."""
    return head[:4] in _MAGIC


def read_tiff(path: Path) -> NDArray[Any]:
    """Read a TIFF's only image, as (rows, columns, channels) uint8, uint16 or float32; see `read_image`."""
    stored = load_tiff(path)
    return shown(path, _plane(path, stored), stored.palette)


def read_tiff_labels(path: Path) -> NDArray[Any] | None:
    """Read a TIFF's values as stored, as (rows, columns); None if it has several channels."""
    pixels = _plane(path, load_tiff(path))
    return pixels[..., 0] if pixels.shape[2] == 1 else None


@dataclass(frozen=True)
class Stored:
    """What a TIFF holds.

    Attributes:
        values: the array as stored, in native byte order, without axes of length 1 other than rows and columns.
        axes: tifffile's letter for each axis.
        palette: (n, 3) uint8, if there is one.
        notes: what the writer says of the whole file: ImageJ's fields, or those that tifffile writes.
        ome: the OME-XML, if there is one.
        resolution: pixels per unit along rows and columns, if it says.
    """

    values: NDArray[Any]
    axes: str
    palette: NDArray[np.uint8] | None
    notes: dict[str, Any]
    ome: str | None
    resolution: tuple[float, float] | None


def load_tiff(path: Path) -> Stored:
    """Read a TIFF's only image, of any number of axes."""
    from tifffile import PHOTOMETRIC, TiffFile

    with TiffFile(path) as file:
        series = _series(file)
        if len(series) != 1:
            raise RetintError(f"{path}: found a TIFF of {len(series)} images; expected one: save each as its own file")
        page = series[0].keyframe
        if page.photometric in (PHOTOMETRIC.SEPARATED, PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB, PHOTOMETRIC.ITULAB):
            raise RetintError(f"{path}: found a TIFF in CMYK or Lab colours; expected grey or RGB: convert it")
        axes, shape = _squeezed(series[0])
        _check_whole(file, series[0])
        values = np.asarray(series[0].asarray()).reshape(shape)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        palette = (
            _palette(page.colormap) if page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None else None
        )
        notes = dict(file.imagej_metadata or (file.shaped_metadata or ({},))[0])
        per_unit = [page.tags.valueof(f"{axis}Resolution") for axis in "YX"]
        known = all(pair and all(pair) for pair in per_unit)
        resolution = (per_unit[0][0] / per_unit[0][1], per_unit[1][0] / per_unit[1][1]) if known else None
        return Stored(values, axes, palette, notes, file.ome_metadata, resolution)


def tiff_axes(path: Path) -> tuple[str, tuple[int, ...]] | None:
    """Letters and lengths of the axes of a TIFF's only image, as `Stored` has them, reading no pixels; None if several."""
    from tifffile import TiffFile

    with TiffFile(path) as file:
        series = _series(file)
        return _squeezed(series[0]) if len(series) == 1 else None


def plane_axes(axes: str, shape: tuple[int, ...]) -> str | None:
    """The axes of one 2-D image, those without a name told; None if they are those of a stack."""
    if axes == "QYX":  # written without axes: the short side is the channels
        short = int(np.argmin(shape))
        if short != 1 and shape[short] <= MOST_UNNAMED:
            axes = {0: "CYX", 2: "YXC"}[short]
    extra = [axis for axis in axes if axis not in "YX"]
    if len(extra) > 1 or any(axis not in CHANNELS for axis in extra) or not {"Y", "X"} <= set(axes):
        return None
    return axes


def told_axes(axes: str, shape: tuple[int, ...]) -> str:
    """Axes for an error: `4 (Z) x 20 (Y) x 31 (X)`."""
    return " x ".join(f"{n} ({axis})" for n, axis in zip(shape, axes, strict=True))


def shown(path: Path, values: NDArray[Any], palette: NDArray[np.uint8] | None = None) -> NDArray[Any]:
    """Stored values as pixels, (..., channels) uint8, uint16 or float32; see `read_image`."""
    if palette is not None:
        return np.take(palette, values[..., 0], axis=0)
    if values.dtype == np.bool_:
        return np.where(values, np.uint8(255), np.uint8(0))
    if values.dtype in (np.uint8, np.uint16):
        return values
    if values.dtype.kind not in "iuf":
        raise RetintError(f"{path}: found values of type {values.dtype}; expected integers or floats: convert them")
    return values.astype(np.float32, copy=False)


def _plane(path: Path, stored: Stored) -> NDArray[Any]:
    """The values as (rows, columns, channels)."""
    values = stored.values
    axes = plane_axes(stored.axes, values.shape)
    if axes is None:
        raise RetintError(
            f"{path}: found a TIFF stack of {told_axes(stored.axes, values.shape)}; expected one 2-D image: take a "
            "3-D model if it is a volume, save each page as its own file if it is not, "
            "or if the pages are channels name the axes (tifffile: metadata={'axes': 'CYX'})"
        )
    extra = [axis for axis in axes if axis not in "YX"]
    values = values.transpose([axes.index(axis) for axis in ("Y", "X", *extra)])
    return values if extra else values[..., None]


def _series(file: TiffFile) -> list[TiffPageSeries]:
    return [s for s in file.series if not s.keyframe.is_reduced] or list(file.series)  # no thumbnails


def _squeezed(series: TiffPageSeries) -> tuple[str, tuple[int, ...]]:
    keep = [i for i, axis in enumerate(series.axes) if axis in "YX" or series.shape[i] != 1]
    return "".join(series.axes[i] for i in keep), tuple(series.shape[i] for i in keep)


def _check_whole(file: TiffFile, series: TiffPageSeries) -> None:
    """Raise if data lie beyond the end of the file: JPEG decoders fill what is missing with grey and say nothing."""
    pages = [page for page in series.pages if page is not None]
    ends = [at + size for page in pages for at, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if max(ends, default=0) > file.filehandle.size:
        raise EOFError(f"it ends after {file.filehandle.size} of {max(ends)} bytes")


def _palette(colormap: NDArray[np.uint16]) -> NDArray[np.uint8]:
    # 16 bits by the standard, 8 by some writers
    return (colormap.T >> 8 if colormap.max() > 255 else colormap.T).astype(np.uint8)
