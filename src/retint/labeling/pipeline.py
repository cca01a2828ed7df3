"""One thing after another, with reading ahead and writing behind in threads of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")
Computed = TypeVar("Computed")
Written = TypeVar("Written")


def pipelined(
    items: Sequence[Item],
    read: Callable[[Item], Read],
    compute: Callable[[Read], Computed],
    write: Callable[[Computed], Written],
    large: Callable[[Read], bool],
) -> Generator[Future[Written], None, None]:
    """Read, compute and write each item; the next is read and the last is written while one is computed.

    `compute` runs where the results are asked for, `read` and `write` in a thread each. At most three items are in memory;
    while one is there that is large, the next is not read.

    Args:
        items: what to go through.
        read, compute, write: the three parts; each is given what the part before made.
        large: whether what was read is so much that little should lie beside it.

    Yields:
        For each item in turn, its result, or what a part raised, as a future that is done. When the iterator is closed,
        also by Ctrl-C, what is being written is finished and nothing more is begun.
    """
    behind: Future[Written] | None = None
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        try:
            ahead = [reader.submit(read, item) for item in items[:1]]
            for number in range(1, len(items) + 1):
                coming, following = ahead.pop(), items[number : number + 1]
                wait([coming])
                alone = coming.exception() is None and large(coming.result())
                if not alone:
                    ahead = [reader.submit(read, item) for item in following]
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
                    ahead = [reader.submit(read, item) for item in following]
            if behind is not None:
                wait([behind])
                yield behind
        finally:
            reader.shutdown(wait=False, cancel_futures=True)


def _begun(writer: ThreadPoolExecutor, write: Callable[[Computed], Written], computed: Computed) -> Future[Written]:
    return writer.submit(write, computed)


def _failed(error: Exception) -> Future[Written]:
    future: Future[Written] = Future()
    future.set_exception(error)
    return future
