"""Is a film labelled better, or sooner, if each frame begins from the last one's labels?

python benchmarks/video.py --data DIR [--model NAME|FILE] [--every N] [--limit N]

CamVid's validation images are consecutive labels of one drive: every second frame of a film of 30 a second, so they are
1/15 s apart (their names end in the frame's number). In order of time, each is labelled from nothing with 1, 2, 4 and 8
steps, and from the last one's estimate, moved as the picture moved or where it lay, with 1, 2 and 4, and with as many steps
as `VideoLabeler` takes by default; the first one always with 8. Flicker: share of the pixels whose label differs from the
image before, of all pixels and of those where the image hardly changed. That of the truth is given too: things do move.
Seconds are the median of the frames, each from its pixels to its labels, the motion included. How far the first step moved
the estimate of all frames but the first: least, median, most. --every N takes each
so-manieth frame, as of a slower film, and writes video-every-N.json; --limit takes the first N, and writes nothing. Three
minutes for a hundred frames.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from time import perf_counter
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import retint
from common import RESULTS, parser, variant, write
from retint.data import open_dataset
from retint.labeling.video import VideoLabeler, unchanged
from retint.scoring import Confusion, Flicker

FROM_NOTHING, FROM_LAST, FIRST = (1, 2, 4, 8), (1, 2, 4), 8
KINDS = {"from nothing": FROM_NOTHING, "from the last frame, moved": FROM_LAST, "from the last frame, still": FROM_LAST}
DEFAULT = "from the last frame, moved, as many steps as it takes"


class Row:
    """The figures of one way to label."""

    def __init__(self, classes: int) -> None:
        self.confusion, self.flicker = Confusion(classes), Flicker()
        self._seconds, self._moved = list[float](), list[float]()
        self._last: np.ndarray | None = None

    def add(self, truth: np.ndarray, label: Callable[[], retint.Labeling], still: np.ndarray | None) -> None:
        begun = perf_counter()
        labeling = label()
        self._seconds.append(perf_counter() - begun)
        labels = labeling.labels
        if self._last is not None:
            self._moved.append(labeling.drifts[0])
        self.confusion.add(truth, labels)
        if self._last is not None and still is not None:
            self.flicker.add(self._last, labels, still)
        self._last = labels

    def figures(self) -> dict[str, Any]:
        return {
            "moved_by_the_first_step": [round(float(q), 4) for q in np.quantile(self._moved, (0, 0.5, 1))] if self._moved else [],
            "miou": round(self.confusion.miou(), 5), "pixel_accuracy": round(self.confusion.pixel_accuracy(), 5),
            "flicker": _rounded(self.flicker.share), "flicker_where_still": _rounded(self.flicker.still_share),
            "seconds": round(float(np.median(self._seconds)), 4),
        }  # fmt: skip


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 5)


def gaps(stems: list[str]) -> list[int]:
    """Frames of the film between one image and the next."""
    numbers = [int(stem.rsplit("_", 1)[1]) for stem in stems]
    return [after - before for before, after in pairwise(numbers)]


def truth_flicker(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """Pixels labelled in both frames, and those among them whose label differs."""
    known = (before != 255) & (after != 255)
    return int(known.sum()), int((before != after)[known].sum())


def named(kind: str, steps: int) -> str:
    return f"{kind}, {steps} {'step' if steps == 1 else 'steps'}"


def picture(name: str, rows: dict[str, dict[str, Any]]) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    names = {
        "miou": "mean IoU",
        "flicker": "flicker, all pixels",
        "flicker_where_still": "flicker where the image is still",
    }
    for axis, (key, title) in zip(axes, names.items(), strict=True):
        for kind, steps in KINDS.items():
            axis.plot(steps, [rows[named(kind, n)][key] for n in steps], marker="o", label=kind)
        axis.set(
            title=title, xlabel="steps for each frame", xscale="log", xticks=FROM_NOTHING, xticklabels=FROM_NOTHING
        )
        axis.minorticks_off()
    axes[0].legend()
    figure.savefig(RESULTS / f"{name}.png", dpi=100)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--model", default="street")
    options.add_argument("--every", type=int, default=1, help="each so-manieth frame")
    options.add_argument("--limit", type=int, help="the first N of these")
    given = options.parse_args()
    model = retint.load(given.model)
    pairs = sorted(open_dataset(given.data / "camvid").splits["val"].pairs, key=lambda pair: pair.stem)
    pairs = pairs[:: given.every][: given.limit]
    classes = len(model.classes)
    rows = {named(kind, n): Row(classes) for kind, steps in KINDS.items() for n in steps} | {DEFAULT: Row(classes)}
    videos = {
        named(kind, n): VideoLabeler(model, FIRST, n, still=kind.endswith("still"))
        for kind in list(KINDS)[1:] for n in KINDS[kind]
    } | {DEFAULT: VideoLabeler(model)}  # fmt: skip
    before = None
    known = moved = 0
    for done, pair in enumerate(pairs, start=1):
        image, truth = pair.read()
        still = None if before is None else unchanged(before[0], image)
        for n in FROM_NOTHING:
            rows[named("from nothing", n)].add(truth, lambda n=n, image=image: model.label(image, n), still)
        for name, video in videos.items():
            rows[name].add(truth, lambda video=video, image=image: video.label(image), still)
        if before is not None:
            both, differ = truth_flicker(before[1], truth)
            known, moved = known + both, moved + differ
        before = image, truth
        if done % 10 == 0 or done == len(pairs):
            print(f"video: {done} of {len(pairs)} frames", flush=True)
    table = {name: row.figures() for name, row in rows.items()}
    for name, figures in table.items():
        print(name, figures)
    if given.limit is not None:
        return
    name = variant("video", options, given, "model")
    write(name if given.every == 1 else f"{name}-every-{given.every}", {
        "model": model.name, "split": "val", "frames": len(pairs), "frames_of_the_film_between": sorted(set(gaps([p.stem for p in pairs]))),
        "film_rate": 30, "first_frame_steps": FIRST, "cuts_found": videos[DEFAULT].cuts,
        "frames_that_took_more_than_one_step": len(videos[DEFAULT].further),
        "flicker_of_the_truth": round(moved / max(known, 1), 5), "rows": table,
    })  # fmt: skip
    if given.every == 1:
        picture(name, table)


if __name__ == "__main__":
    main()
