"""How much error is left when the pixels in doubt are left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .odds import counts_by_odds


class RiskCoverage:
    """The error among the pixels that are kept, against the share of pixels kept, the surest first.

    Pixels are counted in bins of the log odds of their doubt; those of one bin count as if in random order.

    Args:
        bins: how many; the memory of the whole.

    References:
        El-Yaniv and Wiener (2010), On the foundations of noise-free selective classification, JMLR 11. Geifman and
        El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS. The area, and the least that the
        same error allows: Geifman, Uziel, El-Yaniv (2019), Bias-reduced uncertainty estimation for deep neural
        classifiers, ICLR.

    >>> risk = RiskCoverage().add([True, False, True, True], [0.1, 0.9, 0.2, 0.3])
    >>> risk.error(), risk.left(0.25)
    (0.25, 0.0)
    """

    def __init__(self, bins: int = 4096) -> None:
        self.bins = bins
        self._counts = np.zeros((2, bins), np.int64)  # wrong, right

    def add(self, right: ArrayLike, doubt: ArrayLike) -> RiskCoverage:
        """Count pixels, and return self. Leave out the pixels to be ignored.

        Args:
            right: bool, any shape; whether the pixel's label is right.
            doubt: of the same shape, 0 to 1.

        Raises:
            ValueError: the shapes differ, or a doubt is NaN or outside 0 ... 1. Nothing is counted then.
        """
        self._counts += counts_by_odds(right, doubt, self.bins, ("right", "doubt"))
        return self

    def error(self) -> float:
        """Share of all pixels that are wrong; NaN if none was counted."""
        wrong, right = self._counts.sum(1)
        return float(wrong / (wrong + right)) if wrong + right else float("nan")

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coverage, rising to 1, and the error among the pixels kept, at every bin that has any."""
        wrong, pixels = self._sums()
        return pixels / max(pixels[-1:].sum(), 1), wrong / pixels

    def left(self, out: float) -> float:
        """The error among the pixels kept if this share of them, the most doubtful, is left out; NaN if none is kept.

        Raises:
            ValueError: the share is not in 0 ... 1.
        """
        if not 0 <= out <= 1:
            raise ValueError(f"out is {out}; expected a share of the pixels, 0 to 1")
        wrong, pixels = self._sums()
        if not len(pixels) or out == 1:
            return float("nan")
        kept = (1 - out) * pixels[-1]
        return float(np.interp(kept, [0, *pixels], [0, *wrong]) / kept)

    def area(self) -> float:
        """The area under the curve (AURC), 0 to 1: the mean of the error over all coverages; NaN if nothing was counted.

        Doubt that says nothing has the error itself; see `best`.
        """
        wrong, pixels = self._sums()
        if not len(pixels):
            return float("nan")
        before_wrong, before = np.concatenate([[0], wrong[:-1]]), np.concatenate([[0], pixels[:-1]])
        share = (wrong - before_wrong) / (pixels - before)
        # within a bin, the integral of (W + share * (x - N)) / x for x from N to its end
        offset = before_wrong - share * before
        logs = np.log(pixels, out=np.zeros(len(pixels)), where=before > 0) - np.log(np.maximum(before, 1))
        return float((share * (pixels - before) + offset * logs).sum() / pixels[-1])

    def best(self) -> float:
        """The area if every wrong pixel were more doubtful than every right one: r + (1 - r) log(1 - r) at an error of r."""
        r = self.error()
        return float(r + (1 - r) * np.log1p(-r)) if r < 1 else r

    def _sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wrong pixels, and all, up to the end of each bin that has any, the surest first."""
        there = self._counts.sum(0) > 0
        wrong, right = np.cumsum(self._counts[:, there], axis=1, dtype=np.float64)
        return wrong, wrong + right
