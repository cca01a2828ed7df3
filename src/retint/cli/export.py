"""`retint export`."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_shared
from .values import print_json


def add_to(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "export", help="write a model for another runtime",
        description="Write a model as graphs with open sizes, so that any program can loop as long as it wishes: the context, the "
        "first step and a further step, and model.json, which says the classes and how to prepare an image. `examples/` has a "
        "short program for each format.",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="a bundled model, a model file, or a hub id")
    parser.add_argument("--format", required=True, choices=("onnx", "openvino"), help="of the graphs")
    add_shared(parser, "--out", "--overwrite", "--json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the files."""
    from ..labeling import load

    model = load(options.model, "cpu")
    files = [str(file) for file in model.export(options.out, options.format, overwrite=options.overwrite)]
    if options.json:
        print_json({"model": model.name, "format": options.format, "files": files})
    else:
        print("\n".join(files))
    return 0
