"""A labelling on its way: the estimate of a whole image, step after step, in one piece or in tiles.

In one piece, the context U * X is computed once and kept. In tiles, a sweep takes several steps at each tile (with a
halo for them), and the label map is all that passes from sweep to sweep: rule 1 makes that exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..hardware import laid_out
from ..network import RecurrentNetwork
from ..network.aggregation import aggregate, merged
from ..network.hints import Hints, begun, emphasised, kept
from .asking import Ask, Asking, alone
from .backends import Engine
from .counting import ROUNDING, followed, likeliest
from .doubt import Trace
from .plan import Plan
from .source import Source
from .starts import LabelMap, Start
from .store import let_go, room_for
from .tiles import Box, Tile, slices


class Refinement:
    """The estimate of one image, and how to take it further.

    Args:
        network: folded, in evaluation mode, on its device, in its number type.
        source: the image.
        start: Y(0), if any.
        hints: labels to be kept at every step, if any.
        plan: tiles and sweeps.
        engine: computes the network; None is the network itself.

    Attributes:
        cells: of the label grid, in whole periods.
        sweep: most steps to take at a time; as many as one likes if `whole`.
        whole: whether the image is computed in one piece.
        prior: logarithm of what multiplies the classes' probabilities at every step, (K,), if anything does.
        steps: taken so far.
        changes: share of label cells whose label changed, at each step so far (the first: against the start); see `_counted`.
        drifts: how far Y moved, at each step so far: the mean over the label cells of half of sum |Y(t) - Y(t-1)|.
        trace: what the steps did to each cell, if anybody asked.
        watch: called after each step of a tile with its share of the grid, if anybody asked: over all tiles, a step is 1.
    """

    def __init__(
        self, network: RecurrentNetwork, source: Source, start: Start | None, hints: LabelMap | None, plan: Plan,
        engine: Engine | None = None,
    ) -> None:  # fmt: skip
        self._engine: Engine = engine or network
        self.network, self.source, self.start, self.hints = network, source, start, hints
        self.cells = network.cells(source.size)
        self.tile, self.sweep = plan.tile, plan.sweep
        self.whole = all(n <= t for n, t in zip(self.cells, self.tile, strict=True))
        self.steps, self.changes, self.drifts = 0, list[float](), list[float]()
        self.trace: Trace | None = None
        self.watch: Callable[[float], None] | None = None
        self._seen, self._device, self._dtype = network.seen(source.size), network.device, network.dtype
        self._rounding = ROUNDING.get(self._dtype, 0.0)
        self._estimate: NDArray[np.float32] | None = None
        self.prior: Tensor | None = None
        self._prepared: tuple[Any, Hints | None] | None = None

    @property
    def estimate(self) -> NDArray[np.float32] | None:
        """Y on the label grid, (K, cells ...), if it is kept."""
        return self._estimate

    def advance(self, steps: int) -> list[float]:
        """Take some steps everywhere, and keep the estimate; see `advancing`."""
        return alone(self.advancing(steps))

    def advancing(
        self, steps: int, *, keep: bool = True, emit: Callable[[Tile, int, Tensor], None] | None = None, at: Sequence[int] = ()
    ) -> Asking[list[float]]:
        """Take some steps everywhere, asking for what the network is to compute.

        Args:
            steps: how many; in tiles, more than `sweep` at a time are exact, but dear.
            keep: whether the estimate is wanted afterwards (to go on, or to be shown).
            emit: called with a tile, a step's number and the estimate (1, K, cells ...) of the tile's outer part.
            at: the steps, counted from the first of all, at which to call it.

        Returns:
            The share of cells whose label changed at each of these steps.
        """
        after = room_for((self.network.classes, *self.cells)) if keep else None
        counts, drifts = np.zeros(steps), np.zeros(steps)
        started = self.steps > 0 or self.start is not None
        halo = [g.tile_halo(steps, started) for g in self.network.geometry]
        for tile in Tile.whole(self.cells).split(self.tile, halo):
            context, hints = yield from self._prepare(tile)
            estimate = before = self._before(tile, hints)
            previous = None if before is None else self._labels(tile, before)
            for number in range(steps):
                if estimate is None or number == 0 or len(self.network.W) > 0:  # without feedback nothing changes again
                    estimate = yield from self._step(context, hints, estimate)
                labels, count = self._counted(tile, previous, estimate)
                counts[number] += count
                step = self.steps + number + 1
                drifts[number] += labels.numel() if before is None else self._follow(tile, step, before, estimate)
                previous, before = labels, estimate
                if emit is not None and step in at:
                    emit(tile, step, estimate)
                if self.watch is not None:
                    self.watch(prod(b - a for a, b in tile.core) / prod(self.cells))
            if after is not None:
                assert estimate is not None
                core = estimate[0][(slice(None), *slices(tile.core, tile.outer))]
                after[(slice(None), *slices(tile.core))] = core.cpu().numpy()
                let_go(after)
        self._estimate = after
        self.steps += steps
        changes = [float(n) / prod(self._seen) for n in counts]
        self.changes += changes
        self.drifts += [float(n) / prod(self._seen) for n in drifts]
        return changes

    def image_scores(self) -> Tensor:
        """The classes' scores at the first step, aggregated over the image, (K,)."""
        parts = []
        halo = [g.tile_halo(1, False) for g in self.network.geometry]
        for tile in Tile.whole(self.cells).split(self.tile, halo):
            context, _ = alone(self._prepare(tile))
            with torch.inference_mode():
                scores = self._engine.logits(context, None).float()
                core = scores[(slice(None), slice(None), *slices(self._inside(tile), tile.outer))]
                parts.append((aggregate(core).cpu(), prod(core.shape[2:])))
        return merged(parts)[0]

    def back_to(self, estimate: NDArray[np.float32] | None, steps: int, trace: Trace | None = None) -> None:
        """Return to an earlier estimate, and to the trace of that time."""
        self._estimate, self.trace = estimate, trace
        self.steps = steps
        del self.changes[steps:], self.drifts[steps:]

    def traced(self) -> NDArray[np.float32] | None:
        """How much and how late each cell changed, (2, cells ...), if it was traced: see `Trace.maps`."""
        return None if self.trace is None else self.trace.maps(self.steps)

    def cut(self, tile: Tile) -> Tensor:
        """The outer part of a tile from the kept estimate, (1, K, cells ...)."""
        assert self._estimate is not None
        part = np.ascontiguousarray(self._estimate[(slice(None), *slices(tile.outer))])
        let_go(self._estimate)
        return laid_out(torch.from_numpy(part)[None])

    def _prepare(self, tile: Tile) -> Asking[tuple[Any, Hints | None]]:
        """What stays the same at every step: the context of a tile's outer part, and the hints there."""
        if self._prepared is not None:
            return self._prepared
        strides = self.network.strides
        box = tuple((a * s, b * s) for (a, b), s in zip(tile.outer, strides, strict=True))
        context = yield Ask(self._engine, "context", (self.source.region(box, self._dtype).to(self._device),))
        hints = None
        if self.hints is not None:
            fixed, rest = self.hints.hints(tile.outer)
            hints = laid_out(fixed.to(self._device)), rest.to(self._device)
        if self.whole:
            self._prepared = context, hints
        return context, hints

    def _before(self, tile: Tile, hints: Hints | None) -> Tensor | None:
        """Y before the next step, of a tile's outer part."""
        if self.steps > 0:
            return self.cut(tile).to(self._device)
        if self.start is None:
            return None
        return begun(self.start.estimate(tile.outer).to(self._device), hints)

    def _step(self, context: Any, hints: Hints | None, estimate: Tensor | None) -> Asking[Tensor]:
        """The next estimate of a tile's outer part."""
        with torch.inference_mode():
            given = None if estimate is None else self._fed(estimate.to(self._device), hints)
        scores = yield Ask(self._engine, "logits", (context, given))
        with torch.inference_mode():
            scores = scores.contiguous().float()
            if self.prior is not None:
                scores = scores + self.prior.to(scores.device).view(1, -1, *[1] * (scores.dim() - 2))
            return kept(torch.softmax(scores, 1), hints)

    def _fed(self, estimate: Tensor, hints: Hints | None) -> Tensor:
        """Y as W is to be given it."""
        return laid_out(emphasised(estimate, hints, self.network.architecture.emphasis).to(self._dtype))

    def _follow(self, tile: Tile, step: int, before: Tensor, estimate: Tensor) -> float:
        """How far Y moved in those cells of a tile's core that lie in the image, summed; the trace has it for each."""
        core = (slice(None), *slices(tile.core, tile.outer))
        old, new = before[0][core], estimate[0][core]
        if self.trace is not None:
            moved = (new - old).abs().sum(0) / 2
            self.trace.follow(tile.core, step, moved, likeliest(new) != likeliest(old))
        old, new = (y[(slice(None), *slices(self._inside(tile), tile.core))] for y in (old, new))
        return float((new - old).abs_().sum()) / 2

    def _counted(self, tile: Tile, previous: Tensor | None, estimate: Tensor) -> tuple[Tensor, int]:
        """The labels as changes are counted from them, and how many changed."""
        if previous is None:
            labels = self._labels(tile, estimate)
            return labels, labels.numel()
        inside = estimate[0][(slice(None), *slices(self._inside(tile), tile.outer))]
        labels, changed = followed(inside, previous, self._rounding)
        return labels, len(changed)

    def _labels(self, tile: Tile, estimate: Tensor) -> Tensor:
        """The labels of those cells of a tile's core that lie in the image."""
        return likeliest(estimate[0][(slice(None), *slices(self._inside(tile), tile.outer))])

    def _inside(self, tile: Tile) -> Box:
        """Those cells of a tile's core that lie in the image."""
        return tuple((a, min(b, n)) for (a, b), n in zip(tile.core, self._seen, strict=True))
