"""What to label next: the images, and in each the region, whose labels would teach a model most.

An image is worth the more, the more the model doubts it and the less it resembles what is labelled or chosen already: the
next one is that with the largest product of its mean doubt and its distance from the nearest of these. Doubt alone would
take ten frames of one scene; distance alone, what is merely odd.

References:
    Settles (2009), Active learning literature survey, University of Wisconsin-Madison, sections 3.1 (uncertainty) and 3.6
    (information density: doubt times a measure of how the image lies among the others).
    Sener and Savarese (2018), Active learning for convolutional neural networks: a core-set approach, ICLR: the greedy
    choice of the farthest point, from the labelled ones on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data import Pair, check_labels, open_dataset
from ...data.folder import SPLITS, image_files, read_indices, read_pixels
from ...errors import RetintError
from ...images import find_images, volume_stem, write_image
from ...pictures import displayable
from ..doubt import doubt_of
from ..labels import Labeling
from ..model import Model
from .evaluate import check_fit
from .layout import distances, layout, layout_of_labels, most_doubted

_AXES = {2: ("rows", "columns"), 3: ("slices", "rows", "columns")}


@dataclass(frozen=True)
class Candidate:
    """An unlabelled image.

    Attributes:
        image: its file.
        doubt: mean entropy of its label cells, 0 to 1.
        layout: its classes' shares in parts of the image, (K, parts).
        region: first pixel and last + 1 along each axis of the box that is doubted most.
        region_doubt: mean entropy there.
    """

    image: Path
    doubt: float
    layout: NDArray[np.float32]
    region: tuple[tuple[int, int], ...]
    region_doubt: float


@dataclass(frozen=True)
class Choice:
    """An image to be labelled.

    Attributes:
        candidate: the image.
        distance: from the nearest image that is labelled or was chosen before, 0 to 1; 1 if there is none.
    """

    candidate: Candidate
    distance: float

    @property
    def worth(self) -> float:
        """By which it was chosen."""
        return self.candidate.doubt * self.distance

    def to_dict(self) -> dict[str, Any]:
        """As `retint next --json` prints it."""
        one = self.candidate
        box = {axis: list(span) for axis, span in zip(_AXES[len(one.region)], one.region, strict=True)}
        return {
            "image": str(one.image), "worth": round(self.worth, 6), "doubt": round(one.doubt, 6),
            "distance": round(self.distance, 6), "region": box | {"doubt": round(one.region_doubt, 6)},
        }  # fmt: skip


@dataclass
class Order:
    """Which images to label next.

    Attributes:
        choices: the first is to be labelled first.
        labelled, unlabelled: how many images there were.
        failed: for each that could not be read, its name and why.
    """

    choices: list[Choice]
    labelled: int
    unlabelled: int
    failed: list[dict[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As `retint next --json` prints it."""
        next_ = [choice.to_dict() for choice in self.choices]
        return {"labelled": self.labelled, "unlabelled": self.unlabelled, "next": next_, "failed": self.failed}


def find_unlabelled(
    paths: Sequence[str | Path], model: Model, split: str | None = None, note: Callable[[str], None] | None = None
) -> tuple[list[Path], tuple[Pair, ...]]:
    """The images without labels, and the pairs that have them.

    Args:
        paths: one data set, or images and folders of them.
        model: what they are for.
        split: of a data set; None takes train, or what there is.
        note: called with lines that a person should see.

    Raises:
        DataProblems: the data set's labels have problems; all of them.
        RetintError: nothing there, no such part, other classes than the model's, or no image without labels.
    """
    root = Path(paths[0])
    if len(paths) > 1:
        for path in map(Path, paths):
            if _may_be_set(path) and not image_files(path):
                raise RetintError(f"{path}: found a data set among {len(paths)} paths; expected it alone, or images and folders of them")
    if len(paths) > 1 or not _may_be_set(root):
        if split is not None:
            raise RetintError(f"--split {split}: {root} is no data set; give the folder that holds classes.json")
        return find_images(paths), ()
    data = open_dataset(root)
    check_fit(data, model)
    part = data.part(split, "train")
    checked = check_labels(data, part)
    checked.raise_if_bad()
    if note:
        for line in checked.warnings:
            note(line)
    stems = {pair.stem for pair in part.pairs}
    images = [file for file in image_files(part.folder / "images") if volume_stem(file) not in stems]
    if not images:
        raise RetintError(
            f"{part.folder / 'images'}: all {len(stems)} images have labels; put those to choose from beside them"
        )
    return images, part.pairs


def _may_be_set(path: Path) -> bool:
    return any(os.path.exists(path / name) for name in ("classes.json", "images", *SPLITS))


def next_images(
    model: Model, images: Sequence[Path], labelled: Sequence[Pair] = (), count: int = 10, *, steps: int | None = None,
    region: int | None = None, progress: Callable[[int, int], None] | None = None,
) -> Order:  # fmt: skip
    """Put unlabelled images into the order in which to label them.

    Args:
        model: labels them, to see what it doubts.
        images: files without labels.
        labelled: images that have labels, which those chosen should differ from; only their labels are read.
        count: how many to choose.
        steps: see `Model.label`.
        region: pixels of a region's side; None: a quarter of the image along each axis.
        progress: called with the images done and all.
    """
    found: list[Candidate] = []
    failed: list[dict[str, str]] = []
    for done, image in enumerate(images):
        if progress:
            progress(done, len(images))
        try:
            labeling = model.label(read_pixels(image, model.dims), steps, keep=True, where=image)
        except RetintError as error:
            failed.append({"image": str(image), "error": str(error)})
        else:
            found.append(candidate(image, labeling, region))
    if progress:
        progress(len(images), len(images))
    known = [layout_of_labels(read_indices(pair.labels, pair.dims), len(model.classes)) for pair in labelled]
    return Order(choose(found, known, count), len(labelled), len(images), failed)


def candidate(image: Path, labeling: Labeling, region: int | None = None) -> Candidate:
    """What there is to know of an image, from a labelling of it that keeps its estimate."""
    assert labeling.estimate is not None
    size = labeling.labels.shape
    pitch = [stride / labeling.scale for stride in labeling.strides]
    seen = [min(int(np.ceil(n / p)), m) for n, p, m in zip(size, pitch, labeling.estimate.shape[1:], strict=True)]
    y = labeling.estimate[(slice(None), *map(slice, seen))]
    if labeling.temperature != 1:
        y = np.maximum(y, 1e-6) ** np.float32(1 / labeling.temperature)
        y /= y.sum(0)
    doubt = doubt_of(y, "entropy")
    wanted = [region or -(-n // 4) for n in size]
    sides = [min(max(round(w / p), 1), n) for w, p, n in zip(wanted, pitch, doubt.shape, strict=True)]
    corner, mean = most_doubted(doubt, sides)
    box = tuple(
        (round(first * p), min(round((first + side) * p), n))
        for first, side, p, n in zip(corner, sides, pitch, size, strict=True)
    )
    return Candidate(image, float(doubt.mean(dtype=np.float64)), layout(y), box, mean)


def choose(found: Sequence[Candidate], known: Sequence[NDArray[np.float32]], count: int) -> list[Choice]:
    """The most worthwhile ones, one after another; see the module."""
    if not found:
        return []
    doubts, layouts = np.array([one.doubt for one in found]), np.stack([one.layout for one in found])
    nearest = np.ones(len(found))
    for other in known:
        if np.isfinite(other).any():
            nearest = np.minimum(nearest, distances(layouts, other))
    left, choices = np.ones(len(found), bool), list[Choice]()
    while left.any() and len(choices) < count:
        best = int(np.where(left, doubts * nearest, -1).argmax())  # the first of equals
        choices.append(Choice(found[best], float(nearest[best])))
        left[best] = False
        nearest = np.minimum(nearest, distances(layouts, layouts[best]))
    return choices


def check_pictures(folder: Path, paths: Sequence[Path], images: Sequence[Path], labelled: Sequence[Pair]) -> None:
    """Before the work: whether pictures in a folder would be taken for images, or labels, the next time.

    Args:
        folder: that they are to be written into.
        paths: what was given, and may be images by name.
        images, labelled: what was found there.

    Raises:
        RetintError: it is a folder that was gone through.
    """
    files = {*images, *(file for pair in labelled for file in (pair.image, pair.labels))} - {*paths}
    if folder.resolve() in {parent.resolve() for parent in {file.parent for file in files}}:
        raise RetintError(f"--pictures {folder}: holds images or labels, and pictures there would be taken for such: choose another folder")


def write_pictures(order: Order, folder: Path, dims: int) -> None:
    """Write NAME.next.png for each image chosen: the image with its region framed; of a volume, the middle slice of the region.

    Of images with one name, all but the first have their place in the order before it: 3.NAME.next.png.
    """
    written = set[str]()
    for number, choice in enumerate(order.choices, start=1):
        one = choice.candidate
        name = volume_stem(one.image)
        while name in written:
            name = f"{number}.{name}"
        written.add(name)
        pixels, box = read_pixels(one.image, dims), one.region
        if dims == 3:
            pixels, box = pixels[sum(box[0]) // 2], box[1:]
        write_image(folder / f"{name}.next.png", framed(displayable(pixels), *box))


def framed(picture: NDArray[np.uint8], rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture (rows, columns, 3) with a box of it framed, yellow within black, and the rest at half its brightness."""
    (top, bottom), (left, right) = rows, columns
    result = picture // 2
    width = max(1, min(picture.shape[:2]) // 200)
    for colour, edge in ((0, 2 * width), ((255, 220, 0), width)):
        result[max(top - edge, 0) : bottom + edge, max(left - edge, 0) : right + edge] = colour
    result[top:bottom, left:right] = picture[top:bottom, left:right]
    return result
