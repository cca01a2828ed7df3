"""`retint next`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import add_shared
from .values import print_json, say, whole


def add_to(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "next", help="which images to label next",
        description="The order in which unlabelled images should be labelled, and in each the region whose labels would teach "
        "the model most: what it doubts, and what differs from the images that are labelled or chosen before.",
    )  # fmt: skip
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="DATASET|IMAGE",
        help="a data set, some of whose images/ have no labels yet; or images and folders of them",
    )  # fmt: skip
    add_shared(parser, "--model")
    parser.add_argument("--count", type=whole, default=10, metavar="N", help="how many images to name (default 10)")
    parser.add_argument("--split", metavar="NAME", help="part of the data set (default: train, or what there is)")
    parser.add_argument(
        "--region", type=whole, metavar="N", help="pixels of a region's side (default: a quarter of the image)"
    )
    add_shared(parser, "--steps")
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="write NAME.next.png: the image with its region framed"
    )
    add_shared(parser, "--precision", "--device", "--json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Choose; 0 if every image could be read."""
    from tqdm import tqdm

    from ..labeling import load
    from ..labeling.judging.nextup import check_pictures, find_unlabelled, next_images, write_pictures
    from ..wholefile import check_folder

    if options.pictures:
        check_folder(options.pictures, "--pictures")
    model = load(options.model, options.device, options.precision)
    warnings: list[str] = []
    images, labelled = find_unlabelled(options.images, model, options.split, warnings.append)
    if options.pictures:
        check_pictures(options.pictures, options.images, images, labelled)
    for line in warnings:
        say(f"retint: warning: {line}")
    with tqdm(total=len(images), unit="image", disable=len(images) < 2 or None, leave=False) as bar:

        def progress(done: int, _: int) -> None:
            bar.update(done - bar.n)

        order = next_images(
            model, images, labelled, options.count, steps=options.steps, region=options.region, progress=progress
        )
    if options.pictures:
        write_pictures(order, options.pictures, model.dims)
    figures = order.to_dict()
    if options.json:
        print_json({"model": model.name, **figures, "warnings": warnings})
    else:
        for number, row in enumerate(figures["next"], start=1):
            box = ", ".join(f"{axis} {a}-{b}" for axis, (a, b) in list(row["region"].items())[:-1])
            print(
                f"{number:>3}. {row['image']}: worth {row['worth']:.4f} (doubt {row['doubt']:.4f} x distance "
                f"{row['distance']:.3f}); first {box} (doubt {row['region']['doubt']:.3f})"
            )
        print(f"{len(figures['next'])} of {order.unlabelled} images without labels; {order.labelled} have labels")
    for failure in order.failed:
        say(f"retint: {failure['error']}")
    return 1 if order.failed else 0
