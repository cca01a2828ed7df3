"""Reading ahead and writing behind: order, errors, memory, stopping."""

import threading

import pytest

from retint.labeling.pipeline import pipelined


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
