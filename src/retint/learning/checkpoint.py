"""The state of a stopped run, on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import torch

from ..data import Dataset, Pair, Report, Tagged
from ..errors import RetintError, reason_of
from ..hardware import Precision
from ..wholefile import whole_file
from .settings import Settings, checkpoint_path
from .survey import Survey

_PARTS = {"settings", "data", "chosen", "network", "average", "optimizer", "progress"}


class Chosen(NamedTuple):
    """What is chosen for a run beside its settings: see `train`."""

    exclude: tuple[str, ...] = ()
    limit: int | None = None
    precision: Precision = "auto"
    devices: int = 1

    @classmethod
    def of(cls, state: dict[str, Any], given: Chosen) -> Chosen:
        """Of a stopped run; what an earlier version did not write is what is given now."""
        known = {name: value for name, value in state["chosen"].items() if name in cls._fields}
        return given._replace(**{**known, "exclude": tuple(known["exclude"])})


def fingerprint(
    data: Dataset, pairs: Sequence[Pair], held: Sequence[Pair], tagged: Sequence[Tagged], checked: Report, seen: Survey
) -> dict[str, Any]:
    """What a checkpoint remembers of the data that it was made from."""
    return {
        "classes": list(data.classes), "images": [pair.stem for pair in pairs], "held": [pair.stem for pair in held],
        "tags": {one.stem: list(one.tags) for one in tagged}, "channels": checked.channels, "dtype": checked.dtype,
        "mean": list(seen.mean), "std": list(seen.std), "size": list(seen.size), "labelled": seen.counts.tolist(),
        "sums": checked.sum_of([file for pair in (*pairs, *held) for file in (pair.image, pair.labels)] + [one.image for one in tagged]),
    }  # fmt: skip


def save_checkpoint(out: Path, state: dict[str, Any]) -> None:
    """Write the state of a run, whole or not at all.

    Raises:
        RetintError: the system refused.
    """
    with whole_file(checkpoint_path(out)) as temporary, open(temporary, "wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:  # torch's word for a full disk
            raise OSError(reason_of(error)) from error


def load_checkpoint(out: Path) -> dict[str, Any]:
    """The state that a stopped run left.

    Raises:
        RetintError: there is none, or it is not readable.
    """
    path = checkpoint_path(out)
    if not path.is_file():
        raise RetintError(f"--resume: {path} does not exist: nothing to continue; leave --resume out to begin")
    try:
        with ZipFile(path) as archive:  # torch does not compare the sums that are there
            if damaged := archive.testzip():
                raise ValueError(f"{damaged} is damaged")
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if missing := _PARTS - set(state):
            raise KeyError(*missing)
        Settings.from_dict(state["settings"]), Chosen.of(state, Chosen())
    except MemoryError:
        raise
    except Exception as error:
        raise RetintError(
            f"{path}: not a readable checkpoint ({reason_of(error)}); --overwrite begins anew"
        ) from None
    return state


def refuse_other_settings(
    state: dict[str, Any], out: Path, given: Settings, chosen: Chosen
) -> None:  # fmt: skip
    """Refuse settings and choices that were given and are not those of the stopped run; what is left at its default is not given.

    Raises:
        RetintError: they are.
    """
    before, options = Settings.from_dict(state["settings"]), {"start": "from", "window": "one-step", "rare": "no-rare"}
    for name, default in vars(Settings()).items():
        value, was = getattr(given, name), getattr(before, name)
        if value not in (default, was):
            raise RetintError(
                f"--resume: {checkpoint_path(out)} was begun with another --{options.get(name, name)} ({was}, not {value}); leave "
                "it out, or begin anew with --overwrite"
            )
    for name, value, was, default in zip(Chosen._fields, chosen, Chosen.of(state, chosen), Chosen(), strict=True):
        if value not in (default, was):
            told, found = (" ".join(map(str, one)) if isinstance(one, tuple) else one for one in (was, value))
            raise RetintError(
                f"--resume: {checkpoint_path(out)} was begun with another --{'images' if name == 'limit' else name} ({told or 'none'}, "
                f"not {found}); leave it out, or begin anew with --overwrite"
            )


def refuse_other_data(state: dict[str, Any], out: Path, data: Dataset, now: dict[str, Any]) -> None:
    """Refuse a state that was made from other data.

    Raises:
        RetintError: it was.
    """
    if now != {**now, **state["data"]}:  # an earlier version wrote less
        raise RetintError(
            f"{checkpoint_path(out)}: made from other images, labels, tags or classes than {data.root} holds now; --overwrite "
            "begins anew"
        )
