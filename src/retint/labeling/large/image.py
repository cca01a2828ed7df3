"""Labelling a file that is never held whole, in pieces that are recorded: see `lanes`, `stream` and `partial`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import RetintError
from ...hardware import Precision, threads_of
from ...images import Labels, RegionReader, identity
from ...images.read import told
from ...network import RecurrentNetwork
from ..counting import pixels_of
from ..model import Model
from ..pipeline import Behind
from ..plan import TileSide
from ..source import Source
from ..stopping import Stop
from .lanes import Lanes, lanes
from .partial import Journal, PartialLabels
from .rows import flows
from .stream import Stream

_LONGEST = 4096  # pixels of an overlay's longest side


@dataclass(frozen=True)
class LargeWish:
    """What is wanted; the fields are those of `Model.label`.

    Attributes:
        anew: begin anew, though there is work to go on with.
    """

    steps: int | None = None
    scale: float = 1.0
    tile: TileSide | None = None
    precision: Precision | None = None
    anew: bool = False


@dataclass(frozen=True)
class Found:
    """What came of it: steps, the share of label cells that changed at each, and the classes' shares of the pixels."""

    steps: int
    changes: tuple[float, ...]
    fractions: dict[str, float]


Finish = Callable[[Labels], None]
Progress = Callable[[int, int], None]


def can_flow(model: Model) -> bool:
    """Whether a model can label an image that is not held whole."""
    return flows(model.network())


def label_large(
    model: Model, reader: RegionReader, target: Path, wish: LargeWish, finish: Finish | None = None,
    say: Callable[[str], None] | None = None, progress: Progress | None = None,
) -> Found:  # fmt: skip
    """Label an image piece by piece into a file of its own format.

    A run that was stopped, however, goes on where it was when it is called again with the same arguments, and ends
    with the same bytes. Until it is done, its work lies in a folder NAME.partial beside the file.

    Args:
        model: the model.
        reader: the image.
        target: the file of labels.
        wish: how.
        finish: called with the labels before they are written.
        say: called with a line for the user.
        progress: called with the pieces done, and all.

    Raises:
        RetintError: something does not fit; the message says what and how to mend it.
    """
    if not can_flow(model):
        raise RetintError(
            f"{reader.path}: {model.name} takes all steps at once; it labels only images that are read whole"
        )
    steps = Stop(wish.steps).steps or model.card.steps
    network = model.network(wish.precision)
    source = Source(reader, model.card, model.dims, reader.path, wish.scale)
    plan = lanes(network, source.own, steps, wish.tile, wish.scale)
    with Journal(target, facts_of(model, reader, wish, plan, steps), wish.anew) as journal:
        work = _Work(model, source, plan, steps, wish, PartialLabels(journal, source.own), journal, progress)
        if journal.done and say:
            say(f"{target}: goes on after {len(journal.done)} of {plan.count} pieces")
        work.do()
        labels = work.labels
        if finish:
            finish(labels)
        reader.write_labels(target, labels, model.card.colours)
        found = summary(model, source, network, journal)
        journal.remove()
    return found


def facts_of(model: Model, reader: RegionReader, wish: LargeWish, plan: Lanes, steps: int) -> dict[str, Any]:
    """What must be the same for work to be gone on with."""
    network = model.network(wish.precision)
    return {
        "image": identity(reader), "model": model.digest, "steps": steps, "scale": wish.scale,
        "precision": f"{network.dtype} on {network.device.type}", "tile": [plan.rows, plan.band, plan.block, len(plan.lanes)],
        "torch": torch.__version__,
    }  # fmt: skip


def summary(model: Model, source: Source, network: RecurrentNetwork, journal: Journal) -> Found:
    """What the journal's pieces say together."""
    cells = prod(network.seen(source.size))
    changed = np.sum([row["changed"] for row in journal.done.values()], axis=0)
    pixels = np.sum([row["pixels"] for row in journal.done.values()], axis=0)
    shares = {name: float(n) / prod(source.own) for name, n in zip(model.classes, pixels, strict=True)}
    return Found(len(changed), tuple(float(n) / cells for n in changed), shares)


def thumbnail(reader: RegionReader) -> NDArray[Any]:
    """A 2-D image, reduced to at most 4096 pixels a side: the means of square blocks, in the image's dtype."""
    factor = -(-max(reader.shape[:2]) // _LONGEST)
    level = reader.at(1 / factor)
    factor = -(-max(level.shape[:2]) // _LONGEST)
    rows, columns, channels = level.shape
    starts = np.arange(0, columns, factor)
    widths = np.diff(starts, append=columns)[:, None]
    small = np.empty((-(-rows // factor), len(starts), channels), level.dtype)
    many = max((1 << 24) // (columns * factor), 1) * factor
    for first in range(0, rows, many):
        with told(level.path):
            part = level.read(((first, min(first + many, rows)), (0, columns)))
        for top in range(0, len(part), factor):
            band = part[top : top + factor].mean(0, dtype=np.float32)
            mean = np.add.reduceat(band, starts, axis=0) / widths
            small[(first + top) // factor] = mean if part.dtype.kind == "f" else mean.round()
    return small


def sampled(labels: Labels, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """2-D labels reduced to a size: the one in the middle of each block."""
    rows, columns = (((np.arange(m) + 0.5) * n / m).astype(int) for n, m in zip(labels.shape, size, strict=True))
    return np.stack([labels.read(((int(row), int(row) + 1), (0, labels.shape[1])))[0, columns] for row in rows])


@dataclass
class _Work:
    """The pieces of all lanes, as many lanes at a time as the plan says."""

    model: Model
    source: Source
    plan: Lanes
    steps: int
    wish: LargeWish
    labels: PartialLabels
    journal: Journal
    progress: Progress | None
    telling: Lock = field(default_factory=Lock)
    stopped: bool = False

    def do(self) -> None:
        """Do what is not done. The threads are always shared out in the same way: rounding depends on how many compute a layer."""
        every, together = range(len(self.plan.lanes)), min(self.plan.together, torch.get_num_threads())
        if together == 1:
            for lane in every:
                self._lane(lane)
            return
        threads = torch.get_num_threads() // together
        with threads_of(threads), ThreadPoolExecutor(together, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
            try:
                for future in as_completed([pool.submit(self._lane, lane) for lane in every]):
                    future.result()
            except BaseException:  # Ctrl-C too
                self.stopped = True
                raise

    def _lane(self, lane: int) -> None:
        """The pieces of a lane that are left, one after another; the last is written while the next is computed."""
        plan = self.plan
        left = [n for n in range(lane * plan.each, (lane + 1) * plan.each) if n not in self.journal.done]
        if not left or self.stopped:
            return
        (first, _), *across = plan.piece(left[0])  # those of a lane are done from the first to the last
        box = ((first, plan.size[0]), *across)
        stream = Stream(self.model.network(self.wish.precision), self.source, plan, box, self.steps, self.wish.scale)
        waiting: list[NDArray[np.uint8]] = []
        with Behind() as behind, closing(stream.__iter__()) as bands:
            for (_, last), band in bands:
                if self.stopped:
                    return
                waiting.append(band)
                while left and last >= plan.piece(left[0])[0][1]:
                    piece = plan.piece(left[0])
                    held = np.concatenate(waiting)
                    count = piece[0][1] - piece[0][0]
                    behind(partial(self._written, left.pop(0), held[:count], stream.counts(piece)))
                    waiting = [held[count:]]
                    self._tell()
        self._tell()

    def _written(self, number: int, part: NDArray[np.uint8], changed: list[int]) -> None:
        self.labels.write(self.plan.piece(number), part)
        self.journal.note(number, changed=changed, pixels=pixels_of(part, len(self.model.classes)).tolist())

    def _tell(self) -> None:
        if self.progress:
            with self.telling:  # a progress bar is for one thread at a time
                self.progress(len(self.journal.done), self.plan.count)
