"""Labelling files: from image files to files of labels and pictures, one bad file not stopping the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RetintError
from ..images import read_image, read_labels, write_image, write_labels, write_probabilities
from ..network.hardware import Precision
from ..pictures import overlay, strip
from .labels import Labeling
from .model import Model

STRIP_STEPS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Wish:
    """What is wanted of every image; the fields are those of `Model.label`, and which files to write."""

    steps: int | None = None
    until_settled: bool = False
    budget: float | None = None
    scale: float = 1.0
    tile: int | None = None
    precision: Precision | None = None
    start: Path | None = None
    hints: Path | None = None
    overlay: bool = True
    probabilities: bool = False
    strip: bool = False
    overwrite: bool = False
    skip_existing: bool = False


@dataclass
class Outcome:
    """What became of the images.

    Attributes:
        images: for each one labelled: its files, steps, change, whether settled, and the classes' shares.
        failed: for each one that was not: its name and why.
        warnings: lines for the user.
        skipped: images whose labels were there already.
    """

    model: str
    images: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As `retint label --json` prints it."""
        return {"model": self.model, "images": self.images, "failed": self.failed}


def label_files(
    model: Model, images: Sequence[Path], out: Path, wish: Wish, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Label image files into a folder.

    Writes, for an image NAME.ext: NAME.png (labels, indexed, in the model's colours), NAME.overlay.png, and on request
    NAME.probabilities.tif (K, rows, columns), NAME.estimate.tif (the same on the label grid: a start that continues
    exactly) and NAME.steps.png (the strip).

    Raises:
        RetintError: two images would write the same file, or `out` cannot be a folder.
    """
    _refuse_clashes(images, out)
    outcome = Outcome(model.name)
    for done, image in enumerate(images):
        if progress:
            progress(done, len(images))
        if wish.skip_existing and _outputs(image, out, wish)["labels"].is_file():
            outcome.skipped.append(str(image))
            continue
        try:
            row, warning = _label_file(model, image, out, wish)
        except RetintError as error:
            outcome.failed.append({"image": str(image), "error": str(error)})
        except (MemoryError, OSError) as error:
            outcome.failed.append({"image": str(image), "error": f"{image}: {error or 'not enough memory'}"})
        else:
            outcome.images.append(row)
            if warning:
                outcome.warnings.append(warning)
    if progress:
        progress(len(images), len(images))
    return outcome


def _label_file(model: Model, path: Path, out: Path, wish: Wish) -> tuple[dict[str, Any], str | None]:
    files = _outputs(path, out, wish)
    if not wish.overwrite and (there := [file for file in files.values() if file.exists()]):
        raise RetintError(f"{there[0]}: exists already; --overwrite replaces it, --skip-existing passes over it")
    pixels = read_image(path)
    labeling = model.label(
        pixels, wish.steps, start=_map_for(path, wish.start, "--start"), hints=_map_for(path, wish.hints, "--hints"),
        tile=wish.tile, precision=wish.precision, until_settled=wish.until_settled, budget=wish.budget, scale=wish.scale,
        record=STRIP_STEPS if wish.strip else (), keep=True if wish.probabilities else None, where=str(path),
    )  # fmt: skip
    _write(model, labeling, pixels, files)
    row = {
        "image": str(path), "labels": str(files["labels"]), "steps": labeling.steps, "change": round(labeling.change, 6),
        "settled": labeling.settled, "fractions": {name: round(share, 6) for name, share in labeling.fractions.items()},
    }  # fmt: skip
    return row, model.scale_warning(pixels, str(path), wish.scale)


def _write(model: Model, labeling: Labeling, pixels: Any, files: dict[str, Path]) -> None:
    """The labels last: where they are, everything is."""
    palette = list(model.card.colours)
    if "overlay" in files:
        write_image(files["overlay"], overlay(pixels, labeling.labels, palette, background=background(model)))
    if "strip" in files:
        write_image(files["strip"], strip_of(model, pixels, labeling))
    if "probabilities" in files:
        write_probabilities(files["probabilities"], labeling.probabilities, model.classes)
        if labeling.estimate is not None:
            write_probabilities(files["estimate"], labeling.estimate, model.classes)
    write_labels(files["labels"], labeling.labels, palette)


def strip_of(model: Model, pixels: Any, labeling: Labeling) -> Any:
    """The picture of the estimate at the recorded steps and at the last one."""
    shown = {step: labels for step, labels in labeling.recorded.items() if step <= labeling.steps}
    shown[labeling.steps] = labeling.labels
    estimates = sorted(shown.items())
    return strip(pixels, estimates, list(model.card.colours), classes=model.classes, background=background(model))


def background(model: Model) -> int | None:
    """The class that pictures leave untinted: one that is called background."""
    return model.classes.index("background") if "background" in model.classes else None


def _outputs(image: Path, out: Path, wish: Wish) -> dict[str, Path]:
    files = {"labels": out / f"{image.stem}.png"}
    if wish.overlay:
        files["overlay"] = out / f"{image.stem}.overlay.png"
    if wish.strip:
        files["strip"] = out / f"{image.stem}.steps.png"
    if wish.probabilities:
        files["probabilities"] = out / f"{image.stem}.probabilities.tif"
        files["estimate"] = out / f"{image.stem}.estimate.tif"
    return files


def _refuse_clashes(images: Sequence[Path], out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RetintError(f"--out {out}: is a file; expected a folder")
    seen: dict[str, Path] = {}
    for image in images:
        if image.stem in seen:
            raise RetintError(
                f"{image} and {seen[image.stem]}: both would be labelled into {out / image.stem}.png; label them apart"
            )
        seen[image.stem] = image
    inputs = {image.resolve() for image in images}
    for image in images:
        if (out / f"{image.stem}.png").resolve() in inputs:
            raise RetintError(
                f"--out {out}: the labels of {image} would replace the image {out / image.stem}.png; choose another folder"
            )


def _map_for(image: Path, given: Path | None, option: str) -> Any:
    """The start or hints of an image: the file itself, or the one of the same name in a folder."""
    if given is None:
        return None
    path = given
    if given.is_dir():
        names = [f"{image.stem}{suffix}" for suffix in (".estimate.tif", ".probabilities.tif", ".png", ".tif", ".npy")]
        found = [given / name for name in names if (given / name).is_file()]
        if not found:
            raise RetintError(f"{option} {given}: holds no map for {image.name}; expected {names[2]} or {names[0]}")
        path = found[0]
    if path.suffix == ".npy":
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise RetintError(f"{option} {path}: not a readable NumPy array ({error})") from None
    if path.suffix in (".tif", ".tiff"):
        pixels = read_image(path)
        if pixels.dtype.kind == "f":
            return np.moveaxis(pixels, -1, 0)
    return read_labels(path)
