"""How well regions agree, where what counts is which pixels belong together: cells between membranes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def components(interior: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the connected regions of an image or a volume.

    Args:
        interior: bool, (rows, columns) or (slices, rows, columns); False on membranes.

    Returns:
        int64 of the same shape: 0 where `interior` is False, else the region's number from 1. Pixels that share an
        edge (voxels that share a face) belong together; those that touch at a corner do not.
    """
    from skimage.measure import label

    numbers = label(np.asarray(interior, bool), connectivity=1)
    return np.asarray(numbers, np.int64)


def partition_scores(truth: NDArray[np.integer], prediction: NDArray[np.integer]) -> dict[str, float]:
    """Compare two partitions, as `components` gives them. Lower is better, 0 is perfect; it is blind to numbering.

    Pixels that are 0 (membrane) in the truth are not counted; 0 in the prediction counts as one region.

    Args:
        truth: region numbers of any integer dtype, (rows, columns) or (slices, rows, columns).
        prediction: the same shape.

    Returns:
        `adapted_rand_error`, 0 ... 1: one minus the F-score of "these two pixels belong together";
        `variation_of_information_split` and `..._merge`, bits: the truth's regions cut up, and run together.
        All NaN where the truth has no region. Where no two counted pixels belong together, neither in the truth nor
        in the prediction, the two are the same partition and the error is 0.

    Raises:
        ValueError: the shapes differ.

    References:
        Arganda-Carreras et al. (2015), Crowdsourcing the creation of image segmentation algorithms for connectomics,
        Frontiers in Neuroanatomy 9:142. Meilă (2007), Comparing clusterings: an information based distance,
        Journal of Multivariate Analysis 98:873-895.
    """
    from skimage.metrics import adapted_rand_error, variation_of_information

    if truth.shape != prediction.shape:
        raise ValueError(f"truth has shape {truth.shape}, prediction {prediction.shape}; they must be equal")
    if truth.any():
        with np.errstate(invalid="ignore"):  # 0 / 0 where every region has one pixel
            error = np.nan_to_num(adapted_rand_error(truth, prediction, ignore_labels=(0,))[0])
        split, merge = variation_of_information(truth, prediction, ignore_labels=(0,))
    else:
        error = split = merge = np.nan
    return {
        "adapted_rand_error": float(error),
        "variation_of_information_split": float(split),
        "variation_of_information_merge": float(merge),
    }
