"""Whether the last channel of an image is its opacity, which only its file can say."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from retint.errors import RetintError

from .find import NIFTI_SUFFIXES, is_zarr, volume_suffix
from .read import head_of
from .tiff import is_geotiff, is_tiff, tiff_alpha


def may_be_alpha(where: str | Path) -> bool:
    """Whether the last of two or four channels is taken for alpha.

    Of PNG and WebP it is, of Zarr and NIfTI never, of a TIFF if it says so. An array cannot say, and is taken to have it.

    Args:
        where: the path of the file, or what an array is called.
    """
    if not isinstance(where, Path):
        return True
    return not is_zarr(where) and _says_alpha(where, where.stat().st_mtime_ns)


@lru_cache  # asked for every region; a file of another time is another one
def _says_alpha(path: Path, changed: int) -> bool:
    if volume_suffix(path) in NIFTI_SUFFIXES:
        return False
    if not is_tiff(head_of(path)):
        return True
    if is_geotiff(path):
        from .geo_regions import GeoRegions

        with suppress(RetintError):  # rasterio is not installed
            return GeoRegions.open(path).alpha
    return tiff_alpha(path)
