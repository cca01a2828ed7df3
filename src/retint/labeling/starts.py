"""Starts and hints: label maps that come from outside, brought onto the label grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..errors import RetintError

UNKNOWN = 255


def shares(labels: NDArray[Any], classes: int, stride: int, what: str) -> tuple[Tensor, Tensor]:
    """Shares of the classes among the labelled pixels of each cell (1, K, cells ...), and where any is labelled.

    Raises:
        RetintError: the map is not integer, or has a class that the model has not.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "uib":
        raise RetintError(f"{what}: {labels.dtype} of shape {labels.shape}; expected integer labels (rows, columns)")
    known = labels != UNKNOWN
    if bool((labels[known] >= classes).any()) or bool((labels < 0).any()):
        found = int(labels[known].max()) if known.any() else int(labels.min())
        raise RetintError(
            f"{what}: label {found} found; the model's classes are 0 to {classes - 1}, and 255 is unknown"
        )
    index = torch.from_numpy(np.where(known, labels, classes).astype(np.int64))
    sizes = [-n % stride for n in labels.shape]
    index = F.pad(index, (0, sizes[1], 0, sizes[0]), value=classes)
    planes = torch.stack([(index == k).float() for k in range(classes)])[None]
    if stride > 1:
        planes = F.avg_pool2d(planes, stride)
    total = planes.sum(1, keepdim=True)
    return torch.where(total > 0, planes / total.clamp(min=1e-6), 1.0 / classes), total > 0


def start_estimate(start: Any, classes: int, size: tuple[int, int], stride: int, what: str = "start") -> Tensor:
    """Y(0) from integer labels (255 unknown) at any resolution, probabilities (K, rows, columns), or an estimate.

    Probabilities of the label grid's own size are taken as they are. Others are averaged over the cells; maps of another
    resolution than the image's are first brought to it.

    Returns:
        (1, K, cells down, cells across), float32.

    Raises:
        RetintError: wrong classes, shape or values.
    """
    cells = tuple(-(-n // stride) for n in size)
    array = start.detach().cpu().numpy() if isinstance(start, Tensor) else np.asarray(start)
    if array.ndim == 2:
        if array.shape != size:
            rows, columns = (
                np.minimum((np.arange(n) + 0.5) * m / n, m - 1).astype(int)
                for n, m in zip(size, array.shape, strict=True)
            )
            array = array[rows[:, None], columns]
        return shares(array, classes, stride, what)[0]
    if array.ndim != 3 or array.shape[0] != classes or array.dtype.kind != "f":
        raise RetintError(
            f"{what}: {array.dtype} of shape {array.shape}; expected integer labels (rows, columns) or float probabilities "
            f"({classes}, rows, columns)"
        )
    if not np.isfinite(array).all():
        raise RetintError(f"{what}: probabilities must be finite; found NaN or infinity")
    if array.size == 0 or array.min() < -1e-6:
        raise RetintError(f"{what}: probabilities must not be negative or empty; found shape {array.shape}")
    y = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))[None].clamp(min=0)
    if y.shape[2:] != cells:
        if y.shape[2:] != size:
            y = F.interpolate(y, size=size, mode="bilinear", align_corners=False)
        pads = [-n % stride for n in size]
        y = F.avg_pool2d(F.pad(y, (0, pads[1], 0, pads[0])), stride)
    total = y.sum(1, keepdim=True)
    return torch.where(total > 0, y / total.clamp(min=1e-6), 1.0 / classes)
