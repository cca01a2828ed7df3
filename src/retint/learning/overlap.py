"""The Lovász-Softmax loss: a smooth stand-in for 1 - mean IoU (Berman, Triki, Blaschko, CVPR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor


def lovasz_softmax(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The mean, over the classes that occur, of the Lovász extension of the Jaccard loss.

    Args:
        probabilities: (pixels, K).
        labels: (pixels,), int64, all of them classes.

    Returns:
        From 0 (all certain and right) to 1; equals 1 - mean IoU where all probabilities are 0 or 1.

    Source:
        Berman et al. 2018, eq. 8 to 11 and algorithm 1.
    """
    occurs = torch.unique(labels)
    mine = (labels == occurs[:, None]).to(probabilities.dtype)  # classes first: rows are sorted faster than columns
    errors, order = (mine - probabilities.t()[occurs]).abs().sort(1, descending=True)
    mine = mine.gather(1, order)
    total = mine.sum(1, keepdim=True)
    jaccard = 1 - (total - mine.cumsum(1)) / (total + (1 - mine).cumsum(1))
    slope = torch.cat([jaccard[:, :1], jaccard.diff(dim=1)], 1)
    loss: Tensor = (errors * slope).sum(1).mean()
    return loss
