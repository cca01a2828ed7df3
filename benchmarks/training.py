"""Training by the benchmarks: to its end, with what was trained before kept where that is the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retint.errors import RetintError
from retint.learning import Settings, train
from retint.learning.checkpoint import load_checkpoint
from retint.learning.settings import checkpoint_path
from retint.modelfile import load_model

_CHOSEN = ("arch", "batch", "coherent", "crop", "epochs")
"""What training chooses where it is left open."""


def reporter(name: str, every: float = 60) -> Callable[[Any, float], None]:
    """What a training calls after each iteration: prints a line now and then."""
    last = [0.0]

    def report(progress: Any, share: float) -> None:
        if time.monotonic() - last[0] > every:
            last[0] = time.monotonic()
            print(f"{name} {share:6.1%} loss {progress.loss:.4f} score {progress.score}", flush=True)

    return report


def trained(
    data: Path, out: Path, settings: Settings, name: str, *, clock: Callable[[], float] = time.process_time, **more: Any
) -> Path:
    """The model of a run. One that is there already is taken if it had the same settings, a run that was stopped goes on.

    Ends the program if what is there had other settings, or if this run is stopped: a model of half a run is not to be measured.

    Args:
        data: the data set to learn from.
        out: the model file.
        settings: of the run.
        name: what its progress is reported under.
        clock: what its minutes are counted by; processor time, so that other programs on the machine do not count.
        more: as for `train`.
    """
    stopped = checkpoint_path(out).exists()
    try:
        if stopped or out.exists():
            before = load_checkpoint(out)["settings"] if stopped else load_model(out)[1].trained_on["settings"]
            if found := differences(Settings.from_dict(before), settings):
                raise SystemExit(f"{out}: was trained with {found}; move it away, or give another folder")
            if not stopped:
                return out
        done = train(data, out, settings, resume=stopped, report=reporter(name), clock=clock, **more)
    except RetintError as error:
        raise SystemExit(str(error)) from None
    if not done.finished:
        raise SystemExit(f"{out}: stopped; if it is in a folder that stays, the same command goes on")
    return out


def differences(before: Settings, now: Settings) -> str:
    """Where two runs' settings differ, in words; nothing where what is asked for now is what was done before."""
    was, asked = before.to_dict(), now.to_dict()
    asked |= {key: was[key] for key in _CHOSEN if asked[key] is None}
    # a model to begin from is known by its name, as it may be written from another folder
    was["start"], asked["start"] = (value and Path(value).stem for value in (was["start"], asked["start"]))
    return ", ".join(f"{key} {was[key]}, not {value}" for key, value in asked.items() if was[key] != value)
