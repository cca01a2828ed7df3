"""A large labelling on its way: what is done is kept in a folder NAME.partial, from which a run that was killed goes on.

`labels` holds the labels of the whole image, one byte each, row after row; `journal` says on its first line what is
being done, and on each further one which piece is done. A piece is written to the disk before its line is, so a piece
with a line is whole, whatever happens.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RetintError
from ..tiles import Box, slices

_JOURNAL = "journal"


def partial_folder(target: Path) -> Path:
    """Where the work on a file is kept until it is done."""
    return target.with_name(f"{target.name}.partial")


def is_begun(target: Path) -> bool:
    """Whether there is work on a file to go on with."""
    return begun_with(target) is not None


def begun_with(target: Path) -> dict[str, Any] | None:
    """The facts of the work on a file that was begun; None if there is none."""
    try:
        with (partial_folder(target) / _JOURNAL).open("rb") as file:
            first = file.readline()
    except OSError:  # among others: no such file, or a name too long for one
        return None
    try:
        facts = json.loads(first)
    except ValueError:  # it was not written whole
        return {}
    return facts if isinstance(facts, dict) else {}


class Journal:
    """The pieces that are done, and a context. One process at a time has one: it is locked when made (not on Windows).

    Args:
        target: the file that is to be made.
        facts: what it is made from and how, in plain data. A journal with other facts is not gone on with.
        anew: forget what was done.

    Attributes:
        folder: of the work.
        done: what was noted of each piece that is done, by its number.

    Raises:
        RetintError: the work that is there is another, or another process is at it, or the folder cannot be written.
    """

    def __init__(self, target: Path, facts: dict[str, Any], anew: bool = False) -> None:
        self.target, self.folder, self.done = target, partial_folder(target), dict[int, Any]()
        self._one = Lock()  # several threads may note
        self._facts = json.loads(json.dumps(facts))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = (self.folder / _JOURNAL).open("a+b")
            try:
                self._begin(anew)
            except BaseException:
                self._file.close()
                raise
        except OSError as error:
            raise self.told(error) from error

    def note(self, piece: int, **row: Any) -> None:
        """Note that a piece is done, for good."""
        row = {"piece": piece} | row
        with self._one:
            self._append(row)
            self.done[piece] = row

    def forget(self) -> None:
        """Begin anew: the folder is emptied, but for the journal, which is empty until nothing else is there."""
        self._file.truncate(0)
        self.done.clear()
        for other in self.folder.iterdir():
            if other.is_dir():
                shutil.rmtree(other)
            elif other.name != _JOURNAL:
                other.unlink()
        self._append(self._facts)

    def remove(self) -> None:
        """Remove the folder: the file is made. The journal goes first: without what it tells of, it would tell what is not so."""
        self._file.close()
        (self.folder / _JOURNAL).unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None and not self.done and not self._facts.get("cluster"):  # nothing to go on with; workers may be writing yet
            with suppress(OSError):
                self.remove()
        self._file.close()

    def _begin(self, anew: bool) -> None:
        """Read what is there, or begin."""
        self._lock()
        self._file.seek(0)
        lines = self._file.read().split(b"\n")[:-1]  # what follows the last end of a line was not written whole
        self._file.truncate(sum(len(line) + 1 for line in lines))
        if anew or len(lines) < 2:
            self.forget()
            return
        self._check(json.loads(lines[0]))
        self.done = {row["piece"]: row for row in map(json.loads, lines[1:])}

    def _append(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _check(self, found: dict[str, Any]) -> None:
        for name in self._facts:
            if found.get(name) != self._facts[name]:
                was, now = _differing(found.get(name), self._facts[name])
                raise RetintError(
                    f"{self.folder}: found work that was begun with another {name} ({was}; now {now}); expected the same: give the "
                    "same command to go on, or --overwrite to begin anew"
                )

    def _lock(self) -> None:
        """Keep other processes off; the system lets go when this one ends, however it ends."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetintError(
                f"{self.folder}: found another process at work on it; expected to be alone: wait for it, or end it"
            ) from None

    def told(self, error: OSError) -> RetintError:
        """What the system refused, in one line."""
        return RetintError(
            f"{self.folder}: found that it cannot be written ({error.strerror}); expected a writable folder with room: choose another"
        )


class PartialLabels:
    """The labels of the whole image in a plain file of a journal's folder: written piece by piece, read by region.

    Where the file is not there, nothing of the work is, whatever the journal says.
    """

    def __init__(self, journal: Journal, shape: Sequence[int]) -> None:
        self.shape, self._path = tuple(shape), journal.folder / "labels"
        size = self._path.stat().st_size if self._path.exists() else None
        if size != prod(shape):
            if journal.done:
                journal.forget()
            try:
                self._path.touch()
                with self._path.open("r+b") as file:
                    if hasattr(os, "posix_fallocate"):  # else a full disk would show in the midst of the work
                        os.posix_fallocate(file.fileno(), 0, prod(shape))
                    else:
                        file.truncate(prod(shape))
            except OSError as error:
                raise journal.told(error) from error

    def write(self, box: Box, labels: NDArray[np.uint8]) -> None:
        """Write a box, and see that it is on the disk."""
        with self._path.open("r+b") as file:
            for at, run in _runs(self.shape, box, np.ascontiguousarray(labels)):
                file.seek(at)
                file.write(run.tobytes())
            file.flush()
            os.fsync(file.fileno())

    def read(self, box: Box) -> NDArray[np.uint8]:
        """The labels of a box."""
        # mapped anew each time: what was read does not stay in this process's memory
        return np.array(np.memmap(self._path, np.uint8, "r", shape=self.shape)[slices(box)])


def _differing(was: Any, now: Any) -> tuple[str, str]:
    """Two facts, as far as they differ."""
    if isinstance(was, dict) and isinstance(now, dict):
        names = [name for name in now if was.get(name) != now[name]]
        was, now = ({name: given.get(name) for name in names} for given in (was, now))
    return str(was)[:60], str(now)[:60]


def _runs(shape: tuple[int, ...], box: Box, labels: NDArray[np.uint8]) -> list[tuple[int, NDArray[np.uint8]]]:
    """The parts of a box that lie in one piece in the file: where, and what."""
    if all(span == (0, n) for span, n in zip(box[1:], shape[1:], strict=True)):
        return [(box[0][0] * prod(shape[1:]), labels)]
    (first, last), *rest = box
    return [
        (row * prod(shape[1:]) + at, run)
        for row in range(first, last)
        for at, run in _runs(shape[1:], tuple(rest), labels[row - first])
    ]
