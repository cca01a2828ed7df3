"""Colours of classes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]

# Okabe and Ito's colours, which the colour-blind tell apart (https://jfly.uni-koeln.de/color/). Their black is grey
# here, as black is for pixels without a label, and sky blue comes before orange: it shows on tissue and on grey.
_FIRST: tuple[Colour, ...] = (
    (128, 128, 128),
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


def default_palette(n: int) -> list[Colour]:
    """Distinct colours for n classes; always the same, and those for fewer classes are the first of those for more.

    Args:
        n: 0 to 256.

    Returns:
        (red, green, blue), 0 to 255. The first is a grey, as class 0 is often the background; none is near black.

    Raises:
        ValueError: n is out of range.

    >>> default_palette(3)
    [(128, 128, 128), (86, 180, 233), (230, 159, 0)]
    """
    if not 0 <= n <= 256:
        raise ValueError(f"{n} colours; expected 0 to 256")
    return list((_FIRST if n <= len(_FIRST) else _all())[:n])


def colourise(labels: NDArray[Any], palette: Sequence[Colour]) -> NDArray[np.uint8]:
    """Paint each pixel in the colour of its class.

    Args:
        labels: (rows, columns), integers from 0.
        palette: (red, green, blue) of each class.

    Returns:
        (rows, columns, 3) uint8; black where the palette has no colour, such as 255 for ignore.
    """
    colours = np.asarray(palette, np.uint8).reshape(-1, 3)
    missing = max(256, int(labels.max(initial=0)) + 1) - len(colours)
    table: NDArray[np.uint8] = np.vstack([colours, np.zeros((max(missing, 0), 3), np.uint8)])
    return np.take(table, labels, axis=0)


@cache
def _all() -> tuple[Colour, ...]:
    """The first colours, then again and again the one that is farthest, to the eye, from all before it."""
    levels = np.arange(0, 256, 17)
    candidates = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    lab = _lab(candidates)
    bright = lab[:, 0] > 30
    candidates, lab = candidates[bright], lab[bright]
    chosen = list(_FIRST)
    distance = np.min([np.linalg.norm(lab - c, axis=1) for c in _lab(np.array([*_FIRST, (0, 0, 0)]))], axis=0)
    while len(chosen) < 256:
        farthest = int(distance.argmax())
        red, green, blue = candidates[farthest].tolist()
        chosen.append((red, green, blue))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[farthest], axis=1))
    return tuple(chosen)


def _lab(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """CIELAB of sRGB (n, 3), white D65: a space where distance is difference to the eye."""
    unit = rgb / 255
    linear = np.where(unit > 0.04045, ((unit + 0.055) / 1.055) ** 2.4, unit / 12.92)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    x, y, z = np.where((t := xyz / (0.9505, 1, 1.089)) > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)
