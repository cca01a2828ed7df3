"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from .errors import RetintError, reason_of


def check_folder(folder: str | PathLike[str], option: str = "--out") -> None:
    """Before the work: whether files can be written into a folder, which need not be there yet.

    Args:
        folder: that the files will go into.
        option: what to call it in messages.

    Raises:
        RetintError: it, or one that it would lie in, is a file or may not be written to.
    """
    folder = Path(folder)
    there = next(place for place in (folder, *folder.parents) if place.exists())
    found = "" if there == folder else f"{there} "
    if not there.is_dir():
        raise RetintError(f"{option} {folder}: {found}is a file; expected a folder")
    try:
        tempfile.TemporaryFile(dir=there).close()  # who may write is not all that counts
    except OSError:
        raise RetintError(f"{option} {folder}: {found}may not be written to; choose another folder") from None


@contextmanager
def whole_file(path: str | PathLike[str]) -> Iterator[Path]:
    """Write a file that appears whole or not at all.

    Yields another name in the same folder, hidden and with the same suffix, to write to. On success that file takes
    the place of `path`; on an error or an interrupt it is removed, and an earlier `path` stays as it was.

    Args:
        path: the file to write; folders above it are created.

    Raises:
        RetintError: `path` is no place for a file, or the system refused (rights, a full disk).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, whole_file(Path(folder) / "note.txt") as part:
    ...     _ = part.write_text("done")
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        found = "a folder" if path.is_dir() else "a device"
        raise RetintError(f"{path}: found {found}; expected a place for a file: choose another name")
    part = path.with_name(f".{secrets.token_hex(6)}.part{path.suffix}")
    try:
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
    finally:
        with suppress(OSError):  # it may never have been there
            part.unlink()


@contextmanager
def whole_folder(path: str | PathLike[str]) -> Iterator[Path]:
    """Write a folder that appears whole or not at all; an earlier one stays until then. See `whole_file`.

    Raises:
        RetintError: `path` is no place for a folder, or the system refused.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise RetintError(f"{path}: found a file; expected a place for a folder: choose another name")
    part, old = (path.with_name(f".{secrets.token_hex(6)}.{kind}{path.suffix}") for kind in ("part", "old"))
    try:
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            if path.exists():
                path.rename(old)
            part.rename(path)
    finally:
        if old.exists() and not path.exists():  # the new one did not come
            old.rename(path)
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the system refuses into one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or reason_of(error)
        raise RetintError(
            f"{path}: found that it cannot be written ({reason}); expected a writable folder with room: choose another"
        ) from error
