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
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import RetintError
from ..network.grid import SMALLEST
from ..numbers import real
from .labels import Labeling
from .pixels import bands
from .source import array_of
from .starts import UNKNOWN


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
        return planes if planes is None or not self.mirrored else np.ascontiguousarray(np.flip(planes, axis))


Scale = float | str | Sequence[float | str | View]
"""A scale, 1.25, or several: (1.25, "1.75m") or "1.25,1.75m", mirrored where an m says so."""


def views_of(scale: Any) -> tuple[View, ...]:
    """The views that a scale, or several, are about.

    Raises:
        RetintError: there is none, or one is no number from 0.01 to 100, with an m behind it or without.
    """
    each = scale.split(",") if isinstance(scale, str) else scale if isinstance(scale, Sequence) else [scale]
    views = tuple(map(_view, each))
    if not views:
        raise RetintError("--scale: found none; expected a number such as 1.25, or several: 1.25,1.75m")
    return views


def told(scale: Any) -> float | str:
    """A scale as a result says it: a number, or several in a text."""
    views = views_of(scale)
    return ",".join(map(str, views)) if len(views) > 1 or views[0].mirrored else views[0].scale


def only(scale: Any, what: str) -> float:
    """A scale where there can be but one, and no mirror; `what` says why: "films are", "a session is".

    Raises:
        RetintError: there are several.
    """
    if isinstance(found := told(scale), str):
        raise RetintError(f"--scale {found}: {what} labelled at one scale; expected one number, such as 1.25")
    return found


def _view(one: Any) -> View:
    if isinstance(one, View):
        return one
    if not isinstance(one, str):
        return View(real(one, "--scale", 0.01, 100))
    if not (match := re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)(m?)\s*", one)):
        raise RetintError(f"--scale {one}: expected a number such as 1.25, 1.25m for the mirrored image, or several: 1.25,1.75m")
    return View(real(float(match[1]), "--scale", 0.01, 100), bool(match[2]))


def start_seen(start: Any, view: View, what: str) -> Any:
    """A start as a view has it; a labelling by its probabilities at the image's pixels."""
    if isinstance(start, Labeling):
        start = start.labels if start.estimate is None else replace(start, temperature=1.0).probabilities
    return view.seen(None if start is None else array_of(start, what))


def log_y(scores: torch.Tensor) -> torch.Tensor:
    """log Y at pixels, (K, pixels ...), from scores of which Y is the softmax."""
    return torch.log_softmax(scores, 0).clamp_(min=log(SMALLEST))


def added(logs: NDArray[np.float32], labeling: Labeling, view: View) -> None:
    """Add the logarithm of a view's distributions to (K, pixels ...)."""
    planes = logs[..., ::-1] if view.mirrored else logs
    for where, y in replace(labeling, temperature=1.0).probability_parts():
        planes[(slice(None), *where)] += np.log(np.maximum(y, SMALLEST))


def mean_of(
    logs: NDArray[np.float32], count: int, hints: NDArray[np.uint8] | None
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The labels (pixels ...), and Y (K, pixels ...), of the summed logarithms of so many views."""
    y = np.empty_like(logs)
    for band in bands(logs.shape[1:]):
        y[:, band] = torch.softmax(torch.from_numpy(logs[:, band]) / count, 0).numpy()
    labels = y.argmax(0).astype(np.uint8)
    if hints is not None:
        known = hints != UNKNOWN
        labels[known] = hints[known]
        y[:, known] = np.arange(len(y))[:, None] == hints[known]
    return labels, y


def combined(found: Sequence[Labeling], views: Sequence[View], hints: NDArray[np.uint8] | None) -> Labeling:
    """What several views' labellings say together, at the image's pixels.

    Its `estimate` is Y at every pixel, with `strides` of 1: given as a start, all views begin from it. `changes` and `drifts` are
    the views' means; it has settled if all have, and took as many steps as the longest of them.
    """
    logs = np.zeros((len(found[0].classes), *found[0].labels.shape), np.float32)
    for labeling, view in zip(found, views, strict=True):
        added(logs, labeling, view)
    labels, y = mean_of(logs, len(found), hints)
    return replace(
        found[0], labels=labels, estimate=y, strides=(1,) * labels.ndim, scale=1.0, steps=max(one.steps for one in found),
        changes=tuple(means(one.changes for one in found)), drifts=tuple(means(one.drifts for one in found)),
        settled=all(one.settled for one in found), recorded={}, _hints=hints, _trace=None,
    )  # fmt: skip


def means(rows: Any) -> Iterator[float]:
    """The means of rows of figures, step by step; where one has ended, nothing changed any more."""
    for several in zip_longest(*rows, fillvalue=0.0):
        yield float(np.mean(several))
