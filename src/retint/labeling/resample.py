"""Linear resampling along axes, of any part of a plane as of the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Taps:
    """What each new position reads: the old positions (n, taps) int64, their weights (n, taps) float32, which sum to 1."""

    index: NDArray[np.int64]
    weight: NDArray[np.float32]

    @property
    def span(self) -> tuple[int, int]:
        """First and last + 1 of all old positions that are read."""
        return int(self.index.min()), int(self.index.max()) + 1

    def along(self, x: Tensor, axis: int, first: int = 0) -> Tensor:
        """Resample along an axis of x, whose position 0 is the old position `first`."""
        if self.index.shape[1] == 1:
            return x.index_select(axis, torch.from_numpy(self.index[:, 0] - first).to(x.device))
        shape = [1] * x.dim()
        shape[axis] = -1
        total: Tensor | None = None
        for index, weight in zip(self.index.T, self.weight.T, strict=True):
            part = x.index_select(axis, torch.from_numpy(index - first).to(x.device))
            part *= torch.from_numpy(np.ascontiguousarray(weight)).to(x.device).view(shape)
            total = part if total is None else total.add_(part)
        assert total is not None
        return total


def nearest(first: int, last: int, old: int, new: int) -> Taps:
    """Each of the positions first ... last - 1 of `new` reads the one of `old` under its centre."""
    at = np.minimum((np.arange(first, last) + 0.5) * old / new, old - 1).astype(np.int64)
    return Taps(at[:, None], np.ones((len(at), 1), np.float32))


def linear(first: int, last: int, old: int, pitch: float) -> Taps:
    """Each of the positions first ... last - 1 reads the two of `old` between whose centres it lies.

    `pitch` is the new positions for each old one. Beyond the outermost centres the outermost value holds.
    """
    at = np.clip((np.arange(first, last) + 0.5) / pitch - 0.5, 0, old - 1)
    below = np.floor(at).astype(np.int64)
    share = (at - below).astype(np.float32)
    return Taps(np.stack([below, np.minimum(below + 1, old - 1)], 1), np.stack([1 - share, share], 1))


def smooth(first: int, last: int, old: int, new: int) -> Taps:
    """Linear when enlarging; when shrinking, triangles as wide as two new positions, so that nothing fine is aliased.

    The same as torch's bilinear interpolation with `antialias`.
    """
    ratio = old / new
    reach = max(ratio, 1.0)
    centre = (np.arange(first, last)[:, None] + 0.5) * ratio
    index = np.floor(centre - reach + 0.5).astype(np.int64) + np.arange(int(np.ceil(2 * reach)) + 1)
    weight = np.clip(1 - np.abs(index + 0.5 - centre) / reach, 0, None) * ((index >= 0) & (index < old))
    weight /= weight.sum(1, keepdims=True)
    return Taps(np.clip(index, 0, old - 1), weight.astype(np.float32))
