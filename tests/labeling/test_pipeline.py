"""Reading ahead and writing behind: order, errors, memory, stopping."""

import threading

import pytest

from retint.labeling.pipeline import Behind, pipelined, read_ahead


def never(_):
    return False


def test_results_come_in_order_with_their_own_errors():
    def read(n):
        if n == 1:
            raise ValueError("read")
        return n

    def compute(n):
        if n == 3:
            raise ValueError("compute")
        return 10 * n

    def write(n):
        if n == 40:
            raise ValueError("write")
        return n + 1

    for large in (never, lambda n: True):
        told = []
        for future in pipelined(range(6), read, compute, write, large):
            assert future.done()
            told.append(str(future.exception() or future.result()))
        assert told == ["1", "read", "21", "compute", "write", "51"]
    assert list(pipelined([], read, compute, write, never)) == []


def test_the_next_is_read_and_the_last_written_while_one_is_computed():
    read_2, computing, written_0 = threading.Event(), threading.Event(), threading.Event()

    def read(n):
        if n == 2:
            assert computing.wait(5)
            read_2.set()
        return n

    def compute(n):
        if n == 1:
            computing.set()
            assert read_2.wait(5)
            assert written_0.wait(5)
        return n

    def write(n):
        if n == 0:
            assert computing.wait(5)
            written_0.set()
        return n

    assert [future.result() for future in pipelined(range(4), read, compute, write, never)] == [0, 1, 2, 3]


def test_nothing_is_read_beside_a_large_one():
    order = []

    def part(what):
        def call(n):
            order.append((what, n))
            return n

        return call

    for _ in pipelined(range(3), part("read"), part("compute"), part("write"), lambda n: True):
        pass
    assert order == [(what, n) for n in range(3) for what in ("read", "compute", "write")]


def test_an_interrupt_finishes_what_is_being_written_and_begins_nothing():
    begun, written = [], []
    computing = threading.Event()

    def compute(n):
        if n == 1:
            computing.set()
            raise KeyboardInterrupt
        return n

    def write(n):
        begun.append(n)
        computing.wait(5)
        written.append(n)
        return n

    with pytest.raises(KeyboardInterrupt):
        list(pipelined(range(100), lambda n: n, compute, write, never))
    assert begun == written == [0]


def test_reading_ahead_keeps_the_order_and_reads_no_more_than_asked():
    read, gone = [], threading.Event()

    def slow(n):
        read.append(n)
        gone.wait(0.01)
        return 2 * n

    found = read_ahead(range(50), slow, most=2)
    assert [next(found) for _ in range(3)] == [0, 2, 4]
    found.close()
    assert len(read) <= 6
    assert list(read_ahead([], slow)) == []
    assert list(read_ahead(range(5), slow, most=0)) == [0, 2, 4, 6, 8]


def test_what_reading_raises_comes_at_its_turn():
    found = read_ahead([1, 2, 0, 4], lambda n: 1 / n)
    assert [next(found), next(found)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_calls_behind_are_made_in_turn_and_end_with_the_context():
    made, slow = [], threading.Event()
    with Behind() as behind:
        for n in range(6):
            behind(lambda n=n: (slow.wait(0.01), made.append(n))[1])
    assert made == list(range(6))


def test_after_a_call_that_failed_none_is_made():
    made = []

    def fail():
        raise OSError("full")

    def several(behind):
        made.clear()
        behind(fail)
        for _ in range(5):
            behind(lambda: made.append(1))

    with pytest.raises(OSError, match="full"), Behind() as behind:
        several(behind)
    assert made == []

    def stopped():
        with Behind() as behind:
            behind(lambda: made.append(1))
            behind(fail)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # what ended the context is told
        stopped()
    assert made == [1]
