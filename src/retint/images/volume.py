"""Reading and writing volumes (3-D images), their labels and probabilities: TIFF stacks, NIfTI and OME-Zarr.

NIfTI needs nibabel and OME-Zarr needs zarr: `pip install 'retint[volumes]'`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError

from .find import NIFTI_SUFFIXES, TIFF_SUFFIXES, ZARR_SUFFIXES, is_zarr, volume_stem, volume_suffix
from .nifti import read_nifti, write_nifti
from .omezarr import read_omezarr, write_omezarr
from .read import as_indices, head_of, told, whole
from .stack import is_stack, read_stack, write_stack
from .tiff import is_tiff, shown
from .voxels import Spacing, Volume
from .write import Colour

__all__ = [
    "Spacing",
    "Volume",
    "is_volume",
    "read_volume",
    "read_volume_labels",
    "volume_stem",
    "volume_suffix",
    "write_volume_labels",
    "write_volume_probabilities",
]

_KINDS = "TIFF stack, NIfTI (.nii, .nii.gz) or OME-Zarr (.zarr)"


def is_volume(path: str | PathLike[str]) -> bool:
    """Whether a file is a volume, by its name or its header; reads no pixels.

    NIfTI and Zarr are. A TIFF is if `read_image` refuses it as a stack: with a Z axis, or with pages that are not
    channels. Without named axes up to 16 pages are channels; `read_volume` nevertheless reads them as slices.

    Args:
        path: a file or a .zarr folder; one that cannot be read is no volume.
    """
    path = Path(path)
    if volume_suffix(path) in NIFTI_SUFFIXES or is_zarr(path):
        return True
    try:
        return is_tiff(head_of(path)) and is_stack(path)
    except Exception:  # whoever reads its pixels tells what is wrong with it
        return False


def read_volume(path: str | PathLike[str]) -> Volume:
    """Read a volume.

    - TIFF: the Z axis, or the pages of a file that names no axes, are the slices; a single page is one slice. The
      spacing is ImageJ's or OME's.
    - NIfTI: z, y, x of the file are slices, rows, columns, whatever the orientation; intensities are scaled as the
      header says. A fourth axis of up to 16 are channels, if the header does not say that it is time.
    - OME-Zarr 0.4 and 0.5: the finest level.

    Args:
        path: the file, or the .zarr folder.

    Returns:
        The volume, its pixels contiguous, in the file's own depth: uint8, uint16, or float32 for all the rest.

    Raises:
        RetintError: no such file, not a volume, damaged, empty, a time axis, several images in one file, or the
            package that reads the format is not installed.
    """
    path = Path(path)
    with told(path, "a volume", _KINDS):
        volume = _read(path, labels=False)
        return replace(volume, pixels=whole(path, shown(path, volume.pixels)))


def read_volume_labels(path: str | PathLike[str]) -> Volume:
    """Read the class indices of a volume, from any format that `read_volume` reads. Whole floats become integers.

    Args:
        path: the file, or the .zarr folder.

    Returns:
        The volume, its pixels (slices, rows, columns) uint8, or uint16 where the file has 16 bits or a value above 255.

    Raises:
        RetintError: the file cannot be read, has several channels, fractions, or values outside 0 to 65535.
    """
    path = Path(path)
    with told(path, "a volume", _KINDS):
        volume = _read(path, labels=True)
        values = volume.pixels
        if values.shape[3] != 1:
            raise RetintError(
                f"{path}: found {values.shape[3]} channels; expected one class index per voxel: "
                "save the labels as one channel"
            )
        values = values[..., 0]
        if values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.rint(values)).all():
            values = values.astype(np.int64)  # NIfTI often stores labels so
        return replace(volume, pixels=whole(path, as_indices(path, values)))


def write_volume_labels(
    path: str | PathLike[str], labels: NDArray[Any], palette: Sequence[Colour], like: Volume | None = None
) -> None:
    """Write class indices, so that they lie over the volume that they belong to.

    The suffix says the format. TIFF becomes an ImageJ hyperstack, or OME-TIFF if `like` was; Zarr takes the version
    and axes of `like`; NIfTI its affine and header. From another format `like` gives its spacing alone.

    Args:
        path: .tif, .tiff, .nii, .nii.gz or .zarr.
        labels: (slices, rows, columns), integers 0 to 65535; uint8 and uint16 are kept, others stored as the smaller.
        palette: (red, green, blue) of each class, 0 to 255, for ImageJ and OME-Zarr; NIfTI has no place for it.
        like: the volume that was labelled.

    Raises:
        RetintError: labels of another shape or range, another suffix, or the file cannot be written.
    """
    path, labels = Path(path), np.asarray(labels)
    if labels.ndim != 3 or not labels.size or labels.dtype.kind not in "iu":
        found = f"{labels.dtype} {labels.shape}"
        raise RetintError(f"{path}: found labels of {found}; expected 3-D integers: pass class indices")
    labels = as_indices(path, labels)
    _check_size(path, labels.shape, like)
    suffix = _writable(path)
    if suffix in NIFTI_SUFFIXES:
        write_nifti(path, labels, like)
    elif suffix in ZARR_SUFFIXES:
        write_omezarr(path, labels, like, palette=palette)
    else:
        write_stack(path, labels, like, palette=palette)


def write_volume_probabilities(
    path: str | PathLike[str],
    probabilities: NDArray[np.float32],
    classes: Sequence[str] = (),
    like: Volume | None = None,
) -> None:
    """Write probabilities as a volume of one channel per class, float32; see `write_volume_labels`.

    Args:
        path: .tif, .tiff, .nii, .nii.gz or .zarr.
        probabilities: (classes, slices, rows, columns), float.
        classes: names of the channels, where the format has a place for them (not NIfTI).
        like: the volume that was labelled.

    Raises:
        RetintError: another shape or dtype, another suffix, or the file cannot be written.
    """
    path = Path(path)
    if probabilities.ndim != 4 or probabilities.dtype.kind != "f" or not probabilities.size:
        found = f"{probabilities.dtype} {probabilities.shape}"
        raise RetintError(
            f"{path}: found {found}; expected floats (classes, slices, rows, columns): pass probabilities"
        )
    if classes and len(classes) != len(probabilities):
        raise RetintError(f"{path}: found {len(classes)} names for {len(probabilities)} classes; expected one each")
    _check_size(path, probabilities.shape[1:], like)
    probabilities = probabilities.astype(np.float32, copy=False)
    suffix = _writable(path)
    if suffix in NIFTI_SUFFIXES:
        write_nifti(path, probabilities, like)
    elif suffix in ZARR_SUFFIXES:
        write_omezarr(path, probabilities, like, classes=classes)
    else:
        write_stack(path, probabilities, like, classes=classes)


def _read(path: Path, labels: bool) -> Volume:
    """The values as stored, (slices, rows, columns, channels); a palette's colours unless they are labels."""
    if is_zarr(path):
        return read_omezarr(path)
    head = head_of(path)
    if volume_suffix(path) in NIFTI_SUFFIXES:
        return read_nifti(path)
    if is_tiff(head):
        return read_stack(path, labels)
    raise RetintError(
        f"{path}: found {'another kind of' if head else 'an empty'} file; expected a {_KINDS}: convert it"
    )


def _writable(path: Path) -> str:
    suffix = volume_suffix(path)
    if suffix not in TIFF_SUFFIXES | NIFTI_SUFFIXES | ZARR_SUFFIXES:
        raise RetintError(f"{path}: found the suffix {suffix!r}; expected a {_KINDS}: choose another name")
    return suffix


def _check_size(path: Path, found: tuple[int, ...], like: Volume | None) -> None:
    if like is not None and like.pixels.shape[:3] != found:
        told, wanted = (" x ".join(map(str, shape)) for shape in (found, like.pixels.shape[:3]))
        raise RetintError(f"{path}: found {told} voxels; expected {wanted}, as the volume has: label that volume")
