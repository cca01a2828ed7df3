"""How many pixels have each label, and which labels changed from one step to the next."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ROUNDING = {torch.bfloat16: 1 / 16}
"""How far apart two probabilities of a cell may come to lie by rounding alone, by the network's number type; 0 for others."""


def pixels_of(labels: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """How many pixels have each label, (K,). NumPy would make eight bytes of each first, and take six times as long."""
    own = labels if labels.flags.writeable else labels.copy()  # torch takes no others without a warning
    counts: NDArray[np.int64] = torch.bincount(torch.from_numpy(own).flatten(), minlength=classes).numpy()
    return counts


def likeliest(y: Tensor, axis: int = 0) -> Tensor:
    """The index of the largest value along an axis, the first of equal ones; uint8, so at most 256 of them.

    `max` finds the same, one value after another; these are passes that processors make many values at a time in.
    """
    count = y.shape[axis]
    weights = torch.arange(count, 0, -1, dtype=y.dtype, device=y.device).view([-1 if n == axis else 1 for n in range(y.dim())])
    largest = torch.eq(y, y.amax(axis, keepdim=True), out=torch.empty_like(y))
    return largest.mul_(weights).amax(axis).neg_().add_(count).to(torch.uint8)


def followed(y: Tensor, previous: Tensor, rounding: float) -> tuple[Tensor, Tensor]:
    """The labels as changes are counted from them, and which changed.

    Rounding makes cells of two classes that are all but equally likely flicker for ever. So a label counts as changed when
    the new one leads it by more than rounding makes, and until then it counts as it was.

    Args:
        y: Y(t), (K, cells ...).
        previous: the labels of Y(t-1), as they were counted, (cells ...), uint8.
        rounding: see `ROUNDING`.

    Returns:
        Labels (cells ...), uint8, and the flat indices of those that changed.
    """
    lead = y.amax(0) - y.gather(0, previous[None].long())[0]
    changed = torch.nonzero(lead.flatten() > rounding)[:, 0]  # few: to look for the likeliest class takes longest
    labels = previous.flatten().clone()
    labels[changed] = likeliest(y.flatten(1)[:, changed])
    return labels.view_as(previous), changed
