"""Packages that not everybody has."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import RetintError


def package(name: str, extra: str) -> Any:
    """A package that comes with an extra.

    Raises:
        RetintError: it is not installed; the message says how to get it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise RetintError(
            f"{name}: found that this package cannot be imported ({error}); `pip install 'retint[{extra}]'` to have it"
        ) from None
