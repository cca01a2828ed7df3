"""One layer, as a row of a table and as a torch module.

Padding `same` keeps a plane of n cells at n / stride cells; where the padding is odd, the smaller half lies before.
Padding `valid` pads nothing. Both see the same neighbours, so `valid` is the inside of `same`.

Either makes planes coarser by a stride or by pooling. `spread` instead keeps every position: pooling with unit stride,
and the layers after it dilated to match (Pinheiro and Collobert 2014, section 3.3, computed in one piece).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from types import EllipsisType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..hardware import laid_out
from . import fourier

Padding = Literal["same", "valid"]
Extent = int | tuple[int, ...]

_CONVOLUTIONS: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_POOLS: dict[int, Any] = {2: F.max_pool2d, 3: F.max_pool3d}
_PLAIN: dict[int, Any] = {2: F.conv2d, 3: F.conv3d}
_REGISTER = 16
"""Planes that processors take at a time in bfloat16."""
_PIECE = 1 << 18
"""Values that stay in a processor's cache."""
_NORMS: dict[int, Any] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def tanh_(x: Tensor) -> Tensor:
    """The hyperbolic tangent in place; without gradients by the logistic function, three times faster on processors.

    In bfloat16 by way of float32, in pieces that stay in the processor's cache, twice as fast.
    """
    if x.requires_grad or x.device.type != "cpu" or x.dtype not in (torch.bfloat16, torch.float32, torch.float64):
        return torch.tanh_(x)
    if x.dtype == torch.bfloat16:
        last = x.movedim(1, -1) if x.dim() > 1 else x
        flat = next((y.view(-1) for y in (x, last) if y.is_contiguous()), None)
        for piece in (x,) if flat is None else flat.chunk(-(-flat.numel() // _PIECE) or 1):
            piece.copy_(piece.float().tanh_())
        return x
    return x.mul_(2).sigmoid_().mul_(2).sub_(1)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": torch.relu_,
    "tanh": tanh_,
    "sigmoid": torch.sigmoid_,
}
"""In place: a fresh plane for each would cost more than the arithmetic of the first layers."""


@dataclass(frozen=True)
class Layer:
    """A row of an architecture's table: activation(pool(norm(convolution(x)))), plus x before the pool if residual.

    Extents are one number for all axes or one for each. `channels` None means one plane for each class. `pool` takes the
    largest of that many cells; `up` makes that many cells of each one, from as many times the planes (sub-pixel
    convolution: Shi et al. 2016).
    """

    kernel: Extent
    channels: int | None
    stride: Extent = 1
    dilation: Extent = 1
    activation: Literal["none", "relu", "tanh", "sigmoid"] = "relu"
    norm: bool = False
    residual: bool = False
    bias: bool = True
    pool: Extent = 1
    up: Extent = 1

    def along(self, axis: int) -> tuple[int, int, int]:
        """Kernel, stride and dilation along one axis."""
        return extent(self.kernel, axis), extent(self.stride, axis), extent(self.dilation, axis)

    def coarser(self, axis: int) -> int:
        """How many cells become one along one axis."""
        return extent(self.stride, axis) * extent(self.pool, axis)

    def padding(self, axis: int) -> tuple[int, int]:
        """Cells that `same` adds before and after a plane along one axis."""
        kernel, stride, dilation = self.along(axis)
        total = max(dilation * (kernel - 1) + 1 - stride, 0)
        return total // 2, total - total // 2


def extent(value: Extent, axis: int) -> int:
    """An extent along one axis."""
    return value if isinstance(value, int) else value[axis]


class Unit(nn.Module):
    """The torch module of one layer."""

    conv: nn.Conv2d | nn.Conv3d
    norm: nn.BatchNorm2d | nn.BatchNorm3d | None

    def __init__(self, layer: Layer, channels: int, classes: int, dims: int, padding: Padding) -> None:
        super().__init__()
        self.layer, self.channels = layer, classes if layer.channels is None else layer.channels
        pads = [layer.padding(axis) if padding == "same" else (0, 0) for axis in range(dims)]
        even = all(before == after for before, after in pads)
        self.uneven = () if even else tuple(n for pair in reversed(pads) for n in pair)
        self.crop = [layer.padding(axis) for axis in range(dims)] if padding == "valid" and layer.residual else []
        extents = [tuple(layer.along(axis)[i] for axis in range(dims)) for i in range(3)]
        self.pool, self.up = (tuple(extent(e, axis) for axis in range(dims)) for e in (layer.pool, layer.up))
        self.conv = _CONVOLUTIONS[dims](
            channels, self.channels * prod(self.up), extents[0], stride=extents[1], dilation=extents[2],
            padding=tuple(before for before, _ in pads) if even else 0, bias=layer.bias and not layer.norm,
        )  # fmt: skip
        self.norm = _NORMS[dims](self.conv.out_channels) if layer.norm else None
        if (each := prod(self.up)) > 1:  # all finer cells of one begin alike: no chequered labels (Aitken et al. 2017)
            with torch.no_grad():
                for parameter in self.conv.parameters():
                    parameter.copy_(parameter[::each].repeat_interleave(each, 0))

    def forward(self, x: Tensor, detail: Tensor | None = None) -> Tensor:
        """One layer down: (N, channels, cells ...) in and out; `detail`, of the convolution's own size, is added to it."""
        y = self._pointwise(x) if self._flat else self.conv(F.pad(x, self.uneven) if self.uneven else x)
        if self.norm is not None:
            y = self.norm(y)
        if self.layer.residual:
            inside = tuple(slice(before, -after or None) for before, after in self.crop)
            y += x[(..., *inside)] if inside else x
        if detail is not None:
            y += detail
        if max(self.pool) > 1:
            y = max_pool(y, self.pool)
        y = ACTIVATIONS[self.layer.activation](y)
        return finer(y, self.up) if max(self.up) > 1 else y

    def spread(self, x: Tensor, gap: Sequence[int], after: Sequence[Unit] = ()) -> Tensor:
        """The layer at every position of a plane whose cells lie `gap` positions apart; nothing is padded.

        The result's cells lie further apart by the layer's stride and pooling.

        Args:
            x: (N, channels, cells ...).
            gap: along each axis.
            after: layers `of_cells` to pass the result through: done while it is in the processor's cache, if possible.
        """
        dims = len(gap)
        _, strides, dilations = zip(*(self.layer.along(axis) for axis in range(dims)), strict=True)
        apart = tuple(d * g for d, g in zip(dilations, gap, strict=True))
        if fourier.pays(x, self.conv.weight, apart) and self._simple:
            return fourier.convolved(
                x, self.conv.weight, self.conv.bias, apart, lambda y: _cell_by_cell(after, self._activated(y))
            )
        y = convolution(x, self.conv.weight, self.conv.bias, apart)
        if self.norm is not None:
            y = self.norm(y)
        if self.layer.residual:
            first = [self.layer.padding(axis)[0] * g for axis, g in enumerate(gap)]
            y += part(x, (slice(a, a + n) for a, n in zip(first, y.shape[2:], strict=True)))
        if max(self.pool) > 1:
            y = max_pool(y, self.pool, tuple(s * g for s, g in zip(strides, gap, strict=True)))
        y = self._activated(y)
        for unit in after:
            y = unit.spread(y, gap)
        return y

    @property
    def _flat(self) -> bool:
        """Whether it is to be computed by `_pointwise`: in volumes, with gradients."""
        conv = self.conv
        volume = isinstance(conv, nn.Conv3d) and conv.weight.requires_grad and torch.is_grad_enabled()
        return volume and prod(conv.kernel_size) == prod(conv.stride) == 1

    def _pointwise(self, x: Tensor) -> Tensor:
        """A convolution of 1 x 1 x 1, slices under each other as one image: oneDNN's gradient of such kernels in bfloat16 writes where
        it must not (torch 2.13, processors with AMX)."""
        y = F.conv2d(x.flatten(2, 3), self.conv.weight[..., 0], self.conv.bias)
        return y.reshape(*y.shape[:2], *x.shape[2:])

    @property
    def of_cells(self) -> bool:
        """Whether each cell of its result depends on one cell alone."""
        return self._simple and prod(self.conv.kernel_size) == 1

    @property
    def linear(self) -> bool:
        """Whether it is a convolution, nothing else."""
        return self._simple and self.layer.activation == "none"

    @property
    def _simple(self) -> bool:
        """Whether it is a convolution and its activation, nothing else."""
        return self.norm is None and not self.layer.residual and max(*self.pool, *self.up) == 1

    def _activated(self, y: Tensor) -> Tensor:
        return ACTIVATIONS[self.layer.activation](y)

    def cells(self, x: Tensor) -> Tensor:
        """A layer `of_cells` on values (..., channels, cells)."""
        y = torch.matmul(self.conv.weight.flatten(1), x)
        return self._activated(y if self.conv.bias is None else y.add_(self.conv.bias[:, None]))

    def fold(self) -> None:
        """Put the normalisation into the convolution: the same function (at inference), fewer passes over memory."""
        if self.norm is None:
            return
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        with torch.no_grad():
            scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
            self.conv.weight.mul_(scale.view(-1, *[1] * (self.conv.weight.dim() - 1)))
            self.conv.bias = nn.Parameter(self.norm.bias - mean * scale)
        self.norm = None


def convolution(x: Tensor, kernel: Tensor, bias: Tensor | None, dilation: Sequence[int]) -> Tensor:
    """The convolution of planes with nothing padded, by the way that is faster."""
    if fourier.pays(x, kernel, dilation):
        return fourier.convolved(x, kernel, bias, dilation)
    planes, count = kernel.shape[1], kernel.shape[0]
    narrow = 8 < planes < _REGISTER and x.dtype is torch.bfloat16 and x.device.type == "cpu"
    if narrow:  # with zeros up to whole registers, in and out, it is one and a half to four times as fast
        none = (0, 0) * len(dilation)
        x, kernel = F.pad(x, (*none, 0, -planes % _REGISTER)), F.pad(kernel, (*none, 0, -planes % _REGISTER, 0, -count % _REGISTER))
        bias = None if bias is None else F.pad(bias, (0, -count % _REGISTER))
    y: Tensor = _PLAIN[len(dilation)](x, kernel, bias, dilation=dilation)
    return laid_out(y[:, :count]) if narrow else y


def _cell_by_cell(units: Iterable[Unit], x: Tensor) -> Tensor:
    for unit in units:
        x = unit.cells(x)
    return x


def padded(x: Tensor, after: Sequence[int], value: float = 0.0) -> Tensor:
    """Planes (..., cells ...) with so many more cells at the end of each of their last axes."""
    return F.pad(x, [n for pad in reversed(after) for n in (0, pad)], value=value) if any(after) else x


def part(x: Tensor, slices: Iterable[slice]) -> Tensor:
    """A part of a plane (..., cells ...), given along its last axes."""
    index: tuple[EllipsisType | slice, ...] = (..., *slices)
    return x[index]


def max_pool(x: Tensor, size: tuple[int, ...], gap: tuple[int, ...] | None = None) -> Tensor:
    """The largest of each `size` cells; with a gap, at every position, among cells that lie so far apart."""
    if gap is None:
        y: Tensor = _POOLS[len(size)](x, size)
        return y
    for axis, (n, apart) in enumerate(zip(size, gap, strict=True), start=2):
        length = x.shape[axis] - (n - 1) * apart
        parts = [x.narrow(axis, k * apart, length) for k in range(n)]
        x = functools.reduce(torch.maximum, parts)
    return x


def finer(x: Tensor, up: Sequence[int]) -> Tensor:
    """Planes (N, channels * product of up, cells ...) as (N, channels, up * cells ...); both with their channels last."""
    if len(set(up)) == 1 and len(up) == 2:
        return F.pixel_shuffle(x, up[0])  # the same, several times faster
    dims, sizes = len(up), [n * u for n, u in zip(x.shape[2:], up, strict=True)]
    y = x.movedim(1, -1).reshape(len(x), *x.shape[2:], -1, *up)
    order = [n for axis in range(dims) for n in (1 + axis, 2 + dims + axis)]
    y = y.permute(0, *order, 1 + dims).reshape(len(x), *sizes, -1)
    return y.movedim(-1, 1)


def chain(layers: Sequence[Layer], channels: int, classes: int, dims: int, padding: Padding) -> nn.Sequential:
    """The layers one after another, as one module."""
    units: list[Unit] = []
    for layer in layers:
        units.append(Unit(layer, units[-1].channels if units else channels, classes, dims, padding))
    return nn.Sequential(*units)
