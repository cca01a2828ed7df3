"""Hints: pixels whose classes a person fixed. They hold at every step, and W is told which they are."""

from __future__ import annotations

import torch
from torch import Tensor

Hints = tuple[Tensor, Tensor]
"""Of each label cell, the shares of its pixels that are fixed to be of each class (N, K, cells ...), and the share of those that
are not fixed (N, 1, cells ...); together 1."""


def kept(estimate: Tensor, hints: Hints | None) -> Tensor:
    """Y with the hints put back as they were given, (N, K, cells ...): of a cell, as much as is fixed; the rest stays the network's."""
    return estimate if hints is None else torch.addcmul(hints[0], estimate, hints[1])


def begun(start: Tensor, hints: Hints | None) -> Tensor:
    """A start with the hints in it, (N, K, cells ...): the part of a cell that is not fixed keeps the start's classes, as
    they are once the hints' shares have been taken off. So a start that holds the hints already, such as an estimate made with them, stays as it is.

    Args:
        start: distributions, (N, K, cells ...).
        hints: to be put in, if there are any.
    """
    if hints is None:
        return start
    fixed, rest = hints
    own = (start - fixed).clamp_(min=0)
    own *= rest / own.sum(1, keepdim=True).clamp_(min=torch.finfo(own.dtype).tiny)  # it is none only where all is fixed
    return torch.where(rest < 1, own.add_(fixed), start)


def emphasised(estimate: Tensor, hints: Hints | None, emphasis: float) -> Tensor:
    """Y as W is fed it: what hints hold counts `emphasis` times.

    A probability of one is what the network may well have given itself; more than that, only a person gives.

    Args:
        estimate: Y, hints put back, (N, K, cells ...).
        hints: those that were put back, if there are any.
        emphasis: of the architecture.
    """
    return estimate if hints is None or emphasis == 1 else torch.add(estimate, hints[0], alpha=emphasis - 1)
