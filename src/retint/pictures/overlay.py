"""Labels drawn over the image that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .palette import Colour, colourise

LONGEST = 4096  # pixels of the longest side of an overlay


def overlay(
    image: NDArray[Any],
    labels: NDArray[Any],
    palette: Sequence[Colour],
    opacity: float = 0.5,
    background: int | None = None,
) -> NDArray[np.uint8]:
    """Tint an image with the colours of its labels, and draw where classes meet, one pixel wide, in the full colour.

    An image longer than 4096 pixels is first reduced by the smallest whole number that makes it fit; means of pixels,
    and the label in the middle of each block.

    Args:
        image: (rows, columns) or (rows, columns, channels), any real dtype.
        labels: (rows, columns), class indices; those without a colour in the palette (255) are left untinted.
        palette: (red, green, blue) of each class.
        opacity: of the tint, 0 to 1.
        background: a class that is left untinted too.

    Returns:
        (rows, columns, 3) uint8, divided by the whole number, rounded up, if the image was reduced.

    Raises:
        ValueError: image and labels differ in size.
    """
    if image.shape[:2] != labels.shape:
        raise ValueError(f"an image of {image.shape[:2]} and labels of {labels.shape}; they must be of one size")
    image, labels = reduced(image), sampled(labels)
    base, colours = Image.fromarray(displayable(image)), Image.fromarray(colourise(labels, palette))
    tinted = labels < len(palette)
    if background is not None:
        tinted &= labels != background
    blended = Image.composite(Image.blend(base, colours, opacity), base, Image.fromarray(tinted))
    blended.paste(colours, mask=Image.fromarray(_borders(labels, tinted)))
    return np.array(blended)


def displayable(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Make any image one that a screen can show.

    8-bit values are kept. Others are stretched so that all but the darkest and the brightest half per cent fill the
    range; the same for all channels, so that hues stay. The first three channels are red, green and blue; an image of
    one channel, or of two, shows its first in grey.

    Args:
        image: (rows, columns) or (rows, columns, channels), any real dtype; NaN is shown black.

    Returns:
        (rows, columns, 3) uint8, contiguous.
    """
    if image.ndim == 2:
        image = image[..., None]
    image = image[..., : 3 if image.shape[2] >= 3 else 1]
    if image.dtype == np.bool_:
        image = np.where(image, np.uint8(255), np.uint8(0))
    elif image.dtype != np.uint8:
        image = _stretched(image)
    return np.ascontiguousarray(image if image.shape[2] == 3 else np.repeat(image, 3, axis=2))


def _stretched(image: NDArray[Any]) -> NDArray[np.uint8]:
    step = max(1, int((image.size / 3_000_000) ** 0.5))  # a million pixels tell the percentiles well enough
    sample = image[::step, ::step]
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, (0.5, 99.5)) if sample.size else (0, 1)
    scale = 255 / (high - low) if high > low else 0
    shown = (image.astype(np.float32) - np.float32(low)) * np.float32(scale)
    return np.asarray(np.nan_to_num(shown, copy=False, nan=0).clip(0, 255).round(), np.uint8)


def _borders(labels: NDArray[Any], tinted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of two neighbours of different classes, the upper or left one; the other one if that is untinted."""
    border = np.zeros(labels.shape, np.bool_)
    for first, second in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        meet = labels[first] != labels[second]
        border[first] |= meet & tinted[first]
        border[second] |= meet & ~tinted[first] & tinted[second]
    return border


def reduced(image: NDArray[Any]) -> NDArray[Any]:
    """An image that is longer than 4096 pixels, made smaller: means over square blocks, in the image's dtype."""
    rows, columns = image.shape[:2]
    factor = _factor(rows, columns)
    if factor == 1:
        return image
    starts = np.arange(0, columns, factor)
    widths = np.diff(starts, append=columns).reshape(-1, *[1] * (image.ndim - 2))  # the last block may be narrower
    small = np.empty((-(-rows // factor), len(starts), *image.shape[2:]), image.dtype)
    for row in range(len(small)):  # one at a time, so that no float copy of the image is made
        band = image[row * factor : (row + 1) * factor].mean(0, dtype=np.float32)
        mean = np.add.reduceat(band, starts, axis=0) / widths
        small[row] = mean if image.dtype.kind == "f" else mean.round()
    return small


def sampled(labels: NDArray[Any]) -> NDArray[Any]:
    """The labels of a `reduced` image: the one in the middle of each block."""
    factor = _factor(*labels.shape)
    if factor == 1:
        return labels
    rows, columns = (np.minimum(np.arange(0, n, factor) + factor // 2, n - 1) for n in labels.shape)
    return labels[np.ix_(rows, columns)]


def _factor(rows: int, columns: int) -> int:
    return -(-max(rows, columns) // LONGEST)
