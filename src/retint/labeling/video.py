"""Labelling films: each frame begins from the labels of the frame before (rule 1), moved as the picture moved, so that one
step is enough."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ..errors import RetintError
from ..images import fit_channels, to_unit
from ..numbers import real, whole
from ..scoring import Flicker
from .labels import Labeling
from .motion import motion, moved, small_picture
from .pixels import bands
from .source import as_array
from .stopping import Stop
from .views import in_words

if TYPE_CHECKING:
    from .model import Model

MOVED = 0.05
"""How far, in the mean of half of sum |Y(1) - Y(0)|, a frame's one step may move the last frame's estimate and be enough.

One step is best of 1, 2 and 4 then (at most 0.046 between CamVid's frames 1/15 s apart); of frames half a second apart, where
it moves by 0.09, the last one tells too little (`benchmarks/video.py`).
"""

CUT = 0.4
"""Share of a frame that has to differ from the last one to count as a cut in the film."""

_OPTIONS = ("tile", "precision", "scale", "prior")
_LEAST = 1e-6  # seconds; a frame is given one step in any case
_CELLS = 16  # a frame is compared with the last one in this many parts a side
_OTHER = 0.1  # difference of a part's mean, on the unit scale, from which on it shows something else
_STILL = 0.02  # difference of a pixel, on the unit scale, up to which it hardly changed
_SAMPLES = 256  # pixels a side that are enough for the means of the parts


@dataclass(frozen=True)
class Look:
    """What is compared of two frames.

    Attributes:
        parts: the means of 16 x 16 parts, (channels, 16, 16).
        picture: a small grey one, (rows, columns).
    """

    parts: NDArray[np.float32]
    picture: NDArray[np.float32]


class VideoLabeler:
    """Labels the frames of one film, one after another, and keeps no more than the last one.

    A frame that shows something else than the last one, a cut in the film, begins from nothing again: in more than 40 %
    of 16 x 16 parts of the frame, the mean of a channel differs by more than 0.1 of full scale. CamVid's frames 1/15 s
    apart differ so in 4 % of the parts at most, those 1 s apart in 25 % (median), two frames of different films in 38 %
    and more (`benchmarks/cuts.py`).

    Args:
        model: the labeller, of images.
        steps: for the first frame, and the first after a cut; the model's card says how many by default.
        frame_steps: for every other frame. By default one, and as many as for the first where that one moves the estimate by
            more than 0.05 (see `MOVED`).
        budget: seconds for every frame, the first too: as many steps as fit, at least one. In place of `steps` and `frame_steps`.
        still: take the last frame's labels where they lay; otherwise they are moved as the picture did (see `motion`).
        start: where the first frame begins; see `Model.label`.
        cut: share of a frame, 0 to 1; 1 for a film without cuts.
        options: tile, precision, scale, prior: see `Model.label`.

    Attributes:
        frames: labelled so far.
        cuts: numbers of the frames, counted from 0, that began from nothing again.
        further: numbers of those for which one step was not enough.
        flicker: how much labels changed from frame to frame, cuts left out.

    Raises:
        RetintError: no steps, a cut outside 0 to 1, an option that films do not have, or a model that begins from no labels, so not from
            the last frame's.
    """

    def __init__(
        self, model: Model, steps: int | None = None, frame_steps: int | None = None, *, budget: float | None = None,
        still: bool = False, start: Any = None, cut: float = CUT, **options: Any,
    ) -> None:  # fmt: skip
        if model.at_once:
            raise RetintError(
                f"{model.name}: takes a fixed number of steps at once, so no frame can begin from the last one's labels; label the frames as "
                "images"
            )
        if others := [name for name in options if name not in _OPTIONS]:
            raise RetintError(
                f"{' and '.join(others)}: not for films; expected budget, still, start, cut, {', '.join(_OPTIONS)}: leave it out"
            )
        if budget is not None and (steps, frame_steps) != (None, None):
            raise RetintError(
                f"--budget {budget}: says how many steps a frame takes; leave it out, or the numbers of steps"
            )
        steps = Stop(steps, budget=budget).steps
        frame_steps = None if frame_steps is None else whole(frame_steps, "--frame-steps")
        real(cut, "cut", 0, 1)
        if isinstance(scale := in_words(options.get("scale", 1.0)), str):
            raise RetintError(f"--scale {scale}: films are labelled at one scale; expected one number, such as 1.25")
        self.frames, self.cuts, self.further, self.flicker = 0, list[int](), list[int](), Flicker()
        self._model, self._steps, self._frame_steps, self._start = model, steps, frame_steps, start
        self._budget, self._still, self._cut, self._options = budget, still, cut, options
        self._came = 0.0
        self._last: tuple[NDArray[Any], Look, Labeling] | None = None

    def label(self, frame: Any, file: Path | None = None) -> Labeling:
        """Label the next frame.

        Args:
            frame: an image as `Model.label` takes it, of the first frame's size.
            file: that it is from, if that is an image: it says whether its last channel is alpha.

        Raises:
            RetintError: another size, or no image for the model.
        """
        self._came = time.perf_counter()
        where, card = f"frame {self.frames}", self._model.card
        # frames are compared by what the network sees of them; a copy, since a reader may write the next one into the same memory
        pixels = np.array(fit_channels(as_array(frame, 2, card.channels, where), card.channels, file or where))
        if self._last is None:
            labeling = self._labelled(pixels, self._steps, self._start, where)
            look = look_of(pixels, where)
        else:
            before, last_look, last = self._last
            if pixels.shape != before.shape:
                raise RetintError(
                    f"{where}: has shape {pixels.shape}, the frames before have {before.shape}; expected one size for all of a film"
                )
            look = look_of(pixels, where)
            if differing(last_look, look) > self._cut:
                self.cuts.append(self.frames)
                labeling = self._labelled(pixels, self._steps, None, where)
            else:
                labeling = self._on(pixels, last if self._still else carried(last, last_look, look), where)
                self._count(before, pixels, last, labeling)
        self._last = pixels, look, labeling
        self.frames += 1
        return labeling

    def _labelled(self, pixels: NDArray[Any], steps: int | None, start: Any, where: str) -> Labeling:
        """A frame after so many steps, or what is left of its time since it came."""
        left = None if self._budget is None else max(self._budget - (time.perf_counter() - self._came), _LEAST)
        return self._model.label(pixels, steps, start=start, budget=left, where=where, **self._options)

    def _on(self, pixels: NDArray[Any], start: Labeling, where: str) -> Labeling:
        """A frame that begins from the last one's labels."""
        if self._frame_steps is not None or self._budget is not None:
            return self._labelled(pixels, self._frame_steps, start, where)
        at = 1, self._steps or self._model.card.steps
        estimates = self._model.refinements(pixels, start=start, at=at, where=where, **self._options)
        one = next(estimates)
        if one.drifts[0] <= MOVED:
            return one
        self.further.append(self.frames)
        return next(estimates, one)

    def _count(self, before: NDArray[Any], after: NDArray[Any], last: Labeling, labeling: Labeling) -> None:
        for band in bands(last.labels.shape):
            self.flicker.add(last.labels[band], labeling.labels[band], unchanged(before[band], after[band]))


def unchanged(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a frame hardly differs from the one before: by no more than 0.02 of full scale in any channel.

    Args:
        before, after: (rows, columns) or (rows, columns, channels), of one shape.

    Returns:
        (rows, columns) bool.
    """
    still = np.abs(to_unit(before, "frame") - to_unit(after, "frame")) <= _STILL
    return np.asarray(still if still.ndim == 2 else still.all(-1))


def look_of(pixels: NDArray[Any], where: str) -> Look:
    """What is compared of a frame.

    Args:
        pixels: (rows, columns) or (rows, columns, channels).
        where: what to call it in messages.
    """
    step = max(min(pixels.shape[:2]) // _SAMPLES, 1)
    unit = torch.from_numpy(to_unit(np.ascontiguousarray(pixels[::step, ::step]), where))
    planes = unit[None] if unit.dim() == 2 else unit.movedim(-1, 0)
    return Look(F.adaptive_avg_pool2d(planes, _CELLS).numpy(), small_picture(planes))


def differing(before: Look, after: Look) -> float:
    """Share of the parts that show something else."""
    return float((np.abs(after.parts - before.parts).max(0) > _OTHER).mean())


def carried(last: Labeling, before: Look, after: Look) -> Labeling:
    """The labeling of the last frame, its estimate moved as the picture did; as it is if there is none, or nothing moved."""
    if last.estimate is None or (shares := motion(before.picture, after.picture)) is None:
        return last
    return replace(last, estimate=moved(last.estimate, shares, last.covered))
