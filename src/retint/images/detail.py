"""How fine the texture of an image is: to notice an image of another scale than a model was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def detail(pixels: NDArray[np.float32]) -> float:
    """Mean absolute difference between neighbours over that between pixels four apart: about 0.2 (smooth) to 1 (noise).

    Enlarging an image makes it smaller, shrinking one makes it larger; light and contrast do not change it.

    Args:
        pixels: (rows, columns, channels), float.

    Returns:
        The ratio; 1.0 for an image too small or too flat to tell.
    """
    grey = pixels.mean(-1, dtype=np.float32)
    near = far = 0.0
    for axis in (0, 1):
        line = np.moveaxis(grey, axis, 0)
        if len(line) > 8:
            near += float(np.abs(line[1:] - line[:-1]).mean())
            far += float(np.abs(line[4:] - line[:-4]).mean())
    return near / far if far > 1e-6 else 1.0
