"""A labelling on its way: the estimate of a whole image, step after step, in one piece or in tiles.

In one piece, the context U * X is computed once and kept. In tiles, a sweep takes several steps at each tile (with a
halo for them), and the label map is all that passes from sweep to sweep: rule 1 makes that exact.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..network import RecurrentNetwork
from ..network.grid import log_probabilities_at_pixels, probabilities_at_pixels
from .source import Source
from .tiles import Tile, halo_cells, tiles

SWEEP = 8
"""Most steps that one sweep of tiles takes: beyond it the halo costs more than computing the context again."""

_IN_MEMORY = 1 << 26


class Refinement:
    """The estimate of one image, and how to take it further.

    Args:
        network: folded, in evaluation mode, on its device, in its number type.
        source: the image.
        start: Y(0), (1, K, cells ...), if any.
        hints: shares (1, K, cells ...) and where they hold (1, 1, cells ...), if any; kept at every step.
        tile: pixels of a tile's side; None for one piece.

    Attributes:
        steps: taken so far.
        changes: share of label cells whose label changed, at each step so far (the first: against the start).
    """

    def __init__(
        self,
        network: RecurrentNetwork,
        source: Source,
        start: Tensor | None,
        hints: tuple[Tensor, Tensor] | None,
        tile: int | None,
    ) -> None:
        self.network, self.source, self.hints = network, source, hints
        self.stride = network.geometry[0].stride
        self.cells = (-(-source.size[0] // self.stride), -(-source.size[1] // self.stride))
        self.tile = self.cells if tile is None else (max(tile // self.stride, 1),) * 2
        self.whole = all(n <= t for n, t in zip(self.cells, self.tile, strict=True))
        self.steps, self.changes = 0, list[float]()
        parameter = next(network.parameters())
        self._device, self._dtype = parameter.device, parameter.dtype
        self._estimate: NDArray[np.float32] | None = None if start is None else self._hinted(start, None).numpy()[0]
        self._context: Tensor | None = None

    @property
    def estimate(self) -> NDArray[np.float32] | None:
        """Y on the label grid, (K, cells down, cells across), if it is kept."""
        return self._estimate

    def advance(
        self,
        steps: int,
        *,
        keep: bool = True,
        emit: Callable[[Tile, int, Tensor], None] | None = None,
        at: Sequence[int] = (),
    ) -> list[float]:
        """Take some steps everywhere.

        Args:
            steps: how many; in tiles, at most SWEEP of them at a time are exact and cheap.
            keep: whether the estimate is wanted afterwards (to go on, or to be shown).
            emit: called with a tile, a step's number and the estimate (1, K, cells ...) of the tile's outer part.
            at: the steps, counted from the first of all, at which to call it.

        Returns:
            The share of cells whose label changed at each of these steps.
        """
        classes = self.network.classes
        after = self._store((classes, *self.cells)) if keep else None
        counts = np.zeros(steps)
        halo = halo_cells(self.network.geometry, steps, self._estimate is not None)
        for tile in tiles(self.cells, self.tile, halo):
            previous: Tensor | None = None
            for number, estimate in enumerate(self._steps(tile, steps)):
                core = _core(tile, estimate).argmax(1)
                if previous is None:
                    before = self._before(tile)
                    previous = None if before is None else _core(tile, before).argmax(1)
                counts[number] += core.numel() if previous is None else int((core != previous).sum())
                previous = core
                step = self.steps + number + 1
                if emit is not None and step in at:
                    emit(tile, step, estimate)
            if after is not None:
                rows, columns = tile.core
                after[:, rows[0] : rows[1], columns[0] : columns[1]] = _core(tile, estimate)[0].float().cpu().numpy()
        self._estimate = after
        self.steps += steps
        changes = [float(n) / (self.cells[0] * self.cells[1]) for n in counts]
        self.changes += changes
        return changes

    def back_to(self, estimate: NDArray[np.float32] | None, steps: int) -> None:
        """Return to an earlier estimate."""
        self._estimate = estimate
        self.steps = steps
        del self.changes[steps:]

    def labels_of(self, tile: Tile, estimate: Tensor) -> tuple[tuple[slice, slice], NDArray[np.uint8]]:
        """The labels of a tile's core at the image's pixels, and where they lie in the image."""
        where, scores = self._at_pixels(tile, estimate, log_probabilities_at_pixels)
        return where, scores[0].argmax(0).to(torch.uint8).cpu().numpy()

    def probabilities_of(self, tile: Tile, estimate: Tensor) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
        """The probabilities of a tile's core at the image's pixels, and where they lie in the image."""
        where, y = self._at_pixels(tile, estimate, probabilities_at_pixels)
        return where, y[0].float().cpu().numpy()

    def shown(self) -> Iterator[tuple[Tile, Tensor]]:
        """The kept estimate, part by part, each with the margin of a cell that pixels need."""
        assert self._estimate is not None
        side = max(1024 // self.stride, 1)
        for tile in tiles(self.cells, (side, side), [(1, 1), (1, 1)]):
            yield tile, self._cut(self._estimate, tile)

    def _steps(self, tile: Tile, steps: int) -> Iterator[Tensor]:
        """The estimates of a tile's outer part, one after another."""
        with torch.inference_mode():
            context = self._context
            if context is None:
                rows, columns = (slice(a * self.stride, b * self.stride) for a, b in tile.outer)
                context = self.network.context(self.source.region((rows, columns)).to(self._device, self._dtype))
                if self.whole:
                    self._context = context
            estimate = self._before(tile)
            for _ in range(steps):
                given = None if estimate is None else estimate.to(self._device, self._dtype)
                estimate = torch.softmax(self.network.logits(context, given).float(), 1)
                estimate = self._hinted(estimate, tile)
                yield estimate

    def _before(self, tile: Tile) -> Tensor | None:
        return None if self._estimate is None else self._cut(self._estimate, tile).to(self._device)

    @staticmethod
    def _cut(plane: NDArray[np.float32], tile: Tile) -> Tensor:
        (top, bottom), (left, right) = tile.outer
        part = torch.from_numpy(np.ascontiguousarray(plane[:, top:bottom, left:right]))[None]
        return part.contiguous(memory_format=torch.channels_last)

    def _hinted(self, estimate: Tensor, tile: Tile | None) -> Tensor:
        """The estimate with the hints put back as they were given."""
        if self.hints is None:
            return estimate
        (top, bottom), (left, right) = tile.outer if tile else tuple((0, n) for n in self.cells)
        given, where = (h[:, :, top:bottom, left:right].to(estimate.device) for h in self.hints)
        return torch.where(where, given, estimate)

    def _at_pixels(
        self, tile: Tile, estimate: Tensor, spread: Callable[[Tensor, int], Tensor]
    ) -> tuple[tuple[slice, slice], Tensor]:
        """The estimate of a tile's core spread over the image's pixels."""
        inner, where, cut = [], [], []
        for (a, b), (first, last), size in zip(tile.core, tile.outer, self.source.size, strict=True):
            low, high = max(a - 1, first), min(b + 1, last)
            inner.append(slice(low - first, high - first))
            pixels = slice(a * self.stride, min(b * self.stride, size))
            where.append(pixels)
            cut.append(slice(pixels.start - low * self.stride, pixels.stop - low * self.stride))
        with torch.inference_mode():
            full = spread(estimate[:, :, inner[0], inner[1]].float(), self.stride)
        return (where[0], where[1]), full[:, :, cut[0], cut[1]]

    def _store(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Room for an estimate: in memory while small, else in a nameless file."""
        if self.whole or np.prod(shape) <= _IN_MEMORY:
            return np.empty(shape, np.float32)
        with tempfile.TemporaryFile() as file:
            return np.memmap(file, np.float32, "w+", shape=shape)


def _core(tile: Tile, estimate: Tensor) -> Tensor:
    """The part of an outer estimate that the tile answers for."""
    rows, columns = (slice(a - first, b - first) for (a, b), (first, _) in zip(tile.core, tile.outer, strict=True))
    return estimate[:, :, rows, columns]
