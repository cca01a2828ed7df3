"""TIFF: many depths, channels as planes or interleaved, and axes that have names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, in both byte orders
_CHANNELS = "SC"  # tifffile's letters: samples of a pixel, channels
_MOST_UNNAMED = 16
"""Planes that a TIFF without named axes may have to be read as channels; more are taken for a stack."""


def is_tiff(head: bytes) -> bool:
    """Whether these first bytes are a TIFF's."""
    return head[:4] in _MAGIC


def read_tiff(path: Path) -> NDArray[Any]:
    """Read a TIFF's only image, as (rows, columns, channels) uint8, uint16 or float32; see `read_image`."""
    pixels, colours = _load(path)
    if colours is not None:
        return np.take(colours, pixels[..., 0], axis=0)
    if pixels.dtype == np.bool_:
        return np.where(pixels, np.uint8(255), np.uint8(0))
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels
    if pixels.dtype.kind not in "iuf":
        raise RetintError(f"{path}: found values of type {pixels.dtype}; expected integers or floats: convert them")
    return pixels.astype(np.float32, copy=False)


def read_tiff_labels(path: Path) -> NDArray[Any] | None:
    """Read a TIFF's values as stored, as (rows, columns); None if it has several channels."""
    pixels, _ = _load(path)
    return pixels[..., 0] if pixels.shape[2] == 1 else None


def _load(path: Path) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """The values, (rows, columns, channels) in native byte order, and the palette, (n, 3), if there is one."""
    from tifffile import PHOTOMETRIC, TiffFile

    with TiffFile(path) as file:
        series = [s for s in file.series if not s.keyframe.is_reduced] or list(file.series)  # no thumbnails
        if len(series) != 1:
            raise RetintError(f"{path}: found a TIFF of {len(series)} images; expected one: save each as its own file")
        page = series[0].keyframe
        if page.photometric in (PHOTOMETRIC.SEPARATED, PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB, PHOTOMETRIC.ITULAB):
            raise RetintError(f"{path}: found a TIFF in CMYK or Lab colours; expected grey or RGB: convert it")
        axes, shape = series[0].axes, series[0].shape
        _check_whole(file, series[0])
        pixels = np.asarray(series[0].asarray()).reshape(shape)
        colormap = page.colormap if page.photometric == PHOTOMETRIC.PALETTE else None

    keep = [i for i, axis in enumerate(axes) if axis in "YX" or shape[i] != 1]
    axes, pixels = "".join(axes[i] for i in keep), pixels.reshape([shape[i] for i in keep])
    if axes == "QYX":  # written without axes: the short side is the channels
        short = int(np.argmin(pixels.shape))
        if short != 1 and pixels.shape[short] <= _MOST_UNNAMED:
            axes = {0: "CYX", 2: "YXC"}[short]
    extra = [axis for axis in axes if axis not in "YX"]
    if len(extra) > 1 or any(axis not in _CHANNELS for axis in extra) or not {"Y", "X"} <= set(axes):
        found = " x ".join(f"{n} ({axis})" for n, axis in zip(pixels.shape, axes, strict=True))
        raise RetintError(
            f"{path}: found a TIFF stack of {found}; expected one 2-D image: save each page as its own file, "
            "or if the pages are channels name the axes (tifffile: metadata={'axes': 'CYX'})"
        )
    pixels = pixels.transpose([axes.index(axis) for axis in ("Y", "X", *extra)])
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    return (pixels if extra else pixels[..., None]), _palette(colormap)


def _check_whole(file: TiffFile, series: TiffPageSeries) -> None:
    """Raise if data lie beyond the end of the file: JPEG decoders fill what is missing with grey and say nothing."""
    pages = [page for page in series.pages if page is not None]
    ends = [at + size for page in pages for at, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if max(ends, default=0) > file.filehandle.size:
        raise EOFError(f"it ends after {file.filehandle.size} of {max(ends)} bytes")


def _palette(colormap: NDArray[np.uint16] | None) -> NDArray[np.uint8] | None:
    if colormap is None:
        return None
    # 16 bits by the standard, 8 by some writers
    return (colormap.T >> 8 if colormap.max() > 255 else colormap.T).astype(np.uint8)
