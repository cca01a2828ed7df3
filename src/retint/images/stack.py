"""TIFF stacks: ImageJ's, OME's and plain ones of many pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError
from retint.wholefile import whole_file

from .find import volume_suffix
from .tiff import CHANNELS, Stored, load_tiff, plane_axes, shown, tiff_axes, told_axes
from .voxels import Spacing, Volume, make_spacing

_LARGEST_IMAGEJ = 1 << 31  # bytes; ImageJ's files end at 4 GiB
_OME_UNITS = {
    "angstrom": "Å", "nanometer": "nm", "micrometer": "µm", "millimeter": "mm", "centimeter": "cm", "inch": "in",
    "meter": "m",
}  # fmt: skip
_IMAGEJ_UNITS = _OME_UNITS | {"micrometer": "micron", "inch": "inch", "angstrom": "angstrom"}  # where ASCII is safer


def is_stack(path: Path) -> bool:
    """Whether a TIFF is a stack, which `read_image` refuses. Up to 16 pages without named axes are channels."""
    found = tiff_axes(path)
    return found is not None and plane_axes(*found) is None


def read_stack(path: Path, labels: bool) -> Volume:
    """Read a TIFF as (slices, rows, columns, channels), values as stored; colours of a palette unless they are labels.

    The slices are the Z axis, else the pages of a file that does not name its axes; a single page is one slice.
    """
    stored = load_tiff(path)
    axes, values = stored.axes, stored.values
    if "T" in axes:
        raise RetintError(
            f"{path}: found a TIFF of {told_axes(axes, values.shape)}, which has a time axis (T); expected one volume: "
            "save each time as its own file, or if the times are slices name them so (ImageJ: Re-order Hyperstack)"
        )
    slices = [axis for axis in axes if axis in "ZIQ"]
    channels = [axis for axis in axes if axis in CHANNELS]
    if sorted(axes) != sorted([*slices, *channels, "Y", "X"]) or len(slices) > 1 or len(channels) > 1:
        raise RetintError(
            f"{path}: found a TIFF of {told_axes(axes, values.shape)}; expected slices, rows, columns and channels: "
            "name the axes (tifffile: metadata={'axes': 'ZCYX'})"
        )
    values = values.transpose([axes.index(axis) for axis in (*slices, "Y", "X", *channels)])
    values = values if slices else values[None]
    values = values if channels else values[..., None]
    spacing, unit = _spacing(stored)
    kind = "ome" if stored.ome else "imagej" if "ImageJ" in stored.notes else ""
    return Volume(values if labels else shown(path, values, stored.look), spacing, unit, kind)


def write_stack(
    path: Path,
    values: NDArray[Any],
    like: Volume | None,
    palette: Sequence[tuple[int, int, int]] = (),
    classes: Sequence[str] = (),
) -> None:
    """Write labels (slices, rows, columns), or probabilities (classes, slices, rows, columns), as a TIFF stack.

    An OME-TIFF if the name says so, if `like` was one or if it is large; else an ImageJ hyperstack, with the palette.
    """
    import tifffile

    spacing, unit = (like.spacing, like.unit) if like else (None, None)
    ome = volume_suffix(path).startswith(".ome") or (like is not None and like.extra == "ome")
    options: dict[str, Any]
    if ome or values.nbytes > _LARGEST_IMAGEJ or values.shape[-1] == 1:  # one column would be taken for channels
        axes = "ZYX" if values.ndim == 3 else "CZYX"
        options = {"ome": True, "bigtiff": values.nbytes > _LARGEST_IMAGEJ}
        notes: dict[str, Any] = {"Channel": {"Name": list(classes)}} if classes else {}
        for axis, size in zip("ZYX", spacing or (), strict=False):
            notes |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": _OME_UNITS.get(unit or "", "pixel")}
    else:
        axes = "ZYX"
        if values.ndim == 4:
            axes, values = "ZCYX", values.swapaxes(0, 1)
        options = {"imagej": True}
        notes = {"mode": "grayscale"}
        if palette:  # all 256 entries, black beyond the classes, shown as they are: no stretching of the contrast
            table = np.zeros((3, 256), np.uint8)
            table[:, : len(palette)] = np.transpose(palette)
            notes |= {"LUTs": [table], "min": 0.0, "max": 255.0}
        if classes:
            notes |= {"Labels": [*classes] * len(values), "min": 0.0, "max": 1.0}
        if spacing:
            options["resolution"] = (1 / spacing[2], 1 / spacing[1])
            notes |= {"spacing": spacing[0], "unit": _IMAGEJ_UNITS.get(unit or "", unit or "pixel")}
    with whole_file(path) as part:
        tifffile.imwrite(
            part, values, photometric="minisblack", compression="zlib", metadata={"axes": axes} | notes, **options
        )


def _spacing(stored: Stored) -> tuple[Spacing | None, str | None]:
    if stored.ome:
        return _ome_spacing(stored.ome)
    unit = stored.notes.get("unit")
    if "spacing" not in stored.notes and not unit:
        return None, None
    rows, columns = stored.resolution or (1.0, 1.0)
    # ImageJ leaves the distance of slices out if it is 1, and stores the rest with six digits
    sizes = float(stored.notes.get("spacing", 1)), float(f"{1 / rows:.6g}"), float(f"{1 / columns:.6g}")
    return make_spacing(sizes, [unit] * 3)


def _ome_spacing(xml: str) -> tuple[Spacing | None, str | None]:
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return None, None
    sizes = [pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"]
    units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]
    return make_spacing([float(size) if size else None for size in sizes], units)
