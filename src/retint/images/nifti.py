"""NIfTI, the format of medical volumes: x, y, z in the file, slices = z, rows = y, columns = x here."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError
from retint.extras import need
from retint.wholefile import whole_file

from .find import volume_suffix
from .tiff import MOST_UNNAMED
from .voxels import METERS, Volume, make_spacing

_UNITS = {"meter": "meter", "mm": "millimeter", "micron": "micrometer"}  # all that NIfTI has


@dataclass(frozen=True)
class Placed:
    """Where a volume lies: the affine, (4, 4) float64 from (x, y, z) to millimetres or so, and the whole header."""

    affine: NDArray[np.float64]
    header: Any


def read_nifti(path: Path) -> Volume:
    """Read as (slices, rows, columns, channels), values scaled as the header says.

    A fourth or fifth axis of up to 16 are channels (modalities); a longer one, or a fourth one that has a
    step other than 1, is a time series.
    """
    nibabel = need("nibabel", "volumes", f"{path}: found NIfTI")
    image = nibabel.load(path)
    if not isinstance(image, nibabel.Nifti1Pair):  # NIfTI-2 images are these, too
        raise RetintError(f"{path}: found {type(image).__name__}; expected a NIfTI volume: convert it")
    values = np.asanyarray(image.dataobj)
    if values.dtype.names:  # RGB
        values = np.stack([values[name] for name in values.dtype.names], axis=-1)
    size = " x ".join(map(str, values.shape))
    more = [length for length in values.shape[3:] if length > 1]
    if values.ndim < 3 or len(more) > 1 or (more and more[0] > MOST_UNNAMED):
        raise RetintError(
            f"{path}: found NIfTI of {size}; expected x, y, z and up to {MOST_UNNAMED} channels: "
            "save each time as its own file"
        )
    step = float(image.header["pixdim"][4])  # 1 where none is meant, also by writers that give a unit of time to all they write
    if values.ndim > 3 and values.shape[3] > 1 and step not in (0, 1):
        raise RetintError(
            f"{path}: found NIfTI of {size} whose fourth axis is time (steps of {step:g}); expected one volume: "
            "save each time as its own file, or if they are channels, with pixdim[4] = 1"
        )
    values = values.reshape(*values.shape[:3], -1).transpose(2, 1, 0, 3)
    x, y, z = (float(str(size)) for size in image.header.get_zooms()[:3])  # 0.7 where float32 has 0.69999999
    unit = _UNITS.get(image.header.get_xyzt_units()[0])
    spacing, unit = make_spacing((z, y, x), [unit] * 3)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return Volume(values, spacing, unit, Placed(image.affine, image.header))


def write_nifti(path: Path, values: NDArray[Any], like: Volume | None) -> None:
    """Write labels (slices, rows, columns), or probabilities (classes, slices, rows, columns), where `like` lies."""
    nibabel = need("nibabel", "volumes", f"{path}: found NIfTI")
    stored = values.transpose(2, 1, 0) if values.ndim == 3 else values.transpose(3, 2, 1, 0)
    if like is not None and isinstance(like.extra, Placed):
        header, affine = like.extra.header.copy(), like.extra.affine
        header["cal_min"] = header["cal_max"] = 0  # the brightness of the image, not of its labels
    else:
        header, affine = nibabel.Nifti1Header(), np.eye(4)
        if like is not None and like.spacing:
            scale, unit = _in_nifti_units(like.unit)
            affine = np.diag([*(scale * size for size in reversed(like.spacing)), 1.0])
            header.set_xyzt_units(unit)
    if values.ndim == 4:  # classes are no times
        header["pixdim"][4] = 1
    header.set_data_dtype(stored.dtype)
    header.set_intent("label" if values.ndim == 3 else "estimate")
    two = isinstance(header, nibabel.Nifti2Header) or max(stored.shape) > np.iinfo(np.int16).max
    image = (nibabel.Nifti2Image if two else nibabel.Nifti1Image)(stored, affine, header)
    with whole_file(path) as part, part.open("wb") as file:
        if volume_suffix(path) == ".nii.gz":
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:  # no name, no time: same labels, same bytes
                image.to_stream(packed)
        else:
            image.to_stream(file)


def _in_nifti_units(unit: str | None) -> tuple[float, str]:
    """What to multiply with, and NIfTI's name of the unit."""
    for name, full in _UNITS.items():
        if unit == full:
            return 1.0, name
    return (float(f"{METERS[unit] * 1e6:.12g}"), "micron") if unit in METERS else (1.0, "unknown")
