"""Examples to learn from: a random view of an image (place, size, turn) in random light.

Everything works on tensors on the unit scale, with any number of channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Augmentation:
    """How far views differ.

    Attributes:
        scale: sizes from 1/scale to scale times the image's own.
        turn: degrees of rotation either way.
        any_way_up: also quarter turns and upside down (microscopy, aerial views), not just left-right flips.
        light: spread of the logarithm of gain and gamma.
        colour: spread of the logarithm of each channel's own gain, and of saturation.
        noise: largest standard deviation of added noise.
        blur: share of views that are blurred.
    """

    scale: float = 1.5
    turn: float = 5.0
    any_way_up: bool = False
    light: float = 0.25
    colour: float = 0.1
    noise: float = 0.03
    blur: float = 0.15


def view(
    image: Tensor, labels: Tensor, size: tuple[int, int], centre: tuple[float, float] | None,
    augmentation: Augmentation, generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """A random view.

    Args:
        image: (C, rows, columns), float, unit scale.
        labels: (rows, columns), integers, 255 unlabelled.
        size: rows and columns of the view.
        centre: row and column that it should be about, or None for anywhere.
        augmentation: how far it may differ.
        generator: the source of chance.

    Returns:
        The view (C, *size); its labels (*size), int64; where it lies inside the image (1, *size), 0 or 1.
    """
    height, width = labels.shape
    scale = math.exp(_uniform(generator) * math.log(augmentation.scale))
    angle = math.radians(_uniform(generator) * augmentation.turn)
    flip = 1.0 if _chance(generator, 0.5) else -1.0
    across = (size[1] / scale, size[0] / scale)
    if augmentation.any_way_up:
        angle += math.pi / 2 * int(torch.randint(4, (), generator=generator))
    y, x = (_place(n, n_view, generator) for n, n_view in ((height, across[1]), (width, across[0])))
    if centre is not None:
        y, x = (c + 0.35 * _uniform(generator) * n for c, n in zip(centre, (across[1], across[0]), strict=True))
        y, x = _inside(y, height, across[1]), _inside(x, width, across[0])
    cos, sin = math.cos(angle), math.sin(angle)
    # from the view's (x, y) in -1..1 to the image's, as grid_sample counts them (pixel edges at -1 and 1)
    theta = torch.tensor([
        [flip * cos * across[0] / width, -sin * across[1] / width, 2 * x / width - 1],
        [flip * sin * across[0] / height, cos * across[1] / height, 2 * y / height - 1],
    ])  # fmt: skip
    grid = F.affine_grid(theta[None], [1, 1, *size], align_corners=False)
    seen = F.grid_sample(image[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
    truth = F.grid_sample((labels + 1.0)[None, None], grid, mode="nearest", padding_mode="zeros", align_corners=False)[
        0, 0
    ]
    truth = truth.long() - 1
    inside = truth >= 0
    return _lit(seen, augmentation, generator), torch.where(inside, truth, 255), inside[None].float()


def _lit(image: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """The same view in another light."""
    if augmentation.light:
        gain = math.exp(augmentation.light * _normal(generator))
        gamma = math.exp(augmentation.light * _normal(generator))
        top = float(image.amax().clamp(min=1e-6)) if float(image.amin()) >= 0 else 0.0
        if top:  # a signed image has no gamma
            image = top * (image / top).clamp(min=1e-6) ** gamma
        middle = image.mean()
        contrast = math.exp(augmentation.light * _normal(generator))
        image = ((image - middle) * contrast + middle) * gain
    if augmentation.colour and image.shape[0] > 1:
        gains = torch.exp(augmentation.colour * torch.randn(image.shape[0], 1, 1, generator=generator))
        grey = image.mean(0, keepdim=True)
        saturation = math.exp(2 * augmentation.colour * _normal(generator))
        image = (grey + (image - grey) * saturation) * gains
    if augmentation.blur and _chance(generator, augmentation.blur):
        image = F.avg_pool2d(image[None], 3, stride=1, padding=1, count_include_pad=False)[0]
    if augmentation.noise and _chance(generator, 0.3):
        sigma = augmentation.noise * abs(_uniform(generator)) * float(image.std()) * 4
        image = image + sigma * torch.randn(image.shape, generator=generator)
    return image


def _place(extent: int, view: float, generator: torch.Generator) -> float:
    """A random centre for a view of `view` pixels that stays inside `extent` if it can."""
    slack = extent - view
    return extent / 2 + (_uniform(generator) * slack / 2 if slack > 0 else 0.0)


def _inside(centre: float, extent: int, view: float) -> float:
    return min(max(centre, view / 2), extent - view / 2) if extent > view else extent / 2


def _uniform(generator: torch.Generator) -> float:
    """From -1 to 1."""
    return 2 * float(torch.rand((), generator=generator)) - 1


def _normal(generator: torch.Generator) -> float:
    return float(torch.randn((), generator=generator).clamp(-2, 2))


def _chance(generator: torch.Generator, share: float) -> bool:
    return float(torch.rand((), generator=generator)) < share
