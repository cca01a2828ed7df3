"""What is wanted of a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ARCHITECTURES = ("small-8-4", "standard-8-4")
MODELS = ("street",)
STEPS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        size: rows and columns of the image.
        rounds: that count.
        threads: to compute on; None takes torch's choice.
        steps: of labelling.
        models, architectures: bundled models (or files), and entries of the catalogue with fresh weights.
        peers: whether to compare with others.
        compile: whether the tuned U-Net is compiled.
        view: pixels of the side of a view in training; 0 leaves training out.
        least: seconds for each figure of the limits.
        device: auto, cpu or cuda.
    """

    size: tuple[int, int] = (1024, 1024)
    rounds: int = 5
    threads: int | None = None
    steps: tuple[int, ...] = STEPS
    models: tuple[str, ...] = MODELS
    architectures: tuple[str, ...] = ARCHITECTURES
    peers: bool = True
    compile: bool = True
    view: int = 320
    least: float = 0.5
    device: str = "auto"

    @classmethod
    def quick(cls, **more: Any) -> Options:
        """A small image, few rounds, nothing compiled."""
        return cls(**{"size": (512, 512), "rounds": 2, "compile": False, "least": 0.1, **more})
