"""The figures of a measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

import torch

from .limits import Limits
from .turns import Times

TRAINED = "standard-8-4"
UNET, TUNED, FOREST = "U-Net as documented", "U-Net, every trick", "random forest"


@dataclass(frozen=True)
class Task:
    """A call, and what it computes.

    Attributes:
        system: whose.
        what: of the system.
        call: one run.
        pixels: of the image, or of the batch.
        operations: floating-point operations of its convolutions; None for what is no network.
        dtype: computed in.
        images: views a call, in training.
        kept: bytes kept for the backward pass, in training.
        steps: of a labelling.
    """

    system: str
    what: str
    call: Callable[[], object]
    pixels: int
    operations: float | None = None
    dtype: torch.dtype = torch.float32
    images: int = 0
    kept: int = 0
    steps: int = 0

    @property
    def name(self) -> str:
        """Of the row."""
        return f"{self.system}, {self.what}" if self.what else self.system


@dataclass
class Report:
    """What was measured.

    Attributes:
        machine: processor, threads, versions.
        limits: of the machine.
        rows: for each call that was timed: see `to_dict`.
        skipped: a line for each thing that was left out.
        stopped: whether Ctrl-C ended it early.
    """

    machine: dict[str, Any]
    limits: Limits
    rows: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    stopped: bool = False

    def seconds(self, name: str) -> float | None:
        """The median seconds of a row, if it is there."""
        return next((row["seconds"] for row in self.rows if row["name"] == name), None)

    def to_dict(self) -> dict[str, Any]:
        """As `retint bench --json` prints it. Rows: seconds (median), their least, for labelling seconds a megapixel and
        megapixels a second, for training images a second and bytes kept, GFLOP/s, share of the limit."""
        return {
            "machine": self.machine,
            "limits": {"convolution GFLOP/s": self.limits.convolution, "memory GB/s": self.limits.memory},
            "rows": self.rows,
            "ratios": self.ratios(),
            "skipped": self.skipped,
            "stopped": self.stopped,
        }

    def ratios(self) -> dict[str, float]:
        """What the rows come to, compared with each other, as far as they are there."""
        found: dict[str, float] = {}
        most = max((row["steps"] for row in self.rows if "steps" in row), default=0)
        for system in dict.fromkeys(row["system"] for row in self.rows):
            first, step = self.seconds(f"{system}, first pass"), self.seconds(f"{system}, a further step")
            if first and step:
                found[f"{system}: a further step / the first pass"] = step / first
            own = self.seconds(f"{system}, {steps_of(most)}")
            for peer in (UNET, TUNED, FOREST):
                if own and (other := self.seconds(peer)):
                    found[f"{peer} / {system}, {steps_of(most)}"] = other / own
        unet, own = self.seconds("U-Net, training"), self.seconds(f"{TRAINED}, training")
        if unet and own:
            found[f"images a second in training: {TRAINED} / U-Net"] = unet / own
        return {name: round(value, 3) for name, value in found.items()}


def row_of(task: Task, times: Times) -> dict[str, Any]:
    """The figures of a call that was timed."""
    taken = times.taken[task.name]
    seconds = sum(taken) / len(taken) if task.images else times.median(task.name)  # iterations differ: see Objective
    row: dict[str, Any] = {
        "name": task.name,
        "system": task.system,
        "what": task.what,
        "seconds": seconds,
        "least": min(taken),
    }
    if task.steps:
        row["steps"] = task.steps
    if task.images:
        side = isqrt(task.pixels // task.images)
        row |= {"view": side, "images per second": task.images / seconds, "bytes kept for the backward pass": task.kept}
    else:
        row |= {
            "seconds per megapixel": 1e6 * seconds / task.pixels,
            "megapixels per second": task.pixels / seconds / 1e6,
        }
    row["dtype"] = str(task.dtype).removeprefix("torch.")
    if task.operations is not None:
        row |= {"GFLOP": task.operations / 1e9, "GFLOP/s": task.operations / seconds / 1e9}
    return row


def share(row: dict[str, Any], limits: Limits, threads: int) -> None:
    """Of the convolution rate, what the row's usual and its best time come to."""
    if "GFLOP" in row:
        dtype = getattr(torch, row["dtype"])
        row["share of the limit"] = limits.share(1e9 * row["GFLOP"], row["seconds"], dtype, threads)
        row["share at its best"] = limits.share(1e9 * row["GFLOP"], row["least"], dtype, threads)


def steps_of(count: int) -> str:
    """As rows say it."""
    return f"{count} step" if count == 1 else f"{count} steps"
