"""How a film's picture moved from one frame to the next, and the labels moved along with it.

The labels of the last frame are where its things were. Moved to where they are now, they are a better start: a step then
mends what moving did not explain, in place of carrying everything over. The motion is that of a small grey picture, by the
iterative Lucas-Kanade method (Le Besnerais and Champagnat 2005), as scikit-image has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

_PIXELS = 4096  # of the small picture: some 10 ms; 2.6 times as many gain 0.03 points of mean IoU, 0.2 with ten rounds (benchmarks/NOTES.md)
_RADIUS, _ROUNDS = 7, 3  # pixels of the small picture that are taken to move together, either way; rounds of the method
_LEAST = 2 * _RADIUS  # sides below which there is nothing to follow
_LEFT = 0.8  # share of the difference that motion may leave: less in CamVid's films, more where there is but noise (benchmarks/cuts.py)


def small_picture(planes: Tensor) -> NDArray[np.float32]:
    """A frame as a grey picture of 4096 pixels at most.

    Args:
        planes: (channels, rows, columns) float32, on the unit scale.

    Returns:
        (rows, columns).
    """
    rows, columns = planes.shape[1:]
    smaller = min(sqrt(_PIXELS / (rows * columns)), 1)
    fewer = max(int(rows * smaller), 1)
    size = fewer, max(min(int(columns * smaller), _PIXELS // fewer), 1)
    picture: NDArray[np.float32] = F.adaptive_avg_pool2d(planes.mean(0)[None], size)[0].numpy()
    return picture


def motion(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Where each place of a frame was in the frame before.

    Args:
        before, after: small pictures of one size.

    Returns:
        (2, rows, columns): how far back along rows and columns, as shares of the frame's sides; None if moving the picture
        so leaves more than 0.8 of what the two differ by: then nothing moved, or not so.
    """
    if min(before.shape) < _LEAST or np.array_equal(before, after):
        return None
    shares = flow(before, after)
    return shares if left(before, after, shares) <= _LEFT else None


def flow(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """The motion that fits best, whether or not anything moved; see `motion`."""
    from skimage.registration import optical_flow_ilk

    pixels = optical_flow_ilk(after, before, radius=_RADIUS, num_warp=_ROUNDS, dtype=np.float32)
    shares: NDArray[np.float32] = pixels / np.array(before.shape, np.float32)[:, None, None]
    return shares


def left(before: NDArray[np.float32], after: NDArray[np.float32], motion: NDArray[np.float32]) -> float:
    """Share of the mean difference of two pictures that is left when one is moved; NaN if they do not differ."""
    carried = moved(before[None], motion, before.shape)[0]
    return float(np.abs(carried - after).mean() / np.abs(before - after).mean())


def moved(planes: NDArray[np.float32], motion: NDArray[np.float32], covered: Sequence[float]) -> NDArray[np.float32]:
    """Planes moved as the picture did; what comes in at an edge is taken from the edge.

    Args:
        planes: (N, rows, columns), of the frame before.
        motion: see `motion`.
        covered: how many of the planes' own cells the frame covers along each axis.

    Returns:
        The same shape; linear between cells, so distributions stay distributions.
    """
    sizes = planes.shape[1:]
    rows, columns = (torch.arange(0.5, n) / c for n, c in zip(sizes, covered, strict=True))  # as shares of the frame
    places = torch.stack([columns.expand(len(rows), -1), rows[:, None].expand(-1, len(columns))], -1)
    shifts = _at(torch.from_numpy(motion), places).flip(0).movedim(0, -1)
    scales = torch.tensor([c / n for c, n in zip(covered, sizes, strict=True)]).flip(0)
    result: NDArray[np.float32] = _at(torch.from_numpy(planes), (places + shifts) * scales).numpy()
    return result


def _at(planes: Tensor, places: Tensor) -> Tensor:
    """Planes (N, rows, columns) at places (rows, columns, 2), columns first, as shares of their sides; linear."""
    return F.grid_sample(planes[None], 2 * places[None] - 1, "bilinear", "border", align_corners=False)[0]
