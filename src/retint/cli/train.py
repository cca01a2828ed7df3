"""`retint train`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_shared
from .values import natural, positive, print_json, say, whole

if TYPE_CHECKING:
    from ..learning.progress import Progress

_STOPPED = 130


def add_to(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "train", help="train a model on labelled images or volumes",
        description="Train a model on a folder with images/, labels/ (PNG of class indices, 255 = unlabelled) and classes.json, "
        "directly or under train/ and val/; volumes as TIFF stacks, NIfTI or OME-Zarr. A few labelled images, or a "
        "few strokes, are enough to begin. Ctrl-C leaves a usable model; --resume goes on.",
    )  # fmt: skip
    add_shared(parser, "dataset")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the model file to write (.safetensors)"
    )
    parser.add_argument(
        "--arch", metavar="NAME", help="see `retint archs` (default: one that suits the labels or the slices)"
    )
    parser.add_argument(
        "--from", dest="start", metavar="NAME|FILE", help="begin from a model: its architecture, weights where they fit"
    )
    parser.add_argument(
        "--labels", choices=("pixels", "some", "tags"), default="pixels",
        help="some: leave out images that have no labels yet; tags: learn also from images without labels that have a line in tags.csv: photo.jpg,sky; tree",
    )  # fmt: skip
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--epochs", type=positive, metavar="N", help="how long, in looks through the images (default 60)"
    )
    length.add_argument("--minutes", type=positive, metavar="N", help="how long, by the clock")
    parser.add_argument("--resume", action="store_true", help="go on where a stopped run was, with its settings")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="of all chance (default 0)")
    parser.add_argument(
        "--one-step", action="store_true", help="train the control that takes one step and has no feedback"
    )
    parser.add_argument(
        "--no-rare", action="store_true", help="weigh all pixels alike; by default rare classes count for more"
    )
    parser.add_argument("--images", type=whole, metavar="N", help="learn from N images alone, evenly spread")
    parser.add_argument(
        "--exclude", nargs="+", default=[], metavar="PREFIX", help="learn from no images whose names begin so"
    )
    add_shared(parser, "--device")
    parser.add_argument("--devices", type=whole, default=1, metavar="N", help="GPUs or processes to train on")
    add_shared(parser, "--precision")
    parser.add_argument("--overwrite", action="store_true", help="replace a model or a checkpoint that exists")
    add_shared(parser, "--json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train; 0 at the end, 130 after Ctrl-C."""
    from tqdm import tqdm

    from ..learning import Settings, train

    settings = Settings(
        arch=options.arch, start=options.start, labels=options.labels, epochs=options.epochs, minutes=options.minutes,
        seed=options.seed,
    )  # fmt: skip
    if options.one_step:
        settings = Settings(**{**vars(settings), "window": 0})
    if options.no_rare:
        settings = Settings(**{**vars(settings), "rare": 0.0})
    with tqdm(
        total=1.0, bar_format="{percentage:5.1f}% |{bar:24}| {elapsed} gone, {remaining} left{postfix}", disable=None
    ) as bar:

        def report(progress: Progress, share: float) -> None:
            bar.update(share - bar.n)
            score = "" if progress.score is None else f", validation mean IoU {progress.score:.3f}"
            bar.set_postfix_str(f"epoch {progress.epoch + 1}, loss {progress.loss:.3f}{score}", refresh=False)

        def note(line: str) -> None:
            bar.write(line, file=sys.stderr)

        trained = train(
            options.dataset, options.out, settings, resume=options.resume, overwrite=options.overwrite,
            device=options.device, devices=options.devices, precision=options.precision, exclude=options.exclude, limit=options.images, report=report, note=note,
        )  # fmt: skip
    if not trained.speaks:
        return 0 if trained.finished else _STOPPED
    if options.json:
        print_json(
            {"model": str(trained.model), "finished": trained.finished, "miou": trained.score, "epochs": trained.epochs}
        )
    else:
        score = "not validated" if trained.score is None else f"validation mean IoU {trained.score:.3f}"
        print(f"{trained.model}: {trained.epochs} epochs, {score}")
    if not trained.finished:
        say(f"retint: stopped; {trained.model} is usable, and --resume goes on from here")
        return _STOPPED
    return 0
