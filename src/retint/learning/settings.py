"""What a training run is told, and where it keeps its files."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import RetintError
from ..numbers import every_whole, real, whole
from .augment import Augmentation

_Labels = Literal["pixels", "some", "tags"]


@dataclass(frozen=True)
class Settings:
    """Of one training run; part of its checkpoint and of the model's card.

    Attributes:
        arch: an entry of the catalogue; None takes that of `start`, or chooses a small one whose label grid the labels bear, and for volumes one
            that suits the thickness of their slices.
        start: a model to begin from, a bundled name or a file: its weights are taken wherever they fit.
        labels: what is learned from: `pixels`; `some`: the same, and images without labels are left out; or `tags`: also
            from images that have tags in place of labels.
        epochs, minutes: how long; without either, 60 epochs. An epoch looks at as many pixels as the training images
            hold, and at 200 views at least. With `minutes`, the learning rate follows the clock, and two runs differ.
        seed: of all chance.
        batch: views in a batch; None: 4, of volumes 1.
        crop: rows and columns of a view, or slices, rows and columns; None chooses by the stride of the label grid.
        rate: the highest learning rate (see `Muon`; it rises over the first 3 % and falls to nothing along a cosine).
        decay: weight decay.
        window, wander, spoilt, hinted, misled, overlap: see `Objective`.
        coherent: see `Objective`; None: 1 where less than half of the pixels are labelled in the images that have labels, and these are in colour, else 0.
        rare: the power of the class weighting, 0 (none) to 1 (classes of any size count the same).
        aimed: share of views laid about a pixel of a class drawn evenly.
        average: decay of the moving average of the weights, which is what the model keeps.
        augmentation: how far views differ.
    """

    arch: str | None = None
    start: str | Path | None = None
    labels: _Labels = "pixels"
    epochs: float | None = None
    minutes: float | None = None
    seed: int = 0
    batch: int | None = None
    crop: tuple[int, ...] | None = None
    rate: float = 4e-3
    decay: float = 1e-2
    window: int = 2
    wander: int = 10
    spoilt: float = 0.25
    hinted: float = 0.3
    misled: float = 0.0
    overlap: float = 1.0
    coherent: float | None = None
    rare: float = 0.5
    aimed: float = 0.3
    average: float = 0.998
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Make all of it plain data, which checkpoints and cards hold.

        Raises:
            RetintError: a setting is of another kind, or out of its range.
        """
        if self.labels not in (known := get_args(_Labels)):
            raise RetintError(f"labels {self.labels}: expected one of {', '.join(known)}")
        plain: dict[str, Any] = {"start": None if self.start is None else str(self.start)}
        if self.crop is not None:
            plain["crop"] = tuple(every_whole(self.crop, "crop"))
        for name, least in {"seed": 0, "batch": 1, "window": 0, "wander": 0}.items():
            if (given := getattr(self, name)) is not None:
                plain[name] = whole(given, name, least)
        shares = dict.fromkeys(("spoilt", "hinted", "misled", "overlap", "rare", "aimed", "average"), 1.0)
        for name, most in {"epochs": math.inf, "minutes": math.inf, "rate": math.inf, "decay": math.inf, "coherent": math.inf, **shares}.items():
            if (given := getattr(self, name)) is not None:
                number = real(given, name, 0, most)
                plain[name] = given if type(given) is int else number  # as a person wrote it
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Settings:
        """The settings that plain data describe; what this version does not know is dropped, what was not there yet is not used."""
        known = {f.name for f in fields(cls)}
        data = {"coherent": 0.0} | {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known}
        return cls(**{**data, "augmentation": Augmentation(**data["augmentation"])})


def check_suffix(out: Path) -> None:
    """Whether a file to be made is named as models are.

    Raises:
        RetintError: it is not.
    """
    if out.suffix != ".safetensors":
        raise RetintError(f"--out {out}: a model file ends in .safetensors")


def checkpoint_path(out: Path) -> Path:
    """Where the run that makes `out` keeps its checkpoint."""
    return out.with_suffix(".checkpoint")


def log_paths(out: Path) -> tuple[Path, Path]:
    """The CSV log of that run and its plot."""
    return out.with_suffix(".log.csv"), out.with_suffix(".log.png")
