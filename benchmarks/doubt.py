"""How well the shipped models know what they do not know: python benchmarks/doubt.py --data DIR [--limit N].

The validation images of each set, in the order of their names (of time in camvid, of depth in em), are cut in halves: the
temperature is fitted on the first, everything else is measured on the second. Neighbours across the cut are alike. --limit is to try
it out: its figures are printed, and nothing is written.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import retint
from common import RESULTS, SETS, parser, validation, write_rows
from retint.data import Pair
from retint.labeling.doubt import MEASURES
from retint.pictures import plot_reliability, plot_risk
from retint.scoring import Calibration, RiskCoverage, Temperature

OUT = (0.05, 0.1, 0.2)


def halves(pairs: list[Pair], limit: int | None) -> tuple[list[Pair], list[Pair]]:
    if limit is not None and limit < len(pairs):
        pairs = [pairs[round(k * (len(pairs) - 1) / (limit - 1))] for k in range(limit)]
    return pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]


def measure(name: str, data: Path, folder: Path, limit: int | None) -> dict:
    model = retint.load(name)
    model.card = replace(model.card, temperature=1.0)
    first, second = halves(validation(model, data, folder), limit)
    fitted = Temperature()
    for pair in first:
        image, truth = pair.read()
        for where, y in model.label(image).probability_parts():
            fitted.add(truth[where], y)
    temperature = fitted.value()
    before, after = Calibration(), Calibration()
    risks = {one: RiskCoverage() for one in MEASURES}
    uncalibrated = {one: RiskCoverage() for one in ("entropy", "margin", "top")}
    for pair in second:
        image, truth = pair.read()
        plain = model.label(image, doubt=True)
        soft = replace(plain, temperature=temperature)
        known, right = truth != 255, plain.labels == truth
        for labeling, calibration, measured in ((plain, before, uncalibrated), (soft, after, risks)):
            for where, y in labeling.probability_parts():
                calibration.add(truth[where], y)
            for where, doubts in labeling.doubt_parts(list(measured)):
                for risk, doubt in zip(measured.values(), doubts, strict=True):
                    risk.add(right[where][known[where]], doubt[known[where]])
    entropy = risks["entropy"]
    row = {
        "images_fitted": len(first), "images_measured": len(second), "steps": model.card.steps,
        "temperature": temperature, "ece_before": before.error(), "ece_after": after.error(),
        "pixels_wrong": entropy.error(), "aurc_best": entropy.best(),
        "aurc": {one: risk.area() for one, risk in risks.items()},
        "aurc_at_temperature_1": {one: risk.area() for one, risk in uncalibrated.items()},
        "wrong_when_left_out": {str(out): {one: risk.left(out) for one, risk in risks.items()} for out in OUT},
    }  # fmt: skip
    print(name, {key: round(value, 4) for key, value in row.items() if isinstance(value, float)}, flush=True)
    if limit is not None:
        return row
    RESULTS.mkdir(exist_ok=True)
    for kind, calibration in (("before", before), ("after", after)):
        title = f"{name}, {kind}: expected calibration error {calibration.error():.3f}"
        plot_reliability(RESULTS / f"doubt-{name}-{kind}.png", *calibration.table(), title)
    curves = {one: risk.curve() for one, risk in risks.items()}
    plot_risk(RESULTS / f"doubt-{name}-risk.png", curves, name, {one: risk.area() for one, risk in risks.items()})
    return row


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", choices=SETS, default=list(SETS))
    options.add_argument("--limit", type=int, metavar="N", help="images of each set, evenly spread, to try it out")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = {name: measure(name, given.data, Path(folder), given.limit) for name in given.models}
    if given.limit is None:
        write_rows("doubt", {"split": "val: temperature from its first half, figures from its second"}, rows)


if __name__ == "__main__":
    main()
