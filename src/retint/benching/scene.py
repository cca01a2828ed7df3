"""A made picture: classes have colours and shapes, so that a forest's trees on it are like those on a photograph."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F


def scene(size: tuple[int, int], classes: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image (rows, columns, 3) uint8 of smooth regions with noise, and its labels (rows, columns) uint8."""
    generator = torch.Generator().manual_seed(seed)
    rough = torch.randn(1, classes, *(max(n // 64, 2) for n in size), generator=generator)
    labels = F.interpolate(rough, size=size, mode="bicubic")[0].argmax(0)
    colours = torch.randint(30, 226, (classes, 3), generator=generator)
    image = colours[labels] + 25 * torch.randn(*size, 3, generator=generator)
    return image.clamp(0, 255).byte().numpy(), labels.byte().numpy()
