"""Lines for the user when an image is of another scale than those that a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, prod

from ..images import detail
from ..modelfile import Card
from .source import Source

_OFF = 1.5
"""Voxels that are farther apart than this many times what is usual call for a line."""


def texture_advice(card: Card, name: str, source: Source, where: str) -> str | None:
    """A line if an image's texture is much finer or coarser than that of the training images."""
    if card.detail is None or min(source.size[-2:]) < 64:
        return None
    mean, spread = card.detail
    found = detail(source.middle())
    if abs(found - mean) <= max(4 * spread, 0.15):
        return None
    coarse = found < mean
    size = f" ({' x '.join(map(str, reversed(card.image_size)))} pixels)" if card.image_size else ""
    return (
        f"{where}: its texture is much {'coarser' if coarse else 'finer'} than that of the images {name} was trained on"
        f"{size}; objects may be too {'large' if coarse else 'small'}: try --scale {'0.5' if coarse else '2'}"
    )


def spacing_advice(
    card: Card, name: str, spacing: Sequence[float] | None, unit: str | None, where: str, scale: float
) -> str | None:
    """A line if a volume's voxels have other proportions than those of the training volumes, or are of another size."""
    if spacing is None or card.spacing is None:
        return None
    ratios = [found / known for found, known in zip(spacing, card.spacing, strict=True)]
    differ = f"{where}: voxels of {_told(spacing, unit)}; {name} was trained on {_told(card.spacing, card.unit)}"
    if max(ratios) > _OFF * min(ratios):
        return f"{differ} (slices x rows x columns): resample the volume to these proportions"
    ratio = prod(ratios) ** (1 / len(ratios))
    if unit and unit == card.unit and abs(log(ratio / scale)) > log(_OFF):
        return f"{differ}: try --scale {ratio:.2g}"
    return None


def _told(spacing: Sequence[float], unit: str | None) -> str:
    return " x ".join(f"{size:g}" for size in spacing) + (f" {unit}" if unit else "")
