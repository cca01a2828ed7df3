"""Holding images out of training, for sets that come without a validation part."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from .folder import Pair

_FEWEST = 5  # with fewer images every one is needed for training


def hold_out(pairs: Sequence[Pair], share: float = 0.2, seed: int = 0) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Divide images into those to train with and those to validate with.

    Each image is drawn by a hash of its stem and the seed. So the choice is the same on every machine, and whether
    an image is drawn hardly depends on which others are there.

    Args:
        pairs: the images, in any order.
        share: of them to hold out; of 5 images or more at least one is held out, of fewer none.
        seed: another one, another choice.

    Returns:
        (train, validation), each ordered by stem.

    Raises:
        ValueError: the share is not in 0 ... 1, the 1 excluded.
    """
    if not 0 <= share < 1:
        raise ValueError(f"share: {share}; expected 0 or more, and less than 1")
    drawn = sorted(pairs, key=lambda pair: sha256(f"{seed}/{pair.stem}".encode()).digest())
    held = min(max(1, round(share * len(pairs))), len(pairs) - 1) if share and len(pairs) >= _FEWEST else 0
    train, validation = drawn[held:], drawn[:held]
    return _ordered(train), _ordered(validation)


def _ordered(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    return tuple(sorted(pairs, key=lambda pair: pair.stem))
