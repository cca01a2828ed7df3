"""Hints: cells whose classes a person fixed. They hold at every step, and W is told which they are."""

from __future__ import annotations

import torch
from torch import Tensor

Hints = tuple[Tensor, Tensor]
"""Shares of the classes (N, K, cells ...), and where they hold (N, 1, cells ...), bool."""


def kept(estimate: Tensor, hints: Hints | None) -> Tensor:
    """Y with the hints put back as they were given, (N, K, cells ...)."""
    return estimate if hints is None else torch.where(hints[1], hints[0], estimate)


def emphasised(estimate: Tensor, fixed: Tensor | None, emphasis: float) -> Tensor:
    """Y as W is fed it: where hints hold it counts `emphasis` times.

    A probability of one is what the network may well have given itself; more than that, only a person gives.

    Args:
        estimate: Y, hints put back, (N, K, cells ...).
        fixed: where they hold, (N, 1, cells ...), bool; None: nowhere.
        emphasis: of the architecture.
    """
    return estimate if fixed is None or emphasis == 1 else torch.where(fixed, emphasis * estimate, estimate)
