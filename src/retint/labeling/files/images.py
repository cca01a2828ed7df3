"""Labelling files: from files of images or volumes to files of labels and pictures, one bad file not stopping the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import tee
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RetintError
from ...hardware import keep_memory
from ...images import (
    RegionReader,
    Volume,
    image_size,
    is_zarr,
    open_regions,
    write_image,
)
from ..asking import Asking, together
from ..doubt import TRACED, Measure
from ..how import Given, How
from ..labels import Labeling
from ..large.image import LargeWish, can_flow, label_large, sampled, thumbnail
from ..large.partial import is_begun
from ..model import Model
from ..pipeline import pipelined
from ..views import in_words
from .account import Account, attempted, expected
from .maps import Maps
from .naming import outputs, refuse_clashes, refuse_existing
from .pictures import SLICES, doubt_levels, overlay_of
from .reading import read_for
from .results import write_results

STRIP_STEPS = (1, 2, 4, 8)
_WATCHED = 1 << 24  # bytes of an image of which it is told how much is done
_LARGE = 1 << 27  # bytes of an image beside which the next one is not read yet
_TOGETHER = {"cpu": 1 << 20, "cuda": 1 << 23}
"""Pixels of small images that are labelled at a time: layers of few cells take their time for what does not depend on the cells."""
_MOST = 32


@dataclass(frozen=True)
class Wish(How):
    """What is wanted of every image: how to label it, which files to write, and how many images to label at a time (None: small
    ones together)."""

    start: Path | None = None
    hints: Path | None = None
    overlay: bool = True
    probabilities: bool = False
    strip: bool = False
    doubt: Measure | None = None
    overwrite: bool = False
    skip_existing: bool = False
    cluster: str | None = None
    batch: int | None = None

    @property
    def how(self) -> How:
        """How to label, so that all that is to be written is there."""
        keep = True if self.probabilities or self.doubt else None
        return replace(self, record=STRIP_STEPS if self.strip else (), keep=keep, trace=self.doubt in TRACED)

    def __post_init__(self) -> None:
        if self.overwrite and self.skip_existing:
            raise RetintError("--overwrite and --skip-existing: one replaces what exists, the other passes over it; leave one of them out")


@dataclass
class Outcome(Account):
    """What became of the images.

    Attributes:
        images: for each one labelled: its files, steps, change, whether settled, and the classes' shares.
    """

    images: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As `retint label --json` prints it."""
        return self.told("images", self.images)


def label_files(
    model: Model, images: Sequence[Path], out: Path, wish: Wish, progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None, pieces: Callable[[int, int], None] | None = None,
) -> Outcome:  # fmt: skip
    """Label files of images, or of volumes if the model is a 3-D one, into a folder.

    Writes, for an image NAME.ext: NAME.png (labels, indexed, in the model's colours), NAME.overlay.png, and on request
    NAME.probabilities.tif (K, rows, columns), NAME.estimate.tif (the same on the label grid: a start that continues
    exactly), NAME.steps.png (the strip) and NAME.doubt.png (doubt from 0 to 1 as 0 to 255, indexed, dark blue to yellow).

    Of a GeoTIFF, labels, probabilities, estimate and doubt (NAME.doubt.tif) are GeoTIFFs in its place.

    Labels, probabilities and doubt of a volume NAME.ext have its format, its place and its spacing, and its suffix in place of
    .png and .tif; its overlay shows four slices, its strip the middle one.

    Labels of an image that is read by region (Zarr, GeoTIFF, large TIFF) have its format too. It is never held whole, unless
    more than steps is wished for; a run of it that was stopped goes on (see `large`). `say` is given a line about that,
    `pieces` how many of its pieces are done; of another image of 16 MB and more, how many hundredths.

    Raises:
        RetintError: options do not go together, two images would write the same file, or `out` cannot be a folder.
    """
    if wish.views and wish.doubt in TRACED:
        raise RetintError(f"--measure {wish.doubt}: not possible with --scale {in_words(wish.scale)}, of which each has steps of its own; leave one of them out")
    at_once = model.takes_steps_at_once(wish.how, Given(wish.start, wish.hints))
    if wish.batch is not None and wish.batch > 1 and wish.budget is not None:
        raise RetintError(f"--batch {wish.batch}: does not go with --budget, which is one image's; leave one of them out")
    maps = [Maps(given, option, model.dims, model.classes) for option, given in (("--start", wish.start), ("--hints", wish.hints))]
    for each in maps:
        each.check(images)
    refuse_clashes(images, out, wish, model.dims)
    outcome = Outcome(model.name)
    keep_memory()
    wanted = []
    for image in images:
        if wish.skip_existing and outputs(image, out, wish, model.dims)["labels"].exists():
            outcome.skipped.append(str(image))
        else:
            wanted.append(image)
    if progress:
        progress(len(outcome.skipped), len(images))

    def compute(several: list[_Begun | Exception]) -> list[Callable[[], Row]]:
        """Label; what is left to do afterwards, for each image."""
        return _computed(model, several, wish, say, pieces)

    groups, same = tee(([image] for image in wanted) if at_once else _groups(model, wanted, wish))
    found = pipelined(
        groups,
        lambda group: [attempted(partial(_begin, model, image, out, wish, maps)) for image in group],
        compute,
        lambda finishes: [attempted(finish) for finish in finishes],
        lambda several: any(
            isinstance(begun, _Begun) and (begun.image is None or begun.image.pixels.nbytes > _LARGE) for begun in several
        ),
    )
    with closing(found):
        for group, future in zip(same, found, strict=True):
            for image, done in zip(group, future.result(), strict=True):
                if isinstance(done, Exception):
                    outcome.fail("image", image, done)
                else:
                    outcome.images.append(done[0])
                    outcome.warnings += done[1]
                if progress:
                    progress(len(outcome.skipped) + len(outcome.images) + len(outcome.failed), len(images))
    outcome.warnings += [line for each in maps for line in each.warnings]
    return outcome


@dataclass(frozen=True)
class _Begun:
    """What is known of an image before it is labelled, and where its results go.

    Attributes:
        image: its pixels; None if it is labelled by region.
        reader: that reads it by region, if its format has one.
    """

    path: Path
    files: dict[str, Path]
    image: Volume | None
    reader: RegionReader | None
    start: Any = None
    hints: Any = None


Row = tuple[dict[str, Any], list[str]]
"""What is told of an image, and lines for the user."""


def _begin(model: Model, path: Path, out: Path, wish: Wish, maps: Sequence[Maps]) -> _Begun:
    files, dims = outputs(path, out, wish, model.dims), model.dims
    if not is_begun(files["labels"]):
        refuse_existing(files, wish, "images whose labels exist")
    if folders := [f for f in files.values() if f.is_dir() and not is_zarr(f)]:
        raise RetintError(f"{folders[0]}: found a folder; expected a place for a file: choose another --out")
    reader = open_regions(path, dims)
    if wish.cluster and (reader is None or not _by_region(model, wish)):
        raise RetintError(
            f"{path}: --cluster labels Zarr, GeoTIFF and large TIFF, by --steps, one --scale and --tile alone; leave it out, or the others"
        )
    if reader is not None and _by_region(model, wish):
        return _Begun(path, files, None, reader)
    image = read_for(path, dims, reader)
    start, hints = (each.of(path, reader) for each in maps)
    return _Begun(path, files, image, reader, start, hints)


def _groups(model: Model, images: Sequence[Path], wish: Wish) -> Iterator[list[Path]]:
    """The images in groups that are labelled together: so many, or small ones up to so many pixels."""
    most, all_ = wish.batch or _MOST, _TOGETHER.get(model.device.type, 0)
    if wish.batch is None and (model.dims != 2 or wish.budget is not None or wish.cluster is not None):
        most = 1
    group, pixels = list[Path](), 0.0
    for image in images:
        size = image_size(image) if wish.batch is None and most > 1 else (0, 0)
        more = float("inf") if size is None else prod(size) * wish.zooms
        if group and (len(group) == most or pixels + more > all_):
            yield group
            group, pixels = [], 0.0
        group.append(image)
        pixels += more
    if group:
        yield group


def _computed(
    model: Model, several: Sequence[_Begun | Exception], wish: Wish, say: Callable[[str], None] | None,
    pieces: Callable[[int, int], None] | None,
) -> list[Callable[[], Row]]:  # fmt: skip
    """Label the images of a group; for each, what is left to do, which raises what went wrong."""
    held = [begun for begun in several if isinstance(begun, _Begun) and begun.image is not None]
    labelled = iter(together([_labelling(model, begun, wish, pieces if len(held) == 1 else None) for begun in held]))
    left: list[Callable[[], Row]] = []
    for begun in several:
        if isinstance(begun, Exception):
            left.append(partial(_told, begun))
        elif begun.image is None:
            assert begun.reader is not None
            call = partial(_label_large, model, begun.reader, begun.files, wish, say, pieces)
            left.append(partial(_told, attempted(call)))
        elif isinstance(labeling := next(labelled), Labeling):
            left.append(partial(_finish, model, begun, labeling, wish))
        else:
            left.append(partial(_told, expected(labeling)))
    return left


def _told(row: Row | Exception) -> Row:
    if isinstance(row, Exception):
        raise row
    return row


def _labelling(
    model: Model, begun: _Begun, wish: Wish, pieces: Callable[[int, int], None] | None
) -> Asking[Labeling]:
    assert begun.image is not None
    where, done = str(begun.path), 0.0

    def watch(more: float) -> None:
        nonlocal done
        done += more
        assert pieces is not None
        pieces(min(round(100 * done), 100), 100)

    called = f"{where}: --start {wish.start}", f"{where}: --hints {wish.hints}"
    watched = pieces is not None and begun.image.pixels.nbytes > _WATCHED
    try:
        given = Given(begun.start, begun.hints, begun.path, called, watch if watched else None)
        return (yield from model.labelling(begun.image.pixels, wish.how, given))
    except RetintError as error:  # of options that do not go together: say of which image
        raise error if where in str(error) else RetintError(f"{where}: {error}") from None


def _finish(model: Model, begun: _Begun, labeling: Labeling, wish: Wish) -> Row:
    image, files, where = begun.image, begun.files, str(begun.path)
    assert image is not None
    doubt = None if wish.doubt is None else doubt_levels(labeling, wish.doubt)
    write_results(model, labeling, image, files, begun.reader, doubt)
    row = {
        "image": where, "labels": str(files["labels"]), "steps": labeling.steps, "change": round(labeling.change, 6),
        "settled": labeling.settled, "fractions": {name: round(share, 6) for name, share in labeling.fractions.items()},
    }  # fmt: skip
    if wish.tolerance is not None:
        row["drift"] = round(labeling.drifts[-1], 8)
    if doubt is not None:
        row["doubt"] = {"measure": wish.doubt, "mean": round(float(doubt.mean()) / 255, 6)}
    warnings = (
        model.scale_warning(image.pixels, where, wish.zoom),
        model.spacing_warning(image.spacing, image.unit, where, wish.zoom),
    )
    return row, [line for line in warnings if line]


def _by_region(model: Model, wish: Wish) -> bool:
    """Whether nothing is wished for that needs the whole image or more than one pass over it."""
    whole = (
        wish.until_settled, wish.budget is not None, wish.start is not None, wish.hints is not None, wish.prior,
        wish.probabilities, wish.strip, wish.way != "upsample", wish.doubt is not None, wish.tolerance is not None, bool(wish.views),
    )  # fmt: skip
    return not any(whole) and can_flow(model)


def _label_large(
    model: Model, reader: RegionReader, files: dict[str, Path], wish: Wish, say: Callable[[str], None] | None,
    pieces: Callable[[int, int], None] | None,
) -> tuple[dict[str, Any], list[str]]:  # fmt: skip
    """Label an image by region."""

    def finish(labels: Any) -> None:
        if "overlay" not in files:
            return
        if model.dims == 2:
            small = thumbnail(reader)
            shown = overlay_of(model, small, sampled(labels, small.shape[:2]))
        else:
            slices, *across = reader.shape[:-1]
            boxes = [((k, k + 1), *((0, n) for n in across)) for k in range(slices // 8, slices, -(-slices // SLICES))]
            pixels, held = (np.concatenate([source.read(box) for box in boxes]) for source in (reader, labels))
            shown = overlay_of(model, pixels, held)
        write_image(files["overlay"], shown)

    where = str(reader.path)
    how = LargeWish(wish.steps, wish.zoom, wish.tile, wish.precision, wish.overwrite)
    if wish.cluster:
        from ..large.cluster import label_on_cluster

        found = label_on_cluster(model, reader, files["labels"], how, wish.cluster, finish, say, pieces)
    else:
        found = label_large(model, reader, files["labels"], how, finish, say, pieces)
    row = {
        "image": where, "labels": str(files["labels"]), "steps": found.steps, "change": round(found.changes[-1], 6),
        "settled": found.changes[-1] == 0, "fractions": {name: round(share, 6) for name, share in found.fractions.items()},
    }  # fmt: skip
    warning = model.scale_warning(reader, where, wish.zoom)
    return row, [warning] if warning else []
