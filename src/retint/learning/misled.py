"""Contexts that mislead, so that views have mistakes as large as those that people correct.

Images that a network has learned from it labels well, so the strokes drawn there teach it to mend outlines; on images that
are new to it whole objects are wrong. Here the hidden layer's planes of U * X lose some of what they tell: planes are taken
away (Tompson et al. 2015), and a connected region of the truth looks as another place of another view does. The detail's
planes stay as they are, so outlines can still be told, and which class fills them only from strokes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..hardware import laid_out

_GONE = 0.6
"""Share of the planes that are taken away, at most."""
_SWAPPED = 0.7
"""Share of the views in which a region looks like another."""
_WIDER, _RINGS = 0.7, 2
"""Share of these regions that have some cells around them too, and how many rings of them at most."""
_LEAST, _MOST = 4, 0.25
"""Cells of a region at least, and its share of the view at most."""


def misled(hidden: Tensor, labels: Tensor, which: Tensor, generator: torch.Generator) -> Tensor:
    """The hidden layer's planes of U * X of a batch, some of whose views mislead.

    Args:
        hidden: (N, planes, cells ...).
        labels: (N, pixels ...), int64, taken to lie over the same part of the image (without padding, regions lie somewhat
            aside, which matters little: they are to mislead).
        which: views to be changed, (N,), bool.
        generator: the source of chance.
    """
    if not bool(which.any()):
        return hidden
    return laid_out(_swapped(_thinned(hidden, which, generator), labels, which, generator))


def _thinned(hidden: Tensor, which: Tensor, generator: torch.Generator) -> Tensor:
    """Some planes taken away, the others as much larger."""
    shares = _GONE * torch.rand((len(hidden), 1), generator=generator) * which[:, None]
    stay = (torch.rand(hidden.shape[:2], generator=generator) >= shares).float()
    stay /= stay.mean(1, keepdim=True).clamp(min=1e-3)
    return hidden * stay.view(*stay.shape, *[1] * (hidden.dim() - 2)).to(hidden)


def _swapped(hidden: Tensor, labels: Tensor, which: Tensor, generator: torch.Generator) -> Tensor:
    """One region of some views as another place, of the view before it in the batch, looks."""
    size = hidden.shape[2:]
    at = np.ix_(*((np.arange(m) * n + n // 2) // m for n, m in zip(labels.shape[1:], size, strict=True)))
    where = np.zeros((len(hidden), 1, *size), bool)
    for number, map_ in enumerate(labels.cpu().numpy()):
        if which[number] and float(torch.rand((), generator=generator)) < _SWAPPED:
            where[number, 0] = _region(map_[at], generator)
    shift = [int(torch.randint(n, (), generator=generator)) for n in size]
    other = torch.roll(hidden, (1, *shift), (0, *range(2, hidden.dim())))
    return torch.where(torch.from_numpy(where).to(hidden.device), other, hidden)


def _region(labels: NDArray[np.integer], generator: torch.Generator) -> NDArray[np.bool_]:
    """A connected region of one class, of any of the classes as likely as of any other; nothing if there is none."""
    classes = np.unique(labels[labels != 255])
    if not len(classes):
        return np.zeros(labels.shape, bool)
    pieces, _ = ndimage.label(labels == _any(classes, generator))
    sizes = np.bincount(pieces.ravel())[1:]
    fitting = np.flatnonzero((sizes >= _LEAST) & (sizes <= _MOST * labels.size))
    if not len(fitting):
        return np.zeros(labels.shape, bool)
    region: NDArray[np.bool_] = pieces == 1 + _any(fitting, generator)
    if float(torch.rand((), generator=generator)) < _WIDER:
        region = ndimage.binary_dilation(region, iterations=1 + int(torch.randint(_RINGS, (), generator=generator)))
    return region


def _any(values: Sequence[int] | NDArray[np.integer], generator: torch.Generator) -> int:
    return int(values[int(torch.randint(len(values), (), generator=generator))])
