"""`retint label` of films: its options, and what it tells of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .values import positive, tell, whole

if TYPE_CHECKING:
    from ..labeling.files.images import Wish
    from ..labeling.model import Model


def add_options(parser: argparse.ArgumentParser) -> None:
    """What matters for films alone."""
    group = parser.add_argument_group(
        "films", "Video files, animated GIFs, and folders of frames with --sequence. Writes, for each film NAME.ext, NAME.overlay.mp4, "
        "NAME.labels/ with the labels of each frame, and last NAME.json, the summary.",
    )  # fmt: skip
    group.add_argument(
        "--sequence", action="store_true", help="each folder named holds the numbered frames of one film"
    )
    group.add_argument(
        "--frame-steps", type=whole, metavar="N",
        help="steps for each frame, which begins from the labels of the one before (default: 1, and --steps where that one moves "
        "more than 5 %% of the estimate); --steps are those of the first frame and after a cut; --budget is in place of both",
    )  # fmt: skip
    group.add_argument(
        "--still", action="store_true",
        help="begin each frame from the last one's labels where they lay; otherwise they are moved as the picture did",
    )  # fmt: skip
    group.add_argument(
        "--rate", type=positive, metavar="FPS", help="frames a second (default: the film's; 25 for frames)"
    )
    group.add_argument("--no-labels", action="store_true", help="write no label maps of the frames")


def films_among(paths: Sequence[Path], sequence: bool) -> bool:
    """Whether films are meant.

    Raises:
        RetintError: films and images together, or --sequence with something that is no film.
    """
    from ..errors import RetintError
    from ..images.video import is_video

    films = [is_video(path) or (sequence and path.is_dir()) for path in paths]
    if (sequence or any(films)) and not all(films):
        other = paths[films.index(False)]
        if sequence:
            raise RetintError(f"{other}: is no film; --sequence takes folders of numbered frames: leave it out, or name the folder")
        raise RetintError(f"{other}: is no film; expected films alone, or images alone: label them in two calls")
    return any(films)


def refuse_for_images(options: argparse.Namespace) -> None:
    """Options of films that were given with images.

    Raises:
        RetintError: there are any.
    """
    from ..errors import RetintError

    given = {
        "--frame-steps": options.frame_steps, "--still": options.still, "--rate": options.rate,
        "--no-labels": options.no_labels,
    }  # fmt: skip
    if found := [option for option, value in given.items() if value]:
        raise RetintError(
            f"{' and '.join(found)}: for films alone, and {options.images[0]} is none; leave it out, or name films"
        )


def label_films(model: Model, options: argparse.Namespace, wish: Wish) -> int:
    """Label films; 0 if all of them were labelled."""
    from tqdm import tqdm

    from ..labeling.files.clips import ClipWish, label_clips

    clips = ClipWish(wish, options.frame_steps, not options.no_labels, options.rate, options.still)
    with tqdm(unit="frame", disable=None, leave=False) as bar:

        def progress(name: str, done: int, frames: int | None) -> None:
            if done == 0:
                bar.reset(total=frames)
                bar.set_description(name)
            bar.update(done - bar.n)

        outcome = label_clips(model, options.images, options.out, clips, progress)
    return tell(outcome.to_dict(), outcome.clips, _line, "films", options.json)


def _line(row: dict[str, Any]) -> str:
    """A film, as the terminal is told of it."""
    parts = [f"{row['frames']} frames, {len(row['cuts'])} cuts"]
    if row["budget"] is not None:
        least, most = row["steps_taken"]
        parts.append(f"{least if least == most else f'{least} to {most}'} step{'s' * (most != 1)} a frame")
    if row["further"]:
        parts.append(f"{len(row['further'])} took more than one step")
    if row["flicker"] is not None:
        parts.append(f"{row['flicker']:.2%} of labels change from frame to frame")
    if row["flicker_where_still"] is not None:
        parts.append(f"{row['flicker_where_still']:.2%} where the image does not")
    return f"{row['overlay'] or row['labels'] or row['summary']}: {', '.join(parts)}"
