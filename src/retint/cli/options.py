"""The options that several verbs have with one meaning, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .values import whole

SHARED: dict[str, dict[str, Any]] = {
    "dataset": {
        "type": Path, "metavar": "DATASET", "help": "a folder of images/, labels/ and classes.json, or with these under train/, val/ and test/",
    },
    "--model": {"required": True, "metavar": "NAME|FILE", "help": "a bundled model, a model file, or a hub id"},
    "--out": {"required": True, "type": Path, "metavar": "DIR", "help": "where to write"},
    "--steps": {"type": whole, "metavar": "N", "help": "steps of refinement (default: as the model's card says)"},
    "--tile": {"type": whole, "metavar": "N", "help": "pixels of a tile's side, all axes alike (default: chosen; same result)"},
    "--precision": {
        "choices": ("auto", "float32", "bfloat16"), "default": "auto",
        "help": "what to compute in; auto (default): bfloat16 where the device is faster in it, else float32",
    },
    "--device": {"choices": ("auto", "cpu", "cuda"), "default": "auto", "help": "what to compute on; auto (default): a GPU if there is one"},
    "--overwrite": {"action": "store_true", "help": "replace files that exist"},
    "--json": {"action": "store_true", "help": "print the result as one JSON object"},
}  # fmt: skip
"""What `argparse` is told of each."""


def add_shared(parser: Any, *names: str) -> None:
    """Add options of `SHARED` to a verb's parser, or to a group of its options."""
    for name in names:
        parser.add_argument(name, **SHARED[name])
