"""Examples to learn from: a random view of an image or a volume (place, size, turn) in random light.

An image is a volume of one slice here. A volume is scaled and turned in the plane of its slices, all slices alike, and
never interpolated between them: they may be ten times as thick as its pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..images import to_unit

_SLICE_LIGHT = 0.2  # how far slices differ from each other, as a share of how far views do
_SMALL = 1 << 20  # pixels that are not worth cutting


@dataclass(frozen=True)
class Augmentation:
    """How far views differ.

    Attributes:
        scale: sizes from 1/scale to scale times the image's own.
        turn: degrees of rotation either way.
        any_way_up: also quarter turns and upside down (microscopy, aerial views), not just left-right flips. The order
            of slices is turned round in any case.
        light: spread of the logarithm of gain and gamma; a fifth of it for each slice of a volume on its own.
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
    image: Tensor, labels: Tensor, size: tuple[int, ...], centre: tuple[float, ...] | None,
    augmentation: Augmentation, generator: torch.Generator, device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """A random view. Costs what the view holds, however large the image is.

    On another device than the processor, the part of the image that the view needs is handed over once, and all is made of it
    there: nothing comes back or waits.

    Args:
        image: (C, rows, columns) or (C, slices, rows, columns), uint8, uint16, bool or float, as `to_unit` takes them.
        labels: (rows, columns) or (slices, rows, columns), integers, 255 unlabelled.
        size: rows and columns of the view; of a volume slices, rows and columns.
        centre: pixel or voxel that it should be about, as many numbers as in the size, or None for anywhere.
        augmentation: how far it may differ.
        generator: the source of chance, on the processor.
        device: where the view is made.

    Returns:
        The view (C, *size), float32; its labels (*size), int64; where it lies inside the image (1, *size), 0 or 1.

    Raises:
        RetintError: the image has another dtype, or values that are NaN or infinite.
    """
    if labels.dim() == 2:
        about = None if centre is None else (0.0, *centre)
        seen, truth, inside = view(image[:, None], labels[None], (1, *size), about, augmentation, generator, device)
        return seen[:, 0], truth[0], inside[:, 0]
    depth, height, width = labels.shape
    scale = math.exp(_uniform(generator) * math.log(augmentation.scale))
    angle = math.radians(_uniform(generator) * augmentation.turn)
    flip = 1.0 if _chance(generator, 0.5) else -1.0
    down, across = (n / scale for n in size[1:])
    quarters = 0
    if augmentation.any_way_up:
        quarters = int(torch.randint(4, (), generator=generator))
        angle += math.pi / 2 * quarters
    high, wide = (across, down) if quarters % 2 else (down, across)
    y, x = (_place(n, n_view, generator) for n, n_view in ((height, high), (width, wide)))
    if centre is not None:
        y, x = (c + 0.35 * _uniform(generator) * n for c, n in zip(centre[1:], (high, wide), strict=True))
        y, x = _inside(y, height, high), _inside(x, width, wide)
    first = _first_slice(depth, size[0], None if centre is None else centre[0], generator)
    backwards = size[0] > 1 and _chance(generator, 0.5)
    cos, sin = math.cos(angle), math.sin(angle)
    slices = slice(max(first, 0), first + size[0])
    image, labels = image[:, slices], labels[slices]
    if labels.numel() > _SMALL:
        rows = _box(y, abs(sin) * across + abs(cos) * down, height)
        columns = _box(x, abs(cos) * across + abs(sin) * down, width)
        image, labels = image[..., rows, columns], labels[..., rows, columns]
        height, width = labels.shape[1:]
        y, x = y - rows.start, x - columns.start
    # from the view's (x, y) in -1..1 to the image's, as grid_sample counts them (pixel edges at -1 and 1)
    theta = torch.tensor([
        [flip * cos * across / width, -sin * down / width, 2 * x / width - 1],
        [flip * sin * across / height, cos * down / height, 2 * y / height - 1],
    ]).to(device)  # fmt: skip
    grid = F.affine_grid(theta[None], [1, 1, *size[1:]], align_corners=False)
    pixels = torch.from_numpy(to_unit(image.numpy(), "image")).to(device)
    planes = pixels.flatten(0, 1)[None]  # slices as channels: the grid is worked out once
    seen = F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)
    seen = _lit(seen.view(len(image), -1, *size[1:]), augmentation, generator)
    known = labels.to(device).float() + 1
    truth = F.grid_sample(known[None], grid, mode="nearest", padding_mode="zeros", align_corners=False)[0].long() - 1
    if backwards:
        seen, truth = seen.flip(1), truth.flip(0)
    if len(truth) < size[0]:
        pad = (0, 0, 0, 0, -first, size[0] - depth + first)
        seen, truth = F.pad(seen, pad), F.pad(truth, pad, value=-1)
    inside = truth >= 0
    return seen, torch.where(inside, truth, 255), inside[None].float()


def _lit(image: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """The same view (C, slices, rows, columns) in another light."""
    if augmentation.light:
        gain = math.exp(augmentation.light * _normal(generator))
        gamma = math.exp(augmentation.light * _normal(generator))
        top = image.amax()
        bent = top * (image / top).clamp(min=1e-6) ** gamma
        image = torch.where((image.amin() >= 0) & (top > 0), bent, image)  # a signed image has no gamma
        middle = image.mean()
        contrast = math.exp(augmentation.light * _normal(generator))
        image = ((image - middle) * contrast + middle) * gain
        if image.shape[1] > 1:
            spread = torch.randn(2, image.shape[1], 1, 1, generator=generator).clamp(-2, 2).to(image.device)
            gains, contrasts = torch.exp(_SLICE_LIGHT * augmentation.light * spread)
            middles = image.mean((0, 2, 3), keepdim=True)
            image = ((image - middles) * contrasts + middles) * gains
    if augmentation.colour and image.shape[0] > 1:
        gains = torch.exp(augmentation.colour * torch.randn(image.shape[0], 1, 1, 1, generator=generator)).to(image.device)
        grey = image.mean(0, keepdim=True)
        saturation = math.exp(2 * augmentation.colour * _normal(generator))
        image = (grey + (image - grey) * saturation) * gains
    if augmentation.blur and _chance(generator, augmentation.blur):
        image = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
    if augmentation.noise and _chance(generator, 0.3):
        sigma = augmentation.noise * abs(_uniform(generator)) * image.std() * 4
        image = image + sigma * torch.randn(image.shape, generator=_there(generator, image.device), device=image.device)
    return image


def _place(extent: int, view: float, generator: torch.Generator) -> float:
    """A random centre for a view of `view` pixels that stays inside `extent` if it can."""
    slack = extent - view
    return extent / 2 + (_uniform(generator) * slack / 2 if slack > 0 else 0.0)


def _inside(centre: float, extent: int, view: float) -> float:
    return min(max(centre, view / 2), extent - view / 2) if extent > view else extent / 2


def _first_slice(extent: int, view: int, centre: float | None, generator: torch.Generator) -> int:
    """The first slice of a view; below 0 if the view has more slices than there are, which then lie in its middle."""
    last = extent - view
    if last <= 0:
        return last // 2
    if centre is None:
        return int(torch.randint(last + 1, (), generator=generator))
    return min(max(round(centre + 0.35 * _uniform(generator) * view - (view - 1) / 2), 0), last)


def _box(centre: float, view: float, extent: int) -> slice:
    """The pixels of the image that a view needs along an axis; two more on either side, for the interpolation."""
    return slice(max(math.floor(centre - view / 2) - 2, 0), min(math.ceil(centre + view / 2) + 2, extent))


def _uniform(generator: torch.Generator) -> float:
    """From -1 to 1."""
    return 2 * float(torch.rand((), generator=generator)) - 1


def _normal(generator: torch.Generator) -> float:
    return float(torch.randn((), generator=generator).clamp(-2, 2))


def _there(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """A source of chance on a device, begun from this one; itself on the processor."""
    if device.type != "cuda":
        return generator
    return torch.Generator(device).manual_seed(int(torch.randint(1 << 62, (), generator=generator)))


def _chance(generator: torch.Generator, share: float) -> bool:
    return float(torch.rand((), generator=generator)) < share
