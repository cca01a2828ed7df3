"""The pictures of a labelling: labels over the image, the strip of steps, doubt as levels of grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...pictures import displayable, montage, overlay, strip
from ..doubt import Measure
from ..labels import Labeling
from ..model import Model

SLICES = 4
"""Shown of a volume."""


def overlay_of(model: Model, pixels: Any, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The labels over the image, (rows, columns, 3) uint8; of a volume over some slices, evenly spread, side by side."""
    palette = list(model.card.colours)
    if labels.ndim == 2:
        return overlay(pixels, labels, palette, background=background(model))
    count = min(SLICES, len(labels))
    chosen = [len(labels) * (2 * k + 1) // (2 * count) for k in range(count)]
    rows = labels.shape[1]
    shown = displayable(np.concatenate([pixels[k] for k in chosen]))  # together, so that all are equally bright
    parts = (shown[n * rows : (n + 1) * rows] for n in range(count))
    return montage(
        [overlay(part, labels[k], palette, background=background(model)) for k, part in zip(chosen, parts, strict=True)]
    )


def strip_of(model: Model, pixels: Any, labeling: Labeling) -> Any:
    """The picture of the estimate at the recorded steps and at the last one; of a volume in its middle slice."""
    shown = {step: labels for step, labels in labeling.recorded.items() if step <= labeling.steps}
    shown[labeling.steps] = labeling.labels
    if labeling.labels.ndim == 3:
        middle = len(pixels) // 2
        pixels, shown = pixels[middle], {step: labels[middle] for step, labels in shown.items()}
    estimates = sorted(shown.items())
    return strip(pixels, estimates, list(model.card.colours), classes=model.classes, background=background(model))


def background(model: Model) -> int | None:
    """The class that pictures leave untinted: one that is called background."""
    return model.classes.index("background") if "background" in model.classes else None


def doubt_levels(labeling: Labeling, measure: Measure) -> NDArray[np.uint8]:
    """The doubt of every pixel as 0 (sure) to 255, of the labels' shape."""
    levels = np.empty(labeling.labels.shape, np.uint8)
    for where, part in labeling.doubt_parts([measure]):
        levels[where] = (part[0] * 255).round()
    return levels
