"""The image as the network sees it: any region of it, normalised, with zeros beyond its edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RetintError
from ..images import fit_channels, to_unit
from ..modelfile import Card

Box = tuple[slice, slice]


class Source:
    """An image, converted region by region, so that it is never held twice.

    Args:
        image: (rows, columns), (rows, columns, channels), or a tensor (channels, rows, columns).
        card: what the model expects.
        where: what to call the image in messages.

    Raises:
        RetintError: not an image, or one that has no documented conversion to the model's channels and depth.
    """

    def __init__(self, image: Any, card: Card, where: str = "image") -> None:
        pixels = _as_array(image, where)
        if pixels.shape[0] < 1 or pixels.shape[1] < 1:
            raise RetintError(f"{where}: {pixels.shape[0]} x {pixels.shape[1]} pixels; at least 1 x 1 is needed")
        self._card, self._where, self._pixels = card, where, pixels
        self.size: tuple[int, int] = (pixels.shape[0], pixels.shape[1])
        fit_channels(pixels[:1, :1], card.channels, where)
        self._check_depth(pixels)
        self._mean, self._std = (torch.tensor(v).view(-1, 1, 1) for v in (card.mean, card.std))

    def region(self, box: Box) -> Tensor:
        """The pixels of a box (which may reach beyond the image), (1, C, rows, columns), float32, normalised."""
        wanted = [(part.start, part.stop) for part in box]
        have = [(max(a, 0), max(min(b, n), max(a, 0))) for (a, b), n in zip(wanted, self.size, strict=True)]
        part = self._pixels[have[0][0] : have[0][1], have[1][0] : have[1][1]]
        unit = torch.from_numpy(to_unit(fit_channels(part, self._card.channels, self._where), self._where))
        x = (unit.movedim(-1, 0) - self._mean) / self._std
        (top, bottom), (left, right) = ((h[0] - w[0], w[1] - h[1]) for w, h in zip(wanted, have, strict=True))
        if top or bottom or left or right:
            x = torch.nn.functional.pad(x, (left, right, top, bottom))
        return x[None].contiguous(memory_format=torch.channels_last)

    def unit(self) -> NDArray[np.float32]:
        """A middle part of the image, at most 1024 x 1024, on the unit scale, (rows, columns, C)."""
        cut = tuple(slice(max(0, n // 2 - 512), n // 2 + 512) for n in self.size)
        return to_unit(fit_channels(self._pixels[cut], self._card.channels, self._where), self._where)

    def whole_unit(self) -> NDArray[np.float32]:
        """The whole image on the unit scale, (rows, columns, C)."""
        return to_unit(fit_channels(self._pixels, self._card.channels, self._where), self._where)

    @classmethod
    def of_unit(cls, pixels: NDArray[np.float32], card: Card, where: str) -> Source:
        """A source of pixels that are on the unit scale already."""
        source = cls(np.zeros((1, 1, card.channels), np.dtype(card.dtype)), card, where)
        source._pixels, source.size = pixels, (pixels.shape[0], pixels.shape[1])
        return source

    def _check_depth(self, pixels: NDArray[Any]) -> None:
        """Integers of any depth share the unit scale; floats must lie on it when the model learned from integers."""
        if pixels.dtype.kind != "f":
            if self._card.dtype.startswith("float"):
                raise RetintError(
                    f"{self._where}: pixels are {pixels.dtype}, the model was trained on {self._card.dtype} values; convert the "
                    "image to the scale of the training images"
                )
            return
        if not self._card.dtype.startswith("float") and pixels.size:
            low, high = float(pixels.min()), float(pixels.max())
            if low < 0 or high > 1:
                raise RetintError(
                    f"{self._where}: float pixels from {low:g} to {high:g}; the model was trained on {self._card.dtype} images, so "
                    "floats must lie between 0 and 1: divide by the largest possible value"
                )


def _as_array(image: Any, where: str) -> NDArray[Any]:
    if isinstance(image, Tensor):
        image = image.detach().cpu()
        pixels: NDArray[Any] = image.movedim(0, -1).numpy() if image.dim() == 3 else image.numpy()
    else:
        pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3:
        raise RetintError(
            f"{where}: an array of shape {pixels.shape}; expected (rows, columns) or (rows, columns, channels)"
        )
    if pixels.dtype.kind not in "uifb":
        raise RetintError(f"{where}: pixels of type {pixels.dtype}; expected uint8, uint16 or float32")
    return pixels
