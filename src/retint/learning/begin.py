"""Beginning from a model that was trained before."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import RetintError
from ..modelfile import find_model, load_model
from ..network import CATALOGUE, RecurrentNetwork

_LEAST = 0.02
"""Share of the weights below which beginning from a model is surely a mistake."""


def architecture_of(name: str) -> str | None:
    """The name of a trained model's architecture, if the catalogue has it.

    Raises:
        RetintError: no such model.
    """
    _, card = load_model(find_model(name, "--from"))
    found = str(card.architecture.get("name"))
    return found if found in CATALOGUE else None


def take_weights(network: RecurrentNetwork, name: str, classes: Sequence[str]) -> str:
    """Put the weights of a trained model into a network, wherever names and shapes fit; the rest stays as it began.

    Planes that belong to classes are taken class by class, by name, so classes may be added, dropped or reordered.

    Args:
        network: of any architecture; the more alike, the more is taken.
        name: a bundled model or a file.
        classes: names of the network's classes.

    Returns:
        A line that says how much was taken.

    Raises:
        RetintError: no such model, or hardly any of it fits.
    """
    tensors, card = load_model(find_model(name, "--from"))
    pairs = [(k, card.classes.index(c)) for k, c in enumerate(classes) if c in card.classes]
    taken = total = 0
    with torch.no_grad():
        for key, mine in network.state_dict().items():
            if key.endswith("num_batches_tracked"):
                continue
            total += mine.numel()
            if key not in tensors:
                continue
            taken += _take(mine, tensors[key], pairs, len(classes), len(card.classes))
    if taken < _LEAST * total:
        raise RetintError(
            f"--from {name}: next to nothing of {card.architecture['name']} fits {network.architecture.name}; give --arch "
            f"{card.architecture['name']}, or train without --from"
        )
    return f"begun from {name}: {taken / total:.0%} of the weights taken"


def _take(mine: Tensor, its: Tensor, pairs: Sequence[tuple[int, int]], classes: int, its_classes: int) -> int:
    """Copy what fits; returns how many numbers that were."""
    same_classes = classes == its_classes and list(pairs) == [(k, k) for k in range(classes)]
    if not same_classes:
        for axis in range(min(mine.dim(), 2)):
            if (each := _planes_of_classes(mine, its, axis, classes, its_classes)) is not None:
                for a, b in pairs:
                    mine.narrow(axis, a * each, each).copy_(its.narrow(axis, b * each, each))
                return len(pairs) * mine.narrow(axis, 0, each).numel()
    if mine.shape != its.shape:
        return 0
    mine.copy_(its)
    return mine.numel()


def _planes_of_classes(mine: Tensor, its: Tensor, axis: int, classes: int, its_classes: int) -> int | None:
    """How many planes along an axis belong to each class; None if they do not belong to classes."""
    if mine.dim() != its.dim() or any(
        n != m for k, (n, m) in enumerate(zip(mine.shape, its.shape, strict=True)) if k != axis
    ):
        return None
    each = mine.shape[axis] // classes
    belongs: bool = mine.shape[axis] == each * classes and its.shape[axis] == each * its_classes and each in (1, 4, 8)
    return each if belongs else None
