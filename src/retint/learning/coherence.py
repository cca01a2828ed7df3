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


class Incoherence:
    """How much labels differ between neighbouring cells that look alike: the Gated CRF loss, as a mean over pairs.

    Each pair of cells counts by exp(-distance^2 / 2 s^2 - difference^2 / 2 t^2), which is worked out once for all steps.

    Args:
        image: X on the label cells, (N, C, cells ...), normalised.
        radius: in cells.

    Source:
        A. Obukhov et al., Gated CRF Loss for Weakly Supervised Semantic Image Segmentation, 2019, eq. 3 and 4.
    """

    @torch.no_grad()
    def __init__(self, image: Tensor, radius: int = RADIUS) -> None:
        self._pairs: list[tuple[list[slice], list[slice], Tensor]] = []
        sizes, reach = image.shape[2:], range(-radius, radius + 1)
        for offset in product(reach, repeat=len(sizes)):
            if offset <= (0,) * len(sizes) or any(abs(o) >= n for o, n in zip(offset, sizes, strict=True)):
                continue  # each pair once
            one = [slice(max(-o, 0), n - max(o, 0)) for o, n in zip(offset, sizes, strict=True)]
            other = [slice(max(o, 0), n - max(-o, 0)) for o, n in zip(offset, sizes, strict=True)]
            apart = (part(image, one) - part(image, other)).square().sum(1)
            alike = torch.exp(-apart / (2 * _ALIKE**2) - sum(o * o for o in offset) / (2 * _NEAR**2))
            self._pairs.append((one, other, alike))
        self._weight = sum((alike.sum() for *_, alike in self._pairs), image.new_zeros(())).clamp(min=1e-12)

    def __call__(self, probabilities: Tensor) -> Tensor:
        """From 0 (alike, or certain and the same) to 1: the mean chance that two labels drawn from a pair's cells differ.

        Args:
            probabilities: Y, (N, K, cells ...), on the image's cells.
        """
        total = probabilities.new_zeros(())
        for one, other, alike in self._pairs:
            same = (part(probabilities, one) * part(probabilities, other)).sum(1)
            total = total + (alike * (1 - same)).sum()
        return total / self._weight
