"""Room for estimates: in memory while small, else in a nameless file that the system keeps in memory as far as it fits."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..errors import RetintError

_IN_MEMORY = 1 << 26
"""Values, at most."""


def room_for(shape: Sequence[int]) -> NDArray[np.float32]:
    """An array to be filled.

    Raises:
        RetintError: the folder for temporary files has no room for it.
    """
    if prod(shape) <= _IN_MEMORY:
        return np.empty(shape, np.float32)
    size = 4 * prod(shape)
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):  # else a full disk would show in the midst of the work
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            return np.ndarray(tuple(shape), np.float32, buffer=mmap.mmap(file.fileno(), size))
    except OSError as error:
        raise RetintError(
            f"{tempfile.gettempdir()}: no room for estimates of {size / 1e9:.1f} GB ({error.strerror}); set TMPDIR to a folder "
            "that has it"
        ) from error


def let_go(array: NDArray[np.float32] | None) -> None:
    """Take what lies in a file out of this process's memory, until it is read again."""
    file = None if array is None else array.base
    if isinstance(file, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        file.madvise(mmap.MADV_DONTNEED)
