"""The estimates of every step, kept, so that a change is carried through the steps only as far as it reaches.

What can change at step t lies within one step's reach of what did change at step t-1. There W, in two halves (see `halfway`),
and Y(t) are computed again and compared with what is kept; where nothing moved by more than a tolerance, the kept stays, and
so does all that was computed from it. The last estimate is taken as it is computed: nothing is made of it but pixels, where
log Y counts. Hence at any time, whatever happened before, what is kept between the halves and each kept Y(t) are within their
tolerances of what the layers make of what is kept before them, and errors do not add up from change to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import torch
from torch import Tensor

from ...hardware import laid_out
from ...network import RecurrentNetwork
from ...network.hints import Hints, begun, emphasised, kept
from ..backends.fused import FinerReadout, detail_for, possible
from ..counting import ROUNDING, followed, likeliest
from ..source import Source
from ..starts import LabelMap, Start
from ..tiles import Box, Tile
from .halfway import Halfway
from .local import Plane, cut, renewed, step
from .local import context as context_in
from .region import SIDE, grown, merged, rounded

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
"""Largest change of a probability that counts as none, by the network's number type: in bfloat16, rounding alone makes more."""
_INSIDE = 16
"""Largest change inside W that counts as none, in tolerances and in units of its planes' spread."""


class KeptSteps:
    """U * X and Y(1) ... Y(steps) of one image.

    Args:
        network: folded, in evaluation mode, on its device, in its number type.
        source: the image.
        start: Y(0), if any.
        hints: a label map that the owner draws on (see `update`).
        tile: label cells of the largest box that is computed at a time.
        steps: how many.

    Attributes:
        cells: of the label grid, in whole periods.
        estimates: Y at each step, (1, K, cells ...) float32; those after the first only if the network has feedback.
    """

    @torch.inference_mode()
    def __init__(
        self, network: RecurrentNetwork, source: Source, start: Start | None, hints: LabelMap, tile: Sequence[int], steps: int
    ) -> None:  # fmt: skip
        self._network, self._source, self._hints, self._tile = network, source, hints, tuple(tile)
        self.cells = network.cells(source.size)
        self._whole: Box = tuple((0, n) for n in self.cells)
        self._device, self._dtype = network.device, network.dtype
        self._tolerance = TOLERANCE.get(self._dtype, min(TOLERANCE.values()))
        self._fixed, self._rest = self._plane(), torch.ones((1, 1, *self.cells), device=self._device)
        self._start = None if start is None else start.estimate(self._whole).to(self._device).contiguous()
        self._readout = FinerReadout.of(network) if possible(network) else None
        self._detail = detail_for(network, self._readout)
        self._context = self._new_context()
        self._inside = Halfway(network, self.cells, self._tile)
        self.estimates = list[Tensor]()
        self.extend(steps)

    @property
    def bytes(self) -> int:
        """What the arrays that are held take."""
        tensors = [
            self._fixed,
            self._rest,
            self._context,
            *self.estimates,
            *(plane for plane in self._inside.planes if plane is not None),
            *([] if self._start is None else [self._start]),
        ]
        return sum(t.numel() * t.element_size() for t in tensors)

    @property
    def changes(self) -> tuple[float, ...]:
        """Share of the image's label cells whose label changed at each step: see `followed`."""
        before = self._before()
        labels = None if before is None else likeliest(before[0])
        found = []
        for y in (cut(estimate, self._seen)[0] for estimate in self.estimates):
            if labels is None:
                labels, count = likeliest(y), prod(y.shape[1:])
            else:
                labels, changed = followed(y, labels, ROUNDING.get(self._dtype, 0.0))
                count = len(changed)
            found.append(count / prod(y.shape[1:]))
        return tuple(found)

    @property
    def drifts(self) -> tuple[float, ...]:
        """How far Y moved at each step: see `Labeling`; in the cells of the image alone."""
        before, found = self._before(), []
        for estimate in (cut(estimate, self._seen) for estimate in self.estimates):
            moved_by = None if before is None else (estimate - before).abs_().sum(1).mean(dtype=torch.float64) / 2
            found.append(1.0 if moved_by is None else float(moved_by))
            before = estimate
        return tuple(found)

    @property
    def _seen(self) -> Box:
        """The label cells that lie in the image."""
        return tuple((0, n) for n in self._network.seen(self._source.size))

    def _before(self) -> Tensor | None:
        """The start in those cells, with the hints; None without a start."""
        return None if self._start is None else cut(begun(self._start, self._hints_in(self._whole)), self._seen)

    @torch.inference_mode()
    def extend(self, steps: int) -> None:
        """Take further steps, everywhere."""
        for _ in range(steps):
            if self.estimates and not len(self._network.W):  # nothing changes again
                return
            number = len(self.estimates) + 1
            self._inside.extend(self._fed(number), self._context)
            plane = self._plane()
            for tile in self._tiles(self._whole):
                cut(plane, tile).copy_(self._estimate(number, tile))
            self.estimates.append(plane)

    def shorten(self, steps: int) -> None:
        """Forget the steps after so many, one at least, and what was begun of another."""
        del self.estimates[steps:]
        del self._inside.planes[len(self.estimates) :]

    @torch.inference_mode()
    def update(self, hinted: Iterable[Box] = (), seen: Iterable[Box] = ()) -> list[Box]:
        """Carry changes through all steps.

        Args:
            hinted: boxes of label cells in which hints were drawn or taken away.
            seen: boxes of pixels (as the network sees the image) that are new.

        Returns:
            The boxes of label cells in which the last estimate changed.
        """
        hinted, context = list(hinted), self._renew(seen)
        for box in hinted:
            for plane, part in zip((self._fixed, self._rest), self._hints.hints(box), strict=True):
                cut(plane, box).copy_(part)
        always = [self._periods(box) for box in hinted] + context
        changed = hinted if self._start is not None else []
        told = hinted if self._network.architecture.emphasis != 1 else []  # W is fed more there, whatever Y was
        for number in range(1, len(self.estimates) + 1):
            fed = changed if number == 1 else [*changed, *told]
            reached = self._inside.follow(number, fed, self._fed(number), _INSIDE * self._tolerance)
            boxes = merged(map(self._rounded, merged([*always, *reached])))
            changed = [part for box in boxes for tile in self._tiles(box) for part in self._compare(number, tile)]
        return changed

    def _estimate(self, number: int, box: Box) -> Tensor:
        """Y(number) in a box of whole periods, from the one before."""
        before, size, feedback = self._fed(number), self.cells, None
        if (inside := self._inside.planes[number - 1]) is not None:
            before, size, feedback = (lambda part: cut(inside, part)), self._inside.size, self._inside.rest
        scores = step(self._network, self._context, before, box, size, self._readout, feedback)
        return kept(torch.softmax(scores.contiguous().float(), 1), self._hints_in(box))

    def _fed(self, number: int) -> Plane | None:
        """Y(number - 1) as W is fed it; None at a first step without a start."""
        first = number == 1
        plane = self._start if first else self.estimates[number - 2]
        if plane is None:
            return None

        def fed(part: Box) -> Tensor:
            y, hints = cut(plane, part), self._hints_in(part)
            y = begun(y, hints) if first else y
            return laid_out(emphasised(y, hints, self._network.architecture.emphasis).to(self._dtype))

        return fed

    def _hints_in(self, box: Box) -> Hints | None:
        """Those of a box; None if it has none."""
        rest = cut(self._rest, box)
        return (cut(self._fixed, box), rest) if float(rest.amin()) < 1 else None

    def _compare(self, number: int, box: Box) -> list[Box]:
        """Compute a box again; the boxes in which that made a difference."""
        plane, last = self.estimates[number - 1], number == len(self.estimates)
        return renewed(plane, box, self._estimate(number, box), self._tolerance, self._gaps, everywhere=last)

    def _renew(self, seen: Iterable[Box]) -> list[Box]:
        """Compute the context of new pixels; the boxes of label cells that read it."""
        geometry, result = self._network.geometry, []
        for pixels in seen:
            box = grown(pixels, lambda axis, a, b: geometry[axis].context_reached(a, b), self._context.shape[2:])
            self._fill(self._context, box)
            result.append(grown(box, lambda axis, a, b: geometry[axis].reached_by_context(a, b), self.cells))
        return result

    def _new_context(self) -> Tensor:
        shape = [
            n // g.per_period * (g.period // u)
            for n, g, u in zip(self.cells, self._network.geometry, self._coarser, strict=True)
        ]
        context = torch.empty((1, self._network.context_channels, *shape), dtype=self._dtype, device=self._device)
        context = laid_out(context)
        self._fill(context, tuple((0, n) for n in shape))
        return context

    def _fill(self, context: Tensor, box: Box) -> None:
        """Compute a box of the context, a tile at a time."""
        pixels = [n * u for n, u in zip(context.shape[2:], self._coarser, strict=True)]
        geometry = self._network.geometry
        sides = [max(t * g.stride // u, 1) for t, g, u in zip(self._tile, geometry, self._coarser, strict=True)]
        for tile in Tile(box, box).split(sides, [(0, 0)] * len(sides)):
            cut(context, tile.core).copy_(context_in(self._network, self._image, tile.core, pixels, self._detail))

    def _image(self, box: Box) -> Tensor:
        return self._source.region(box, self._dtype).to(self._device)

    @property
    def _coarser(self) -> list[int]:
        """Image pixels per context cell along each axis."""
        return [
            prod(unit.layer.coarser(axis) for unit in self._network.context_units) for axis in range(len(self.cells))
        ]

    @property
    def _gaps(self) -> list[int]:
        """Unchanged cells between two changes which have no cell of the next step in common."""
        reach = [g.start_halo(1) for g in self._network.geometry]
        return [sum(pair) + 2 * g.per_period for pair, g in zip(reach, self._network.geometry, strict=True)]

    def _rounded(self, box: Box) -> Box:
        each = [-(-SIDE // g.per_period) * g.per_period for g in self._network.geometry]
        return rounded(box, each, self.cells)

    def _periods(self, box: Box) -> Box:
        each = [g.per_period for g in self._network.geometry]
        return tuple((a // n * n, -(-b // n) * n) for (a, b), n in zip(box, each, strict=True))

    def _tiles(self, box: Box) -> Iterable[Box]:
        return (tile.core for tile in Tile(box, box).split(self._tile, [(0, 0)] * len(box)))

    def _plane(self) -> Tensor:
        return torch.zeros((1, self._network.classes, *self.cells), device=self._device)
