"""What there is to tell of an architecture before any of it is trained."""

from __future__ import annotations

from typing import Any

from . import build
from .catalogue import Architecture
from .geometry import Geometry

_CHANNELS, _CLASSES = 3, 11  # that parameters are counted for


def summary(arch: Architecture) -> dict[str, Any]:
    """Parameters (for 3 channels and 11 classes), stride of the label grid and receptive field in pixels after 1, 2 and 3 steps
    (along columns), spatial dimensions, and source, as `retint archs --json` prints them."""
    across = Geometry(arch, axis=arch.dims - 1)
    return {
        "parameters": sum(p.numel() for p in build(arch, _CHANNELS, _CLASSES).parameters()), "stride": across.stride,
        "receptive_field": {str(n): across.receptive_field(n) for n in (1, 2, 3)}, "dims": arch.dims, "source": arch.source,
    }  # fmt: skip
