"""Counts of truth against prediction, and the measures that follow from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CHUNK = 1 << 22  # pixels counted at once, so that memory does not grow with the image


class Confusion:
    """How often each class was taken for each other, over as many images as you add.

    Args:
        classes: K.
        ignore: the value in the truth that is never counted.

    Attributes:
        matrix: (K, K) int64; row: the truth, column: the prediction.

    >>> c = Confusion(2).add(np.array([0, 0, 1, 255]), np.array([0, 1, 1, 0]))
    >>> c.matrix.tolist(), c.iou().tolist()
    ([[1, 1], [0, 1]], [0.5, 0.5])
    """

    def __init__(self, classes: int, ignore: int = 255) -> None:
        self.classes, self.ignore = classes, ignore
        self.matrix: NDArray[np.int64] = np.zeros((classes, classes), np.int64)

    def add(self, truth: NDArray[np.integer], prediction: NDArray[np.integer]) -> Confusion:
        """Count the pixels of an image, and return self.

        Args:
            truth: class indices of any shape, any integer dtype; `ignore` where nobody knows.
            prediction: class indices of the same shape.

        Raises:
            ValueError: the shapes differ, or a value that counts is not in 0 ... K-1. Nothing is counted then.
        """
        truth, prediction = np.asarray(truth), np.asarray(prediction)
        if truth.shape != prediction.shape:
            raise ValueError(f"truth has shape {truth.shape}, prediction {prediction.shape}; they must be equal")
        truth, prediction = truth.ravel(), prediction.ravel()
        counts = np.zeros_like(self.matrix)
        for begin in range(0, truth.size, _CHUNK):
            counts += self._count(truth[begin : begin + _CHUNK], prediction[begin : begin + _CHUNK])
        self.matrix += counts
        return self

    def _count(self, truth: NDArray[np.integer], prediction: NDArray[np.integer]) -> NDArray[np.int64]:
        counted = truth != self.ignore
        rows, columns = truth[counted].astype(np.int64), prediction[counted].astype(np.int64)
        for name, values in (("truth", rows), ("prediction", columns)):
            if values.size and not 0 <= values.min() <= values.max() < self.classes:
                wrong = values.max() if values.max() >= self.classes else values.min()
                raise ValueError(f"{name} holds {wrong}; expected class indices 0 to {self.classes - 1}")
        k = self.classes
        return np.bincount(rows * k + columns, minlength=k * k).reshape(k, k).astype(np.int64)

    def merge(self, other: Confusion) -> Confusion:
        """Add another's counts to these, and return self.

        Raises:
            ValueError: the other counts another number of classes.
        """
        if other.classes != self.classes:
            raise ValueError(f"{other.classes} classes cannot be merged into {self.classes}")
        self.matrix += other.matrix
        return self

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union, (K,) float64; NaN for a class in neither truth nor prediction."""
        return _share(self._hits, self._truth + self._predicted - self._hits)

    def miou(self) -> float:
        """Mean of `iou` over the classes that occur in the truth; NaN if none does."""
        return _mean(self.iou()[self._truth > 0])

    def pixel_accuracy(self) -> float:
        """Share of the counted pixels that are right; NaN if none was counted."""
        return float(_share(self._hits.sum(), self.matrix.sum()))

    def class_accuracy(self) -> float:
        """Mean recall over the classes that occur in the truth; NaN if none does."""
        return _mean(_share(self._hits, self._truth)[self._truth > 0])

    def f1(self, k: int) -> float:
        """Harmonic mean of precision and recall of class k (its Dice score); NaN if it is nowhere."""
        return float(_share(2 * self._hits[k], self._truth[k] + self._predicted[k]))

    @property
    def _hits(self) -> NDArray[np.int64]:
        return np.diag(self.matrix)

    @property
    def _truth(self) -> NDArray[np.int64]:
        return np.asarray(self.matrix.sum(axis=1))

    @property
    def _predicted(self) -> NDArray[np.int64]:
        return np.asarray(self.matrix.sum(axis=0))


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.true_divide(part, whole))


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")
