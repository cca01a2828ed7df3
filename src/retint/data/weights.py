"""How much a pixel of each class counts in training, so that rare classes are learnt too."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def class_weights(counts: ArrayLike, power: float = 0.5, cap: float = 10.0) -> NDArray[np.float32]:
    """Weights that grow as a class gets rarer.

        w_k = (median frequency / f_k) ** power,  kept within 1/cap ... cap

    over the classes that occur, then scaled so that the mean over all labelled pixels is 1: the size of the loss
    does not depend on the weighting. A class that never occurs gets 1.

    This is median frequency balancing, softened: at `power` 1 every class weighs the same in total, and the rarest
    are found where they are not; at 0 every pixel weighs the same. f_k is the share of all labelled pixels.

    Args:
        counts: (K,), how many pixels each class has.
        power: 0 (none) to 1 (full).
        cap: no class counts more than this many times as much as one of median frequency, nor less than 1/cap.

    Returns:
        (K,) float32.

    Raises:
        ValueError: a count is negative, or the cap below 1.

    References:
        Eigen and Fergus (2015), Predicting depth, surface normals and semantic labels with a common multi-scale
        convolutional architecture, ICCV, section 4.3.2.

    >>> [round(float(weight), 2) for weight in class_weights([900, 100])]
    [0.83, 2.5]
    """
    pixels = np.asarray(counts, np.float64)
    if (pixels < 0).any() or cap < 1:
        raise ValueError(f"counts {pixels.tolist()}, cap {cap}; expected counts of 0 or more and a cap of 1 or more")
    weights = np.ones(pixels.shape, np.float32)
    occurs = pixels > 0
    if occurs.any():
        shares = pixels[occurs] / pixels.sum()
        raw = np.clip((np.median(shares) / shares) ** power, 1 / cap, cap)
        weights[occurs] = raw / (shares @ raw)
    return weights
