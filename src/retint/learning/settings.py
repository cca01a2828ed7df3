"""What a training run is told, and what it chooses where it is told nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..data import Pair, choose_stride
from .augment import Augmentation
from .survey import Survey

_CROPS = {8: 320, 4: 288, 2: 192, 1: 128}


@dataclass(frozen=True)
class Settings:
    """Of one training run; part of its checkpoint and of the model's card.

    Attributes:
        arch: an entry of the catalogue; None chooses a small one whose label grid the labels bear.
        epochs, minutes: how long; without either, 60 epochs. An epoch looks at as many pixels as the training images
            hold, and at 200 views at least. With `minutes`, the learning rate follows the clock, and two runs differ.
        seed: of all chance.
        batch: views in a batch.
        crop: rows and columns of a view; None chooses by the stride of the label grid.
        rate: the highest learning rate (AdamW; it rises over the first 3 % and falls to nothing along a cosine).
        decay: weight decay.
        window, wander, spoilt: see `Objective`.
        rare: the power of the class weighting, 0 (none) to 1 (classes of any size count the same).
        aimed: share of views laid about a pixel of a class drawn evenly.
        average: decay of the moving average of the weights, which is what the model keeps.
        augmentation: how far views differ.
    """

    arch: str | None = None
    epochs: float | None = None
    minutes: float | None = None
    seed: int = 0
    batch: int = 4
    crop: tuple[int, int] | None = None
    rate: float = 2e-3
    decay: float = 1e-2
    window: int = 2
    wander: int = 10
    spoilt: float = 0.25
    rare: float = 0.5
    aimed: float = 0.3
    average: float = 0.998
    augmentation: Augmentation = field(default_factory=Augmentation)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Settings:
        """The settings that plain data describe; what this version does not know is dropped."""
        known = {f.name for f in fields(cls)}
        data = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known}
        return cls(**{**data, "augmentation": Augmentation(**data["augmentation"])})


def choose_arch(pairs: Sequence[Pair], classes: int) -> str:
    """The small architecture with the coarsest label grid that these labels bear."""
    return f"small-{choose_stride(pairs, classes)}"


def choose_crop(survey: Survey, stride: int) -> tuple[int, int]:
    """Rows and columns of a view: as the label grid wants it, no larger than the images, in whole label cells."""
    rows, columns = (max(min(_CROPS.get(stride, 256), n) // stride, 1) * stride for n in survey.size)
    return rows, columns


def checkpoint_path(out: Path) -> Path:
    """Where the run that makes `out` keeps its checkpoint."""
    return out.with_suffix(".checkpoint")


def log_paths(out: Path) -> tuple[Path, Path]:
    """The CSV log of that run and its plot."""
    return out.with_suffix(".log.csv"), out.with_suffix(".log.png")
