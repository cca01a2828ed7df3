"""Numbers as they are given, what is none being told in one line; and figures as results hold them."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from math import inf, isfinite
from typing import Any

from .errors import RetintError


def whole(given: Any, what: str, least: int = 1) -> int:
    """A whole number: Python's, NumPy's, or torch's.

    Args:
        given: what is to be one.
        what: what to call it in messages.
        least: that it may be.

    Raises:
        RetintError: it is none.
    """
    try:
        number = int(operator.index(given))
    except TypeError:
        raise RetintError(f"{what} {given}: expected a whole number") from None
    if number < least:
        raise RetintError(f"{what} {given}: at least {least} is needed")
    return number


def every_whole(given: Any, what: str) -> list[int]:
    """Whole numbers of at least 1, in the order that they are given in.

    Raises:
        RetintError: something else.
    """
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise RetintError(f"{what} {given}: expected whole numbers, such as (1, 2, 4)")
    return [whole(number, what) for number in given]


def real(given: Any, what: str, least: float = -inf, most: float = inf) -> float:
    """A number within limits.

    Raises:
        RetintError: something else.
    """
    try:
        number = float(given + 0)  # a text has no sum with a number
    except (OverflowError, RuntimeError, TypeError, ValueError):
        raise RetintError(f"{what} {given}: expected a number") from None
    if not least <= number <= most:
        limits = f"from {least:g} to {most:g}" if most < inf else f"of at least {least:g}" if least > -inf else "indeed"
        raise RetintError(f"{what} {number:g}: expected a number {limits}")
    return number


def finite(figure: float | None, digits: int = 6) -> float | None:
    """A figure for JSON, rounded; None where it is not defined."""
    return None if figure is None or not isfinite(figure) else round(float(figure), digits)
