"""What a volume is: its voxels, how far apart they are, and in which unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Spacing = tuple[float, float, float]

METERS = {
    "angstrom": 1e-10, "nanometer": 1e-9, "micrometer": 1e-6, "millimeter": 1e-3, "centimeter": 1e-2,
    "inch": 0.0254, "meter": 1.0,
}  # fmt: skip
_SHORT = {
    "å": "angstrom", "nm": "nanometer", "um": "micrometer", "µm": "micrometer", "μm": "micrometer",
    "\\u00b5m": "micrometer", "micron": "micrometer", "microns": "micrometer", "mm": "millimeter", "cm": "centimeter",
    "in": "inch", "m": "meter",
}  # fmt: skip
_NO_UNIT = ("", "none", "null", "unknown", "pixel", "pixels", "px", "voxel", "reference frame")


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D image, or 3-D labels.

    Attributes:
        pixels: (slices, rows, columns, channels) uint8, uint16 or float32; labels (slices, rows, columns) uint8 or
            uint16, 255 = ignore.
        spacing: from one voxel to the next along (slice, row, column); None if the file does not say.
        unit: of the spacing, such as `micrometer`; None if the file does not say.
        extra: what the file's format needs to write labels that lie over this volume exactly.
    """

    pixels: NDArray[Any]
    spacing: Spacing | None = None
    unit: str | None = None
    extra: Any = None


def unit_name(text: str | None) -> str | None:
    """The full name of a unit of length; None for no unit, unknown ones as they are.

    >>> unit_name("µm"), unit_name("Nanometres"), unit_name("pixel"), unit_name("furlong")
    ('micrometer', 'nanometer', None, 'furlong')
    """
    name = (text or "").strip().casefold()
    name = _SHORT.get(name, name).replace("metre", "meter")
    return None if name in _NO_UNIT else name.removesuffix("s") if name.removesuffix("s") in METERS else name


def make_spacing(sizes: Sequence[float | None], units: Sequence[str | None]) -> tuple[Spacing | None, str | None]:
    """What a file says of its axes as a spacing in the unit of the columns.

    Args:
        sizes: from voxel to voxel along slices, rows and columns; None where the file does not say.
        units: of each axis, in any spelling.

    Returns:
        The spacing and its unit; (None, None) if a size is missing or no positive number, if units differ that cannot
        be converted, or if all sizes are 1 without a unit, which is how files say nothing.
    """
    names = [unit_name(unit) for unit in units]
    unit = names[-1]
    lengths = [size for size in sizes if size is not None and math.isfinite(size) and size > 0]
    if len(lengths) < 3 or (unit is None and all(length == 1 for length in lengths)):
        return None, None
    for axis, name in enumerate(names):
        if name != unit:
            if name not in METERS or unit not in METERS:
                return None, None
            lengths[axis] = float(f"{lengths[axis] * METERS[name] / METERS[unit]:.12g}")
    slices, rows, columns = map(float, lengths)
    return (slices, rows, columns), unit
