"""TIFF: many depths, channels as planes or interleaved, and axes that have names."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError

from .orientation import ORIENTATION, upright

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, in both byte orders
CHANNELS = "SC"  # tifffile's letters: samples of a pixel, channels
MOST_UNNAMED = 16
"""Planes that a TIFF without named axes may have to be read as channels; more are taken for a stack."""

_DAMAGE = (
    "invalid page offset", "invalid offset to page", "invalid value offset", "circular reference", "corrupted", "failed to read",
    "missing data",
)  # fmt: skip
"""Of what tifffile logs, to go on with the rest."""
_PRIVATE = 32768  # the first of the tags that anybody may have
_TAGS = 4096  # bytes that a page's tags hardly take; more at a file's end are pixels
_GEO_TAGS = (33550, 33922, 34264, 34735, 50844)  # scale, tie points, transform, keys, RPCs
_WORLD_FILES = (".tfw", ".tifw", ".tiffw", ".wld")
JPEG = (6, 7, 34892, 33007)
"""Compressions."""


def is_tiff(head: bytes) -> bool:
    """Whether these first bytes are a TIFF's."""
    return head[:4] in _MAGIC


def read_tiff(path: Path) -> NDArray[Any]:
    """Read a TIFF's only image, as (rows, columns, channels) uint8, uint16 or float32; see `read_image`."""
    stored = load_tiff(path)
    return shown(path, _plane(path, stored), stored.look)


def read_tiff_labels(path: Path) -> NDArray[Any] | None:
    """Read a TIFF's values as stored, as (rows, columns); None if it has several channels."""
    pixels = _plane(path, load_tiff(path))
    return pixels[..., 0] if pixels.shape[2] == 1 else None


@dataclass(frozen=True, eq=False)
class Look:
    """How stored values are shown.

    Attributes:
        palette: (n, 3) uint8, if there is one.
        bits: of a value; fewer than 8 are stretched to 8.
        inverted: that zero is white, of 8 or 16 bits without sign.
    """

    palette: NDArray[np.uint8] | None = None
    bits: int = 8
    inverted: bool = False


_AS_STORED = Look()


@dataclass(frozen=True)
class Stored:
    """What a TIFF holds.

    Attributes:
        values: the array as stored, upright, in native byte order, without axes of length 1 other than rows and columns.
        axes: tifffile's letter for each axis.
        look: how the values are shown.
        notes: what the writer says of the whole file: ImageJ's fields, or those that tifffile writes.
        ome: the OME-XML, if there is one.
        resolution: pixels per unit along rows and columns, if it says.
    """

    values: NDArray[Any]
    axes: str
    look: Look
    notes: dict[str, Any]
    ome: str | None
    resolution: tuple[float, float] | None


def load_tiff(path: Path) -> Stored:
    """Read a TIFF's only image, of any number of axes."""
    with opened_tiff(path) as file:
        series = series_of(file)
        if len(series) != 1:
            raise RetintError(f"{path}: found a TIFF of {len(series)} images; expected one: save each as its own file")
        page = series[0].keyframe
        look = look_of(path, page)
        axes, shape = squeezed(series[0])
        check_whole(file, series[0])
        values = np.asarray(series[0].asarray()).reshape(shape)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        if (turn := orientation_of(path, page)) != 1:
            plane = axes.index("Y"), axes.index("X")
            values = np.moveaxis(upright(np.moveaxis(values, plane, (0, 1)), turn), (0, 1), plane)
        notes = dict(file.imagej_metadata or (file.shaped_metadata or ({},))[0])
        per_unit = [page.tags.valueof(f"{axis}Resolution") for axis in ("YX" if turn < 5 else "XY")]
        known = all(pair and all(pair) for pair in per_unit)
        resolution = (per_unit[0][0] / per_unit[0][1], per_unit[1][0] / per_unit[1][1]) if known else None
        return Stored(values, axes, look, notes, file.ome_metadata, resolution)


def tiff_axes(path: Path) -> tuple[str, tuple[int, ...]] | None:
    """Letters and lengths of the axes of a TIFF's only image, as `Stored` has them, reading no pixels; None if several."""
    with opened_tiff(path) as file:
        series = series_of(file)
        return squeezed(series[0]) if len(series) == 1 else None


def tiff_alpha(path: Path) -> bool:
    """Whether the last sample of a pixel is alpha, as the TIFF itself says; see `GeoRegions.alpha`."""
    with opened_tiff(path) as file:
        series = series_of(file)[0]
        extra = series.keyframe.extrasamples
        return "S" in series.axes and bool(extra) and extra[-1] in (1, 2)  # associated, unassociated


def is_geotiff(path: Path) -> bool:
    """Whether a TIFF, or a world file beside it, says where on Earth it lies."""
    with opened_tiff(path) as file:
        return _on_earth(path, file.pages.first)


@contextmanager
def opened_tiff(path: Path) -> Iterator[TiffFile]:
    """A TIFF to read, here alone; see `heard`."""
    from tifffile import TiffFile

    with heard(), TiffFile(path) as file:
        yield file


@contextmanager
def heard() -> Iterator[None]:
    """Raise where tifffile would only log that a file is damaged; the rest of what it logs is not printed.

    Raises:
        EOFError: with what it says.
    """
    log, ear = logging.getLogger("tifffile"), _Ear()
    level = log.level
    if not log.isEnabledFor(logging.WARNING):  # it was told to be quiet
        log.setLevel(logging.WARNING)
    log.addFilter(ear)
    try:
        yield
    except Exception:
        if not ear.damage:
            raise
    finally:
        log.removeFilter(ear)
        log.setLevel(level)
    if ear.damage:
        raise EOFError(ear.damage)


class _Ear:
    """A filter of the log that keeps the first damage that its thread is told of, and lets nothing of it through."""

    def __init__(self) -> None:
        self.damage, self._thread = "", get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        told = record.getMessage()
        tag = re.search(r"TiffTag (\d+)", told)
        vital = int(tag[1]) < _PRIVATE or int(tag[1]) in _GEO_TAGS if tag else "ImageJ series" not in told  # see `check_whole`
        if vital and not self.damage and any(word in told.lower() for word in _DAMAGE):
            self.damage = re.sub("^<[^>]*> (raised )?|, raised .*", "", told)
        return False


def look_of(path: Path, page: TiffPage) -> Look:
    """How the values of a TIFF are shown.

    Raises:
        RetintError: in colours that are not read.
    """
    from tifffile import PHOTOMETRIC

    kind = page.photometric
    if kind in (PHOTOMETRIC.SEPARATED, PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB, PHOTOMETRIC.ITULAB):
        raise RetintError(f"{path}: found a TIFF in CMYK or Lab colours; expected grey or RGB: convert it")
    if kind == PHOTOMETRIC.YCBCR and page.compression not in JPEG:
        raise RetintError(f"{path}: found a TIFF in YCbCr colours that is no JPEG; expected grey or RGB: convert it")
    palette = _palette(page.colormap) if kind == PHOTOMETRIC.PALETTE and page.colormap is not None else None
    bits = page.bitspersample if isinstance(page.bitspersample, int) else 8
    return Look(palette, bits, kind == PHOTOMETRIC.MINISWHITE)


def orientation_of(path: Path, page: TiffPage) -> int:
    """Which way is up, 1 to 8; a TIFF that lies on Earth is as its coordinates say, whatever the tag does."""
    turn = page.tags.valueof(ORIENTATION, 1)
    return turn if isinstance(turn, int) and not _on_earth(path, page) else 1


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


def shown(path: Path, values: NDArray[Any], look: Look = _AS_STORED) -> NDArray[Any]:
    """Stored values as pixels, (..., channels) uint8, uint16 or float32; see `read_image`."""
    if look.palette is not None:
        return np.take(look.palette, values[..., 0], axis=0)
    bits = look.bits
    if values.dtype == np.bool_:
        values, bits = values.view(np.uint8), 1
    if values.dtype in (np.uint8, np.uint16):
        if bits < 8:
            values, bits = (values * np.uint16(255) // np.uint16(2**bits - 1)).astype(np.uint8), 8
        return values.dtype.type(2**bits - 1) - values if look.inverted else values
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


def series_of(file: TiffFile) -> list[TiffPageSeries]:
    """The images of a file, without thumbnails, and without what scanners of slides put beside them: the label, the whole slide."""
    slides = [s for s in file.series if s.name == "Baseline"]
    return slides or [s for s in file.series if not s.keyframe.is_reduced] or list(file.series)


def squeezed(series: TiffPageSeries) -> tuple[str, tuple[int, ...]]:
    """Letters and lengths of the axes of an image, but those of length 1 other than rows and columns."""
    keep = [i for i, axis in enumerate(series.axes) if axis in "YX" or series.shape[i] != 1]
    return "".join(series.axes[i] for i in keep), tuple(series.shape[i] for i in keep)


def check_whole(file: TiffFile, series: TiffPageSeries) -> None:
    """Tell if an image is not all there: JPEG decoders fill what is missing with grey and say nothing.

    Raises:
        EOFError: pages are missing, or data lie beyond the end of the file.
    """
    pages = [page for page in series.pages if page is not None]
    if len(pages) < len(series.pages):
        raise EOFError(f"it has {len(pages)} of {len(series.pages)} pages")
    ends = [at + size for page in pages for at, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
    end, size = max(ends, default=0), file.filehandle.size
    if end > size:
        raise EOFError(f"it ends after {size} of {end} bytes")
    named = (file.imagej_metadata or {}).get("images", 1)  # also of a file that is no stack any more
    if named > max(len(pages), prod(series.shape[:-2])) and size - end > _TAGS:
        raise EOFError(f"it has {len(pages)} of {named} pages")


def _on_earth(path: Path, page: TiffPage) -> bool:
    beside = (path.with_suffix(end) for name in _WORLD_FILES for end in (name, name.upper()))
    return any(tag in page.tags for tag in _GEO_TAGS) or any(file.is_file() for file in beside)


def _palette(colormap: NDArray[np.uint16]) -> NDArray[np.uint8]:
    # 16 bits by the standard, 8 by some writers
    return (colormap.T >> 8 if colormap.max() > 255 else colormap.T).astype(np.uint8)
