"""The state of a stopped run, on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..data import Dataset, Pair
from ..errors import RetintError
from .settings import checkpoint_path


def fingerprint(data: Dataset, pairs: Sequence[Pair]) -> dict[str, Any]:
    """What a checkpoint remembers of the data that it was made from."""
    return {"classes": list(data.classes), "images": [pair.stem for pair in pairs]}


def load_checkpoint(out: Path) -> dict[str, Any]:
    """The state that a stopped run left.

    Raises:
        RetintError: there is none, or it is not readable.
    """
    path = checkpoint_path(out)
    if not path.is_file():
        raise RetintError(f"--resume: {path} does not exist: nothing to continue; leave --resume out to begin")
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        state["settings"], state["data"]
    except Exception as error:
        raise RetintError(
            f"{path}: not a readable checkpoint ({str(error).splitlines()[0]}); leave --resume out to begin anew"
        ) from None
    return state


def refuse_other_data(state: dict[str, Any], out: Path, data: Dataset, pairs: Sequence[Pair]) -> None:
    """Refuse a state that was made from other data.

    Raises:
        RetintError: it was.
    """
    if state["data"] != fingerprint(data, pairs):
        raise RetintError(
            f"{checkpoint_path(out)}: made from other images or classes than {data.root} holds now; leave --resume out to "
            "begin anew"
        )
