"""`retint eval`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_shared
from .values import alive, numbers, print_json, say, scales

if TYPE_CHECKING:
    from ..labeling.judging.evaluate import Evaluation


def add_to(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "eval", help="measure a model on labelled images or volumes",
        description="Label a part of a data set and compare with its labels, after each of some numbers of steps.",
    )  # fmt: skip
    add_shared(parser, "dataset", "--model")
    parser.add_argument("--split", metavar="NAME", help="train, val or test (default: val, or what there is)")
    parser.add_argument(
        "--steps", type=numbers, metavar="N,N,...", help="default 1,2,4,8, or as many as the architecture is made for"
    )
    parser.add_argument(
        "--plots", type=Path, metavar="DIR",
        help="write steps.png (accuracy against steps), confusion.png, reliability.png, and with --doubt risk.png",
    )  # fmt: skip
    parser.add_argument(
        "--doubt", action="store_true",
        help="also measure doubt: the area under the curve of error against the share of pixels kept, for each measure",
    )  # fmt: skip
    parser.add_argument(
        "--calibrate", type=Path, metavar="OUT",
        help="fit a temperature on these images, and write the model with it to OUT (.safetensors)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="with --calibrate: replace OUT if it exists")
    parser.add_argument(
        "--scale", type=scales, default=1.0, metavar="S[,S...]", help="label at S times the images' resolution (see `retint label --help`)"
    )
    parser.add_argument(
        "--way", choices=("upsample", "stitch", "unit"), default="upsample",
        help="how labels finer than the label grid come about (see `retint label --help`)",
    )  # fmt: skip
    parser.add_argument(
        "--prior",
        action="store_true",
        help="weigh the classes by what the whole image shows (see `retint label --help`)",
    )
    add_shared(parser, "--tile", "--precision", "--device", "--json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure."""
    from tqdm import tqdm

    from ..errors import RetintError
    from ..labeling import load
    from ..labeling.judging.calibrate import check_target, save_calibrated
    from ..labeling.judging.evaluate import evaluate
    from ..modelfile import find_model
    from ..wholefile import check_folder

    if options.overwrite and not options.calibrate:
        raise RetintError("--overwrite: goes with --calibrate alone, which writes a model; leave it out")
    if options.calibrate:
        check_target(options.calibrate, options.overwrite)
    if options.plots:
        check_folder(options.plots, "--plots")
    model = load(options.model, options.device, options.precision)
    with tqdm(unit="image", disable=None, leave=False) as bar, alive(bar):  # the check comes before the first image is done

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        result = evaluate(
            model, options.dataset, options.split, options.steps, tile=options.tile, scale=options.scale, way=options.way,
            prior=options.prior, doubt=options.doubt, fit=options.calibrate is not None, progress=progress,
        )  # fmt: skip
    figures = result.to_dict()
    if options.calibrate:
        save_calibrated(result, find_model(options.model), options.calibrate)
    if options.plots:
        _plot(result, options.plots)
    for line in result.warnings:
        say(f"retint: warning: {line}")
    remark = result.fitted.remark() if result.fitted else None
    if options.json:
        print_json(figures)
        if remark:
            say(f"note: {remark}")
    else:
        _tell(figures, remark)
        if options.calibrate:
            print(f"{options.calibrate}: the model with that temperature; the figures above are of before")
    return 0


def _plot(result: Evaluation, folder: Path) -> None:
    from ..pictures import plot_confusion, plot_reliability, plot_risk, plot_steps

    last = max(result.confusions)
    what = f"{result.model} on {result.split}"
    scores = {step: score for step, one in result.confusions.items() if (score := one.miou()) == score}
    plot_steps(folder / "steps.png", scores, what, "mean IoU")
    plot_confusion(folder / "confusion.png", result.confusions[last].matrix, list(result.classes))
    calibration = result.calibrations[last]
    title = f"{what}, {last} steps: expected calibration error {calibration.error():.3f}"
    plot_reliability(folder / "reliability.png", *calibration.table(), title)
    names = ["steps", "confusion", "reliability"]
    if risks := result.risks.get(last):
        curves = {name: risk.curve() for name, risk in risks.items()}
        plot_risk(folder / "risk.png", curves, f"{what}, {last} steps", {n: r.area() for n, r in risks.items()})
        names.append("risk")
    for name in names:
        say(str(folder / f"{name}.png"))


def _tell(figures: dict[str, Any], remark: str | None) -> None:
    rows = figures["steps"]
    print(f"{figures['model']} on {figures['images']} images of {figures['dataset']} ({figures['split']})")
    columns = {
        "miou": "mean IoU",
        "pixel_accuracy": "pixel acc",
        "class_accuracy": "class acc",
        "auc": "AUC",
        "ece": "ECE",
    }
    shown = {name: title for name, title in columns.items() if any(name in row for row in rows.values())}
    print("  ".join([f"{'steps':>6}", *(f"{title:>9}" for title in shown.values())]))
    for step, row in rows.items():
        values = [row[name] for name in shown]
        print("  ".join([f"{step:>6}", *(f"{'-' if v is None else format(v, '.4f'):>9}" for v in values)]))
    last = rows[max(rows, key=int)]
    print(f"IoU of each class at {max(rows, key=int)} steps")
    for name, value in last["iou"].items():
        f1 = f"   F1 {last['f1'][name]:.4f}" if "f1" in last and last["f1"][name] is not None else ""
        print(f"  {name:<20} {'does not occur' if value is None else format(value, '.4f')}{f1}")
    if "aurc" in last:
        areas = ", ".join(f"{name} {'-' if v is None else format(v, '.4f')}" for name, v in last["aurc"].items())
        best = last["aurc_best"]
        print(f"Area under risk-coverage, by doubt: {areas}{'' if best is None else f'; at best {best:.4f}'}")
    if fitted := figures.get("fitted"):
        ece = ["-" if fitted[name] is None else format(fitted[name], ".4f") for name in ("ece_before", "ece")]
        print(f"Temperature {fitted['temperature_before']:g} to {fitted['temperature']:g}: ECE {' to '.join(ece)}")
        if remark:
            print(f"  {remark}")
    print("Worst images: " + ", ".join(f"{row['image']} {row['miou']:.3f}" for row in figures["worst"][:5]))
