"""Pictures side by side: slices of a volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_GAP = 8
_PAPER = (255, 255, 255)


def montage(pictures: Sequence[NDArray[np.uint8]], widest: int = 1920) -> NDArray[np.uint8]:
    """Put pictures side by side, on white, made smaller alike if they are wider than that together.

    Args:
        pictures: (rows, columns, 3) uint8 each, at least one.
        widest: pixels across, gaps not counted.

    Returns:
        (rows, columns, 3) uint8.

    >>> montage([np.zeros((20, 30, 3), np.uint8)] * 2).shape
    (20, 68, 3)
    """
    scale = min(1.0, widest / sum(picture.shape[1] for picture in pictures))
    images = [Image.fromarray(np.ascontiguousarray(picture)) for picture in pictures]
    if scale < 1:
        sizes = [(max(1, int(i.width * scale)), max(1, int(i.height * scale))) for i in images]
        images = [i.resize(size, Image.Resampling.BOX) for i, size in zip(images, sizes, strict=True)]
    across = sum(i.width + _GAP for i in images) - _GAP
    canvas = Image.new("RGB", (across, max(i.height for i in images)), _PAPER)
    left = 0
    for image in images:
        canvas.paste(image, (left, 0))
        left += image.width + _GAP
    return np.array(canvas)
