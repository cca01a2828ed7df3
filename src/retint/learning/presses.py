"""Ctrl-C during a training run: heard at once, obeyed where nothing is lost."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ONE_PRESS = 1.0  # seconds in which several signals are one press


class Presses:
    """The presses of Ctrl-C since a run began.

    Attributes:
        stopping: whether the run is to end; it may be set from elsewhere.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._count, self._last, self._ending = 0, -math.inf, math.inf

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Within it, Ctrl-C is noted, and raises nothing but where `ending` says so."""
        before = signal.getsignal(signal.SIGINT)
        try:
            signal.signal(signal.SIGINT, self._press)
        except ValueError:  # not the main thread: nobody can press Ctrl-C here
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def ending(self, presses: float) -> Iterator[None]:
        """What so many presses end; what comes after it goes on."""
        self._ending = presses
        try:
            yield
        except KeyboardInterrupt:
            self.stopping = True
        finally:
            self._ending = math.inf

    def _press(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last > _ONE_PRESS:
            self._count, self._last = self._count + 1, now
        self.stopping = True
        if self._count >= self._ending:
            raise KeyboardInterrupt
