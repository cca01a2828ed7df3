"""The classes of a data set whose labels are about to be drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from retint.errors import RetintError
from retint.wholefile import check_folder, whole_file

from .folder import IGNORE, SPLITS, Colour, check_names, read_classes


def first_classes(labels: Path, names: Sequence[str] | None) -> tuple[tuple[str, ...], tuple[Colour, ...] | None]:
    """What `classes.json` says; or names, if it is missing: `write_classes` writes them there.

    Args:
        labels: the folder of the labels; `classes.json` lies in the folder above it or, of a part of a set, above that.
        names: of the classes, in the order of their indices; None: those of `classes.json`.

    Returns:
        The names and, if `classes.json` tells them, the colours.

    Raises:
        RetintError: there are neither names nor a `classes.json`, they differ, or one of them is malformed.
    """
    card = _card(labels)
    if card.is_file():
        classes, colours = read_classes(card.parent, {})
        if names is not None and tuple(names) != classes:
            raise RetintError(f"--classes {','.join(names)}: {card} has {','.join(classes)}; leave it out, or change that file")
        return classes, colours
    if names is None:
        raise RetintError(f"{card}: missing; name the classes, such as --classes background,object, and it is written")
    check_names("--classes", names)
    check_folder(labels)
    return tuple(names), None


def write_classes(labels: Path, names: Sequence[str]) -> None:
    """Write `classes.json` for a folder of labels, if it is missing."""
    if not (card := _card(labels)).is_file():
        with whole_file(card) as part:
            part.write_text(json.dumps({"classes": list(names), "ignore": IGNORE}) + "\n", encoding="utf-8")


def refuse_other_classes(labels: Path, names: Sequence[str], model: str) -> None:
    """Before labels of a model are written into a data set.

    Raises:
        RetintError: the folder is the `labels/` of a set with other classes, or in another order.
    """
    card = _card(labels)
    if labels.resolve().name == "labels" and card.is_file() and (classes := read_classes(card.parent, {})[0]) != tuple(names):
        raise RetintError(
            f"--out {labels}: {card} has {','.join(classes)}, {model} has {','.join(names)}; names and their order must agree: choose "
            "another folder, or a model of these classes"
        )


def _card(labels: Path) -> Path:
    folder = labels.resolve().parent
    above = folder.parent / "classes.json"
    return above if folder.name in SPLITS and above.is_file() else folder / "classes.json"
