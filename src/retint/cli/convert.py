"""`retint convert`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import add_shared
from .values import print_json


def add_to(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "convert", help="make class indices of masks that hold other numbers, or colours",
        description="Convert the masks of a data set. The masks that were there are kept in labels.original/; volumes "
        "keep their format. With --stanford, make a data set of a folder in the format of Stanford Background, which stays as it "
        "is.",
    )  # fmt: skip
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="the data set; with --stanford, the folder to import")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--map", nargs="+", metavar="OLD=NEW", help="replace values: 255=1")
    how.add_argument(
        "--palette", type=Path, metavar="FILE", help='replace colours: a JSON file such as {"#000000": 0, "#ff0000": 1}'
    )
    how.add_argument(
        "--stanford",
        action="store_true",
        help="import images/*.jpg with labels/*.regions.txt into a new data set, --out",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="with --stanford: the data set to make")
    add_shared(parser, "--json")
    parser.set_defaults(run=run, misused=parser.error)


def run(options: argparse.Namespace) -> int:
    """Convert."""
    from ..data import convert_palette, convert_values, import_stanford, parse_mapping, read_palette

    if options.stanford != (options.out is not None):
        options.misused("--stanford and --out DIR go together: the one needs the other")
    if options.stanford:
        files = import_stanford(options.dataset, options.out)
        return _told(options, {"imported": len(files), "dataset": str(options.out)}, f"{len(files)} images with labels imported into {options.out}")
    if options.map:
        files = convert_values(options.dataset, parse_mapping(options.map))
    else:
        files = convert_palette(options.dataset, read_palette(options.palette))
    kept = max((one.name for one in files[0].parent.parent.glob("labels.original*")), key=lambda name: (len(name), name))
    line = f"{len(files)} masks converted; the old ones are in {kept}/"
    return _told(options, {"converted": len(files), "dataset": str(options.dataset)}, line)


def _told(options: argparse.Namespace, result: dict[str, Any], line: str) -> int:
    if options.json:
        print_json(result)
    else:
        print(line)
    return 0
