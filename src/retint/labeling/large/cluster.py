"""Labelling of files on several machines with Dask: blocks of an image, each with its halo, each equal to that part of the whole.

Workers share nothing but the store that holds image and labels. Each loads the model once, reads the region that a block
needs, and writes the block's own chunks. Needs dask and distributed. Dask arrays: see `dask_array`.
"""

from __future__ import annotations

import functools
import itertools
import logging
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RetintError, reason_of
from ...hardware import keep_memory
from ...images import RegionReader, open_regions
from ...images.zarr_regions import ZarrRegions
from ...wholefile import whole_folder
from ..counting import pixels_of
from ..model import Model, load
from ..source import Source
from ..tiles import Box, slices
from .dask_array import needed, one_thread, refuse
from .image import Finish, Found, LargeWish, Progress, facts_of, summary
from .lanes import Lanes, lanes
from .partial import Journal, begun_with
from .stream import Stream

_GRAIN = 512  # pixels of a chunk's side
_HALO = 1.15  # pixels computed for each one wanted, at most, where the image is large enough
_RETRIES = 3  # of a block that failed; a worker that is lost counts apart (Dask's `allowed-failures`)
_QUIET = {
    "distributed.worker.profile.enabled": False, "distributed.worker.memory.monitor-interval": "1s",
    "distributed.admin.tick.interval": "1s", "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.gil.enabled": False,
}  # fmt: skip
_AHEAD = 4  # blocks waiting for each thread: the scheduler holds so many, however many there are


@dataclass(frozen=True)
class _Job:
    """What a worker needs to know; the same for all blocks."""

    image: Path
    dims: int
    model: Path
    device: str
    labels: Path
    array: str
    wish: LargeWish
    steps: int
    plan: Lanes


def label_on_cluster(
    model: Model, reader: RegionReader, target: Path, wish: LargeWish, cluster: str, finish: Finish | None = None,
    say: Callable[[str], None] | None = None, progress: Progress | None = None,
) -> Found:  # fmt: skip
    """Label an image on a cluster; arguments as for `large.label_large`. A run that was stopped goes on.

    Args:
        model, reader, target, wish, finish, say, progress: see there. The folder of `target` must be one that all workers
            see, under the same name, as must the image.
        cluster: `local`, `local:N` (N processes of one thread on this machine), or the address of a Dask scheduler, such
            as dask-jobqueue's `cluster.scheduler_address`.

    Raises:
        RetintError: something does not fit, no cluster answers, or a block failed again and again.
    """
    distributed = needed("distributed")
    zarr = needed("zarr")
    refuse(model, str(reader.path))
    if model.file is None:
        raise RetintError(f"{model.name}: has no file; expected a model that workers can load: save it first")
    steps = wish.steps or model.card.steps
    network = model.network(wish.precision)
    source = Source(reader, model.card, model.dims, reader.path, wish.scale)
    with _client(distributed, cluster) as client:
        threads = max(sum(client.nthreads().values()), 1)
        halo = max(sum(g.tile_halo(steps, False)) * g.stride for g in network.geometry)
        begun = {} if wish.anew else begun_with(target) or {}
        planned = begun.get("threads", threads)  # a cluster may have grown since; an earlier version did not say
        plan = lanes(
            network, source.own, steps, wish.tile or _sides(source.own, halo / wish.scale, planned), wish.scale
        )
        facts = facts_of(model, reader, wish, plan, steps) | {"cluster": True}
        facts |= {"threads": planned} if not begun or "threads" in begun else {}
        with Journal(target, facts, wish.anew) as journal:
            folder = journal.folder.resolve()
            copied, labels = folder / f"model-{facts['model']}.safetensors", folder / "labels.zarr"  # workers keep what they loaded by its name
            straight = isinstance(reader, ZarrRegions)  # else they are written in the image's format afterwards
            if not labels.exists():
                if journal.done:  # stopped when they had been moved away
                    journal.forget()
                chunk = [
                    _chunk(plan.rows),
                    *(_chunk(max(b - a for a, b in span)) for span in zip(*plan.lanes, strict=True)),
                ]
                made = folder / "begun.zarr"
                shutil.rmtree(made, ignore_errors=True)
                if isinstance(reader, ZarrRegions):
                    reader.create_labels(made, target.name, model.card.colours, ([1, *chunk])[-3:])
                else:
                    zarr.create_group(made).create_array(
                        "0", shape=source.own, dtype=np.uint8, chunks=tuple(chunk), fill_value=0
                    )
                made.rename(labels)
            shutil.copyfile(model.file, copied)
            job = _Job(
                reader.path.resolve(), model.dims, copied, model.device.type, labels, "0", wish, steps, plan
            )  # fmt: skip
            if journal.done and say:
                say(f"{target}: goes on after {len(journal.done)} of {plan.count} blocks")
            _run(distributed, client, job, journal, threads, progress)
            if len(journal.done) != plan.count:
                raise RetintError(
                    f"{target}: {plan.count - len(journal.done)} of {plan.count} blocks were never labelled; give the same command again"
                )
            result = _Result(labels, reader if straight else None, source.own)
            if finish:
                finish(result)
            found = summary(model, source, network, journal)
            if straight:
                with whole_folder(target) as part:
                    labels.rename(part)
            else:
                reader.write_labels(target, result, model.card.colours)
            journal.remove()
    return found


class _Result:
    """The labels that the workers wrote, read by region."""

    def __init__(self, folder: Path, reader: Any, shape: Sequence[int]) -> None:
        self._array = needed("zarr").open_group(folder, mode="r")["0"]
        self._reader, self.shape = reader, tuple(shape)

    def read(self, box: Box) -> NDArray[np.uint8]:
        return np.asarray(self._array[slices(box) if self._reader is None else self._reader.index(box)])


def _run(distributed: Any, client: Any, job: _Job, journal: Journal, threads: int, progress: Progress | None) -> None:
    """All blocks that are not done, a few for each thread at a time."""
    left = iter([n for n in range(job.plan.count) if n not in journal.done])
    shared = client.submit(lambda job: job, job, pure=False)  # sent to each worker once, and made again if it is lost

    def submit() -> Iterator[Any]:
        for number in left:
            yield client.submit(_label_block, shared, number, retries=_RETRIES, pure=False)

    blocks = submit()
    waiting = distributed.as_completed(list(itertools.islice(blocks, threads * _AHEAD)))
    for future in waiting:
        try:
            number, row = future.result()
        except RetintError:
            raise
        except Exception as error:  # whatever happened on a worker
            reason = reason_of(error)
            raise RetintError(
                f"{job.image}: found that a block failed again and again ({reason}); expected workers that see the image and "
                f"{job.labels.parent}, with memory for a block: see their logs, then give the same command to go on"
            ) from error
        journal.note(number, **row)
        future.release()
        for following in itertools.islice(blocks, 1):
            waiting.add(following)
        if progress:
            progress(len(journal.done), job.plan.count)


def _label_block(job: _Job, number: int) -> tuple[int, dict[str, Any]]:
    """On a worker: label a block and write its chunks. Done twice, it writes the same."""
    one_thread()
    box = job.plan.piece(number)
    model = _loaded(job.model, job.device)
    reader: Any = open_regions(job.image, job.dims)
    network = model.network(job.wish.precision)
    source = Source(reader, model.card, model.dims, job.image, job.wish.scale)
    stream = Stream(network, source, job.plan, box, job.steps, job.wish.scale, alone=True)
    array = needed("zarr").open_group(job.labels, mode="r+")[job.array]
    index = reader.index if isinstance(reader, ZarrRegions) else slices
    pixels = np.zeros(len(model.classes), np.int64)
    rows, first, held = _chunk(job.plan.rows), box[0][0], list[NDArray[np.uint8]]()
    for (_, last), part in stream:
        held.append(part)
        pixels += pixels_of(part, len(pixels))
        ready = (last - first) // rows * rows if last < box[0][1] else last - first
        if ready:  # whole chunks
            joined = np.concatenate(held)
            array[index(((first, first + ready), *box[1:]))] = joined[:ready]
            held, first = [joined[ready:]], first + ready
    return number, {"changed": stream.counts(box), "pixels": pixels.tolist()}


@functools.lru_cache(maxsize=2)
def _loaded(file: Path, device: str) -> Model:
    """A worker's model, once for each process."""
    keep_memory()
    return load(file, device)


@contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """A Dask cluster of so many workers of one thread on this machine. Its processes do not watch themselves many times a second, as
    Dask's do: where all cores compute, nothing is left over for it. What they log when the cluster ends is for nobody."""
    import dask
    import distributed

    make: Any = distributed.LocalCluster
    with dask.config.set(_QUIET), _deaf():
        made = make(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL)
    with made:
        yield made


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that begin in it do not hear Ctrl-C, which is for the one that began them: it ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _client(distributed: Any, cluster: str) -> Iterator[Any]:
    """A client of a cluster that is there, or of one that ends with it."""
    kind, _, count = cluster.partition(":")
    if kind == "local" and (not count or (count.isdigit() and int(count))):
        workers = int(count) if count else max((os.cpu_count() or 2) // 2, 1)
        with (
            local_cluster(workers) as made,
            distributed.Client(made) as client,
        ):
            yield client
        return
    if "://" not in cluster:  # "local:0" too
        raise RetintError(f"--cluster {cluster}: expected local, local:N, or an address such as tcp://10.0.0.1:8786")
    try:
        client = distributed.Client(cluster)
    except OSError as error:
        raise RetintError(
            f"--cluster {cluster}: no Dask scheduler answers there ({error}); check the address"
        ) from None
    with client:
        yield client


def _sides(size: Sequence[int], halo: float, threads: int) -> tuple[int, ...]:
    """Pixels of a block's sides: little halo, but blocks for all threads, and all about as large."""
    side = _up(halo / (_HALO ** (1 / len(size)) - 1))
    while prod(ceil(n / side) for n in size) < 2 * threads and side // 2 >= max(halo, _GRAIN):
        side = _up(side / 2)
    return tuple(_up(n / ceil(n / side)) for n in size)


def _up(n: float) -> int:
    return max(ceil(n / _GRAIN), 1) * _GRAIN


def _chunk(side: int) -> int:
    """Of a block's side: chunks that no other block shares."""
    return _GRAIN if side % _GRAIN == 0 else side
