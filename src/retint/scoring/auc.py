"""Area under the ROC curve, for more pixels than fit in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .odds import counts_by_odds


class RocAuc:
    """The probability that a pixel of the class scores higher than one of the rest; ties count half.

    Scores are counted in bins of equal width in log odds, from -16 to 16, and those in one bin count as ties: a bin is 0.8 %
    of the odds wide if there are 4096, and the outermost hold all below 1.1e-7, and all as near to 1. Between bins the order
    is kept, and the area depends on that alone.

    Args:
        bins: how many; the memory of the whole.

    >>> RocAuc().add([False, False, True, True], [0.1, 0.4, 0.35, 0.8]).value()
    0.75
    """

    def __init__(self, bins: int = 4096) -> None:
        self.bins = bins
        self._counts = np.zeros((2, bins), np.int64)  # the rest, the class

    def add(self, truth: ArrayLike, score: ArrayLike) -> RocAuc:
        """Count pixels, and return self. Leave out the pixels to be ignored.

        Args:
            truth: bool, any shape; whether the pixel is of the class.
            score: of the same shape, in 0 ... 1; the probability of the class.

        Raises:
            ValueError: the shapes differ, or a score is NaN or outside 0 ... 1. Nothing is counted then.
        """
        self._counts += counts_by_odds(truth, score, self.bins, ("truth", "score"))
        return self

    def value(self) -> float:
        """The area, 0 ... 1; NaN as long as the class or the rest has no pixel."""
        rest, of_class = self._counts.astype(np.float64)
        pairs = rest.sum() * of_class.sum()
        below = np.cumsum(rest) - rest / 2
        return float(of_class @ below / pairs) if pairs else float("nan")
