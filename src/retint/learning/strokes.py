"""Strokes to learn from: what a person would draw across the errors of an estimate, on the label grid.

Points, lines and scribbles (broken lines) of the true class, each inside one region of it, most of them begun where the
estimate errs: clicks as in interactive segmentation (Xu et al. 2016; Sofiiuk et al. 2022), drawn out to lines.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_MOST = 6
"""Strokes of a view, at most."""
_LENGTH, _WIDTH = 12.0, 1.6
"""Cells of a stroke's segments, at most."""
_AIMED = 0.8
"""Share of the strokes that begin in an error."""


def strokes(truth: Tensor, known: Tensor, estimate: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hints for each map of a batch.

    Args:
        truth: shares of the classes in the label cells, (N, K, cells ...).
        known: where they are labelled, (N, 1, cells ...), bool.
        estimate: Y, (N, K, cells ...).
        generator: the source of chance.

    Returns:
        Shares of the classes (N, K, cells ...), certain where a stroke lies, and where that is (N, 1, cells ...), bool.
    """
    classes = truth.argmax(1)
    wrong = (estimate.argmax(1) != classes) & known[:, 0]
    drawn = torch.stack([_drawn(*parts, generator) for parts in zip(classes, wrong, known[:, 0], strict=True)])
    return F.one_hot(classes, truth.shape[1]).movedim(-1, 1).to(estimate), drawn[:, None]


def _drawn(classes: Tensor, wrong: Tensor, known: Tensor, generator: torch.Generator) -> Tensor:
    """Where the strokes of one map lie, (cells ...), bool."""
    drawn = torch.zeros_like(known)
    errors, anywhere = (torch.nonzero(where).float() for where in (wrong, known))
    grid = torch.stack(torch.meshgrid(*(torch.arange(n) for n in known.shape), indexing="ij"), -1).float()
    for _ in range(1 + int(_MOST * torch.rand((), generator=generator) ** 2)):
        aimed = len(errors) > 0 and float(torch.rand((), generator=generator)) < _AIMED
        places = errors if aimed else anywhere
        if not len(places):
            break
        at = places[int(torch.randint(len(places), (), generator=generator))]
        own = classes[tuple(at.long())]
        width = 0.5 + _WIDTH * float(torch.rand((), generator=generator)) ** 2
        stroke = torch.zeros_like(known)
        for _ in range(int(torch.randint(4, (), generator=generator))):
            way = torch.randn(len(at), generator=generator)
            end = at + _LENGTH * float(torch.rand((), generator=generator)) * way / way.norm().clamp(min=1e-6)
            stroke |= _distance(grid, at, end) <= width
            at = end
        stroke |= (grid - at).square().sum(-1) <= width**2
        drawn |= stroke & (classes == own) & known
    return drawn


def _distance(grid: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Of each point (cells ..., axes) from a segment."""
    along = end - start
    share = ((grid - start) @ along / along.square().sum().clamp(min=1e-6)).clamp(0, 1)
    distance: Tensor = (grid - start - share[..., None] * along).norm(dim=-1)
    return distance
