"""The classes of a data set whose first labels are about to be drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from retint.errors import RetintError
from retint.wholefile import check_folder, whole_file

from .folder import IGNORE, SPLITS, Colour, check_names, read_classes


def first_classes(labels: Path, names: Sequence[str] | None) -> tuple[tuple[str, ...], tuple[Colour, ...] | None]:
    """What `classes.json` says; or names, which are written there if it is missing.

    Args:
        labels: the folder of the labels; `classes.json` lies in the folder above it or, of a part of a set, above that.
        names: of the classes, in the order of their indices; None: those of `classes.json`.

    Returns:
        The names and, if `classes.json` tells them, the colours.

    Raises:
        RetintError: there are neither names nor a `classes.json`, they differ, or one of them is malformed.
    """
    folder = labels.resolve().parent
    above = folder.parent / "classes.json"
    card = above if folder.name in SPLITS and above.is_file() else folder / "classes.json"
    if card.is_file():
        classes, colours = read_classes(card.parent, {})
        if names is not None and tuple(names) != classes:
            raise RetintError(f"--classes {','.join(names)}: {card} has {','.join(classes)}; leave it out, or change that file")
        return classes, colours
    if names is None:
        raise RetintError(f"{card}: missing; name the classes, such as --classes background,object, and it is written")
    check_names("--classes", names)
    check_folder(labels)
    with whole_file(card) as part:
        part.write_text(json.dumps({"classes": list(names), "ignore": IGNORE}) + "\n", encoding="utf-8")
    return tuple(names), None
