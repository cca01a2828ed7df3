"""From the label grid to the image's pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SMALLEST = 1e-6
"""Probabilities below this count as this where logarithms are taken."""


def log_probabilities_at_pixels(estimate: Tensor, stride: int) -> Tensor:
    """Y (N, K, cells down, cells across) on every pixel, (N, K, stride * cells down, stride * cells across), as scores.

    Interpolates log Y linearly between the cells' centres, which is the same as interpolating the logits. The scores
    lack only the softmax; their order is that of the probabilities.
    """
    scores = estimate.clamp(min=SMALLEST).log()
    if stride == 1:
        return scores
    return F.interpolate(scores, scale_factor=float(stride), mode="bilinear", align_corners=False)


def probabilities_at_pixels(estimate: Tensor, stride: int) -> Tensor:
    """Y on every pixel, as distributions over the classes."""
    return torch.softmax(log_probabilities_at_pixels(estimate, stride), dim=1) if stride > 1 else estimate
