"""Retint: labels every pixel of an image with a recurrent convolutional network that refines its own answer.

    model = retint.load("street")
    labeling = model.label(image, steps=8)

The five names `load`, `Model.label`, `Model.refinements`, `train` and `evaluate` carry the product.
What is wrong with an input is told by a `RetintError`, in one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import RetintError
    from .labeling import Labeling, Model, load
    from .labeling.judging.evaluate import evaluate
    from .labeling.large.dask_array import label_array
    from .learning import Settings, train

__version__ = "0.1.0"
__all__ = ["Labeling", "Model", "RetintError", "Settings", "evaluate", "label_array", "load", "train"]

_HOMES = {
    "Labeling": "labeling", "Model": "labeling", "load": "labeling", "evaluate": "labeling.judging.evaluate",
    "label_array": "labeling.large.dask_array", "RetintError": "errors",
    "Settings": "learning", "train": "learning",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Each name is imported when it is first asked for, so that one door does not load what another needs."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
