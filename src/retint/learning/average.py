"""The moving average of a network's weights, which labels better than the last ones."""

from __future__ import annotations

import copy

import torch

from ..network import RecurrentNetwork


class Average:
    """A copy of a network that follows it slowly, running statistics included.

    Args:
        network: what it follows.
        decay: how slowly; it is faster at the beginning.
    """

    def __init__(self, network: RecurrentNetwork, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def follow(self, network: RecurrentNetwork, updates: int) -> None:
        """Move towards the network after its `updates`-th update."""
        keep = min(self.decay, (1 + updates) / (10 + updates))
        for mine, its in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(its, 1 - keep)
            else:
                mine.copy_(its)
