"""Beginning from a model that was trained before."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from ..data import Dataset
from ..errors import RetintError
from ..modelfile import find_model, load_model
from ..network import CATALOGUE, Architecture, RecurrentNetwork, build
from ..network.layers import Unit

_LEAST = 0.02
"""Share of the weights below which beginning from a model is surely a mistake."""


def architecture_of(name: str | Path, data: Dataset) -> str | None:
    """The name of a trained model's architecture, if the catalogue has it.

    Raises:
        RetintError: no such model, or it is one of images and the data are volumes, or the other way round.
    """
    _, card = load_model(find_model(name, "--from"))
    if card.architecture.get("dims", 2) != data.dims:
        its, held, mend = ("images", "volumes", "save its slices as images, or ") if data.dims == 3 else ("volumes", "images", "")
        raise RetintError(f"--from {name}: is a model of {its}; {data.root} holds {held}: {mend}train without --from")
    found = str(card.architecture.get("name"))
    return found if found in CATALOGUE else None


def take_weights(network: RecurrentNetwork, name: str | Path, classes: Sequence[str]) -> str:
    """Put the weights of a trained model into a network, wherever names and shapes fit; the rest stays as it began.

    Of an image with another number of channels, each has the sum of the model's kernels over its channels, divided among them.
    Planes that belong to classes are taken class by class, by name, so classes may be added, dropped or reordered. Residual
    layers that the network has between those of the model begin as the identity, so that it labels as the model does (Chen
    et al. 2016, Net2Net).

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
    each, taken, total, other = planes_of_classes(network), 0, 0, card.channels != network.channels
    try:
        layers = _layers_of(network, Architecture.from_dict(card.architecture))
    except (KeyError, TypeError):
        raise RetintError(
            f"--from {name}: its card describes layers that this version does not know; expected a model of this version or "
            "an earlier one: update retint, or train without --from"
        ) from None
    with torch.no_grad():
        for key, mine in network.state_dict().items():
            if key.endswith("num_batches_tracked"):
                continue
            total += mine.numel()
            layer = re.split(r"\.(conv|norm)\.", key)[0]
            its = tensors.get(f"{layers[layer]}{key.removeprefix(layer)}")
            if its is not None and other and key == "U.0.conv.weight":
                its = (its.sum(1, keepdim=True) / network.channels).expand(-1, network.channels, *its.shape[2:])
            if its is not None:
                taken += _take(mine, its, each[key], pairs, len(card.classes))
        for layer in (layer for layer, its in layers.items() if its is None):
            unit = network.get_submodule(layer)
            if isinstance(unit, Unit) and unit.layer.residual and unit.norm is not None:
                unit.norm.weight.zero_()
    if taken < _LEAST * total:
        raise RetintError(
            f"--from {name}: next to nothing of {card.architecture['name']} fits {network.architecture.name}; give --arch "
            f"{card.architecture['name']}, or train without --from"
        )
    new, left = ([c for c in some if c not in others] for some, others in ((classes, card.classes), (card.classes, classes)))
    line = f"begun from {name}: {int(100 * taken / total)}% of the weights taken"
    if other:
        line += f"; its kernels on {card.channels} channels added up, shared among {network.channels}"
    line += f"; begun anew: {', '.join(new)}" if new else ""
    return line + (f"; left out: {', '.join(left)}" if left else "")


def _layers_of(network: RecurrentNetwork, its: Architecture) -> dict[str, str | None]:
    """For each layer of the network, the model's layer whose weights it is to have; None: one that was put between those."""
    found: dict[str, str | None] = {}
    for part, table in (("U", "context"), ("W", "feedback"), ("V", "readout"), ("D", "detail")):
        mine, rows = getattr(network.architecture, table), list(getattr(its, table))
        between = [not (rows and row == rows[0] and rows.pop(0)) for row in mine]
        if rows:  # other layers altogether: those of the same place
            between = [False] * len(mine)
        place = itertools.count()
        found |= {f"{part}.{k}": None if new else f"{part}.{next(place)}" for k, new in enumerate(between)}
    return found


def _take(mine: Tensor, its: Tensor, each: Sequence[int], pairs: Sequence[tuple[int, int]], its_classes: int) -> int:
    """Copy what fits, class by class along the axes that have `each` planes of every class; how many numbers that were."""
    expected = [n * its_classes if n else size for n, size in zip(each, mine.shape, strict=True)]
    if list(its.shape) != expected:
        return 0
    to, source = (
        [
            torch.tensor([pair[side] * n + k for pair in pairs for k in range(n)] if n else range(size)).long()
            for n, size in zip(each, mine.shape, strict=True)
        ]
        for side in (0, 1)
    )
    mine[torch.meshgrid(*to, indexing="ij")] = its[torch.meshgrid(*source, indexing="ij")].to(mine.dtype)
    return prod(map(len, to))


def planes_of_classes(network: RecurrentNetwork) -> dict[str, list[int]]:
    """Of each of the weights: along each axis, how many planes every class has; 0 where planes are not those of classes.

    What grows with the number of classes is told by building the network for another number; shapes alone do not say.
    """
    classes = network.classes
    other = classes + 1 if classes < 256 else classes - 1
    with torch.random.fork_rng(devices=[]):
        grown = build(network.architecture, network.channels, other, network.padding).state_dict()
    return {
        key: [abs(n - m) for n, m in zip(mine.shape, grown[key].shape, strict=True)]
        for key, mine in network.state_dict().items()
    }
