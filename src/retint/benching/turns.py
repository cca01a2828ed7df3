"""Calls timed in turn, so that whatever else the machine does falls on all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

_SLOW = 10.0
"""Seconds; what takes longer is timed in the first two rounds alone."""


class Times:
    """Seconds that calls took, by name."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    def __contains__(self, name: str) -> bool:
        return bool(self.taken.get(name))

    def median(self, name: str) -> float:
        """The median of a call's times: what it usually takes here."""
        return median(self.taken[name])

    def best(self, name: str) -> float:
        """The least of a call's times: what it takes when nothing else disturbs it."""
        return min(self.taken[name])

    def in_turn(
        self, calls: Mapping[str, Callable[[], object]], rounds: int, note: Callable[[str], None] = lambda line: None
    ) -> None:
        """Time every call once in each round, after one round that does not count.

        Args:
            calls: by name.
            rounds: that count.
            note: called with a line before each round.

        Raises:
            KeyboardInterrupt: pressed; the times so far are kept.
        """
        for number in range(rounds + 1 if calls else 0):
            note(f"round {number} of {rounds}" if number else f"warming up {len(calls)} calls")
            for name, call in calls.items():
                if number > 2 and self.median(name) > _SLOW:
                    continue
                began = time.perf_counter()
                call()
                taken = time.perf_counter() - began
                if number:
                    self.taken.setdefault(name, []).append(taken)
