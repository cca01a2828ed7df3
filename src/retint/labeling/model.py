"""The labeller: a trained network, ready for images. Every door calls this."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..errors import RetintError
from ..images import detail
from ..modelfile import Card, find_model, load_model
from ..network import RecurrentNetwork, restored
from ..network.hardware import Precision, channels_last, compute_dtype
from .labels import Labeling, scaled_size, score_bands
from .refinement import SWEEP, Refinement
from .source import Source
from .starts import UNKNOWN, shares, start_estimate
from .tiles import Tile

MOST_STEPS = 256
"""Where labelling until settled gives up."""

_PIECE_BYTES = 1 << 30
_KEEP_VALUES = 1 << 27


class Model:
    """A network and its card, for labelling.

    Args:
        network: as trained.
        card: what it is.
        device: auto, cpu or cuda.
        precision: auto, float32 or bfloat16; each call may choose another.
        name: what to call it in messages.
    """

    def __init__(
        self,
        network: RecurrentNetwork,
        card: Card,
        device: str = "auto",
        precision: Precision = "auto",
        name: str = "model",
    ) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise RetintError("--device cuda: no CUDA device here; use --device cpu")
        chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.card, self.name, self.device, self.precision = card, name, torch.device(chosen), precision
        self._folded = network.eval().requires_grad_(False).fold()
        self._ready: dict[torch.dtype, RecurrentNetwork] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of their indices."""
        return self.card.classes

    @property
    def stride(self) -> int:
        """Image pixels per label cell."""
        return self._folded.geometry[0].stride

    def label(
        self, image: Any, steps: int | None = None, *, start: Any = None, hints: Any = None, tile: int | None = None,
        precision: Precision | None = None, until_settled: bool = False, budget: float | None = None, scale: float = 1.0,
        record: Sequence[int] = (), keep: bool | None = None, where: str = "image",
    ) -> Labeling:  # fmt: skip
        """Label every pixel of an image.

        Args:
            image: (rows, columns) or (rows, columns, channels) array, or (channels, rows, columns) tensor; integers of any
                depth, or floats from 0 to 1.
            steps: how many; the card says how many by default.
            start: where to begin: a Labeling, integer labels (rows, columns) with 255 for unknown, or probabilities
                (K, rows, columns); None begins from nothing.
            hints: labels (rows, columns) that a person fixed, 255 elsewhere: kept as given at every step.
            tile: pixels of a tile's side; None chooses. The result is the same, to rounding.
            precision: see `Model`.
            until_settled: take steps until no label changes at two steps running (256 at most).
            budget: seconds: take as many steps as fit, at least one.
            scale: label the image at this many times its resolution; the labels are returned at its own.
            record: steps whose labels are wanted too.
            keep: keep the probabilities; None keeps them unless the image is large.
            where: what to call the image in messages.

        Raises:
            RetintError: something given does not fit the model; the message says what and how to mend it.
        """
        if sum((steps is not None, until_settled, budget is not None)) > 1:
            raise RetintError("steps, until settled, budget: give one of them")
        if steps is not None and steps < 1:
            raise RetintError(f"--steps {steps}: at least 1 is needed")
        source, size = self._source(image, scale, where)
        refinement = self._refinement(source, size, start, hints, tile, precision)
        wanted = steps or self.card.steps
        classes = len(self.classes)
        small = classes * math.prod(refinement.cells) <= _KEEP_VALUES
        kept = (small if keep is None else keep) or until_settled or budget is not None or scale != 1
        canvas = _Canvas(size, refinement, record, scale)
        if until_settled:
            settled = self._until_settled(refinement, canvas)
        elif budget is not None:
            settled = self._within(refinement, canvas, budget)
        else:
            while (left := wanted - refinement.steps) > 0:
                take = left if refinement.whole else min(left, SWEEP)
                refinement.advance(take, keep=kept or take < left, emit=canvas.paint, at=canvas.at(wanted, kept))
            settled = refinement.changes[-1] == 0
        return self._labeling(canvas.final(), refinement, settled, hints, scale, canvas.recorded)

    def refinements(
        self, image: Any, *, start: Any = None, hints: Any = None, tile: int | None = None, precision: Precision | None = None,
        scale: float = 1.0, at: Sequence[int] | None = None, where: str = "image",
    ) -> Iterator[Labeling]:  # fmt: skip
        """One estimate after another, for as long as one asks; arguments as for `label`.

        Args:
            at: yield the estimates after these numbers of steps alone, and end after the last of them.
        """
        source, size = self._source(image, scale, where)
        refinement = self._refinement(source, size, start, hints, tile, precision)
        targets = itertools.count(1) if at is None else iter(sorted(set(at)))
        for target in targets:
            while (left := target - refinement.steps) > 0:
                refinement.advance(left if refinement.whole else min(left, SWEEP))
            labels = _Canvas(size, refinement, (), scale).final()
            yield self._labeling(labels, refinement, refinement.changes[-1] == 0, hints, scale, {})

    def _labeling(
        self, labels: NDArray[np.uint8], refinement: Refinement, settled: bool, hints: Any, scale: float,
        recorded: dict[int, NDArray[np.uint8]],
    ) -> Labeling:  # fmt: skip
        fixed = None if hints is None else np.asarray(hints).astype(np.uint8)
        if fixed is not None:
            for plane in (labels, *recorded.values()):
                plane[fixed != UNKNOWN] = fixed[fixed != UNKNOWN]
        return Labeling(
            labels=labels, steps=refinement.steps, changes=tuple(refinement.changes), settled=settled, classes=self.classes,
            stride=self.stride, estimate=refinement.estimate, recorded=recorded, scale=scale, _hints=fixed,
        )  # fmt: skip

    def scale_warning(self, image: Any, where: str = "image", scale: float = 1.0) -> str | None:
        """A line for the user if the image's texture is much finer or coarser than what the model was trained on."""
        if self.card.detail is None:
            return None
        source, _ = self._source(image, scale, where)
        if min(source.size) < 64:
            return None
        mean, spread = self.card.detail
        found = detail(source.unit())
        if abs(found - mean) <= max(4 * spread, 0.15):
            return None
        coarse = found < mean
        size = self.card.image_size
        return (
            f"{where}: its texture is much {'coarser' if coarse else 'finer'} than that of the images {self.name} was trained on"
            f"{f' ({size[1]} x {size[0]} pixels)' if size else ''}; objects may be too {'large' if coarse else 'small'}: "
            f"try --scale {'0.5' if coarse else '2'}"
        )

    def _source(self, image: Any, scale: float, where: str) -> tuple[Source, tuple[int, int]]:
        source = Source(image, self.card, where)
        if scale == 1:
            return source, source.size
        if not 0.01 <= scale <= 100:
            raise RetintError(f"--scale {scale:g}: expected a number from 0.01 to 100")
        size = source.size
        pixels = source.whole_unit()
        x = torch.from_numpy(pixels).movedim(-1, 0)[None]
        x = F.interpolate(x, size=scaled_size(size, scale), mode="bilinear", align_corners=False, antialias=scale < 1)
        return Source.of_unit(x[0].movedim(0, -1).numpy(), self.card, where), size

    def _refinement(
        self,
        source: Source,
        size: tuple[int, int],
        start: Any,
        hints: Any,
        tile: int | None,
        precision: Precision | None,
    ) -> Refinement:
        if tile is not None and tile < 1:
            raise RetintError(f"--tile {tile}: at least 1 pixel is needed")
        network = self._network(precision)
        classes = len(self.classes)
        given = None
        if start is not None:
            if isinstance(start, Labeling):
                start = start.labels if start.estimate is None else start.estimate
            given = start_estimate(start, classes, source.size, self.stride)
        fixed = None
        if hints is not None:
            array = np.asarray(hints)
            if array.shape != size:
                raise RetintError(f"hints: shape {array.shape}, the image has {size}; they must agree")
            if source.size != size:
                rows, columns = ((np.arange(n) * m // n) for n, m in zip(source.size, size, strict=True))
                array = array[rows[:, None], columns]
            fixed = shares(array, classes, self.stride, "hints")
        if tile is None and math.prod(source.size) > (side := self._piece()) ** 2:
            tile = max(side - 2 * self._folded.geometry[0].halo(SWEEP)[0], 256)
        return Refinement(network, source, given, fixed, tile)

    def _network(self, precision: Precision | None) -> RecurrentNetwork:
        dtype = compute_dtype(precision or self.precision, self.device)
        if dtype not in self._ready:
            network = copy.deepcopy(self._folded).to(self.device, dtype)
            self._ready[dtype] = channels_last(network)
        return self._ready[dtype]

    def _piece(self) -> int:
        """Side of the largest square image that is computed in one piece, by the memory of its widest layers."""
        stride, widest = 1, 4.0
        for unit in self._folded.context_units:
            stride *= unit.layer.along(0)[1]
            widest = max(widest, unit.channels / stride**2)
        return int(math.sqrt(_PIECE_BYTES / (widest * 4 * 4)))

    @staticmethod
    def _until_settled(refinement: Refinement, canvas: _Canvas) -> bool:
        """Steps until two running change no label; exact in tiles too, by going back within a sweep."""
        quiet = 0
        while refinement.steps < MOST_STEPS:
            take = 1 if refinement.whole else SWEEP // 2
            before, done = refinement.estimate, refinement.steps
            for number, change in enumerate(
                refinement.advance(take, emit=canvas.paint, at=canvas.at(None, True)), start=1
            ):
                quiet = quiet + 1 if change == 0 else 0
                if quiet == 2:
                    if number < take:
                        refinement.back_to(before, done)
                        refinement.advance(number)
                    return True
        return False

    @staticmethod
    def _within(refinement: Refinement, canvas: _Canvas, budget: float) -> bool:
        """As many steps as fit into the budget, judged by what the last one took."""
        began = time.perf_counter()
        while True:
            step_began = time.perf_counter()
            refinement.advance(1, emit=canvas.paint, at=canvas.at(None, True))
            now = time.perf_counter()
            last = now - step_began if refinement.steps > 1 or not refinement.whole else 0.0
            if now - began + last > budget or refinement.steps >= MOST_STEPS:
                return refinement.changes[-1] == 0


class _Canvas:
    """The labels at the image's own pixels, filled tile by tile, at the steps that are wanted."""

    def __init__(self, size: tuple[int, int], refinement: Refinement, record: Sequence[int], scale: float) -> None:
        self.size, self.refinement, self.record, self.scale = size, refinement, tuple(record), scale
        self.recorded: dict[int, NDArray[np.uint8]] = {}

    def at(self, last: int | None, kept: bool) -> tuple[int, ...]:
        """The steps at which tiles are painted: those recorded, and the last one if no estimate is kept to show it."""
        return self.record if kept or last is None else (*self.record, last)

    def paint(self, tile: Tile, step: int, estimate: Tensor) -> None:
        """Put a tile's labels in their place."""
        if self.scale != 1:
            (a, b), (c, d) = tile.core  # recorded steps of a scaled image come in one piece
            assert (a, b, c, d) == (0, self.refinement.cells[0], 0, self.refinement.cells[1])
            self.recorded[step] = self._spread(estimate[0].float().cpu().numpy())
            return
        where, labels = self.refinement.labels_of(tile, estimate)
        if step not in self.recorded:
            self.recorded[step] = np.empty(self.size, np.uint8)
        self.recorded[step][where] = labels

    def final(self) -> NDArray[np.uint8]:
        """The labels at the last step."""
        step = self.refinement.steps
        estimate = self.refinement.estimate
        if self.scale != 1:
            assert estimate is not None
            return self._spread(estimate)
        if estimate is None:
            return self.recorded[step] if step in self.record else self.recorded.pop(step)
        labels = np.empty(self.size, np.uint8)
        for tile, part in self.refinement.shown():
            where, shown = self.refinement.labels_of(tile, part)
            labels[where] = shown
        return labels

    def _spread(self, estimate: NDArray[np.float32]) -> NDArray[np.uint8]:
        labels = np.empty(self.size, np.uint8)
        for rows, scores in score_bands(estimate, self.size, self.refinement.stride, self.scale):
            labels[rows] = scores.argmax(0).to(torch.uint8).numpy()
        return labels


def load(name: str | Path, device: str = "auto", precision: Precision = "auto") -> Model:
    """The model of a bundled name, a file, or a hub id.

    Raises:
        RetintError: there is none, or the file is no model.
    """
    path = find_model(name)
    tensors, card = load_model(path)
    try:
        network = restored(card.architecture, card.channels, len(card.classes), tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise RetintError(f"{path}: card and weights do not fit this version of Retint ({reason})") from None
    return Model(network, card, device, precision, name=path.stem)
