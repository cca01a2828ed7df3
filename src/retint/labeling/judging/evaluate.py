"""How well a model labels a data set, after each of some numbers of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...data import Dataset, check_part, open_dataset
from ...errors import RetintError
from ...hardware import Precision
from ...numbers import finite
from ...scoring import Calibration, Confusion, RiskCoverage, RocAuc, Temperature
from ..doubt import MEASURES, TRACED
from ..finer import Way
from ..labels import Labeling
from ..model import Model
from ..plan import TileSide
from ..source import Source
from ..views import Scale, in_words

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
        worst: (mean IoU at the most steps, image), worst first; without images that have no labelled pixel.
        images: how many were measured.
        calibrations: for each number of steps, how often labels are right at each of their probabilities.
        risks: for each number of steps and measure of doubt, the error left when pixels are left out; if asked for.
        temperature: by which the model divided log Y.
        fitted: what a temperature may be fitted on, at the number of steps of the model's card; if asked for.
        scale: at which the images were labelled.
        warnings: what the check of the part found to be worth knowing, one line each.
    """

    model: str
    dataset: str
    split: str
    classes: tuple[str, ...]
    confusions: dict[int, Confusion]
    aucs: dict[int, RocAuc] = field(default_factory=dict)
    worst: list[tuple[float, str]] = field(default_factory=list)
    images: int = 0
    calibrations: dict[int, Calibration] = field(default_factory=dict)
    risks: dict[int, dict[str, RiskCoverage]] = field(default_factory=dict)
    temperature: float = 1.0
    fitted: Temperature | None = None
    scale: float | str = 1.0
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As `retint eval --json` prints it."""
        figures = {
            "model": self.model, "dataset": self.dataset, "split": self.split, "images": self.images,
            "scale": self.scale, "temperature": self.temperature,
            "steps": {str(step): self._figures(step) for step in self.confusions},
            "worst": [{"image": name, "miou": score} for score, name in self.worst],
            "warnings": self.warnings,
        }  # fmt: skip
        if self.fitted is not None:
            figures["fitted"] = self.fitted.to_dict(self.temperature)
        return figures

    def _figures(self, step: int) -> dict[str, Any]:
        confusion = self.confusions[step]
        named = dict(zip(self.classes, map(finite, confusion.iou()), strict=True))
        figures: dict[str, Any] = {
            "miou": finite(confusion.miou()), "pixel_accuracy": finite(confusion.pixel_accuracy()),
            "class_accuracy": finite(confusion.class_accuracy()), "iou": named,
        }  # fmt: skip
        if len(self.classes) == 2:
            figures["f1"] = {name: finite(confusion.f1(k)) for k, name in enumerate(self.classes)}
            figures["auc"] = finite(self.aucs[step].value())
        figures["ece"] = finite(self.calibrations[step].error())
        if risks := self.risks.get(step):
            figures["aurc"] = {name: finite(risk.area()) for name, risk in risks.items()}
            figures["aurc_best"] = finite(next(iter(risks.values())).best())
        return figures

    def add(self, truth: NDArray[Any], labeling: Labeling) -> Confusion:
        """Count an image at the number of steps of its labelling. Returns its own confusion."""
        step, known = labeling.steps, truth != _IGNORE
        own = Confusion(len(self.classes)).add(truth, labeling.labels)
        self.confusions[step].merge(own)
        for where, y in labeling.probability_parts():
            self.calibrations[step].add(truth[where], y)
            if step in self.aucs:
                self.aucs[step].add(truth[where][known[where]] == 1, y[1][known[where]])
        if risks := self.risks.get(step):
            for where, doubts in labeling.doubt_parts(list(risks)):
                there = known[where]
                right = (labeling.labels[where] == truth[where])[there]
                for risk, doubt in zip(risks.values(), doubts, strict=True):
                    risk.add(right, doubt[there])
        return own


def evaluate(
    model: Model, dataset: str | Path, split: str | None = None, steps: Iterable[int] | int | None = None, *,
    tile: TileSide | None = None, precision: Precision | None = None, scale: Scale = 1.0, way: Way = "upsample",
    prior: bool = False, doubt: bool = False, fit: bool = False, progress: Callable[[int, int], None] | None = None,
) -> Evaluation:  # fmt: skip
    """Label every image, or volume, of a part of a data set and compare with its labels.

    The part is checked first, as a whole set is before training: its images and labels are opened once for this and once to
    be measured.

    Args:
        model: the labeller.
        dataset: a folder with images and labels.
        split: train, val or test; None takes val, or what there is.
        steps: the numbers of steps to measure at; None: 1, 2, 4, 8, or as many as the architecture is made for.
        tile, precision, scale, way, prior: see `Model.label`.
        doubt: measure the risk-coverage curves of doubt too.
        fit: gather what a temperature may be fitted on too, at the number of steps of the model's card.
        progress: called with the images done and all images.

    Raises:
        DataProblems: the part's images or labels have problems; all of them.
        RetintError: the data set's classes are not the model's, there is no such part, or it has no labelled pixel.
    """
    data = open_dataset(dataset)
    check_fit(data, model)
    if steps is None:
        most = model.card.steps
        steps = sorted({min(step, most) for step in ((1, 2, 4, 8) if most >= 8 else range(1, most + 1))})
    steps = sorted({steps} if isinstance(steps, int) else set(steps))
    if not steps or steps[0] < 1:
        raise RetintError("--steps: numbers of at least 1 are needed, such as 1,2,4,8")
    if fit and (way != "upsample" or prior):
        raise RetintError("--calibrate: fits the probabilities of labelling as usual; leave --way and --prior out")
    part = data.part(split, "val")
    pairs = part.pairs
    checked = check_part(data, part, lambda image, file: Source(image, model.card, model.dims, file))
    checked.raise_if_bad()
    if not pairs:
        raise RetintError(f"{part.folder}: found no image with labels; expected some to compare with")
    if not any(checked.pixels_per_class[part.name]):
        raise RetintError(f"{part.folder}: its {len(pairs)} label files have no labelled pixel; expected some to compare with")
    result = _empty(model, str(data.root), part.name, steps, in_words(scale))
    spaced = None if isinstance(result.scale, str) else model.spacing_warning(checked.spacing, checked.unit, str(part.folder), result.scale)
    result.warnings = [*checked.warnings, *([spaced] if spaced else [])]
    untraced = way != "upsample" or model.at_once or isinstance(result.scale, str)
    if doubt:
        measures = [one for one in MEASURES if not (untraced and one in TRACED)]
        result.risks = {s: {measure: RiskCoverage() for measure in measures} for s in steps}
    result.fitted = Temperature() if fit else None
    taken = sorted({*steps, model.card.steps}) if fit else steps
    for done, pair in enumerate(pairs, start=1):
        image, truth = pair.read()
        own = Confusion(len(model.classes))
        for labeling in model.refinements(
            image, at=taken, tile=tile, precision=precision, scale=scale, way=way, prior=prior, doubt=doubt and not untraced,
            where=pair.image,
        ):  # fmt: skip
            if labeling.steps in result.confusions:
                own = result.add(truth, labeling)
            if result.fitted is not None and labeling.steps == model.card.steps:
                for where, y in replace(labeling, temperature=1.0).probability_parts():
                    result.fitted.add(truth[where], y)
        result.images += 1
        if (miou := finite(own.miou())) is not None:  # None where no pixel is labelled
            result.worst.append((miou, pair.stem))
        if progress:
            progress(done, len(pairs))
    result.worst.sort()
    return result


def check_fit(data: Dataset, model: Model) -> None:
    """Whether a data set is one for the model.

    Raises:
        RetintError: it has other classes, or another kind of images.
    """
    if data.classes != model.classes:
        raise RetintError(
            f"{data.root / 'classes.json'}: classes {', '.join(data.classes)}; {model.name} has {', '.join(model.classes)}: the "
            "names and their order must agree"
        )
    if data.dims != model.dims:
        raise RetintError(f"{data.root}: holds {_KINDS[data.dims]}; {model.name} labels {_KINDS[model.dims]}")


def _empty(model: Model, root: str, split: str, steps: Sequence[int], scale: float | str) -> Evaluation:
    classes = len(model.classes)
    result = Evaluation(
        model.name, root, split, model.classes, {s: Confusion(classes) for s in steps},
        calibrations={s: Calibration() for s in steps}, temperature=model.card.temperature, scale=scale,
    )  # fmt: skip
    if classes == 2:
        result.aucs = {s: RocAuc(bins=1 << 16) for s in steps}
    return result
