"""How to label an image, and what is given with it: two values that pass through all doors in place of their sixteen fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RetintError
from ..hardware import Precision
from ..numbers import whole
from .finer import WAYS, Way
from .plan import TileSide
from .stopping import Stop
from .views import Scale, View, views_of


@dataclass(frozen=True)
class How:
    """How to label; the fields are those of `Model.label`, whose `doubt` is `trace` here.
    """

    steps: int | None = None
    until_settled: bool = False
    budget: float | None = None
    tolerance: float | None = None
    scale: Scale = 1.0
    tile: TileSide | None = None
    precision: Precision | None = None
    way: Way = "upsample"
    resolution: int = 1
    prior: bool = False
    record: Sequence[int] = ()
    keep: bool | None = None
    trace: bool = False

    @property
    def stop(self) -> Stop:
        """When to stop."""
        return Stop(self.steps, self.until_settled, self.tolerance, self.budget)

    @property
    def views(self) -> tuple[View, ...]:
        """The scales as views of the image, if there is more to them than one number; else none."""
        views = views_of(self.scale)
        return views if len(views) > 1 or views[0].mirrored else ()

    @property
    def zoom(self) -> float:
        """The scale, or the first of several."""
        return views_of(self.scale)[0].scale

    @property
    def zooms(self) -> float:
        """How many times a 2-D image's own pixels are labelled."""
        return sum(view.scale**2 for view in views_of(self.scale))

    def check_way(self) -> None:
        """Refuse a way that is none, and a resolution that does not go with it."""
        if self.way not in WAYS:
            raise RetintError(f"--way {self.way}: expected one of {', '.join(WAYS)}")
        if whole(self.resolution, "--resolution") != 1 and self.way != "stitch":
            raise RetintError(f"--resolution {self.resolution}: goes with --way stitch alone; found --way {self.way}")


@dataclass(frozen=True)
class Given:
    """What is given with one image: where to begin, what is fixed, and what to call them in messages.

    `watch` is called with what was done since the last time, as a share of the work, if that is known beforehand; `share` is how
    much of it this one is.
    """

    start: Any = None
    hints: Any = None
    where: str | Path = "image"
    called: tuple[str, str] = ("start", "hints")
    watch: Callable[[float], None] | None = None
    share: float = 1.0
