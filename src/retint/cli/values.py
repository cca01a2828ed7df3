"""What the verbs share: values that people type, results printed, signs that work goes on."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any


def whole(text: str) -> int:
    """A whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number of at least 1")
    return value


def natural(text: str) -> int:
    """A whole number from 0 to 2^63 - 1."""
    if not re.fullmatch(r"\d{1,19}", text.strip()) or (value := int(text)) >= 1 << 63:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 0 to {(1 << 63) - 1}")
    return value


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them: 1,2,4,8."""
    return tuple(whole(part) for part in text.split(","))


def extents(text: str) -> tuple[int, int]:
    """Rows and columns: 1024x768."""
    match = re.fullmatch(r"(\d+)x(\d+)", text.strip())
    if not match or not (int(match[1]) and int(match[2])):
        raise argparse.ArgumentTypeError(f"{text!r}: expected rows and columns, such as 1024x768")
    return int(match[1]), int(match[2])


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them: sky,road."""
    found = tuple(part.strip() for part in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!r}: expected names with commas between them, such as sky,road")
    return found


def scales(text: str) -> Any:
    """A scale, or several: 1.25 or 1.25,1.75m."""
    from ..errors import RetintError
    from ..labeling.views import views_of

    try:
        return views_of(text) if "," in text or text.endswith("m") else views_of(text)[0].scale
    except RetintError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("--scale ")) from None


def positive(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return value


def seconds(text: str) -> float:
    """A time: 50ms, 2s, 1.5min; a bare number is seconds."""
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(ms|s|min|)", text.strip())
    if not match or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a time such as 50ms, 2s or 1min")
    return float(match[1]) * {"ms": 1e-3, "s": 1.0, "": 1.0, "min": 60.0}[match[2]]


def say(line: str) -> None:
    """A line for the person, apart from results."""
    print(line, file=sys.stderr)


def print_json(value: Any) -> None:
    """A result for a program: one object."""
    print(json.dumps(value, indent=2, allow_nan=False))


def tell(
    outcome: dict[str, Any], rows: Sequence[dict[str, Any]], line: Callable[[dict[str, Any]], str], what: str, as_json: bool
) -> int:
    """What became of files that were labelled: a line for each, or one object; what is wrong comes last, to be seen.

    Args:
        outcome: as --json prints it.
        rows: of what was labelled.
        line: what the terminal is told of a row.
        what: was labelled: images or films.
        as_json: print the object.

    Returns:
        The exit code: 0, or 1 if any was not labelled.
    """
    for warning in outcome["warnings"]:
        say(f"retint: warning: {warning}")
    if as_json:
        print_json(outcome)
    else:
        for row in rows:
            print(line(row))
        if outcome["skipped"]:
            print(f"passed over {len(outcome['skipped'])} labelled already")
    failed = outcome["failed"]
    for failure in failed:
        say(f"retint: {failure['error']}")
    if failed:
        say(f"retint: {len(failed)} of {len(failed) + len(rows)} {what} were not labelled")
    return 1 if failed else 0


@contextmanager
def alive(bar: Any) -> Iterator[None]:
    """Show every second for how long a tqdm bar has stood, so that a person sees that the work goes on."""
    done = Event()

    def show() -> None:
        while not done.wait(1):
            bar.refresh()

    shower = Thread(target=show, daemon=True)
    if not bar.disable:
        shower.start()
    try:
        yield
    finally:
        done.set()
        if not bar.disable:
            shower.join()
