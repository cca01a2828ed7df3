"""The images to learn from, held ready, and the batches drawn from them.

What a batch holds is a function of the seed and the batch's number alone, so a run that was stopped continues with the
very batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Pair
from ..images import fit_channels, to_unit
from .augment import Augmentation, view

_MEMORY = 4 << 30
_POINTS = 64


class Examples:
    """Images, or volumes, and labels of a data set, kept as they are on disk (integers) while they fit into memory.

    Args:
        pairs: the files.
        channels: planes of every image.
        classes: K.
    """

    def __init__(self, pairs: Sequence[Pair], channels: int, classes: int) -> None:
        self.pairs, self.channels, self.classes = tuple(pairs), channels, classes
        first = sum(part.nbytes for part in self._read(0)) if self.pairs else 0
        keep = max(1, _MEMORY // max(first, 1))
        self._kept = lru_cache(maxsize=keep)(self._read)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Image (C, rows, columns) or (C, slices, rows, columns), float32 on the unit scale; labels, int64, likewise."""
        image, labels = self._kept(index)
        unit = to_unit(image, str(self.pairs[index].image))
        return torch.from_numpy(unit).movedim(-1, 0), torch.from_numpy(labels.astype(np.int64))

    def stored(self, index: int) -> tuple[Tensor, Tensor]:
        """The same, image and labels as they are on disk: integers, mostly. Nothing is copied: change neither."""
        image, labels = self._kept(index)
        return torch.from_numpy(image).movedim(-1, 0), torch.from_numpy(labels)

    def labels(self, index: int) -> NDArray[np.integer]:
        """The labels alone, as on disk."""
        return self._kept(index)[1]

    @cache  # noqa: B019 - one Examples lives as long as its training
    def points(self, index: int) -> dict[int, NDArray[np.integer]]:
        """For each class in the image, some of its pixels: (up to 64, 2) rows and columns, or (up to 64, 3)."""
        labels = self.labels(index)
        chance = np.random.default_rng(index)
        found: dict[int, NDArray[np.integer]] = {}
        for value in np.unique(labels):
            if value < self.classes:
                at = np.flatnonzero(labels == value)
                found[int(value)] = np.stack(
                    np.unravel_index(chance.choice(at, min(_POINTS, len(at)), replace=False), labels.shape), 1
                )
        return found

    def _read(self, index: int) -> tuple[NDArray[np.generic], NDArray[np.integer]]:
        pair = self.pairs[index]
        image, labels = pair.read()
        lines = image.reshape(-1, *image.shape[-2:])  # the slices of a volume under each other
        image = fit_channels(lines, self.channels, pair.image).reshape(*labels.shape, self.channels)
        return np.require(image, requirements=("C", "W")), np.require(labels, requirements=("C", "W"))


class Batches:
    """Batches of random views.

    Args:
        examples: where they come from.
        size: views in a batch.
        crop: rows and columns of a view, or slices, rows and columns.
        mean, std: of the channels, on the unit scale.
        augmentation: how far views differ.
        aimed: share of the views that are laid about a pixel of a class drawn evenly among the image's classes.
        seed: of all chance.
        device: where the views are made, and stay.
    """

    def __init__(
        self, examples: Examples, size: int, crop: tuple[int, ...], mean: Sequence[float], std: Sequence[float],
        augmentation: Augmentation, aimed: float, seed: int, device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.examples, self.size, self.crop, self.device = examples, size, crop, device
        self.augmentation, self.aimed, self.seed = augmentation, aimed, seed
        self.mean, self.std = (torch.tensor(v, device=device).view(-1, *[1] * len(crop)) for v in (mean, std))
        self._order = lru_cache(maxsize=2)(self._permutation)

    def __call__(self, number: int) -> tuple[Tensor, Tensor]:
        """Batch `number`: images (N, C, *crop), normalised, zero outside; labels (N, *crop), int64."""
        parts = [self._view(number * self.size + k) for k in range(self.size)]
        images, labels = zip(*parts, strict=True)
        return torch.stack(images), torch.stack(labels)

    def _view(self, number: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(chance(self.seed, number))
        lap, place = divmod(number, len(self.examples))
        index = int(self._order(lap)[place])
        image, labels = self.examples.stored(index)
        about = self._aim(index, generator)
        seen, truth, inside = view(image, labels, self.crop, about, self.augmentation, generator, self.device)
        return (seen - self.mean) / self.std * inside, truth

    def _aim(self, index: int, generator: torch.Generator) -> tuple[float, ...] | None:
        points = self.examples.points(index)
        aimed = float(torch.rand((), generator=generator)) < self.aimed
        if not points or not aimed:
            return None
        some = points[sorted(points)[int(torch.randint(len(points), (), generator=generator))]]
        return tuple(map(float, some[int(torch.randint(len(some), (), generator=generator))]))

    def _permutation(self, lap: int) -> Tensor:
        return torch.randperm(len(self.examples), generator=torch.Generator().manual_seed(chance(self.seed, -1 - lap)))


def chance(*numbers: int) -> int:
    """A seed that mixes several numbers (63 bits)."""
    state = np.random.SeedSequence([n % (1 << 32) for n in numbers] + [n < 0 for n in numbers])
    return int(state.generate_state(1, np.uint64)[0] >> np.uint64(1))
