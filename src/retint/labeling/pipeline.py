"""One thing after another, with reading ahead and writing behind in threads of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import islice
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")
Computed = TypeVar("Computed")
Written = TypeVar("Written")


def pipelined(
    items: Iterable[Item],
    read: Callable[[Item], Read],
    compute: Callable[[Read], Computed],
    write: Callable[[Computed], Written],
    large: Callable[[Read], bool],
) -> Generator[Future[Written], None, None]:
    """Read, compute and write each item; the next is read and the last is written while one is computed.

    `compute` runs where the results are asked for, `read` and `write` in a thread each. At most three items are in memory;
    while one is there that is large, the next is not read.

    Args:
        items: what to go through, each taken when it is to be read.
        read, compute, write: the three parts; each is given what the part before made.
        large: whether what was read is so much that little should lie beside it.

    Yields:
        For each item in turn, its result, or what a part raised, as a future that is done. When the iterator is closed,
        also by Ctrl-C, what is being written is finished and nothing more is begun.
    """
    behind: Future[Written] | None = None
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        try:
            left = iter(items)
            ahead = [reader.submit(read, item) for item in islice(left, 1)]
            while ahead:
                coming = ahead.pop()
                wait([coming])
                alone = coming.exception() is None and large(coming.result())
                if not alone:
                    ahead = [reader.submit(read, item) for item in islice(left, 1)]
                try:
                    finish = partial(_begun, writer, write, compute(coming.result()))
                except Exception as error:
                    finish = partial(_failed, error)
                del coming
                if behind is not None:
                    wait([behind])
                    yield behind
                behind = finish()
                del finish
                if alone:
                    wait([behind])
                    ahead = [reader.submit(read, item) for item in islice(left, 1)]
            if behind is not None:
                wait([behind])
                yield behind
        finally:
            reader.shutdown(wait=False, cancel_futures=True)


def read_ahead(items: Iterable[Item], read: Callable[[Item], Read], most: int = 2) -> Generator[Read, None, None]:
    """What is read of each item in turn; a thread reads at most so many items ahead.

    What `read` raises is raised when its item's turn comes. Closed, it ends with the item that is being read.
    """
    waiting: deque[Future[Read]] = deque()
    with ThreadPoolExecutor(1) as reader:
        try:
            for item in items:
                waiting.append(reader.submit(read, item))
                if len(waiting) > most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            reader.shutdown(wait=False, cancel_futures=True)


class Behind:
    """Calls that a thread makes in turn, while others are prepared; at most one waits.

    After a call that failed none is made. What it raised is raised by the next call that is given, or when the context
    ends, which waits for all calls, unless it ends by another error.
    """

    def __init__(self) -> None:
        self._thread, self._waiting = ThreadPoolExecutor(1), deque[Future[None]]()
        self._error: BaseException | None = None

    def __call__(self, call: Callable[[], None]) -> None:
        """Have a call made."""
        while len(self._waiting) > 1:
            self._waiting.popleft().result()
        self._raise()
        self._waiting.append(self._thread.submit(self._make, call))

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown()
        if error is None:
            self._raise()

    def _make(self, call: Callable[[], None]) -> None:
        if self._error is None:
            try:
                call()
            except BaseException as error:  # raised where the calls come from
                self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error


def _begun(writer: ThreadPoolExecutor, write: Callable[[Computed], Written], computed: Computed) -> Future[Written]:
    return writer.submit(write, computed)


def _failed(error: Exception) -> Future[Written]:
    future: Future[Written] = Future()
    future.set_exception(error)
    return future
