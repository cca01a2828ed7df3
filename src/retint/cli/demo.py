"""`retint demo`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import add_shared
from .values import print_json

_SCALE = 0.4
"""The photograph is 1411 pixels wide; `vessel` learned from fundus photographs of 565."""


def add_to(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "demo", help="label a real photograph with what is installed",
        description="Find the vessels in the photograph of a retina that scikit-image carries, with the bundled model `vessel`, "
        "which never saw it. Writes labels, overlay and the strip of steps.",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where to write (default: demo)")
    add_shared(parser, "--json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Label the photograph."""
    from importlib import resources

    from ..errors import RetintError
    from ..labeling import load
    from ..labeling.files.images import Wish, label_files

    photograph = Path(str(resources.files("skimage") / "data" / "retina.jpg"))
    if not photograph.is_file():
        raise RetintError(f"{photograph}: not there; this scikit-image came without its photographs, reinstall it")
    model = load("vessel")
    outcome = label_files(model, [photograph], options.out, Wish(scale=_SCALE, strip=True, overwrite=True))
    if outcome.failed:
        raise RetintError(outcome.failed[0]["error"])
    row = outcome.images[0]
    if options.json:
        print_json(outcome.to_dict())
        return 0
    print(
        f"{photograph.name}, a photograph of a retina, labelled with `vessel` in {row['steps']} steps: {row['fractions']['vessel']:.1%} is vessel"
    )
    for what, suffix in (("labels", ".png"), ("overlay", ".overlay.png"), ("steps", ".steps.png")):
        print(f"  {what:<8} {options.out / (photograph.stem + suffix)}")
    return 0
