"""Area under the ROC curve, for more pixels than fit in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_REACH = 16.0  # log odds; a float32 probability resolves no more below 1
_CHUNK = 1 << 22


class RocAuc:
    """The probability that a pixel of the class scores higher than one of the rest; ties count half.

    Scores are counted in bins of equal width in their log odds, log(p / (1 - p)). The area depends on the order of
    scores alone, so this costs nothing, and it resolves the crowds near 0 and 1 that a network's probabilities make.

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
        is_class, scores = np.asarray(truth, bool), np.asarray(score)
        if is_class.shape != scores.shape:
            raise ValueError(f"truth has shape {is_class.shape}, score {scores.shape}; they must be equal")
        is_class, scores = is_class.ravel(), scores.ravel()
        counts = np.zeros_like(self._counts)
        for begin in range(0, scores.size, _CHUNK):
            part = slice(begin, begin + _CHUNK)
            index = self._bin(scores[part]) + self.bins * is_class[part]
            counts += np.bincount(index, minlength=2 * self.bins).reshape(2, self.bins)
        self._counts += counts
        return self

    def _bin(self, scores: NDArray[np.floating]) -> NDArray[np.int64]:
        p = scores.astype(np.float64)
        if not ((p >= 0) & (p <= 1)).all():
            raise ValueError(f"scores reach from {p.min()} to {p.max()}; expected 0 to 1")
        with np.errstate(divide="ignore"):
            odds = np.clip(np.log(p) - np.log1p(-p), -_REACH, _REACH)
        index = (odds + _REACH) * (self.bins / (2 * _REACH))
        return np.asarray(np.minimum(index, self.bins - 1), np.int64)

    def value(self) -> float:
        """The area, 0 ... 1; NaN as long as the class or the rest has no pixel."""
        rest, of_class = self._counts.astype(np.float64)
        pairs = rest.sum() * of_class.sum()
        below = np.cumsum(rest) - rest / 2
        return float(of_class @ below / pairs) if pairs else float("nan")
