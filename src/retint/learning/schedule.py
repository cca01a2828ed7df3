"""The learning rate through a run, and what of a network decays."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

_WARMUP = 0.03


def schedule(share: float) -> float:
    """The learning rate's share of its highest: a linear rise, then half a cosine down."""
    if share < _WARMUP:
        return max(share / _WARMUP, 0.02)
    return 0.5 * (1 + math.cos(math.pi * (share - _WARMUP) / (1 - _WARMUP))) + 1e-4


def groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay for kernels alone."""
    kernels = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
