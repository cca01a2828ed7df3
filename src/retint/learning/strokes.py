"""Strokes to learn from: what a person would draw across the errors of an estimate, at the pixels.

Of the true class: in some maps lines along single errors, the largest likeliest, as a careful person draws them; in others
points, lines and scribbles (broken lines), each inside one region of its class, most of them begun where the estimate errs.
Clicks as in interactive segmentation (Xu et al. 2016; Sofiiuk et al. 2022), drawn out to lines.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

_MOST = 6
"""Strokes of a view, at most."""
_THIN, _BROAD = 1.5, 9.0
"""Pixels from a stroke's middle to its edge, at least and at most; most are thin."""
_LENGTH = 48.0
"""Pixels of a scribble's segments, at most."""
_AIMED = 0.8
"""Share of the scribbles that begin in an error."""
_ALONG, _LONGEST = 0.7, 60.0
"""Share of the maps with lines along single errors, and their pixels at most."""

_Mask = NDArray[np.bool_]
_Place = NDArray[np.float64]


def strokes(labels: Tensor, found: Tensor, ignore: int, generator: torch.Generator) -> Tensor:
    """Where strokes lie in each map of a batch, (N, pixels ...), bool; they are of the true classes.

    Args:
        labels: the truth, (N, pixels ...), integers.
        found: labels that are to be corrected, likewise.
        ignore: what stands in `labels` for unlabelled pixels, where nothing is drawn.
        generator: the source of chance.
    """
    chance = np.random.default_rng(int(torch.randint(1 << 62, (), generator=generator)))
    maps = zip(labels.cpu().numpy(), found.cpu().numpy(), strict=True)
    drawn = [_drawn(truth, (truth != estimate) & (truth != ignore), truth != ignore, chance) for truth, estimate in maps]
    return torch.from_numpy(np.stack(drawn)).to(labels.device)


def _drawn(truth: NDArray[np.integer], wrong: _Mask, known: _Mask, chance: np.random.Generator) -> _Mask:
    """Where the strokes of one map lie."""
    count = 1 + int(_MOST * chance.random() ** 2)
    draw = _along_errors if wrong.any() and chance.random() < _ALONG else _scribbles
    return draw(truth, wrong, known, count, chance) & known


def _along_errors(
    truth: NDArray[np.integer], wrong: _Mask, known: _Mask, count: int, chance: np.random.Generator
) -> _Mask:
    """Lines inside connected errors of one class, towards the far end of them."""
    drawn = np.zeros_like(known)
    for _ in range(count):
        errors = np.argwhere(wrong & ~drawn)
        if not len(errors):
            break
        at = tuple(chance.choice(errors))
        pieces, _ = ndimage.label(wrong & (truth == truth[at]))
        piece = pieces == pieces[at]
        places = np.argwhere(piece).astype(float)
        middle, end = chance.choice(places), chance.choice(places)
        way = places[np.square(places - end).sum(1).argmax()] - end
        half = way / max(float(np.linalg.norm(way)), 1e-6) * _LONGEST / 2 * chance.random() ** 0.5
        _draw(drawn, piece, middle - half, middle + half, _radius(chance))
    return drawn


def _scribbles(
    truth: NDArray[np.integer], wrong: _Mask, known: _Mask, count: int, chance: np.random.Generator
) -> _Mask:
    """Points, lines and broken lines, most of them begun in errors."""
    drawn = np.zeros_like(known)
    errors, anywhere = np.argwhere(wrong), np.argwhere(known)
    for _ in range(count):
        places = errors if len(errors) and chance.random() < _AIMED else anywhere
        if not len(places):
            break
        at = chance.choice(places)
        own, radius, at = truth == truth[tuple(at)], _radius(chance), at.astype(float)
        _draw(drawn, own, at, at, radius)
        for _ in range(int(chance.integers(4))):
            way = chance.standard_normal(len(at))
            end = at + _LENGTH * chance.random() * way / max(float(np.linalg.norm(way)), 1e-6)
            _draw(drawn, own, at, end, radius)
            at = end
    return drawn


def _radius(chance: np.random.Generator) -> float:
    return float(_THIN + (_BROAD - _THIN) * chance.random() ** 3)


def _draw(drawn: _Mask, within: _Mask, start: _Place, end: _Place, radius: float) -> None:
    """Add what lies within a radius of a segment."""
    low = np.clip(np.floor(np.minimum(start, end) - radius), 0, drawn.shape).astype(int)
    high = np.clip(np.ceil(np.maximum(start, end) + radius) + 1, 0, drawn.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    places = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij")
    points = np.stack(places, -1) - start
    along = end - start
    share = np.clip(points @ along / max(float(along @ along), 1e-6), 0, 1)
    drawn[box] |= (np.linalg.norm(points - share[..., None] * along, axis=-1) <= radius) & within[box]
