"""Labels at another resolution than the label grid's, and those of networks whose grid changes from step to step.

The image is labelled in parts, each with the margin that all its steps need, so every part equals the whole; beyond its
edges the image is mirrored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RetintError
from ..hardware import laid_out
from ..network import RecurrentNetwork
from ..network.dense import coarse, margin, shift_and_stitch, unit_stride
from ..network.layers import Unit
from .counting import likeliest
from .labels import Labeling
from .pixels import Pixels
from .source import Source
from .store import room_for
from .tiles import Box, Tile, slices

Way = Literal["upsample", "stitch", "unit"]
WAYS: tuple[Way, ...] = get_args(Way)
"""How labels of every pixel come about: interpolated from the label grid; from shifted copies, interleaved (Pinheiro and
Collobert 2014, section 3.3); by pooling with unit stride, which gives the same."""


@dataclass
class Estimates:
    """What some steps end with.

    Attributes:
        strides: image pixels per cell, at each step wanted.
        planes: Y, (K, cells ...), at each step wanted.
        changes: share of cells whose label changed, at each step.
    """

    strides: dict[int, tuple[int, ...]] = field(default_factory=dict)
    planes: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    changes: list[float] = field(default_factory=list)

    def labelings(
        self, own: tuple[int, ...], classes: tuple[str, ...], scale: float, temperature: float
    ) -> Iterator[Labeling]:
        """The labelings of an image of so many own pixels, in the order of the steps."""
        for step, estimate in sorted(self.planes.items()):
            strides = self.strides[step]
            yield Labeling(
                labels=Pixels(own, estimate.shape[1:], strides, scale).labels(estimate), steps=step,
                changes=tuple(self.changes[:step]), settled=self.changes[step - 1] == 0, classes=classes, strides=strides,
                estimate=estimate, scale=scale, temperature=temperature,
            )  # fmt: skip


def finer(
    network: RecurrentNetwork, source: Source, steps: int, way: Way, every: int, wanted: Sequence[int], room: int
) -> Estimates:
    """Take some steps from nothing, everywhere.

    Args:
        network: folded, in evaluation mode.
        source: the image.
        steps: how many.
        way: see `Way`.
        every: for `stitch`, image pixels per cell of the result.
        wanted: the steps whose estimates are kept.
        room: bytes that the planes of one part may take.

    Raises:
        RetintError: the network has no such form.
    """
    _refuse(network, source, steps, way, every)
    result = Estimates()
    apart = [_strides(network, step, way, every) for step in range(1, steps + 1)]
    for step in wanted:
        cells = [-(-n // s) for n, s in zip(source.size, apart[step - 1], strict=True)]
        result.strides[step], result.planes[step] = apart[step - 1], room_for((network.classes, *cells))
    counts, totals = np.zeros(steps), np.zeros(steps)
    whole = tuple(-(-n // s) for n, s in zip(source.size, network.strides_at(steps), strict=True))
    for tile in Tile.whole(whole).split(_sides(network, steps, way, room), [(0, 0)] * len(whole)):
        before: Tensor | None = None
        for step, estimate in enumerate(_part(network, source, tile, steps, way, every), start=1):
            labels = likeliest(estimate[0])
            counts[step - 1] += labels.numel() if before is None else int((_like(before, labels) != labels).sum())
            totals[step - 1] += labels.numel()
            before = labels
            if step in result.planes:
                _put(result.planes[step], tile, network.strides_at(steps), apart[step - 1], estimate[0])
    result.changes = [float(n) for n in counts / totals]
    return result


def _refuse(network: RecurrentNetwork, source: Source, steps: int, way: Way, every: int) -> None:
    name = network.architecture.name
    if way == "unit" and any(g.per_period > 1 for g in network.geometry):
        raise RetintError(f"--way unit: {name} reads several label cells from one hidden cell; use --way stitch")
    if way == "stitch" and (
        every > max(network.strides_at(steps)) or any(s % min(every, s) for s in network.strides_at(steps))
    ):
        raise RetintError(
            f"--resolution {every}: expected a divisor of the {max(network.strides_at(steps))} pixels per label cell of {name}"
        )
    if network.architecture.rescales and max(network.strides_at(steps)) > 2 * max(source.size):
        raise RetintError(
            f"--steps {steps}: {name} makes its labels coarser at every step, and so one label would be longer than two such images; "
            f"it was made for {network.architecture.steps}"
        )


def _strides(network: RecurrentNetwork, step: int, way: Way, every: int) -> tuple[int, ...]:
    """Pixels per cell of the result."""
    finest = {"upsample": 1 << 30, "stitch": every, "unit": 1}[way]
    return tuple(min(s, finest) for s in network.strides_at(step))


def _part(network: RecurrentNetwork, source: Source, tile: Tile, steps: int, way: Way, every: int) -> Iterator[Tensor]:
    """The estimates of a part, (1, K, cells ...)."""
    strides = network.strides_at(steps)
    spans = [(a * s, b * s) for (a, b), s in zip(tile.core, strides, strict=True)]
    size = [b - a for a, b in spans]
    before, after = margin(network, steps)
    box = tuple((a - m, b + n) for (a, b), m, n in zip(spans, before, after, strict=True))
    with torch.inference_mode():
        image = _mirrored(source, box).to(network.device, network.dtype)
        if way == "stitch":
            yield from shift_and_stitch(network, image, steps, every, size)
        elif way == "unit":
            yield from unit_stride(network, image, steps, size)
        else:
            yield from coarse(network, image, steps, size)


def _mirrored(source: Source, box: Box) -> Tensor:
    """The pixels of a box, (1, C, pixels ...); those beyond an edge are the ones as far inside it."""
    seen = []
    for (a, b), n in zip(box, source.size, strict=True):
        there = torch.arange(a, b) % (2 * n)
        seen.append(torch.minimum(there, 2 * n - 1 - there))
    firsts = [int(index.min()) for index in seen]
    image = source.region(tuple((first, int(index.max()) + 1) for first, index in zip(firsts, seen, strict=True)))
    for axis, (first, index) in enumerate(zip(firsts, seen, strict=True), start=2):
        image = image.index_select(axis, index - first)
    return laid_out(image)


def _sides(network: RecurrentNetwork, steps: int, way: Way, room: int) -> list[int]:
    """Label cells of a part's sides: whatever fits, but no less than half of what the margins cost."""
    units = [unit for chain in (network.U, network.D, network.W, network.V) for unit in chain if isinstance(unit, Unit)]
    everywhere = way == "unit" or (way == "stitch" and network.architecture.rescales)  # whose copies are one batch
    floats = 4.0 * max(unit.channels for unit in units) / (1 if everywhere else prod(network.strides))
    side = (room / (4 * max(floats, 8.0))) ** (1 / len(network.geometry))
    before, after = margin(network, steps)
    return [
        max(int(max(side - b - a, (b + a) / 2)) // s, 1)
        for b, a, s in zip(before, after, network.strides_at(steps), strict=True)
    ]


def _like(labels: Tensor, other: Tensor) -> Tensor:
    """Labels on another grid: the first of each coarser cell's."""
    for axis, (n, m) in enumerate(zip(labels.shape, other.shape, strict=True)):
        labels = labels.index_select(axis, torch.arange(m, device=labels.device) * n // m)
    return labels


def _put(
    plane: NDArray[np.float32], tile: Tile, strides: Sequence[int], apart: Sequence[int], estimate: Tensor
) -> None:
    """Put a part's estimate in its place; what lies beyond the image is dropped."""
    box = tuple((a * s // e, b * s // e) for (a, b), s, e in zip(tile.core, strides, apart, strict=True))
    inside = plane[(slice(None), *slices(box))]
    inside[:] = estimate[(slice(None), *map(slice, inside.shape[1:]))].float().cpu().numpy()
