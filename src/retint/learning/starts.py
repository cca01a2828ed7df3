"""Starts to learn from: the truth on the label grid, spoilt as other programs and people spoil it.

The network learns to mend whatever label map it is given (nnU-Net's cascade corrupts the previous labels in the same
spirit: Isensee et al. 2021), so any start will do when labelling.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..network.grid import MEANS, MODES
from ..network.layers import part


def soft_labels(labels: Tensor, classes: int, strides: Sequence[int]) -> Tensor:
    """Labels (N, rows, columns) or (N, slices, rows, columns) as shares of the classes in each cell, (N, K, cells ...).

    What is no class counts as unlabelled; a cell without a labelled pixel holds the uniform distribution.
    """
    planes = shares(labels, classes, strides)
    total = planes.sum(1, keepdim=True)
    return torch.where(total > 0, planes / total.clamp(min=1e-6), 1.0 / classes)


def shares(labels: Tensor, classes: int, strides: Sequence[int]) -> Tensor:
    """The same as shares of all pixels of a cell, unlabelled ones too."""
    each = ((labels == k).float()[:, None] for k in range(classes))  # planes that fit a cache: one_hot takes ten times as long
    if max(strides) > 1:
        each = (MEANS[len(strides)](plane, tuple(strides), ceil_mode=True) for plane in each)
    return torch.cat(list(each), 1)


def corrupted(truth: Tensor, generator: torch.Generator) -> Tensor:
    """Each map of `truth` (N, K, cells ...) spoilt in one of five ways; still distributions over the classes."""
    return torch.cat([_spoilt(one[None], generator) for one in truth])


def _spoilt(y: Tensor, generator: torch.Generator) -> Tensor:
    classes, size = y.shape[1], y.shape[2:]
    dims = len(size)
    way = int(torch.randint(5, (), generator=generator))
    strength = float(torch.rand((), generator=generator))
    if way == 0:  # shifted borders
        shifts = tuple(int(n) for n in torch.randint(-3, 4, (dims,), generator=generator))
        y = torch.roll(y, shifts, dims=tuple(range(2, 2 + dims)))
    elif way == 1:  # missing and wrong regions
        coarse = torch.rand((1, 1, *(max(n // 6, 1) for n in size)), generator=generator)
        blobs = F.interpolate(coarse, size=size, mode=MODES[dims], align_corners=False) > 0.8 - 0.4 * strength
        y = torch.where(blobs, _one(classes, dims, generator), y)
    elif way == 2:  # blocky, or over-smooth
        block = 2 + int(6 * strength)
        blocks = tuple(min(block, n) for n in size)
        y = F.interpolate(MEANS[dims](y, blocks, ceil_mode=True), scale_factor=tuple(map(float, blocks)))
        y = part(y, map(slice, size))
    elif way == 3:  # noise
        noise = torch.rand(y.shape, generator=generator) ** 4
        y = (1 - strength) * y + strength * noise / noise.sum(1, keepdim=True)
    else:  # one class everywhere
        y = _one(classes, dims, generator).expand_as(y)
    if bool(torch.rand((), generator=generator) < 0.5):  # hard labels, as most programs write them
        y = F.one_hot(y.argmax(1), classes).movedim(-1, 1).float()
    return y


def _one(classes: int, dims: int, generator: torch.Generator) -> Tensor:
    """A distribution that is certain of a random class, (1, K, 1 ...)."""
    chosen = torch.randint(classes, (), generator=generator)
    return F.one_hot(chosen, classes).view(1, -1, *[1] * dims).float()
