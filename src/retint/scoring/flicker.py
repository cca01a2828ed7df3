"""How much labels change from frame to frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Flicker:
    """Share of the pixels whose label differs from the frame before, over as many pairs of frames as you add.

    Some of it is due: things move. Where the image itself stayed the same, none is. So it is counted there apart.

    >>> flicker = Flicker()
    >>> flicker.add(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), still=np.array([True, True, False, False]))
    >>> flicker.share, flicker.still_share
    (0.5, 0.5)
    """

    def __init__(self) -> None:
        self._pixels = self._changed = self._still = self._changed_still = 0

    def add(self, before: NDArray[np.integer], after: NDArray[np.integer], still: NDArray[np.bool_]) -> None:
        """Count a pair of frames.

        Args:
            before, after: labels of a frame and of the next, of one shape.
            still: where the image hardly changed between them, of the same shape.

        Raises:
            ValueError: the shapes differ.
        """
        if not before.shape == after.shape == still.shape:
            raise ValueError(f"shapes {before.shape}, {after.shape}, {still.shape}; they must be equal")
        changed = before != after
        self._pixels += changed.size
        self._changed += int(changed.sum())
        self._still += int(still.sum())
        self._changed_still += int((changed & still).sum())

    @property
    def share(self) -> float | None:
        """Of all pixels, 0 to 1; None before the first pair."""
        return self._changed / self._pixels if self._pixels else None

    @property
    def still_share(self) -> float | None:
        """Of the pixels where the image hardly changed, 0 to 1; None if there were none."""
        return self._changed_still / self._still if self._still else None
