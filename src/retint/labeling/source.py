"""The image as the network sees it: any region of it, at any scale, normalised, with zeros beyond its edges."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path, PurePath
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RetintError
from ..hardware import laid_out
from ..images import RegionReader, fit_channels, to_unit
from ..images.read import told
from ..modelfile import Card
from .pixels import bands, scaled_size
from .resample import smooth
from .tiles import Box, slices

_AXES = {2: "(rows, columns)", 3: "(slices, rows, columns)"}
_MOST_CHANNELS = 16  # an image with more, for a model that takes others, is taken for a volume
_LARGEST = 1024
_PIECE = 1 << 18
"""Values that stay in a processor's cache."""


class Source:
    """An image or a volume, converted and resampled region by region, so that it is never held twice.

    Args:
        image: an array of the spatial axes, (rows, columns) or (slices, rows, columns), with the channels after them if
            there are several; or a tensor with the channels before them.
        card: what the model expects.
        dims: spatial dimensions, 2 or 3.
        where: what to call the image in messages; the path of its file, if that is where it is from.
        scale: of the image that the network sees, 0.01 to 100: linear between pixels, and when shrinking a mean over as
            many as one new pixel stands for (triangular weights).

    Attributes:
        own: the image's pixels along each axis.
        size: the same at the scale that the network sees.

    Raises:
        RetintError: not such an image, or one that has no documented conversion to the model's channels and depth.
    """

    def __init__(self, image: Any, card: Card, dims: int, where: str | Path = "image", scale: float = 1.0) -> None:
        pixels = _Read(image) if hasattr(image, "read") else as_array(image, dims, card.channels, where)
        self._card, self._where = card, where
        self._lazy = isinstance(pixels, _Read)
        self.own: tuple[int, ...] = pixels.shape[:-1]
        if min(self.own) < 1:
            told, least = (" x ".join(map(str, size)) for size in (self.own, (1,) * dims))
            raise RetintError(f"{where}: {told} pixels; at least {least} is needed")
        self.size = scaled_size(self.own, scale)
        # a pyramid's level may be read in place of the image
        self._pixels = _Read(pixels.reader.at(scale)) if isinstance(pixels, _Read) and scale < 1 else pixels
        self._fitted(pixels[(slice(0, 1),) * dims])
        self._check_depth(pixels[(slice(0, 1),) * dims] if isinstance(pixels, _Read) else pixels)
        self._mean, self._std = (torch.tensor(v).view(-1, *[1] * dims) for v in (card.mean, card.std))

    def region(self, box: Box, dtype: torch.dtype = torch.float32) -> Tensor:
        """The pixels of a box (which may reach beyond the image), (1, C, pixels ...), normalised."""
        return self.normalised(self.pixels(box), box, dtype)

    def pixels(self, box: Box) -> NDArray[Any]:
        """Those of a box's pixels that lie in the image, (pixels ..., C), as they are stored, or, at another scale, on the unit
        scale; not to be written to."""
        inside = self._inside(box)
        return self._stored(slices(inside)) if self.size == self._pixels.shape[:-1] else self._unit(inside)

    def normalised(self, pixels: NDArray[Any], box: Box, dtype: torch.dtype = torch.float32) -> Tensor:
        """A box's region, from its pixels; of 8 bits, they are put on the unit scale and normalised at once."""
        have, bytes_ = self._inside(box), pixels.dtype == np.uint8
        values = _plain(pixels) if bytes_ else self._on_unit_scale(pixels)
        lines = torch.from_numpy(values).flatten(-2).flatten(0, -2)  # a row's pixels and channels in one are quickly gone through
        largest = 255 if bytes_ else 1
        mean, factor = (v.flatten().repeat(pixels.shape[-2]) for v in (self._mean * largest, 1 / (self._std * largest)))
        x = torch.empty(lines.shape, dtype=dtype)
        for part in bands(lines.shape, _PIECE):
            x[part] = torch.sub(lines[part].float(), mean).mul_(factor)  # in this order nothing is lost where the mean is large
        *around, sides = [(low - a, b - high) for (a, b), (low, high) in zip(box, have, strict=True)]
        each = pixels.shape[-1]
        missing = [n * each for n in sides] + [n for pair in reversed(around) for n in pair]
        if any(missing):
            x = torch.nn.functional.pad(x.view(*pixels.shape[:-2], pixels.shape[-2] * each), missing)
        return laid_out(x.view(*(b - a for a, b in box), each).movedim(-1, 0)[None])

    def _inside(self, box: Box) -> Box:
        return tuple((max(a, 0), max(min(b, n), max(a, 0))) for (a, b), n in zip(box, self.size, strict=True))

    @property
    def bytes(self) -> int:
        """That the image takes."""
        return prod(self._pixels.shape) * self._pixels.dtype.itemsize

    def fitting(self, part: Any, at: Sequence[int]) -> tuple[NDArray[Any], Box]:
        """Other pixels that are to be put in a place of the image, (pixels ..., channels), and the box that they fill.

        Args:
            part: of the image's type, with its channels: an array or a tensor, laid out as the image may be.
            at: where its first pixel goes, along each axis.

        Raises:
            RetintError: another type, other channels, or it reaches beyond the image.
        """
        dims, held = len(self.own), self._pixels
        assert isinstance(held, np.ndarray), "an image that is read by region cannot be changed"
        given = array_of(part, "part")
        new = given[..., None] if given.ndim == dims and held.shape[-1] == 1 else as_array(part, dims, held.shape[-1], "part")
        if new.dtype != held.dtype or new.shape[-1] != held.shape[-1]:
            raise RetintError(
                f"part: {new.dtype} with {new.shape[-1]} channels; the image is {held.dtype} with {held.shape[-1]}"
            )
        try:
            whole = all(a == int(a) for a in at)
        except (OverflowError, TypeError, ValueError):
            whole = False
        if not whole:
            raise RetintError(f"part at {at}: expected whole pixels, one along each axis")
        if len(at) != dims or any(a < 0 or a + n > whole for a, n, whole in zip(at, new.shape, self.own, strict=False)):
            raise RetintError(f"part: {new.shape[:-1]} pixels at {tuple(at)} do not lie in the image's {self.own}")
        self._check_depth(new)
        to_unit(new, "part")  # refuses what is no number, before anything is replaced
        box = tuple((int(a), int(a) + n) for a, n in zip(at, new.shape, strict=False))
        return new, box

    def replace(self, part: NDArray[Any], box: Box) -> None:
        """Put pixels that fit, see `fitting`, into a box of the image, and of the array that it was made from."""
        assert isinstance(self._pixels, np.ndarray)
        self._pixels[slices(box)] = part

    def middle(self) -> NDArray[np.float32]:
        """At most 1024 x 1024 pixels in the middle, of a volume its middle slice: (rows, columns, C), on the unit scale."""
        rows_and_columns = [(max(0, n // 2 - _LARGEST // 2), min(n, n // 2 + _LARGEST // 2)) for n in self.size[-2:]]
        box = (*((n // 2, n // 2 + 1) for n in self.size[:-2]), *rows_and_columns)
        unit = self._unit(box)
        return unit.reshape(unit.shape[-3:])

    def _unit(self, box: Box) -> NDArray[np.float32]:
        """The pixels of a box inside the image, (pixels ..., C), on the unit scale; not to be written to."""
        stored: tuple[int, ...] = self._pixels.shape[:-1]
        if self.size == stored:
            return self._on_unit_scale(self._stored(slices(box)))
        shape = [b - a for a, b in box]
        whole = np.empty((*shape, self._card.channels), np.float32)
        (first, _), *others = box
        taps = [smooth(*span, old, new) for span, old, new in zip(others, stored[1:], self.size[1:], strict=True)]
        widest = max(stored[0] / self.size[0], 1) * prod(
            max(n, t.span[1] - t.span[0]) for n, t in zip(shape[1:], taps, strict=True)
        )
        for band in bands((shape[0], int(widest))):
            lines = smooth(first + band.start, first + band.stop, stored[0], self.size[0])
            spans = [t.span for t in (lines, *taps)]
            x = torch.from_numpy(self._on_unit_scale(self._stored(slices(tuple(spans)))))
            for axis, (t, (low, _)) in enumerate(zip((lines, *taps), spans, strict=True)):
                x = t.along(x, axis, low)
            whole[band] = x.numpy()
        return whole

    def _stored(self, index: tuple[slice, ...]) -> NDArray[Any]:
        part = self._pixels[index]
        if self._lazy:  # an array was checked as a whole
            self._check_depth(part)
        return self._fitted(part)

    def _on_unit_scale(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        return _plain(to_unit(pixels, self._where))

    def _fitted(self, part: NDArray[Any]) -> NDArray[Any]:
        """A part with the model's channels."""
        plane = part.reshape(prod(part.shape[:-2]), *part.shape[-2:])
        return fit_channels(plane, self._card.channels, self._where).reshape(*part.shape[:-1], self._card.channels)

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
                    f"{self._where}: pixels from {low:g} to {high:g} that are neither uint8 nor uint16; the model was trained on "
                    f"{self._card.dtype} images, so floats must lie between 0 and 1: divide by the largest possible value, or save as uint8 or uint16"
                )


class _Read:
    """A reader, sliced like an array, by one thread at a time."""

    def __init__(self, reader: RegionReader) -> None:
        self.reader, self.shape, self.dtype = reader, reader.shape, reader.dtype
        self._one = Lock()

    def __getitem__(self, index: tuple[slice, ...]) -> NDArray[Any]:
        with told(self.reader.path), self._one:
            return self.reader.read(tuple((part.start, part.stop) for part in index))


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """The values as torch wants them: in order, and to be written to. NumPy takes an axis of one, turned round, for in order."""
    values = np.require(values, requirements=("C", "W"))
    return values if min(values.strides) >= 0 else values.copy()


def array_of(given: Any, what: str | Path) -> NDArray[Any]:
    """An array, or a tensor on any device and of any type, as an array; nothing is copied that need not be. `what` is its name in messages.

    Raises:
        RetintError: it is neither, nor rows of equal length.
    """
    if not isinstance(given, Tensor):
        try:
            return np.asarray(given)
        except ValueError as error:
            raise RetintError(f"{what}: found neither an array nor a tensor ({error}); expected one of them") from None
    tensor = given.detach().cpu()
    array: NDArray[Any] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array


def as_array(image: Any, dims: int, channels: int, where: str | Path) -> NDArray[Any]:
    """The image as (pixels ..., channels).

    Raises:
        RetintError: it is no image of so many dimensions.
    """
    if image is None or isinstance(image, str | PurePath):
        raise RetintError(f"{where}: found {'nothing' if image is None else f'the path {image}'}; expected an array: open the file, such as with PIL.Image.open")
    pixels: NDArray[Any] = array_of(image, where)
    found = f"{where}: {'a tensor' if isinstance(image, Tensor) else 'an array'} of shape {pixels.shape}"
    _check_order(pixels.shape, isinstance(image, Tensor), dims, channels, found)
    if isinstance(image, Tensor) and image.dim() == dims + 1:
        pixels = np.moveaxis(pixels, 0, -1)
    flat = pixels.ndim == 3 and pixels.shape[2] in (3, 4) and min(pixels.shape[:2]) > _MOST_CHANNELS
    if dims == 3 and (pixels.ndim == 2 or flat):
        raise RetintError(
            f"{found} is a 2-D image; the model labels volumes, (slices, rows, columns) or (slices, rows, columns, channels): use a "
            "2-D model"
        )
    deep = pixels.ndim == 3 and pixels.shape[2] > _MOST_CHANNELS and pixels.shape[2] != channels
    if dims == 2 and (pixels.ndim == 4 or deep):
        kind, batch = ("a volume or a batch", "label_batch(list(x)), or ") if pixels.ndim == 4 else ("a volume", "")
        raise RetintError(
            f"{found} is {kind}; the model labels 2-D images: {batch}give it the slices one by one, or use a 3-D model"
        )
    if pixels.ndim == dims:
        pixels = pixels[..., None]
    if pixels.ndim != dims + 1:
        raise RetintError(f"{found}; expected {_AXES[dims]} or {_AXES[dims][:-1]}, channels)")
    if pixels.dtype.kind not in "uifb":
        raise RetintError(f"{where}: pixels of type {pixels.dtype}; expected uint8, uint16 or float32")
    return pixels


def _check_order(shape: tuple[int, ...], tensor: bool, dims: int, channels: int, found: str) -> None:
    """Whether the axes are those of one image, in their order, as far as their lengths tell.

    Raises:
        RetintError: the channels are at the other end, or there is an axis for several images.
    """
    if len(shape) == dims + 2 and shape[0] == 1:
        raise RetintError(f"{found} is a batch of one; expected one image: give x[0], or label_batch(list(x))")
    if len(shape) != dims + 1:
        return
    few = {1, 3, 4, channels}
    first, last = shape[0] in few, shape[-1] in few
    if tensor and last and not first and shape[0] > _MOST_CHANNELS:
        order = ", ".join(map(str, (dims, *range(dims))))
        raise RetintError(f"{found} has its channels last; tensors have channels first: give x.permute({order})")
    if not tensor and first and not last and shape[-1] > _MOST_CHANNELS:
        order = ", ".join(map(str, (*range(1, dims + 1), 0)))
        raise RetintError(f"{found} has its channels first; arrays have channels last: give x.transpose({order})")
