"""How well a model labels a data set, after each of some numbers of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import open_dataset
from ..errors import RetintError
from ..network.hardware import Precision
from ..scoring import Confusion, RocAuc
from .model import Model
from .plan import TileSide

_IGNORE = 255
_KINDS = {2: "2-D images", 3: "volumes (3-D)"}


@dataclass
class Evaluation:
    """Figures in 0..1, over all pixels that are not ignored, at the labels' own resolution.

    Attributes:
        model, dataset, split: what was measured on what.
        classes: names.
        confusions: for each number of steps, the counts (K, K), rows truth.
        aucs: for each number of steps, for two classes: the area under the ROC curve.
        worst: (mean IoU at the most steps, image), worst first.
    """

    model: str
    dataset: str
    split: str
    classes: tuple[str, ...]
    confusions: dict[int, Confusion]
    aucs: dict[int, RocAuc] = field(default_factory=dict)
    worst: list[tuple[float, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As `retint eval --json` prints it."""
        return {
            "model": self.model, "dataset": self.dataset, "split": self.split, "images": len(self.worst),
            "steps": {str(step): self._figures(step) for step in self.confusions},
            "worst": [{"image": name, "miou": score} for score, name in self.worst],
        }  # fmt: skip

    def _figures(self, step: int) -> dict[str, Any]:
        confusion = self.confusions[step]
        named = dict(zip(self.classes, map(_number, confusion.iou()), strict=True))
        figures: dict[str, Any] = {
            "miou": _number(confusion.miou()), "pixel_accuracy": _number(confusion.pixel_accuracy()),
            "class_accuracy": _number(confusion.class_accuracy()), "iou": named,
        }  # fmt: skip
        if len(self.classes) == 2:
            figures["f1"] = {name: _number(confusion.f1(k)) for k, name in enumerate(self.classes)}
            figures["auc"] = _number(self.aucs[step].value())
        return figures


def evaluate(
    model: Model, dataset: str | Path, split: str | None = None, steps: Sequence[int] | None = None, *,
    tile: TileSide | None = None, precision: Precision | None = None, progress: Callable[[int, int], None] | None = None,
) -> Evaluation:  # fmt: skip
    """Label every image, or volume, of a part of a data set and compare with its labels.

    Args:
        model: the labeller.
        dataset: a folder with images and labels.
        split: train, val or test; None takes val, or what there is.
        steps: the numbers of steps to measure at; None: 1, 2, 4, 8, or as many as the architecture is made for.
        tile, precision: see `Model.label`.
        progress: called with the images done and all images.

    Raises:
        RetintError: the data set's classes are not the model's, a file is unreadable, or there is no such part.
    """
    data = open_dataset(dataset)
    if data.classes != model.classes:
        raise RetintError(
            f"{data.root / 'classes.json'}: classes {', '.join(data.classes)}; {model.name} has {', '.join(model.classes)}: the "
            "names and their order must agree"
        )
    if data.dims != model.dims:
        raise RetintError(f"{data.root}: holds {_KINDS[data.dims]}; {model.name} labels {_KINDS[model.dims]}")
    if steps is None:
        most = model.card.steps
        steps = sorted({min(step, most) for step in ((1, 2, 4, 8) if most >= 8 else range(1, most + 1))})
    if not steps or min(steps) < 1:
        raise RetintError("--steps: numbers of at least 1 are needed, such as 1,2,4,8")
    name = split or ("val" if "val" in data.splits else next(iter(data.splits)))
    if name not in data.splits:
        raise RetintError(f"--split {name}: {data.root} has {', '.join(data.splits)}")
    pairs = data.splits[name].pairs
    classes = len(model.classes)
    result = Evaluation(
        model.name, str(data.root), name, model.classes, {s: Confusion(classes) for s in sorted(set(steps))}
    )
    if classes == 2:
        result.aucs = {s: RocAuc(bins=1 << 16) for s in result.confusions}
    for done, pair in enumerate(pairs, start=1):
        image, truth = pair.read()
        own = Confusion(classes)
        for labeling in model.refinements(image, at=steps, tile=tile, precision=precision, where=str(pair.image)):
            own = Confusion(classes)
            own.add(truth, labeling.labels)
            result.confusions[labeling.steps].merge(own)
            if classes == 2:
                for where, probabilities in labeling.probability_parts():
                    _add_scores(result.aucs[labeling.steps], truth[where], probabilities)
        result.worst.append((_number(own.miou()) or 0.0, pair.stem))
        if progress:
            progress(done, len(pairs))
    result.worst.sort()
    return result


def _add_scores(auc: RocAuc, truth: NDArray[Any], probabilities: NDArray[np.float32]) -> None:
    known = truth != _IGNORE
    auc.add(truth[known] == 1, probabilities[1][known])


def _number(value: Any) -> float | None:
    """A figure for JSON: None where it is not defined."""
    return None if value is None or not np.isfinite(value) else round(float(value), 6)
