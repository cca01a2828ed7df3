"""How far a training run is, and its log."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..pictures import plot_log
from ..wholefile import whole_file
from .settings import log_paths

_PLOTTED = 5


@dataclass
class Progress:
    """How far a run is; what the progress bar and the log show."""

    iteration: int = 0
    elapsed: float = 0.0
    epoch: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    score: float | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def loss(self) -> float:
        """Mean over the epoch so far; when it has just ended, over it."""
        if not self.loss_count:
            return float(self.rows[-1]["loss"]) if self.rows else 0.0
        return self.loss_sum / self.loss_count

    def note_epoch(self, score: float | None) -> None:
        """Add a row to the log, of an epoch or of its begun part, and begin the next mean; `score` is None if not validated."""
        self.rows.append({
            "epoch": self.epoch, "iteration": self.iteration, "seconds": round(self.elapsed, 1),
            "loss": round(self.loss, 5), "score": None if score is None else round(score, 5),
        })  # fmt: skip
        self.loss_sum, self.loss_count = 0.0, 0

    def write_log(self, out: Path, last: bool = False) -> None:
        """The CSV log of the run that makes `out`, and at every fifth row, and the last, its plot."""
        table, picture = log_paths(out)
        with whole_file(table) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        if len(self.rows) % _PLOTTED == 0 or last:
            plot_log(picture, self.rows)
