"""From scores of label cells to scores of the whole image (Pinheiro and Collobert, CVPR 2015, section 3.1).

s_k = (1/r) log( mean over cells of exp(r s_k(cell)) )        between the mean (r = 0) and the largest (r = infinity)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SHARPNESS = 5.0
"""r, as in the paper (section 4.2)."""


def aggregate(scores: Tensor, inside: Tensor | None = None, sharpness: float = SHARPNESS) -> Tensor:
    """Log-sum-exp over the cells: (N, K, cells ...) to (N, K).

    Args:
        scores: of the classes.
        inside: (N, 1, cells ...), 0 for cells that do not count.
        sharpness: r.
    """
    flat = sharpness * scores.flatten(2)
    if inside is None:
        count = torch.tensor(float(flat.shape[2]))
    else:
        mask = inside.flatten(2) > 0
        flat = flat.masked_fill(~mask, -math.inf)
        count = mask.sum(2).clamp(min=1).float()
    return (torch.logsumexp(flat, 2) - torch.log(count)) / sharpness


def merged(parts: list[tuple[Tensor, int]], sharpness: float = SHARPNESS) -> Tensor:
    """The aggregate of all cells from those of parts (N, K), each with its number of cells."""
    counts = torch.tensor([float(n) for _, n in parts])
    sums = torch.stack([sharpness * s for s, _ in parts]) + torch.log(counts)[:, None, None]
    return (torch.logsumexp(sums, 0) - torch.log(counts.sum())) / sharpness
