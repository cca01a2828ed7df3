"""Several views of one image, at other scales or mirrored: each is labelled by itself, and what they give is put together.

This is test-time augmentation: errors that two views do not share weigh half (Simonyan and Zisserman 2015, section 4, scales and
mirrored images). Y is the geometric mean of the views' distributions, so that hints, of which all are certain, stay so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import RetintError
from ..network.grid import SMALLEST
from ..numbers import real
from .counting import likeliest
from .labels import Labeling
from .pixels import bands
from .source import array_of
from .starts import UNKNOWN

if TYPE_CHECKING:
    from .ready import Ready


@dataclass(frozen=True)
class View:
    """One way to look at an image.

    Attributes:
        scale: times the image's resolution.
        mirrored: whether its columns are looked at from the right to the left.
    """

    scale: float = 1.0
    mirrored: bool = False

    def __str__(self) -> str:
        return f"{self.scale:g}{'m' * self.mirrored}"

    def seen(self, planes: Any, axis: int = -1) -> Any:
        """An array, or None, as the view has it and back again: mirrored along the axis of the columns, if it is."""
        plain = planes is None or not self.mirrored or planes.ndim == 0  # what is no image is told where it is looked at
        return planes if plain else np.ascontiguousarray(np.flip(planes, axis))

    def turned(self, planes: NDArray[Any]) -> NDArray[Any]:
        """The same planes (..., columns), not copies of them, as the view has them and back again."""
        return planes[..., ::-1] if self.mirrored else planes


Scale = float | str | Sequence[float | str | View]
"""A scale, 1.25, or several: (1.25, "1.75m") or "1.25,1.75m", mirrored where an m says so."""


def views_of(scale: Any) -> tuple[View, ...]:
    """The views that a scale, or several, are about.

    Raises:
        RetintError: there is none, or one is no number from 0.01 to 100, with an m behind it or without.
    """
    each = scale.split(",") if isinstance(scale, str) else scale if isinstance(scale, Sequence) and not isinstance(scale, bytes) else [scale]
    views = tuple(map(_view, each))
    if not views:
        raise RetintError("--scale: found none; expected a number such as 1.25, or several: 1.25,1.75m")
    return views


def in_words(scale: Any) -> float | str:
    """A scale as a result says it: a number, or several in a text."""
    views = views_of(scale)
    return ",".join(map(str, views)) if len(views) > 1 or views[0].mirrored else views[0].scale


def _view(one: Any) -> View:
    if isinstance(one, View):
        return one
    if not isinstance(one, str):
        return View(real(one, "--scale", 0.01, 100))
    if not (match := re.fullmatch(r"\s*(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+)(m?)\s*", one, re.ASCII)):
        raise RetintError(f"--scale {one}: expected a number such as 1.25, 1.25m for the mirrored image, or several: 1.25,1.75m")
    return View(real(float(match[1]), "--scale", 0.01, 100), bool(match[2]))


def start_seen(start: Any, view: View, own: tuple[int, ...], model: Ready, what: str) -> Any:
    """A start as a view has it. To be mirrored, an estimate on the label grid, whose last cells may reach beyond the image's `own`
    pixels, is brought to these."""
    if start is None or not view.mirrored:
        return start
    if not isinstance(start, Labeling):
        array, classes = array_of(start, what), len(model.classes)
        if array.dtype.kind != "f" or array.shape != (classes, *model.network().cells(own)):
            return view.seen(array)
        start = Labeling(np.zeros(own, np.uint8), 0, (), False, model.classes, model.strides, array.astype(np.float32))
    return view.seen(start.labels if start.estimate is None else replace(start, temperature=1.0).probabilities)


def log_y(scores: torch.Tensor) -> torch.Tensor:
    """log Y at pixels, (K, pixels ...), from scores of which Y is the softmax."""
    return torch.log_softmax(scores, 0).clamp_(min=log(SMALLEST))


def added(logs: NDArray[np.float32], labeling: Labeling, view: View) -> None:
    """Add the logarithm of a view's distributions to (K, pixels ...)."""
    planes = view.turned(logs)
    for where, y in replace(labeling, temperature=1.0).probability_parts():
        planes[(slice(None), *where)] += np.log(np.maximum(y, SMALLEST))


def mean_of(logs: NDArray[np.float32], count: int, hints: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """The labels (pixels ...) of the summed logarithms of so many views (K, pixels ...), in whose place Y is put."""
    labels = np.empty(logs.shape[1:], np.uint8)
    for band in bands(logs.shape[1:]):
        y = torch.softmax(torch.from_numpy(logs[:, band]) / count, 0)
        logs[:, band], labels[band] = y.numpy(), likeliest(y).numpy()
    if hints is not None:
        known = hints != UNKNOWN
        labels[known] = hints[known]
        logs[:, known] = np.arange(len(logs))[:, None] == hints[known]
    return labels


def combined(found: Sequence[Labeling], views: Sequence[View], hints: NDArray[np.uint8] | None) -> Labeling:
    """What several views' labellings say together, at the image's pixels.

    Its `estimate` is Y at every pixel, with `strides` of 1: given as a start, all views begin from it. `changes` and `drifts` are
    the views' means; it has settled if all have, and took as many steps as the longest of them.
    """
    y = np.zeros((len(found[0].classes), *found[0].labels.shape), np.float32)
    for labeling, view in zip(found, views, strict=True):
        added(y, labeling, view)
    labels = mean_of(y, len(found), hints)
    return replace(
        found[0], labels=labels, estimate=y, strides=(1,) * labels.ndim, scale=1.0, steps=max(one.steps for one in found),
        changes=tuple(means(one.changes for one in found)), drifts=tuple(means(one.drifts for one in found)),
        settled=all(one.settled for one in found), recorded={}, hints=hints, trace=None,
    )  # fmt: skip


def means(rows: Any) -> Iterator[float]:
    """The means of rows of figures, step by step; where one has ended, nothing changed any more."""
    for several in zip_longest(*rows, fillvalue=0.0):
        yield float(np.mean(several))
