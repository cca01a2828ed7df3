"""The labels of pixels between four cells: interpolated only where those cells do not agree."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


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
    around = F.pad(scores[None], (1, 1, 1, 1), mode="replicate")[0].permute(1, 2, 0).contiguous()
    rows, columns, classes = around.shape
    likeliest = around.max(-1).indices.to(torch.uint8)
    corners = [likeliest[i : rows - 1 + i, j : columns - 1 + j] for i in (0, 1) for j in (0, 1)]
    first, *others = corners
    open_ = torch.zeros_like(first, dtype=torch.bool)
    for other in others:
        open_ |= other != first
    blocks = first[:, None, :, None].expand(-1, down, -1, across).contiguous()
    r, c = torch.nonzero(open_, as_tuple=True)
    if len(r):
        places = r * columns + c
        cells = around.view(-1, classes)
        four = torch.stack([cells[places + k] for k in (0, 1, columns, columns + 1)], 1)
        mixed = torch.matmul(_shares(down, across).to(four), four)
        found = mixed.max(-1).indices.to(torch.uint8)
        blocks[r, :, c, :] = found.view(-1, down, across)
    whole = blocks.view((rows - 1) * down, (columns - 1) * across)
    return whole[down // 2 : whole.shape[0] - down // 2, across // 2 : whole.shape[1] - across // 2]


def _shares(down: int, across: int) -> Tensor:
    """Of the four cells around a square, in each of its pixels: (down * across, 4)."""
    y, x = ((torch.arange(n) + 0.5) / n for n in (down, across))
    both = torch.stack([1 - y, y], 1)[:, None, :, None] * torch.stack([1 - x, x], 1)[None, :, None, :]
    return both.reshape(down * across, 4)
