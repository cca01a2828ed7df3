"""Strokes to learn from: what a person would draw across the errors of an estimate, on the label grid.

Of the true class: in some maps lines along single errors, the largest likeliest, as a careful person draws them; in others
points, lines and scribbles (broken lines), each inside one region of its class, most of them begun where the estimate errs.
Clicks as in interactive segmentation (Xu et al. 2016; Sofiiuk et al. 2022), drawn out to lines.
"""

from __future__ import annotations

import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

_MOST = 6
"""Strokes of a view, at most."""
_LENGTH, _WIDTH = 12.0, 1.6
"""Cells of a stroke's segments, at most."""
_AIMED = 0.8
"""Share of the strokes that begin in an error, in maps of the second kind."""
_ALONG, _LONGEST = 0.7, 15.0
"""Share of the maps with lines along single errors, and their cells at most."""


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
    count = 1 + int(_MOST * _chance(generator) ** 2)
    grid = torch.stack(torch.meshgrid(*(torch.arange(n) for n in known.shape), indexing="ij"), -1).float()
    draw = _along_errors if bool(wrong.any()) and _chance(generator) < _ALONG else _scribbles
    return draw(classes, wrong, known, grid, count, generator) & known


def _along_errors(
    classes: Tensor, wrong: Tensor, known: Tensor, grid: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    """Lines inside connected errors of one class, towards the far end of them."""
    drawn = torch.zeros_like(known)
    for _ in range(count):
        errors = torch.nonzero(wrong & ~drawn)
        if not len(errors):
            break
        at = _one_of(errors, generator)
        pieces, _ = ndimage.label((wrong & (classes == classes[tuple(at)])).numpy())
        piece = torch.from_numpy(pieces == pieces[tuple(at.tolist())])
        cells = torch.nonzero(piece).float()
        middle, end = _one_of(cells, generator), _one_of(cells, generator)
        way = cells[(cells - end).square().sum(1).argmax()] - end
        half = way / way.norm().clamp(min=1e-6) * _LONGEST / 2 * _chance(generator) ** 0.5
        width = 0.5 + 0.4 * _chance(generator)
        drawn |= (_distance(grid, middle - half, middle + half) <= width) & piece
    return drawn


def _scribbles(
    classes: Tensor, wrong: Tensor, known: Tensor, grid: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    """Points, lines and broken lines, most of them begun in errors."""
    drawn = torch.zeros_like(known)
    errors, anywhere = (torch.nonzero(where).float() for where in (wrong, known))
    for _ in range(count):
        places = errors if len(errors) > 0 and _chance(generator) < _AIMED else anywhere
        if not len(places):
            break
        at = _one_of(places, generator)
        own = classes[tuple(at.long())]
        width = 0.5 + _WIDTH * _chance(generator) ** 2
        stroke = torch.zeros_like(known)
        for _ in range(int(torch.randint(4, (), generator=generator))):
            way = torch.randn(len(at), generator=generator)
            end = at + _LENGTH * _chance(generator) * way / way.norm().clamp(min=1e-6)
            stroke |= _distance(grid, at, end) <= width
            at = end
        stroke |= (grid - at).square().sum(-1) <= width**2
        drawn |= stroke & (classes == own)
    return drawn


def _chance(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


def _one_of(places: Tensor, generator: torch.Generator) -> Tensor:
    return places[int(torch.randint(len(places), (), generator=generator))]


def _distance(grid: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Of each point (cells ..., axes) from a segment."""
    along = end - start
    share = ((grid - start) @ along / along.square().sum().clamp(min=1e-6)).clamp(0, 1)
    distance: Tensor = (grid - start - share[..., None] * along).norm(dim=-1)
    return distance
