"""`retint label`, and `retint refine`: the same from labels that are there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import video
from .options import add_shared
from .values import alive, positive, say, scales, seconds, tell, whole


def add_to(verbs: Any) -> None:
    """Add the verbs to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "label", help="label images, volumes or films",
        description="Label every pixel of images, or every voxel of volumes if the model is 3-D. Writes, for each image "
        "NAME.ext, NAME.png (class indices in the model's colours) and NAME.overlay.png into the output folder. Labels and probabilities of a volume have its own format, axes and spacing.",
    )  # fmt: skip
    _add_images(parser)
    parser.add_argument(
        "--start", type=Path, metavar="LABELS", help="begin from a label map, or from a folder of them by name"
    )
    _add_options(parser)
    again: argparse.ArgumentParser = verbs.add_parser(
        "refine", help="improve labels that are there",
        description="Take further steps from a label map, whoever made it: class indices (255 unknown) or probabilities, at any "
        "resolution. The short form of `retint label IMAGE --start LABELS`.",
    )  # fmt: skip
    again.add_argument("start", type=Path, metavar="LABELS", help="a label map, or a folder of them by name")
    _add_images(again)
    _add_options(again)


def _add_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE", help="images, volumes, folders of them, or films"
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    """What both take."""
    add_shared(parser, "--model", "--out")
    length = parser.add_mutually_exclusive_group()
    add_shared(length, "--steps")
    length.add_argument("--until-settled", action="store_true", help="take steps until no label changes, 256 at most")
    length.add_argument(
        "--tolerance", type=positive, metavar="X",
        help="take steps until the probabilities move by less than X at one (mean over the image, 0 to 1), 256 at most",
    )  # fmt: skip
    length.add_argument(
        "--budget", type=seconds, metavar="TIME",
        help="as many steps as fit into a time (50ms, 2s; a bare number is seconds), 256 at most; of a film, into that time for each frame",
    )  # fmt: skip
    parser.add_argument(
        "--hints", type=Path, metavar="LABELS", help="pixels to keep as given (255: free), or a folder of such maps"
    )
    parser.add_argument(
        "--scale", type=scales, default=1.0, metavar="S[,S...]",
        help="label at S times the image's resolution; several, such as 1.25,1.75m (m: mirrored), label it once each, and what they say together is written",
    )  # fmt: skip
    parser.add_argument(
        "--way", choices=("upsample", "stitch", "unit"), default="upsample",
        help="how labels finer than the label grid come about: interpolated, from interleaved shifted copies, or by pooling with "
        "unit stride (the last two give the same, and do not go with --start, --hints, --until-settled, --tolerance, --budget, --prior, --tile, --backend, --measure change and late)",
    )  # fmt: skip
    parser.add_argument(
        "--resolution", type=whole, default=1, metavar="N", help="with --way stitch: pixels per label (default 1)"
    )
    parser.add_argument(
        "--prior",
        action="store_true",
        help="weigh the classes by what the whole image shows (models that learned from tags)",
    )
    parser.add_argument(
        "--probabilities", action="store_true", help="also write NAME.probabilities.tif and NAME.estimate.tif"
    )
    parser.add_argument(
        "--strip", action="store_true", help="also write NAME.steps.png: the estimate at steps 1, 2, 4, 8"
    )
    parser.add_argument(
        "--doubt", action="store_true", help="also write NAME.doubt.png (of a GeoTIFF NAME.doubt.tif): how unsure each label is, 0 to 255"
    )
    parser.add_argument(
        "--measure", choices=("entropy", "margin", "top", "change", "late"),
        help="of --doubt: by the probabilities (entropy, the default; margin, top), or by how much and how late a pixel changed",
    )  # fmt: skip
    parser.add_argument("--no-overlay", action="store_true", help="write no overlay")
    add_shared(parser, "--tile")
    parser.add_argument(
        "--batch", type=whole, metavar="N", help="images labelled at a time (default: small ones together; same result)"
    )
    add_shared(parser, "--precision", "--device")
    parser.add_argument(
        "--backend",
        choices=("auto", "torch", "onnxruntime", "openvino", "compile"),
        default="auto",
        help="what computes the network (auto: torch; same labels but for ties)",
    )
    parser.add_argument(
        "--cluster", metavar="local[:N]|ADDRESS",
        help="label images in Zarr, GeoTIFF and large TIFF on a Dask cluster: N processes here, or a scheduler address "
        "(tcp://...); workers must see the image and DIR",
    )  # fmt: skip
    add_shared(parser, "--overwrite")
    parser.add_argument(
        "--skip-existing", action="store_true", help="pass over images whose labels exist, and finished films (to go on after a stop)"
    )
    add_shared(parser, "--json")
    video.add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Label; 0 if every image was labelled."""
    from tqdm import tqdm

    from ..errors import RetintError
    from ..images import find_images
    from ..labeling import load
    from ..labeling.files.images import Wish, label_files
    from ..labeling.files.naming import check_apart

    films = video.films_among(options.images, options.sequence)
    if not films:
        video.refuse_for_images(options)
    if options.measure and not options.doubt:
        raise RetintError(f"--measure {options.measure}: goes with --doubt alone; add it, or leave this out")
    model = load(options.model, options.device, options.precision, options.backend)
    taken = {name: getattr(options, name) for name in Wish.__dataclass_fields__ if name not in ("doubt", "overlay") and hasattr(options, name)}
    wish = Wish(**taken, overlay=not options.no_overlay, doubt=(options.measure or "entropy") if options.doubt else None)
    if films:
        return video.label_films(model, options, wish)
    images = find_images(options.images)
    check_apart(options.images, options.out)
    with (
        tqdm(total=len(images), unit="image", disable=None, leave=False) as bar,
        tqdm(total=0, unit="piece", disable=None, leave=False, delay=1) as parts,
        alive(bar),
    ):

        def progress(done: int, _: int) -> None:
            bar.update(done - bar.n)

        def pieces(done: int, total: int) -> None:
            parts.total = total
            parts.update(done - parts.n)

        outcome = label_files(model, images, options.out, wish, progress, lambda line: say(f"retint: {line}"), pieces)
    return tell(outcome.to_dict(), outcome.images, _line, "images", options.json)


def _line(row: dict[str, Any]) -> str:
    """An image, as the terminal is told of it."""
    most = sorted(row["fractions"].items(), key=lambda item: -item[1])[:4]
    shares = ", ".join(f"{name} {share:.1%}" for name, share in most if share > 0)
    state = "the first estimate" if row["steps"] == row["change"] == 1 else "settled" if row["settled"] else f"{row['change']:.2%} still changed"
    return f"{row['labels']}: {row['steps']} step{'s' * (row['steps'] != 1)}, {state}; {shares}"
