"""Labels that agree where the image does: what unlabelled pixels can teach (Obukhov, Georgoulis, Dai, Van Gool 2019)."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from ..network.layers import part

RADIUS = 3
"""Cells, along each axis, between which labels are compared."""
_NEAR = 2.0
"""Of the Gaussian of distances, in cells."""
_ALIKE = 0.5
"""Of the Gaussian of colours, in units of the image's spread."""


def coherence(probabilities: Tensor, image: Tensor, radius: int = RADIUS) -> Tensor:
    """How much labels differ between neighbouring cells that look alike: the Gated CRF loss, as a mean over pairs.

    Args:
        probabilities: Y, (N, K, cells ...).
        image: X on the same cells, (N, C, cells ...), normalised.
        radius: in cells.

    Returns:
        From 0 (alike, or certain and the same) to 1: the mean over pairs of cells, weighted by exp(-distance^2 / 2 s^2 - difference^2 / 2 t^2),
        of the chance that two labels drawn from them differ.

    Source:
        A. Obukhov et al., Gated CRF Loss for Weakly Supervised Semantic Image Segmentation, 2019, eq. 3 and 4.
    """
    sizes, reach = probabilities.shape[2:], range(-radius, radius + 1)
    total = weight = probabilities.new_zeros(())
    for offset in product(reach, repeat=len(sizes)):
        if offset <= (0,) * len(sizes) or any(abs(o) >= n for o, n in zip(offset, sizes, strict=True)):
            continue  # each pair once
        one = [slice(max(-o, 0), n - max(o, 0)) for o, n in zip(offset, sizes, strict=True)]
        other = [slice(max(o, 0), n - max(-o, 0)) for o, n in zip(offset, sizes, strict=True)]
        with torch.no_grad():
            apart = (part(image, one) - part(image, other)).square().sum(1)
            alike = torch.exp(-apart / (2 * _ALIKE**2) - sum(o * o for o in offset) / (2 * _NEAR**2))
        same = (part(probabilities, one) * part(probabilities, other)).sum(1)
        total, weight = total + (alike * (1 - same)).sum(), weight + alike.sum()
    return total / weight.clamp(min=1e-12)
