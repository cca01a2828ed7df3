"""What became of files that were labelled one after another: a bad one does not stop the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ...errors import RetintError
from ...hardware import lacks_memory

Done = TypeVar("Done")


@dataclass
class Account:
    """What became of what was labelled.

    Attributes:
        model: its name; None if there was none.
        failed: for each one that was not labelled: its name and why.
        warnings: lines for the user.
        skipped: those whose labels were there already.
    """

    model: str | None
    failed: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def fail(self, kind: str, path: Path, error: Exception) -> None:
        """Add a row to `failed`.

        Args:
            kind: what the row calls it: image or clip.
            path: of what was not labelled.
            error: why; see `expected`.
        """
        why = str(error) if isinstance(error, RetintError) else f"{path}: {str(error) or 'not enough memory'}"
        self.failed.append({kind: str(path), "error": why})

    def told(self, kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """As `retint label --json` prints it: the rows of what was labelled, and the rest."""
        return {"model": self.model, kind: rows, "failed": self.failed, "skipped": self.skipped, "warnings": self.warnings}


def attempted(call: Callable[[], Done]) -> Done | Exception:
    """What a call returns, or what was to be expected that it raises."""
    try:
        return call()
    except Exception as error:
        return expected(error)


def expected(error: Exception) -> Exception:
    """The error that is told of one file, the others going on: what is wrong with it, or too little memory, whoever says so.

    Raises:
        Exception: any other error, as it is.
    """
    if lacks_memory(error):
        return MemoryError()
    if isinstance(error, RetintError | MemoryError | OSError):
        return error
    raise error
