"""The labels of pixels between four cells: interpolated only where those cells do not agree."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .counting import likeliest

_VALUES = 1 << 20
"""Of scores at pixels that are computed at a time."""


def possible(strides: tuple[int, ...]) -> bool:
    """Whether pixels of so many to a cell fall into squares between the centres of four cells."""
    return len(strides) == 2 and all(stride % 2 == 0 for stride in strides)


def labels_between(scores: Tensor, strides: tuple[int, ...]) -> Tensor:
    """The likeliest class of each pixel, where scores are linear between the cells' centres.

    A mean of four cells that all rank one class first ranks it first too, so most of an image needs no interpolation. The
    same, to rounding, as interpolating all planes to all pixels and taking the largest.

    Args:
        scores: of the cells, (K, rows, columns), floating point; beyond the outermost centres the outermost values hold.
        strides: pixels of a cell along each axis, even numbers; see `possible`.

    Returns:
        (strides[0] * rows, strides[1] * columns), uint8.
    """
    down, across = strides
    around = F.pad(scores[None], (1, 1, 1, 1), mode="replicate")[0]
    classes, rows, columns = around.shape
    labels = likeliest(around)
    first, *others = (labels[i : rows - 1 + i, j : columns - 1 + j] for i in (0, 1) for j in (0, 1))
    open_ = torch.zeros_like(first, dtype=torch.bool)
    for other in others:
        open_ |= other != first
    blocks = first[:, None, :, None].expand(-1, down, -1, across).contiguous()
    cells, shares = around.flatten(1), _shares(down, across).to(around)
    found, most = torch.nonzero(open_), max(_VALUES // (classes * down * across), 1)
    for begin in range(0, len(found), most):
        r, c = found[begin : begin + most].unbind(1)
        places = r * columns + c
        four = torch.stack([cells.index_select(1, places + k) for k in (0, 1, columns, columns + 1)])
        mixed = torch.matmul(shares, four.flatten(1)).view(down * across, classes, -1)
        blocks[r, :, c, :] = likeliest(mixed, 1).t().reshape(-1, down, across)
    whole = blocks.view((rows - 1) * down, (columns - 1) * across)
    return whole[down // 2 : whole.shape[0] - down // 2, across // 2 : whole.shape[1] - across // 2]


def _shares(down: int, across: int) -> Tensor:
    """Of the four cells around a square, in each of its pixels: (down * across, 4)."""
    y, x = ((torch.arange(n) + 0.5) / n for n in (down, across))
    both = torch.stack([1 - y, y], 1)[:, None, :, None] * torch.stack([1 - x, x], 1)[None, :, None, :]
    return both.reshape(down * across, 4)
