"""The labeller: a trained network, ready for images. Every door calls this."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RetintError, reason_of
from ..hardware import Precision
from ..modelfile import find_model, load_model
from ..network import restored
from ..numbers import every_whole
from .asking import Asking, alone, together
from .backends import Backend
from .canvas import Canvas
from .doubt import Trace
from .finer import Way, finer
from .how import Given, How
from .labels import Labeling
from .plan import TileSide, plan, sides_of
from .ready import Ready, mind_forks
from .refinement import Refinement
from .session.drawing import nothing_known
from .session.session import MOST_BYTES, Session, needed
from .session.views import ViewSession
from .source import Source, array_of, as_array
from .starts import UNKNOWN, LabelMap, start_map
from .stopping import Stop
from .video import VideoLabeler
from .views import Scale, combined, start_seen, views_of

_PIECE_BYTES = 1 << 30
_KEEP_VALUES = 1 << 27


class Model(Ready):
    """A trained network and its card, for labelling; see `Ready`."""

    def takes_steps_at_once(self, how: How, given: Given) -> bool:
        """Whether it labels in all steps at once, so that nothing goes with it that is done step by step, or tile by tile.

        Raises:
            RetintError: something is given that does not go with it.
        """
        how.check_way()
        if how.way == "upsample" and not self.at_once:
            return False
        stop = how.stop
        there = {
            "a start": given.start is not None, "hints": given.hints is not None, "until settled": stop.settled,
            "a budget": stop.budget is not None, "a tolerance": stop.tolerance is not None, "a prior": how.prior,
            "a record of doubt": how.trace, f"--tile {how.tile}": how.tile is not None,
            f"--backend {self.backend}": self.backend not in ("auto", "torch"),
        }  # fmt: skip
        if found := [name for name, wished in there.items() if wished]:
            always = f"{self.name}: {self._folded.architecture.name} takes a fixed number of steps at once"
            told = f"--way {how.way}" if how.way != "upsample" else always
            raise RetintError(f"{' and '.join(found)}: not possible with {told}; leave one of them out")
        return True

    def label(
        self, image: Any, steps: int | None = None, *, start: Any = None, hints: Any = None, tile: TileSide | None = None,
        precision: Precision | None = None, until_settled: bool = False, budget: float | None = None, scale: Scale = 1.0,
        record: Sequence[int] = (), keep: bool | None = None, way: Way = "upsample", resolution: int = 1, prior: bool = False,
        tolerance: float | None = None, doubt: bool = False, where: str | Path = "image",
    ) -> Labeling:  # fmt: skip
        """Label every pixel of an image, or every voxel of a volume if the model is a 3-D one.

        Args:
            image: (rows, columns) or (rows, columns, channels) array, or (channels, rows, columns) tensor; a volume has
                slices before its rows; 8 or 16-bit integers without sign, or floats from 0 to 1. Colours are red, green, blue: of an
                image that OpenCV read, give frame[..., ::-1].
            steps: how many; the card says how many by default.
            start: where to begin: a Labeling, integer labels (rows, columns) with 255 for unknown, or probabilities
                (K, rows, columns), with slices for a volume, at any resolution; None begins from nothing.
            hints: labels, of the image's own size, that a person fixed, 255 elsewhere: kept as given at every step.
            tile: pixels of a tile's side, along all axes or along each; None chooses by the memory that a tile takes. The
                result is the same, to rounding.
            precision: see `Model`.
            until_settled: take steps until no label changes at two steps running (256 at most).
            budget: seconds: take as many steps as fit, at least one.
            scale: label the image at this many times its resolution; the labels are returned at its own. Several, such as
                (1.25, "1.75m"), mirrored where an m says so, label it once each, and the result is what they say together.
            record: steps whose labels are wanted too.
            keep: keep the probabilities; None keeps them unless the image is large.
            way: how labels finer than the label grid come about: `upsample` interpolates; `stitch` interleaves the labels of
                shifted copies; `unit` pools with unit stride, which gives the same in less time.
            resolution: with `stitch`, image pixels per label: 1, or another divisor of the stride.
            prior: multiply the classes' probabilities, at every step, by those of the whole image: for models that
                learned from tags (Pinheiro and Collobert 2015, section 3.3). It depends on the image's every pixel.
            tolerance: take steps until Y moves by less than this at one (256 at most): the mean over the label cells of half
                of sum |Y(t) - Y(t-1)|, from 0 to 1; see `Labeling.drifts`.
            doubt: keep what `Labeling.doubt` needs, the record of how cells changed from step to step too.
            where: what to call the image in messages; the path of its file, which says whether its last channel is alpha.

        Raises:
            RetintError: something given does not fit the model; the message says what and how to mend it.
        """
        how = How(
            steps=steps, until_settled=until_settled, budget=budget, tolerance=tolerance, scale=scale, tile=tile, precision=precision,
            way=way, resolution=resolution, prior=prior, record=record, keep=keep, trace=doubt,
        )  # fmt: skip
        return alone(self.labelling(image, how, Given(start, hints, where)))

    def labelling(self, image: Any, how: How, given: Given) -> Asking[Labeling]:
        """`label`, asking for what the network is to compute: `asking.together` answers several as a batch."""
        if how.views:
            return (yield from self._viewed(image, how, given))
        stop, scale = how.stop, how.zoom
        wanted, record = stop.steps or self.card.steps, every_whole(how.record, "record")
        finely = self.takes_steps_at_once(how, given)
        source = Source(image, self.card, self.dims, given.where, scale)
        if finely:
            *before, last = self._finer(source, [*(n for n in record if n <= wanted), wanted], how)
            return replace(last, recorded={one.steps: one.labels for one in (*before, last) if one.steps in record})
        refinement = self._refinement(source, how, given)
        small = len(self.classes) * prod(refinement.cells) <= _KEEP_VALUES
        kept = (small if how.keep is None else how.keep) or stop.open or how.trace
        canvas = Canvas(refinement, source.own, scale, record)
        if (watch := given.watch) is not None and not stop.open:
            refinement.watch = lambda done: watch(done * given.share / wanted)
        settled = yield from stop.running(refinement, canvas, wanted, kept)
        labels = canvas.final()
        recorded = {step: shown for step, shown in canvas.recorded.items() if step <= refinement.steps}  # tiles may go on too far
        return self._labeling(labels, refinement, settled, given.hints, scale, recorded)

    def label_batch(
        self, images: Sequence[Any], steps: int | None = None, *, starts: Sequence[Any] | None = None,
        hints: Sequence[Any] | None = None, precision: Precision | None = None, **options: Any,
    ) -> list[Labeling]:  # fmt: skip
        """Label several images at a time: those of one size are computed as a batch, which fills a GPU that one image does not.

        The labels are those of `label`, to rounding. Each image stops for itself, and the others go on without it.

        Args:
            images: each as for `label`; of any sizes.
            steps, precision, options: as for `label`; the same for all, and no `budget`.
            starts, hints: one for each image; None is none.

        Raises:
            RetintError: something does not fit; of the first image for which it does not.
        """
        if isinstance(images, np.ndarray | Tensor):
            raise RetintError("images: found one array; expected a list of images: list(x) of a batch")
        given = {"images": images} | {what: maps for what, maps in (("starts", starts), ("hints", hints)) if maps is not None}
        for what, several in given.items():
            if not isinstance(several, Sequence | np.ndarray | Tensor) or isinstance(several, str):
                raise RetintError(f"{what}: found {type(several).__name__}; expected a list, with one for each image")
            if len(several) != len(images):
                raise RetintError(f"{what}: found {len(several)} for {len(images)} images; expected one for each (None for none)")
        if options.get("budget") is not None:
            raise RetintError("budget: does not go with several images at a time; label them one by one")
        if others := options.keys() - {field.name for field in fields(How)} - {"doubt"} | options.keys() & {"trace"}:
            raise RetintError(f"{' and '.join(sorted(others))}: found for several images; expected starts, hints, and options of label that are the same for all")
        how = How(steps=steps, precision=precision, trace=options.pop("doubt", False), **options)
        nothing = [None] * len(images)
        rows = zip(images, nothing if starts is None else starts, nothing if hints is None else hints, strict=True)
        askings = [
            self.labelling(image, how, Given(start, fixed, f"image {n}", (f"image {n}: start", f"image {n}: hints")))
            for n, (image, start, fixed) in enumerate(rows, start=1)
        ]
        labelings = []
        for found in together(askings):
            if isinstance(found, Exception):
                raise found
            labelings.append(found)
        return labelings

    def refinements(
        self, image: Any, *, start: Any = None, hints: Any = None, tile: TileSide | None = None, precision: Precision | None = None,
        scale: Scale = 1.0, at: Sequence[int] | None = None, way: Way = "upsample", resolution: int = 1, prior: bool = False,
        doubt: bool = False, where: str | Path = "image",
    ) -> Iterator[Labeling]:  # fmt: skip
        """One estimate after another, for as long as one asks; arguments as for `label`.

        Args:
            at: yield the estimates after these numbers of steps alone, and end after the last of them.

        Raises:
            RetintError: something given does not fit the model.
        """
        at = None if at is None else every_whole(at, "at")
        how = How(scale=scale, tile=tile, precision=precision, way=way, resolution=resolution, prior=prior, trace=doubt)
        yield from self._refinements(image, how, Given(start, hints, where), at)

    def session(
        self, image: Any, *, steps: int | None = None, start: Any = None, tile: TileSide | None = None,
        precision: Precision | None = None, scale: Scale = 1.0, most_bytes: int = MOST_BYTES, where: str | Path = "image",
    ) -> Session | ViewSession:  # fmt: skip
        """An image to be corrected by strokes, each of which costs only what it changes; arguments as for `label`.

        Args:
            tile: bounds what is computed at a time; the session keeps the whole image's context in any case.
            most_bytes: what it may keep; `session_bytes` says beforehand what it will.

        Raises:
            RetintError: it would keep more, or the model has no steps that could be kept.
        """
        wanted, pixels = Stop(steps).steps or self.card.steps, as_array(image, self.dims, self.card.channels, where)
        views = views_of(scale)
        keeps = self.session_bytes(
            pixels.shape, wanted, started=start is not None, precision=precision, scale=views, dtype=pixels.dtype
        )
        if keeps > most_bytes:
            raise RetintError(
                f"{where}: a session of {' x '.join(map(str, pixels.shape[:-1]))} pixels and {wanted} steps would keep {keeps / 1e9:.2f} GB, "
                f"{most_bytes / 1e9:.2f} are allowed; cut the image, take fewer steps or a smaller scale, or allow more (most_bytes; --memory)"
            )
        how, sessions, hints = How(tile=tile, precision=precision, scale=views), [], nothing_known(pixels.shape[:-1])
        for view in views:
            source = Source(view.seen(pixels, -2).copy(), self.card, self.dims, where, view.scale)
            begin = start_seen(start, view, pixels.shape[:-1], self, "start")
            refinement = self._refinement(source, how, Given(begin))
            more = view.scale, self.card.temperature, bool(how.views), view.turned(hints)
            sessions.append(Session(refinement, wanted, self.classes, *more))
        return ViewSession(sessions, views, hints) if how.views else sessions[0]

    def session_bytes(
        self, shape: Sequence[int], steps: int | None = None, *, started: bool = False, precision: Precision | None = None,
        scale: Scale = 1.0, dtype: Any = np.uint8,
    ) -> int:  # fmt: skip
        """Bytes that a session keeps: the context, the estimates of every step, labels, hints and the image itself.

        Args:
            shape: of the image as an array, with or without its channels.
            steps: that it takes; the card says how many by default.
            started: whether there is a start.
            precision, scale: as for `session`.
            dtype: of the image.

        Raises:
            RetintError: something given does not fit the model.
        """
        sizes, wanted = every_whole(shape, "shape"), Stop(steps).steps or self.card.steps
        if len(sizes) not in (self.dims, self.dims + 1):
            raise RetintError(f"shape {tuple(sizes)}: expected {self.dims} axes, and one for channels at most")
        own, pixel = sizes[: self.dims], np.dtype(dtype).itemsize * prod(sizes[self.dims :])
        several = How(scale=scale).views
        logs = 4 * len(self.classes) * prod(own) if several else 0
        each = (logs + needed(self.network(precision), own, pixel, wanted, started, v.scale, self.name) for v in views_of(scale))
        return sum(each) + (prod(own) * (2 - len(several)) if several else 0)  # labels, and hints that the views share

    def label_video(
        self, frames: Iterable[Any], steps: int | None = None, frame_steps: int | None = None, **options: Any
    ) -> Iterator[Labeling]:
        """Label the frames of a film one by one, each from the labels of the one before, moved as the picture did; a cut begins from
        nothing again.

        Args:
            frames: images of one size, in the order of time, from anything that can be gone through.
            steps: for the first frame, and the first after a cut; the card says how many by default.
            frame_steps: for every other frame; one, or more where one is not enough, by default.
            options: see `VideoLabeler`, which also tells cuts and flicker; among them `budget`, seconds for every frame.

        Raises:
            RetintError: an option that films do not have; before the first frame is taken.
        """
        return map(VideoLabeler(self, steps, frame_steps, **options).label, frames)

    def _refinements(self, image: Any, how: How, given: Given, at: Sequence[int] | None) -> Iterator[Labeling]:
        if how.views:
            for several in zip(*(self._refinements(*one, at) for one in self._seen(image, how, given)), strict=True):
                yield self._together(several, how, given)
            return
        finely, scale = self.takes_steps_at_once(how, given), how.zoom
        source = Source(image, self.card, self.dims, given.where, scale)
        targets: Iterable[int] = itertools.count(1) if at is None else sorted(set(at))
        if finely:
            groups = ([target] for target in targets) if at is None else [sorted(set(at))] if at else []
            for group in groups:
                yield from self._finer(source, group, how)
            return
        refinement = self._refinement(source, how, given)
        for target in targets:
            while (left := target - refinement.steps) > 0:
                refinement.advance(left if refinement.whole else min(left, refinement.sweep))
            labels = Canvas(refinement, source.own, scale).final()
            yield self._labeling(labels, refinement, refinement.changes[-1] == 0, given.hints, scale, {})

    def _viewed(self, image: Any, how: How, given: Given) -> Asking[Labeling]:
        """`labelling` of several views: each goes on and ends by itself."""
        record, wanted = every_whole(how.record, "record"), how.stop.steps or self.card.steps
        shown: dict[int, NDArray[np.uint8]] = {}
        if record and not how.stop.open:  # in one pass
            for result in self._refinements(image, how, given, [wanted, *(n for n in record if n < wanted)]):
                shown[result.steps] = result.labels
        else:
            found = []
            for one in self._seen(image, replace(how, record=()), given):
                found.append((yield from self.labelling(*one)))
            result = self._together(found, how, given)
            if at := [step for step in record if step <= result.steps]:  # nobody knew how many there would be
                plain = replace(how, until_settled=False, budget=None, tolerance=None)
                shown = {one.steps: one.labels for one in self._refinements(image, plain, given, at)}
        result = replace(result, recorded={step: labels for step, labels in shown.items() if step in record})
        small = len(self.classes) * result.labels.size <= _KEEP_VALUES
        kept = (small if how.keep is None else how.keep) or how.stop.open
        return result if kept else replace(result, estimate=None)

    def _seen(self, image: Any, how: How, given: Given) -> list[tuple[Any, How, Given]]:
        """What each view is given of an image and what comes with it; a budget is shared by their pixels.

        Raises:
            RetintError: a record of doubt is asked for, which several views do not have.
        """
        if how.trace:
            raise RetintError("a record of doubt: not possible with several scales; leave one of them out")
        pixels = as_array(image, self.dims, self.card.channels, given.where)
        hints = None if given.hints is None else array_of(given.hints, given.called[1])
        all_, seen = sum(view.scale**self.dims for view in how.views), []
        for view in how.views:
            share = view.scale**self.dims / all_
            budget = None if how.budget is None else how.budget * share
            start = start_seen(given.start, view, pixels.shape[:-1], self, given.called[0])
            its = replace(given, start=start, hints=view.seen(hints), share=share)
            seen.append((view.seen(pixels, -2), replace(how, scale=view.scale, budget=budget, keep=True), its))
        return seen

    def _together(self, found: Sequence[Labeling], how: How, given: Given) -> Labeling:
        hints = None if given.hints is None else array_of(given.hints, given.called[1]).astype(np.uint8)
        return combined(found, how.views, hints)

    def _finer(self, source: Source, steps: Sequence[int], how: How) -> Iterator[Labeling]:
        """The labelings after some numbers of steps, by a way that takes all of them at once."""
        network, wanted = self.network(how.precision), sorted(set(steps))
        found = finer(network, source, wanted[-1], how.way, how.resolution, wanted, _PIECE_BYTES)
        return found.labelings(source.own, self.classes, how.zoom, self.card.temperature)

    def _prior(self, refinement: Refinement) -> Tensor:
        """The logarithm of the classes' probabilities in the whole image, (K,)."""
        scores = refinement.image_scores()
        one = self.card.trained_on.get("one_tag_each", False)
        return torch.log_softmax(scores, 0) if one else torch.nn.functional.logsigmoid(scores)

    def _labeling(
        self, labels: NDArray[np.uint8], refinement: Refinement, settled: bool, hints: Any, scale: float,
        recorded: dict[int, NDArray[np.uint8]],
    ) -> Labeling:  # fmt: skip
        fixed = None if hints is None else array_of(hints, "hints").astype(np.uint8)
        if fixed is not None:
            for plane in (labels, *recorded.values()):
                np.copyto(plane, fixed, where=fixed != UNKNOWN)
        return Labeling(
            labels=labels, steps=refinement.steps, changes=tuple(refinement.changes), settled=settled, classes=self.classes,
            strides=self.strides, estimate=refinement.estimate, recorded=recorded, scale=scale, hints=fixed,
            drifts=tuple(refinement.drifts), temperature=self.card.temperature, trace=refinement.traced(),
        )  # fmt: skip

    def _refinement(self, source: Source, how: How, given: Given) -> Refinement:
        network, classes = self.network(how.precision), len(self.classes)
        chosen = plan(network, source.size, sides_of(how.tile, self.dims), _PIECE_BYTES)
        cells = network.cells(source.size)
        begin = fixed = covered = None
        if (start := given.start) is not None:
            if isinstance(start, Labeling):
                covered = start.covered
                start = start.labels if start.estimate is None else start.estimate
            elif getattr(start, "shape", ())[1:] == network.cells(source.own):  # an estimate, to be gone on with at another scale
                covered = tuple(n / s for n, s in zip(source.own, self.strides, strict=True))
            begin = start_map(start, classes, source.size, self.strides, cells, given.called[0], covered, source.own)
        if given.hints is not None:
            array = array_of(given.hints, given.called[1])
            if array.shape != source.own:
                raise RetintError(f"{given.called[1]}: shape {array.shape}, the image has {source.own}; they must agree")
            fixed = LabelMap(array, classes, source.size, self.strides, given.called[1])
        refinement = Refinement(network, source, begin, fixed, chosen, self.engine(how.precision))
        if how.prior:
            refinement.prior = self._prior(refinement)
        if how.trace:
            refinement.trace = Trace(refinement.cells)
        return refinement


def load(name: str | Path, device: str = "auto", precision: Precision = "auto", backend: Backend = "auto") -> Model:
    """The model of a bundled name, a file, or a hub id. Threads may share it, and pickle takes it to other processes; one that is
    forked computes with one thread.

    Raises:
        RetintError: there is none, or the file is no model.
    """
    mind_forks()
    path = find_model(name)
    tensors, card = load_model(path)
    try:
        network = restored(card.architecture, card.channels, len(card.classes), tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = reason_of(error)
        raise RetintError(f"{path}: card and weights do not fit this version of Retint ({reason})") from None
    model = Model(network, card, device, precision, name=path.stem, backend=backend)
    model.file = path
    return model
