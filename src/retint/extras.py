"""Packages that not everybody has."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import RetintError


def need(package: str, extra: str, found: str) -> Any:
    """A package that comes with an extra.

    Args:
        package: or a module of it.
        extra: that brings it.
        found: what it is needed for, to begin the message with: "a.nii: found NIfTI".

    Raises:
        RetintError: it is not installed, or cannot be imported; the message says how to get it.
    """
    try:
        return import_module(package)
    except ImportError as error:
        name = package.split(".")[0]
        why = "" if isinstance(error, ModuleNotFoundError) else f" (it cannot be imported: {error})"
        raise RetintError(f"{found}; expected the {name} package{why}: pip install 'retint[{extra}]'") from None
