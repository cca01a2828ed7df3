"""A session: one image under correction. Strokes come and go, and only what they can change is computed again."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RetintError
from ...network import RecurrentNetwork
from ..labels import Labeling
from ..pixels import Pixels, scaled_size
from ..refinement import Refinement
from ..starts import UNKNOWN, LabelMap
from ..tiles import Box, Tile, slices
from ..views import log_y
from .drawing import Drawing, nothing_known, read_only
from .halfway import Halfway
from .kept import KeptSteps
from .local import cut
from .region import merged

MOST_BYTES = 4 << 30
"""What a session may keep, unless asked for more."""


class Session(Drawing):
    """An image, its labels, and the strokes that correct them; made by `Model.session`.

    After any sequence of strokes, removals, undos and redos its labels are those that `Model.label` gives with the same
    steps, start and the strokes that stand as hints, to rounding (in float32 probabilities to 1e-4). U * X and the estimates of every
    step are kept, so a change costs only the cells whose estimate it alters, at each step (see `kept`).

    Args:
        begun: what to refine, before its first step; its image is for the session alone: `change` writes to it.
        steps: how many each estimate takes.
        classes: names.
        scale: at which the image is labelled.
        temperature: of the model's card, for probabilities.
        logs: keep log Y at every pixel too, (K, pixels ...) float32: what several views are put together from.
        hints: the plane that strokes are drawn on, if others have it too; nothing is known in it yet.

    Attributes:
        logs: that, or nothing, (0, pixels ...).
    """

    def __init__(
        self, begun: Refinement, steps: int, classes: tuple[str, ...], scale: float = 1.0, temperature: float = 1.0,
        logs: bool = False, hints: NDArray[np.uint8] | None = None,
    ) -> None:  # fmt: skip
        network, source = begun.network, begun.source
        super().__init__(classes, nothing_known(source.own) if hints is None else hints)
        self._source, self._scale, self._strides = source, scale, network.strides
        self._steps, self._temperature = steps, temperature
        drawn_on = LabelMap(self._hints, len(classes), source.size, self._strides, "hints")
        self._kept = KeptSteps(network, source, begun.start, drawn_on, begun.tile, steps)
        self._pixels = Pixels(source.own, self._kept.cells, self._strides, scale)
        self._labels = np.empty(source.own, np.uint8)
        self.logs = np.empty((len(classes) if logs else 0, *source.own), np.float32)
        self._show([self._whole])

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Class index of each pixel, (rows, columns) or (slices, rows, columns): a view that follows every change."""
        return read_only(self._labels)

    @property
    def steps(self) -> int:
        """That each estimate takes."""
        return self._steps

    @property
    def bytes(self) -> int:
        """What the arrays that it keeps take: see `needed`."""
        return self._kept.bytes + self._labels.nbytes + self.logs.nbytes + self._hints.nbytes + self._source.bytes

    @property
    def labeling(self) -> Labeling:
        """The labels now, as `Model.label` returns them: a copy, which later changes leave as it is."""
        taken = self._kept.changes, self._kept.drifts
        changes, drifts = ((*row, *[0.0] * (self._steps - len(row))) for row in taken)
        return Labeling(
            labels=self._labels.copy(), steps=self._steps, changes=changes, settled=changes[-1] == 0, classes=self.classes,
            strides=self._strides, estimate=self._kept.estimates[-1][0].contiguous().cpu().numpy().copy(), scale=self._scale,
            drifts=drifts, temperature=self._temperature, hints=self._hints.copy(),
        )  # fmt: skip

    def change(self, part: Any, at: Sequence[int]) -> tuple[slice, ...]:
        """Replace a part of the image. It is no stroke: to go back, put the old pixels in again.

        Args:
            part: pixels of the image's type, with its channels, (rows, columns[, channels]), with slices first for a volume.
            at: where its first pixel goes: row and column, with the slice first for a volume.

        Raises:
            RetintError: another type or other channels than the image's, or it reaches beyond the image.
        """
        return self.put(*self._source.fitting(part, at))

    def fitting(self, part: Any, at: Sequence[int]) -> tuple[NDArray[Any], Box]:
        """Pixels for `change`, (pixels ..., channels), and the box that they fill, which are not put in yet."""
        return self._source.fitting(part, at)

    def put(self, part: NDArray[Any], box: Box) -> tuple[slice, ...]:
        """`change`, of pixels that fit."""
        self._source.replace(part, box)
        ratios = [new / old for new, old in zip(self._source.size, self._source.own, strict=True)]
        seen = box if self._source.size == self._source.own else tuple(
            # a pixel of the resampled image reads at most so many of its own neighbours, or of the image's
            (max(floor((a - 1) * r) - 2, 0), min(ceil((b + 1) * r) + 2, n))
            for (a, b), r, n in zip(box, ratios, self._source.size, strict=True)
        )  # fmt: skip
        return self._show(self._kept.update(seen=[seen]))

    def advance(self, steps: int = 1) -> tuple[slice, ...]:
        """Take further steps; later changes are carried through them too.

        Raises:
            RetintError: fewer than one.
        """
        if not isinstance(steps, int | np.integer) or steps < 1:
            raise RetintError(f"steps {steps}: a whole number of at least 1 is needed")
        before = self._steps
        try:
            self._kept.extend(steps)
            self._steps += steps
            return self._show([self._whole])
        except BaseException:  # memory is short
            self.shorten(before)
            raise

    def shorten(self, steps: int) -> None:
        """Take back the steps after so many, one at least."""
        self._kept.shorten(steps)
        self._steps = steps
        self._show([self._whole])

    @property
    def _whole(self) -> Box:
        return tuple((0, n) for n in self._kept.cells)

    def follow(self, drawn: Sequence[Box]) -> tuple[slice, ...]:
        """See `Drawing.follow`: the change is carried through the steps."""
        hinted = merged(map(self._cells_under, drawn))
        return self._show([*self._kept.update(hinted), *hinted], drawn)

    def _cells_under(self, pixels: Box) -> Box:
        """The label cells that have any of the pixels."""
        ratios = [new / old for new, old in zip(self._source.size, self._source.own, strict=True)]
        slack = 0 if self._source.size == self._source.own else 1
        seen = [(floor(a * r) - slack, ceil(b * r) + slack) for (a, b), r in zip(pixels, ratios, strict=True)]
        return tuple(
            (max(a // s, 0), min(-(-b // s), n))
            for (a, b), s, n in zip(seen, self._strides, self._kept.cells, strict=True)
        )

    def _show(self, changed: Sequence[Box], drawn: Sequence[Box] = ()) -> tuple[slice, ...]:
        """Bring the last estimate to the pixels over and around boxes of label cells; the box of all pixels written."""
        cells = self._kept.cells
        around = ([(max(a - 1, 0), min(b + 1, n)) for (a, b), n in zip(box, cells, strict=True)] for box in changed)
        written: list[tuple[slice, ...]] = [slices(box) for box in drawn]
        for core in merged(map(tuple, around)):
            outer = tuple((max(a - 1, 0), min(b + 1, n)) for (a, b), n in zip(core, cells, strict=True))
            for part in self._pixels.parts(Tile(core, outer), len(self.classes)):
                estimate = cut(self._kept.estimates[-1], part.outer).cpu()
                where = self._pixels.of(part)
                self._labels[where] = self._pixels.labels_in(part, estimate).numpy()
                if len(self.logs):
                    self.logs[(slice(None), *where)] = log_y(self._pixels.scores(part, estimate)).numpy()
                written.append(where)
        for where in written:
            hints = self._hints[where]
            np.copyto(self._labels[where], hints, where=hints != UNKNOWN)
        if not written:
            return (slice(0, 0),) * len(cells)
        return tuple(
            slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*written, strict=True)
        )


def needed(
    network: RecurrentNetwork, own: Sequence[int], pixel: int, steps: int, started: bool, scale: float, name: str
) -> int:
    """Bytes that a session keeps: the context, the estimates of every step, hints, and the image.

    Args:
        network: in its number type.
        own: the image's own pixels along each axis.
        pixel: bytes of one of them, with all its channels.
        steps: how many.
        started: whether there is a start.
        scale: at which the image is labelled.
        name: of the model, in messages.

    Raises:
        RetintError: there are no steps that could be kept.
    """
    if network.architecture.instances:
        raise RetintError(
            f"{name}: {network.architecture.name} takes a fixed number of steps at once, so a session has nothing to keep; use label"
        )
    size = scaled_size(own, scale)
    geometry, units = network.geometry, network.context_units
    periods = [-(-n // g.period) for n, g in zip(size, geometry, strict=True)]
    cells = prod(n * g.per_period for n, g in zip(periods, geometry, strict=True))
    context = prod(
        n * g.period // prod(unit.layer.coarser(axis) for unit in units)
        for axis, (n, g) in enumerate(zip(periods, geometry, strict=True))
    )
    taken = steps if len(network.W) else 1
    kept = cells * 4 * (network.classes * (taken + 1 + started) + 1)
    inside = Halfway(network, [n * g.per_period for n, g in zip(periods, geometry, strict=True)]).values * (taken - 1 + started)
    each = network.dtype.itemsize
    return (context * network.context_channels + inside) * each + kept + prod(own) * (2 + pixel)

