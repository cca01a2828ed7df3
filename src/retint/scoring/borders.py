"""The band of pixels near the borders between classes, where labellers differ most."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def near_borders(labels: NDArray[Any], distance: float, ignore: int = 255) -> NDArray[np.bool_]:
    """The band along the borders between classes, after the trimap of Kohli, Ladický and Torr (IJCV 2009, section 5.1).

    A border pixel shares an edge (a voxel: a face) with one of another class. The band is these pixels, and all whose
    centres are at most `distance` - 1 from the centre of one: along a straight border, `distance` rows on either side. So
    distance is measured to a border, not to the nearest pixel of another class: at corners that may be up to 0.59 nearer
    (in volumes 0.69), and across ignored pixels much nearer.

    Args:
        labels: class indices, (rows, columns) or (slices, rows, columns).
        distance: in pixels, at least 1. Borders with ignored pixels are none.
        ignore: the label of pixels that are not counted, and never returned.

    Returns:
        Where the pixels lie, bool, of the same shape.

    >>> near_borders(np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1]]), 1.5).astype(int).tolist()
    [[0, 0, 0], [0, 0, 1], [0, 1, 1]]
    """
    from scipy.ndimage import distance_transform_edt  # not at the top: labelling should not wait for it

    border = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        first, second = np.swapaxes(labels, 0, axis)[:-1], np.swapaxes(labels, 0, axis)[1:]
        differ = (first != second) & (first != ignore) & (second != ignore)
        along = np.swapaxes(border, 0, axis)
        along[:-1] |= differ
        along[1:] |= differ
    if not border.any():
        return border
    near = np.asarray(distance_transform_edt(~border)) <= distance - 1
    return np.asarray(near & (labels != ignore), bool)
