"""The random forests that the benchmarks compare with: what ilastik's pixel classification and its Autocontext do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from retint.data import Pair
from retint.images import to_unit

TREES = {"n_estimators": 60, "max_depth": 18, "min_samples_leaf": 3, "random_state": 0}
WIDTHS = (2, 8)  # of the Gaussians over an earlier forest's probabilities, in pixels


def features(image: np.ndarray) -> np.ndarray:
    """(rows, columns, features): what ilastik's pixel classification computes, as scikit-image has it."""
    from skimage.feature import multiscale_basic_features

    unit = to_unit(image, "image")
    return multiscale_basic_features(
        unit, intensity=True, edges=True, texture=True, sigma_min=1, sigma_max=16, channel_axis=-1
    )


def context_features(probabilities: np.ndarray) -> np.ndarray:
    """(rows, columns, features) from probabilities (K, rows, columns): themselves, and smoothed at two widths."""
    from scipy.ndimage import gaussian_filter

    smooth = [gaussian_filter(probabilities, (0, width, width)) for width in WIDTHS]
    return np.moveaxis(np.concatenate([probabilities, *smooth]), 0, -1).astype(np.float32)


class Forest:
    """A random forest on the features of pixels, and on what an earlier forest says of them if there is one.

    Args:
        pairs: what it learns from.
        classes: K.
        per_image: some random labelled pixels of each image, so many at most.
        before: the earlier one.
    """

    def __init__(self, pairs: Iterable[Pair], classes: int, per_image: int, before: Forest | None = None) -> None:
        from sklearn.ensemble import RandomForestClassifier

        self.classes, self.before = classes, before
        chance = np.random.default_rng(0 if before is None else 1)
        xs, ys = [], []
        for pair in pairs:
            image, labels = pair.read()
            known = np.flatnonzero(labels != 255)
            chosen = chance.choice(known, min(per_image, len(known)), replace=False)
            xs.append(self._seen(image)[chosen])
            ys.append(labels.ravel()[chosen])
        self.trees = RandomForestClassifier(n_jobs=1, **TREES).fit(np.concatenate(xs), np.concatenate(ys))

    def _seen(self, image: np.ndarray) -> np.ndarray:
        planes = [features(image)]
        if self.before is not None:
            planes.append(context_features(self.before(image)))
        seen = np.concatenate(planes, -1)
        return seen.reshape(-1, seen.shape[-1])

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(K, rows, columns)."""
        given = self.trees.predict_proba(self._seen(image))
        result = np.zeros((self.classes, len(given)), np.float32)
        result[self.trees.classes_.astype(int)] = given.T
        return result.reshape(self.classes, *image.shape[:2])
