"""Labelling files of films: from a video or a folder of frames to an overlay film, label maps and a summary."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RetintError
from ...images import film_writer, open_film, open_regions, write_labels
from ...images.video import film_stem
from ...wholefile import whole_file
from ..model import Model
from ..video import VideoLabeler
from .account import Account, attempted
from .images import Wish
from .maps import Maps
from .naming import refuse_existing, refuse_shared
from .pictures import overlay_of
from .reading import read_for

_NOT_FOR_FILMS = {
    "until_settled": "--until-settled", "hints": "--hints", "probabilities": "--probabilities", "strip": "--strip",
    "way": "--way", "resolution": "--resolution", "tolerance": "--tolerance", "doubt": "--doubt", "cluster": "--cluster", "batch": "--batch",
}  # fmt: skip


@dataclass(frozen=True)
class ClipWish:
    """What is wanted of every film.

    Attributes:
        image: as for images; `steps` are those of the first frame and after a cut, `budget` is every frame's, `start` is where the
            first frame begins.
        frame_steps: for every other frame; see `VideoLabeler`.
        labels: write the labels of each frame.
        rate: frames a second, in place of the film's own.
        still: see `VideoLabeler`.
    """

    image: Wish = field(default_factory=Wish)
    frame_steps: int | None = None
    labels: bool = True
    rate: float | None = None
    still: bool = False


@dataclass
class ClipOutcome(Account):
    """What became of the films.

    Attributes:
        clips: for each one labelled, its summary.
    """

    clips: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As `retint label --json` prints it."""
        return self.told("clips", self.clips)


def label_clips(
    model: Model, clips: Sequence[Path], out: Path, wish: ClipWish | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> ClipOutcome:  # fmt: skip
    """Label films, frame by frame, into a folder.

    Writes, for a film NAME.ext or a folder NAME of numbered frames: NAME.overlay.mp4, NAME.labels/ with a label map for
    each frame (000000.png and on, or the frames' own names), and last NAME.json, the summary. An interrupt, or a frame
    that cannot be labelled, leaves a whole film of the frames before, their labels, and no summary.

    Args:
        model: of images.
        clips: video files, or folders of frames.
        out: where to write.
        wish: what to write.
        progress: called before each frame with the film's name, the frames done, and all frames if that is known.

    Raises:
        RetintError: options do not go together or with films, two films would write the same files, or `out` cannot be a folder.
    """
    wish = wish or ClipWish()
    _refuse(model, clips, out, wish)
    outcome = ClipOutcome(model.name)
    for clip in clips:
        files = _outputs(clip, out, wish)
        if wish.image.skip_existing and files["summary"].exists():
            outcome.skipped.append(str(clip))
            continue
        row = attempted(partial(_label_clip, model, clip, files, wish, outcome.warnings, progress))
        if isinstance(row, Exception):
            outcome.fail("clip", clip, row)
        else:
            outcome.clips.append(row)
    return outcome


def _label_clip(
    model: Model, clip: Path, files: dict[str, Path], wish: ClipWish, warnings: list[str],
    progress: Callable[[str, int, int | None], None] | None,
) -> dict[str, Any]:  # fmt: skip
    film, image, where, starts = open_film(clip, wish.rate), wish.image, str(clip), _starts(model, wish)
    refuse_existing(files, image, "finished films")
    files["summary"].unlink(missing_ok=True)  # it stands for a finished film
    video = _labeler(model, wish, starts.of(clip))
    warnings += starts.warnings
    fractions = np.zeros(len(model.classes))
    size: list[int] = []
    steps = set[int]()
    with ExitStack() as stack:
        put = stack.enter_context(film_writer(files["overlay"], film.rate)) if image.overlay else None
        for number, frame in enumerate(film.frames(_read)):
            if progress:
                progress(clip.name, number, film.count)
            file = film.file(number)
            try:
                labeling = video.label(frame, file)
            except RetintError as error:
                named = file is not None and str(error).startswith(f"{file}:")
                raise error if named else RetintError(f"{where}: {error}") from None
            steps.add(labeling.steps)
            if number == 0:
                for old in files["labels"].glob("*.png") if wish.labels else ():
                    old.unlink()  # of a film before
                size = list(labeling.labels.shape)
                warnings += filter(None, [model.scale_warning(frame, where, image.zoom)])
            fractions += list(labeling.fractions.values())
            if put is not None:
                put(overlay_of(model, frame, labeling.labels))
            if wish.labels:
                write_labels(files["labels"] / f"{film.name(number)}.png", labeling.labels, list(model.card.colours))
    if not video.frames:
        raise RetintError(f"{where}: found no frames; expected at least one")
    row = {
        "clip": where, "overlay": _told(files, "overlay"), "labels": _told(files, "labels"), "summary": str(files["summary"]),
        "model": model.name, "frames": video.frames, "size": size, "rate": round(float(film.rate), 6),
        "steps": None if image.budget is not None else image.steps or model.card.steps, "frame_steps": wish.frame_steps,
        "budget": image.budget, "steps_taken": [min(steps), max(steps)], "still": wish.still, "cuts": video.cuts, "further": video.further,
        "flicker": _rounded(video.flicker.share), "flicker_where_still": _rounded(video.flicker.still_share),
        "fractions": dict(zip(model.classes, (round(float(f), 6) for f in fractions / video.frames), strict=True)),
    }  # fmt: skip
    with whole_file(files["summary"]) as part:
        part.write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")
    return row


def _starts(model: Model, wish: ClipWish) -> Maps:
    return Maps(wish.image.start, "--start", 2, model.classes)


def _labeler(model: Model, wish: ClipWish, start: Any = None) -> VideoLabeler:
    image = wish.image
    return VideoLabeler(
        model, image.steps, wish.frame_steps, budget=image.budget, still=wish.still, start=start, tile=image.tile,
        precision=image.precision, scale=image.scale, prior=image.prior,
    )  # fmt: skip


def _read(file: Path) -> NDArray[Any]:
    """A frame, as an image that is labelled alone is read."""
    return read_for(file, 2, open_regions(file, 2)).pixels


def _outputs(clip: Path, out: Path, wish: ClipWish) -> dict[str, Path]:
    stem = film_stem(clip)
    files = {"summary": out / f"{stem}.json"}
    if wish.image.overlay:
        files["overlay"] = out / f"{stem}.overlay.mp4"
    if wish.labels:
        files["labels"] = out / f"{stem}.labels"
    return files


def _refuse(model: Model, clips: Sequence[Path], out: Path, wish: ClipWish) -> None:
    """What would fail at every film, before the first."""
    if model.dims != 2:
        raise RetintError(f"{model.name}: labels volumes; films need a model of 2-D images")
    usual = asdict(Wish())
    if given := [option for name, option in _NOT_FOR_FILMS.items() if getattr(wish.image, name) != usual[name]]:
        raise RetintError(f"{' and '.join(given)}: not for films; leave it out, or label their frames as images")
    _labeler(model, wish)
    _starts(model, wish).check(clips)
    refuse_shared(((clip, film_stem(clip), _outputs(clip, out, wish)) for clip in clips), out, "film")


def _told(files: dict[str, Path], name: str) -> str | None:
    return str(files[name]) if name in files else None


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)
