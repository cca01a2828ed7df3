"""From the label grid to the image's pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.nn import functional as F

SMALLEST = 1e-6
"""Probabilities below this count as this where logarithms are taken."""


MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""What `F.interpolate` calls linear interpolation along so many axes."""
MEANS: dict[int, Callable[..., Tensor]] = {2: F.avg_pool2d, 3: F.avg_pool3d}
"""The mean of neighbouring cells along so many axes."""


def log_probabilities_at_pixels(estimate: Tensor, strides: Sequence[int]) -> Tensor:
    """Y (N, K, cells ...) on every pixel, (N, K, stride * cells ...), as scores.

    Interpolates log Y linearly between the cells' centres, which is the same as interpolating the logits. The scores
    lack only the softmax; their order is that of the probabilities.
    """
    scores = estimate.clamp(min=SMALLEST).log()
    if max(strides) == 1:
        return scores
    factors = tuple(map(float, strides))
    return F.interpolate(scores, scale_factor=factors, mode=MODES[len(strides)], align_corners=False)
