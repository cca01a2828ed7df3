"""Learning the labels of pixels from tags of whole images (Pinheiro and Collobert, CVPR 2015).

A class's scores at all cells are aggregated to one by log-sum-exp (`network.aggregation`), and the image's tags are what it
should say: a softmax over the classes where every image has one tag, else a sigmoid for each class. Where the paper smooths the labels by superpixels, here the later steps do: they learn from the first step's own
labels, those of the image's tags alone, averaged over neighbouring cells, where these are sure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..data import Pair, Tagged
from ..images import fit_channels, read_image, to_unit
from ..network import RecurrentNetwork
from ..network.aggregation import aggregate
from ..network.grid import MEANS
from ..network.layers import padded
from .augment import Augmentation, view
from .examples import chance
from .objective import Objective

SURE = 0.5
"""Cells whose class, among the tags, has more than this probability teach the later steps."""
_SMOOTH = 5


class TagObjective(nn.Module):
    """The loss of a batch of tagged images.

    Args:
        network: what is trained.
        single: every image has one tag: classes exclude each other.
        steps: how many, the first included.
    """

    def __init__(self, network: RecurrentNetwork, single: bool, steps: int = 3) -> None:
        super().__init__()
        self.network, self.single, self.steps = network, single, steps

    def forward(self, image: Tensor, tags: Tensor, inside: Tensor) -> Tensor:
        """The mean loss over the steps.

        Args:
            image: (N, C, rows, columns), float, normalised.
            tags: (N, K), 0 or 1.
            inside: (N, 1, rows, columns), 0 where a view lies outside its image.
        """
        context = self.network.context(image)
        logits = self.network.logits(context, None)
        cells = MEANS[image.dim() - 2](inside, self.network.strides, ceil_mode=True)
        beyond = [n - m for n, m in zip(logits.shape[2:], cells.shape[2:], strict=True)]  # up to whole periods
        cells = padded(cells, beyond)
        losses = [self.image_loss(aggregate(logits, cells), tags)]
        taught = self.own_labels(logits.detach(), tags, cells)
        for _ in range(self.steps - 1 if len(self.network.W) else 0):
            logits = self.network.logits(context, torch.softmax(logits.detach(), 1))
            again = F.cross_entropy(logits, taught, ignore_index=255) if bool((taught != 255).any()) else 0.0
            losses.append(self.image_loss(aggregate(logits, cells), tags) + again)
        return torch.stack(losses).mean()

    def image_loss(self, scores: Tensor, tags: Tensor) -> Tensor:
        """How far the image's scores (N, K) are from its tags."""
        if self.single:
            return F.cross_entropy(scores, tags.argmax(1))
        return F.binary_cross_entropy_with_logits(scores, tags)

    @staticmethod
    def own_labels(logits: Tensor, tags: Tensor, inside: Tensor) -> Tensor:
        """The labels that the network's own scores give among the tags, (N, cells ...), 255 where they are not sure."""
        dims = logits.dim() - 2
        among = logits.masked_fill(tags.view(*tags.shape, *[1] * dims) == 0, -math.inf)
        size = tuple(min(_SMOOTH, n - (n + 1) % 2) for n in logits.shape[2:])
        pads = tuple(n // 2 for n in size)
        smooth = MEANS[dims](torch.softmax(among, 1), size, stride=1, padding=pads, count_include_pad=False)
        best, labels = smooth.max(1)
        return torch.where((best > SURE) & (inside[:, 0] > 0), labels, 255)


class Mixed(nn.Module):
    """The losses of labelled and of tagged images together.

    Args:
        pixels: of images with labels.
        tags: of images with tags.
    """

    def __init__(self, pixels: Objective, tags: TagObjective) -> None:
        super().__init__()
        self.pixels, self.tags = pixels, tags

    def forward(
        self,
        labelled: tuple[Tensor, Tensor] | None,
        tagged: tuple[Tensor, Tensor, Tensor] | None,
        seed: int,
        share: float,
    ) -> Tensor:
        """The sum over what is given; arguments as for the two."""
        losses = []
        if labelled is not None:
            losses.append(self.pixels(*labelled, seed, share))
        if tagged is not None:
            losses.append(self.tags(*tagged))
        return torch.stack(losses).sum()


class Unlabelled(Pair):
    """A tagged image as an example whose every pixel is unlabelled."""

    def read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The image (rows, columns, channels), and 255 everywhere (rows, columns)."""
        image = read_image(self.image)
        return image, np.full(image.shape[:2], 255, np.uint8)

    @classmethod
    def of(cls, tagged: Tagged) -> Unlabelled:
        """That of a tagged image."""
        return cls(tagged.stem, tagged.image, tagged.image)


class TaggedBatches:
    """Batches of whole tagged images.

    Args:
        tagged: the images.
        size: images in a batch.
        crop: rows and columns that each is brought to, its shape kept.
        channels, classes: how many of each.
        mean, std: of the channels, on the unit scale.
        augmentation: how far views differ.
        seed: of all chance.
        device: where the views are made, and stay.
    """

    def __init__(
        self, tagged: Sequence[Tagged], size: int, crop: tuple[int, ...], channels: int, classes: int,
        mean: Sequence[float], std: Sequence[float], augmentation: Augmentation, seed: int, device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.tagged, self.size, self.crop, self.channels, self.classes = tagged, size, crop, channels, classes
        self.augmentation, self.seed, self.device = replace(augmentation, scale=1.0), seed, device
        self.mean, self.std = (torch.tensor(v, device=device).view(-1, 1, 1) for v in (mean, std))
        self._read = lru_cache(maxsize=4096)(self._pixels)

    @property
    def single(self) -> bool:
        """Whether every image has one tag."""
        return all(len(one.tags) == 1 for one in self.tagged)

    def __call__(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Batch `number`: images (N, C, *crop); tags (N, K); where the views lie inside their images (N, 1, *crop)."""
        parts = [self._view(number * self.size + k) for k in range(self.size)]
        images, tags, inside = zip(*parts, strict=True)
        return torch.stack(images), torch.stack(tags), torch.stack(inside)

    def _view(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(chance(self.seed, number, 2))
        index = int(torch.randint(len(self.tagged), (), generator=generator))
        image = self._read(index).float()
        blank = torch.zeros(image.shape[1:], dtype=torch.uint8)
        seen, _, inside = view(image, blank, self.crop, None, self.augmentation, generator, self.device)
        tags = torch.zeros(self.classes)
        tags[list(self.tagged[index].tags)] = 1.0
        return (seen - self.mean) / self.std * inside, tags, inside

    def _pixels(self, index: int) -> Tensor:
        """(C, rows, columns) on the unit scale, no larger than a view; in half precision where that holds it, to hold many."""
        path = self.tagged[index].image
        unit = torch.from_numpy(to_unit(fit_channels(read_image(path), self.channels, path), str(path)))
        image = unit.movedim(-1, 0)
        shrink = min(n / m for n, m in zip(self.crop, image.shape[1:], strict=True))
        if shrink < 1:
            size = [max(1, round(n * shrink)) for n in image.shape[1:]]
            image = F.interpolate(image[None], size=size, mode="bilinear", align_corners=False, antialias=True)[0]
        return image.half() if float(image.abs().max()) <= 1 else image
