"""How many strokes a correction takes, by a simulated user: python benchmarks/strokes.py --data DIR [--model street]
[--scale S[,S...]] [--name TABLE].

The user draws one stroke at a time on the largest connected region of wrong pixels of one true class: a line along the region's
middle (the longest path of its skeleton, at most 60 pixels of it), 3 pixels broad, kept within the true class, and of that class.

object   the connected true region of the largest mistake, if its IoU is below 0.90: only its own mistakes are corrected (pixels
         that it lacks, and pixels of its class around it that belong to others) until its IoU is 0.90
objects  the same with objects of all classes: of the connected true regions of 400 pixels and more whose IoU is below 0.80, the
         four with the most wrong pixels in each image
image    all mistakes, until the image's mean IoU over the classes in its truth is 10 points up

Each way of making use of a stroke meets the same user, who answers its own mistakes:

refine       a session: the strokes are hints, and all steps are taken again
paint        the strokes are drawn on the network's labels, nothing else changes
... broad    the same with a brush as broad as the mistake is at its middle, at most 25 pixels
... dot      the same with one click: a dot 9 pixels broad where the mistake is deepest (Xu et al. 2016)
walker       scikit-image's random walker on the image, from all strokes and the surest 80 % of the network's labels of each class
             (--sure), but none within 24 pixels of a stroke of another class
walker alone the same from the strokes alone, once they have two classes; drawn on the network's labels until then
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.graph import route_through_array
from skimage.morphology import skeletonize
from skimage.segmentation import random_walker

import retint
from common import RESULTS, parser, write
from retint.data import open_dataset
from retint.images import to_unit
from retint.labeling.session.strokes import Stroke
from retint.pictures.montage import montage
from retint.pictures.palette import colourise
from retint.scoring import Confusion

LONGEST, WIDTH, BROADEST, DOT, NEAR = 60, 3, 25, 9, 24
GOAL, BAD, LEAST, MOST = 0.90, 0.80, 400, 4
CAPS = {"object": 100, "objects": 100, "image": 50}
"""Most strokes for each goal."""
UNKNOWN = 255
SURE = [0.8]
"""Share of the network's labels of each class from which the random walker starts, too."""
SCALE = ["1"]
"""At which images are labelled; several with commas between."""


def largest_mistake(labels: np.ndarray, truth: np.ndarray, among: np.ndarray | None) -> tuple[np.ndarray, int] | None:
    """The largest connected region of wrong pixels of one true class, as a mask, and that class."""
    wrong = (labels != truth) & (truth != UNKNOWN)
    if among is not None:
        wrong &= among
    best: tuple[int, np.ndarray, int] | None = None
    for k in np.unique(truth[wrong]):
        regions, count = ndimage.label(wrong & (truth == k))
        sizes = np.bincount(regions.ravel())[1:] if count else np.zeros(1)
        if best is None or sizes.max() > best[0]:
            best = int(sizes.max()), regions == 1 + sizes.argmax(), int(k)
    return None if best is None else best[1:]


def middle_line(region: np.ndarray) -> np.ndarray:
    """Points along the region's skeleton: its longest path, cut to the middle."""
    box = ndimage.find_objects(region.astype(np.uint8))[0]
    inside = np.pad(region[box], 1)
    skeleton = skeletonize(inside)
    parts, _ = ndimage.label(skeleton, np.ones((3, 3)))
    ends = np.argwhere(parts == 1 + np.bincount(parts.ravel())[1:].argmax())
    one = ends[0]
    cost = np.where(skeleton, 1.0, 1e4)
    for _ in range(2):  # the farthest from anywhere is one end; the farthest from there is the other
        steps = _apart(skeleton, one)
        other, one = one, np.array(np.unravel_index(np.where(np.isfinite(steps), steps, -1).argmax(), steps.shape))
    path = np.array(route_through_array(cost, other, one)[0])
    spare = max(len(path) - LONGEST, 0)
    path = path[spare // 2 : len(path) - (spare - spare // 2)]
    return path - 1 + [s.start for s in box]


def _apart(skeleton: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """Steps along the skeleton from a point of it; infinite where there is no way."""
    steps = np.full(skeleton.shape, np.inf)
    front = np.zeros(skeleton.shape, bool)
    front[tuple(begin)] = True
    number = 0
    while front.any():
        steps[front] = number
        front = ndimage.binary_dilation(front, np.ones((3, 3))) & skeleton & np.isinf(steps)
        number += 1
    return steps


def drawn(truth: np.ndarray, region: np.ndarray, k: int, brush: str = "thin") -> np.ndarray:
    """The user's next stroke, as a label map; the brush is thin, broad or dot."""
    if brush == "dot":
        depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
        path, width = np.argwhere(depth == depth.max())[:1], float(DOT)
    else:
        path, width = middle_line(region), float(WIDTH)
    if brush == "broad":
        thickness = 2 * ndimage.distance_transform_edt(region)[tuple(path.T)]
        width = float(np.clip(np.median(thickness), WIDTH, BROADEST))
    line = Stroke.line(k, path, width, truth.shape)
    hints = np.full(truth.shape, UNKNOWN, np.uint8)
    hints[tuple(slice(a, b) for a, b in line.box)] = line.labels
    hints[truth != k] = UNKNOWN
    return hints


def object_iou(labels: np.ndarray, truth: np.ndarray, thing: np.ndarray, k: int) -> float:
    """Of a connected true region: what is labelled so inside it, and what is wrongly labelled so in one piece with it."""
    return float((thing & (labels == k)).sum() / (thing | _around(labels, truth, thing, k)).sum())


def _around(labels: np.ndarray, truth: np.ndarray, thing: np.ndarray, k: int) -> np.ndarray:
    """Pixels that belong to others, but are labelled as the object's class in one piece with it."""
    pieces, _ = ndimage.label((labels == k) & (thing | ((truth != k) & (truth != UNKNOWN))))
    touching = np.unique(pieces[thing & (pieces > 0)])
    return np.isin(pieces, touching[touching > 0]) & ~thing


def image_iou(labels: np.ndarray, truth: np.ndarray, classes: int) -> float:
    """Mean over the classes in the truth."""
    return float(np.mean(Confusion(classes).add(truth, labels).iou()[np.unique(truth[truth != UNKNOWN])]))


def refine(model: retint.Model, image: np.ndarray, first: retint.Labeling) -> Callable[[np.ndarray], np.ndarray]:
    session = model.session(image, scale=SCALE[0])

    def draw(hints: np.ndarray) -> np.ndarray:
        session.add(hints)
        return session.labels

    return draw


def paint(model: retint.Model, image: np.ndarray, first: retint.Labeling) -> Callable[[np.ndarray], np.ndarray]:
    labels = first.labels.copy()

    def draw(hints: np.ndarray) -> np.ndarray:
        np.copyto(labels, hints, where=hints != UNKNOWN)
        return labels

    return draw


def walker(alone: bool) -> Callable[..., Callable[[np.ndarray], np.ndarray]]:
    def begin(model: retint.Model, image: np.ndarray, first: retint.Labeling) -> Callable[[np.ndarray], np.ndarray]:
        strokes = np.full(first.labels.shape, UNKNOWN, np.uint8)
        sure, confident = first.probabilities.max(0), first.labels.copy()
        for k in np.unique(first.labels):
            confident[(first.labels == k) & (sure < np.quantile(sure[first.labels == k], 1 - SURE[0]))] = UNKNOWN
        unit = to_unit(image, "image")

        def draw(hints: np.ndarray) -> np.ndarray:
            np.copyto(strokes, hints, where=hints != UNKNOWN)
            known = strokes.copy()
            if not alone:
                away, nearest = ndimage.distance_transform_edt(strokes == UNKNOWN, return_indices=True)
                fits = (away > NEAR) | (strokes[tuple(nearest)] == confident)
                np.copyto(known, confident, where=(strokes == UNKNOWN) & fits)
            there = np.unique(known[known != UNKNOWN])
            if len(there) < 2 or (alone and len(np.unique(strokes)) < 3):
                return np.where(strokes != UNKNOWN, strokes, first.labels)
            seeds = np.zeros(known.shape, int)
            for number, k in enumerate(there, start=1):
                seeds[known == k] = number
            found = random_walker(unit, seeds, beta=130, mode="bf", channel_axis=-1)
            return np.where(strokes != UNKNOWN, strokes, there[np.maximum(found, 1) - 1]).astype(np.uint8)

        return draw

    return begin


METHODS: dict[str, Callable[..., Callable[[np.ndarray], np.ndarray]]] = {
    "refine": refine, "paint": paint, "refine broad": refine, "paint broad": paint, "refine dot": refine, "paint dot": paint,
    "walker": walker(False), "walker alone": walker(True),
}  # fmt: skip


Thing = tuple[np.ndarray, int]
"""A connected true region, as a mask, and its class."""


def things(labels: np.ndarray, truth: np.ndarray, goal: str) -> list[Thing | None]:
    """What a goal is about, of one image; [None] is all of it."""
    if goal == "image":
        return [None]
    if goal == "object":
        if (found := largest_mistake(labels, truth, None)) is None:
            return []
        pieces, _ = ndimage.label(truth == found[1])
        thing = pieces == pieces[found[0]][0]
        return [(thing, found[1])] if object_iou(labels, truth, thing, found[1]) < GOAL else []
    bad: list[tuple[int, Thing]] = []
    for k in map(int, np.unique(truth[truth != UNKNOWN])):
        pieces, count = ndimage.label(truth == k)
        for thing in (pieces == number for number in range(1, count + 1)):
            if thing.sum() >= LEAST and object_iou(labels, truth, thing, k) < BAD:
                wrong = (thing & (labels != k)) | _around(labels, truth, thing, k)
                bad.append((int(wrong.sum()), (thing, k)))
    return [thing for _, thing in sorted(bad, key=lambda one: -one[0])[:MOST]]


def play(
    method: str, model: retint.Model, image: np.ndarray, truth: np.ndarray, first: retint.Labeling, about: Thing | None, cap: int
) -> tuple[int | None, list[float], np.ndarray]:  # fmt: skip
    """One user and one goal: strokes (None: not reached), the score after each, and the labels at the end."""

    def score(labels: np.ndarray) -> float:
        return image_iou(labels, truth, len(model.classes)) if about is None else object_iou(labels, truth, *about)

    labels = first.labels
    scores = [score(labels)]
    target = GOAL if about is not None else scores[0] + 0.10
    draw, brush = METHODS[method](model, image, first), next((b for b in ("broad", "dot") if method.endswith(b)), "thin")
    while scores[-1] < target and len(scores) <= cap:
        among = None if about is None else about[0] | _around(labels, truth, *about)
        found = largest_mistake(labels, truth, among)
        if found is None:
            break
        labels = draw(drawn(truth, *found, brush)).copy()
        scores.append(score(labels))
    return len(scores) - 1 if scores[-1] >= target else None, scores, labels


def table(strokes: list[int | None], curves: list[list[float]], cap: int) -> dict[str, Any]:
    """Over the cases; those that did not reach the goal count as the cap."""
    counted = [cap if n is None else n for n in strokes]
    held = np.array([[*curve, *[curve[-1]] * (cap + 1 - len(curve))] for curve in curves])
    return {
        "cases": len(strokes), "reached": sum(n is not None for n in strokes), "median": float(np.median(counted)),
        "mean, cap where not reached": round(float(np.mean(counted)), 2), "strokes": strokes,
        "mean score after 0, 1, 2, ... strokes": [round(float(s), 4) for s in held.mean(0)[:21]],
    }  # fmt: skip


def compared(rows: dict[str, Any]) -> dict[str, list[float]]:
    """How many times as many strokes one way takes as another: medians and means."""
    pairs = ("paint", "refine"), ("paint broad", "refine broad"), ("paint dot", "refine dot"), ("walker", "refine")
    return {
        f"{before} / {after}: median, mean": [
            round(rows[before][key] / max(rows[after][key], 1), 2) for key in ("median", "mean, cap where not reached")
        ]
        for before, after in pairs
        if before in rows and after in rows
    }


def picture(path: Any, model: retint.Model, truth: np.ndarray, first: np.ndarray, ends: dict[str, np.ndarray]) -> None:
    """Label maps side by side: the truth, the network's, and those after the strokes."""
    colours = model.card.colours
    planes = [np.where(truth == UNKNOWN, 0, truth), first, *ends.values()]
    shown = [colourise(plane, colours) for plane in planes]
    shown[0][truth == UNKNOWN] = 0
    Image.fromarray(montage(shown)).save(path)


def main() -> None:
    options = parser(__doc__.splitlines()[0])
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--model", default="street")
    options.add_argument("--set", default="camvid", help="data set below the folder")
    options.add_argument("--every", type=int, default=5, help="take each so-manieth image of its val part")
    options.add_argument("--limit", type=int, help="take so many of these at most; writes nothing")
    options.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    options.add_argument("--goals", nargs="+", default=list(CAPS), choices=list(CAPS))
    options.add_argument(
        "--sure", type=float, default=0.8, help="share of the network's labels that the walker starts from"
    )
    options.add_argument("--scale", default="1", help="label at so many times the images' resolution; several: 1.25,1.75m")
    options.add_argument("--name", help="of the table (default: strokes-MODEL, and the scale); other images, goals or methods want another one")
    given = options.parse_args()
    SURE[0], SCALE[0] = given.sure, given.scale
    model = retint.load(given.model)
    pairs = list(open_dataset(given.data / given.set).splits["val"].pairs)[:: given.every][: given.limit]
    result: dict[str, Any] = {
        "model": given.model, "model file": model.name, "set": given.set, "images": [pair.stem for pair in pairs], "caps": CAPS,
        "steps": model.card.steps, "scale": given.scale, "walker's sure share": given.sure, "stroke": {"longest": LONGEST, "width": WIDTH, "broadest": BROADEST, "dot": DOT},
    }  # fmt: skip
    drawing: tuple[Any, ...] | None = None
    for goal in given.goals:
        rows: dict[str, list[int | None]] = {method: [] for method in given.methods}
        curves: dict[str, list[list[float]]] = {method: [] for method in given.methods}
        classes: list[str] = []
        for pair in pairs:
            image, truth = pair.read()
            first = model.label(image, scale=given.scale)
            for about in things(first.labels, truth, goal):
                ends = {}
                classes.append("all" if about is None else model.classes[about[1]])
                for method in given.methods:
                    count, scores, ends[method] = play(method, model, image, truth, first, about, CAPS[goal])
                    rows[method].append(count)
                    curves[method].append(scores)
                print(goal, pair.stem, classes[-1], {m: (r[-1], curves[m][-1][0], curves[m][-1][-1]) for m, r in rows.items()}, flush=True)  # fmt: skip
                if drawing is None and goal == given.goals[-1]:
                    drawing = truth, first.labels, ends
        result[goal] = {"classes": classes, **{m: table(r, curves[m], CAPS[goal]) for m, r in rows.items() if r}}
        result[goal] |= compared(result[goal])
        print(goal, {m: row["mean, cap where not reached"] for m, row in result[goal].items() if m in METHODS}, flush=True)
    if given.limit is None:
        name = given.name or f"strokes-{model.name}" + (f"-scale-{given.scale}" if given.scale != "1" else "")
        write(name, result)
        if drawing is not None:
            picture(RESULTS / f"{name}.png", model, *drawing)


if __name__ == "__main__":
    main()
