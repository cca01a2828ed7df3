"""A temperature fitted on labelled images, put into a model's card."""

from __future__ import annotations

from pathlib import Path

from ...errors import RetintError
from ...modelfile import save_temperature
from ...wholefile import check_folder
from .evaluate import Evaluation


def check_target(out: Path, overwrite: bool, option: str = "--calibrate") -> None:
    """Before the work: whether the file may be written.

    Raises:
        RetintError: it exists, is not named as a model, or its folder cannot be written to.
    """
    if out.suffix != ".safetensors":
        raise RetintError(f"{option} {out}: a model file ends in .safetensors")
    if out.exists() and not overwrite:
        raise RetintError(f"{option} {out}: exists already; --overwrite replaces it")
    check_folder(out.parent, f"{option} {out}: the folder")


def save_calibrated(result: Evaluation, source: Path, out: Path) -> float:
    """Write a model file again with the temperature that an evaluation with `fit` found, and return it.

    Where no sampled pixel is wrong, that is the temperature from before: see `Temperature.value`.

    Args:
        result: what the temperature is fitted on.
        source: the file of the model that was evaluated.
        out: the file to write; may be the same.

    Raises:
        RetintError: the images had no labelled pixel.
    """
    if result.fitted is None or not len(result.fitted):
        raise RetintError(f"{result.dataset}: its {result.split} part has no labelled pixels to fit a temperature on")
    temperature = result.fitted.value(result.temperature)
    save_temperature(source, out, temperature)
    return temperature
