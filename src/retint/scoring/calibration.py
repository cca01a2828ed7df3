"""Whether probabilities say how often the label is right, and the temperature that makes them say it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..numbers import finite

_SMALLEST = 1e-12
_ROUNDING = 1e-3  # by which a probability in float16 may miss 0 ... 1
RANGE = (1 / 50, 50.0)
"""Of temperatures, between which they are looked for."""


class Calibration:
    """Expected calibration error of the most probable class, over as many pixels as you add.

    Pixels are put by the probability of their label into bins of equal width, (0, 1/bins], ..., (1 - 1/bins, 1].

    Args:
        bins: how many; the memory of the whole.

    References:
        Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML, equation 3, with 15 bins.

    >>> round(Calibration().add([0, 0, 1, 1], [[0.8, 0.8, 0.8, 0.8], [0.2, 0.2, 0.2, 0.2]]).error(), 3)
    0.3
    """

    def __init__(self, bins: int = 15) -> None:
        self.bins = bins
        self._counts = np.zeros((3, bins))  # pixels, right ones, sum of their probabilities

    def add(self, truth: ArrayLike, probabilities: ArrayLike, ignore: int = 255) -> Calibration:
        """Count pixels, and return self.

        Args:
            truth: class indices of any shape; `ignore` where nobody knows.
            probabilities: (K, the same shape), distributions.

        Raises:
            ValueError: the shapes do not fit, a label is no class index, or a probability of a labelled pixel is NaN or
                outside 0 ... 1. Nothing is counted then.
        """
        labels, y = _known(truth, probabilities, ignore)
        top = y.max(1).astype(np.float64)
        index = np.clip(np.ceil(top * self.bins).astype(np.int64) - 1, 0, self.bins - 1)
        for row, weight in zip(self._counts, (None, y.argmax(1) == labels, top), strict=True):
            row += np.bincount(index, weight, self.bins)
        return self

    def error(self) -> float:
        """The expected calibration error, 0 to 1: the mean over the pixels of |accuracy - confidence| of their bin; NaN if none."""
        pixels, right, confidence = self._counts
        return float(np.abs(right - confidence).sum() / pixels.sum()) if pixels.any() else float("nan")

    def table(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """For each bin its mean confidence, its accuracy (both NaN if it is empty) and its share of the pixels."""
        pixels, right, confidence = self._counts
        with np.errstate(invalid="ignore"):
            return confidence / pixels, right / pixels, pixels / max(pixels.sum(), 1)


class Temperature:
    """The one number T > 0 for which softmax(log Y / T) gives the truth the highest likelihood.

    It is fitted on a random sample of all pixels added: each gets a random number, and those of the lowest are kept. So
    memory is bounded, the sample is the same whatever parts the pixels come in, and a seed makes it repeatable.

    Args:
        most: pixels in the sample.
        seed: of the random numbers.

    References:
        Guo et al. (2017), section 4.2, temperature scaling.
    """

    def __init__(self, most: int = 1 << 18, seed: int = 0) -> None:
        self.most = most
        self._chance = np.random.default_rng(seed)
        self._keys = np.empty(0)
        self._truth: NDArray[np.int64] = np.empty(0, np.int64)
        self._logs: NDArray[np.float32] | None = None

    def add(self, truth: ArrayLike, probabilities: ArrayLike, ignore: int = 255) -> Temperature:
        """Take pixels into account, and return self; arguments and errors as for `Calibration.add`, at a temperature of 1."""
        labels, y = _known(truth, probabilities, ignore)
        keys = self._chance.random(len(labels))
        if len(self._keys) == self.most:  # most of a large image has no chance
            few = keys < self._keys.max()
            keys, labels, y = keys[few], labels[few], y[few]
        logs = np.log(np.maximum(y, _SMALLEST, dtype=np.float32))
        keys = np.concatenate([self._keys, keys])
        labels = np.concatenate([self._truth, labels])
        logs = logs if self._logs is None else np.concatenate([self._logs, logs])
        if len(keys) > self.most:
            kept = np.sort(np.argpartition(keys, self.most)[: self.most])
            keys, labels, logs = keys[kept], labels[kept], logs[kept]
        self._keys, self._truth, self._logs = keys, labels, logs
        return self

    def __len__(self) -> int:
        return len(self._truth)

    def wrong(self) -> int:
        """How many pixels of the sample have a likelier class than their own."""
        return 0 if self._logs is None else int((self._logs.max(1) > self._of_truth).sum())

    def value(self, before: float = 1.0) -> float:
        """T, from 1/50 to 50; `before` where no pixel of the sample is wrong, or none is there.

        The negative log-likelihood is convex in 1 / T, so the root of its derivative is found by halving. Where no pixel is
        wrong there is no root: the smaller T, the likelier the labels, however few they are.
        """
        if not self.wrong():
            return before
        low, high = 1 / RANGE[1], 1 / RANGE[0]
        for _ in range(24):
            middle = (low * high) ** 0.5
            low, high = (low, middle) if self._slope(middle) > 0 else (middle, high)
        return float(1 / (low * high) ** 0.5)

    def remark(self) -> str | None:
        """What there is to say against `value`, in a line; None if nothing, or if there is no pixel."""
        if not len(self):
            return None
        if not self.wrong():
            told = f"{len(self)} of {len(self)} sampled labels are right, which says nothing of how sure to be"
            return f"{told}: the temperature stays; more labelled pixels are needed"
        if RANGE[0] * 1.01 < (found := self.value()) < RANGE[1] * 0.99:
            return None
        end = f"the end of its range, {RANGE[0]:g} to {RANGE[1]:g}"
        if found > 1:
            return f"{end}: as yet the model's probabilities say next to nothing"
        return f"{end}: labels are right far more often than the probabilities say; see on more labelled pixels whether that holds"

    def likelihood(self, temperature: float) -> float:
        """The mean negative log-likelihood of the sample's labels, in nats; NaN if there is no pixel."""
        if self._logs is None or not len(self):
            return float("nan")
        scores = self._logs / np.float32(temperature)
        top = scores.max(1, keepdims=True)
        norms = np.log(np.exp(scores - top).sum(1)) + top[:, 0]
        return float((norms - self._of_truth / np.float32(temperature)).mean())

    def calibration(self, temperature: float) -> Calibration:
        """That of the sample at a temperature."""
        result = Calibration()
        return result if self._logs is None else result.add(self._truth, _softmax(self._logs / temperature).T)

    def to_dict(self, before: float = 1.0) -> dict[str, Any]:
        """What the fit did to its own sample: beside T the error and the likelihood at it, and at the temperature before."""
        after = self.value(before)
        return {
            "temperature": round(after, 4), "pixels": len(self), "wrong": self.wrong(), "temperature_before": round(before, 4),
            "ece_before": finite(self.calibration(before).error()), "ece": finite(self.calibration(after).error()),
            "nll_before": finite(self.likelihood(before)), "nll": finite(self.likelihood(after)),
        }  # fmt: skip

    @property
    def _of_truth(self) -> NDArray[np.float32]:
        """Of each pixel, the log probability of its own class, (N,)."""
        assert self._logs is not None
        return self._logs[np.arange(len(self)), self._truth]

    def _slope(self, sharpness: float) -> float:
        """The derivative of the negative log-likelihood by 1 / T: mean score expected, less the mean of the truth's."""
        assert self._logs is not None
        expected = (_softmax(self._logs * np.float32(sharpness)) * self._logs).sum(1)
        return float((expected - self._of_truth).mean(dtype=np.float64))


def _known(truth: ArrayLike, probabilities: ArrayLike, ignore: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """The labelled pixels: their classes (N,) and distributions (N, K)."""
    labels, y = np.asarray(truth), np.asarray(probabilities)
    if y.shape[1:] != labels.shape:
        raise ValueError(f"truth has shape {labels.shape}, probabilities {y.shape}; expected (K, {labels.shape})")
    known = labels != ignore
    found = labels[known].astype(np.int64)
    if found.size and not 0 <= found.min() <= found.max() < len(y):
        other = found.min() if found.min() < 0 else found.max()
        raise ValueError(
            f"truth holds {other}; expected class indices 0 to {len(y) - 1}, or {ignore} where nobody knows"
        )
    y = y[:, known]
    if y.size and not -_ROUNDING <= y.min() <= y.max() <= 1 + _ROUNDING:
        raise ValueError(
            f"probabilities reach from {y.min()} to {y.max()}; expected 0 to 1: give distributions, such as softmax makes of scores"
        )
    return found, y.T


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Along the last axis."""
    y = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(y / y.sum(1, keepdims=True))
