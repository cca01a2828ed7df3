"""One layer, as a row of a table and as a torch module.

Padding `same` keeps a plane of n cells at n / stride cells; where the padding is odd, the smaller half lies before.
Padding `valid` pads nothing. Both see the same neighbours, so `valid` is the inside of `same`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Padding = Literal["same", "valid"]
Extent = int | tuple[int, ...]

_CONVOLUTIONS: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORMS: dict[int, Any] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


@dataclass(frozen=True)
class Layer:
    """A row of an architecture's table: activation(norm(convolution(x))), plus x inside the activation if residual.

    Extents are one number for all axes or one for each. `channels` None means one plane for each class.
    """

    kernel: Extent
    channels: int | None
    stride: Extent = 1
    dilation: Extent = 1
    activation: Literal["none", "relu", "tanh", "sigmoid"] = "relu"
    norm: bool = False
    residual: bool = False
    bias: bool = True

    def along(self, axis: int) -> tuple[int, int, int]:
        """Kernel, stride and dilation along one axis."""
        kernel, stride, dilation = (
            e if isinstance(e, int) else e[axis] for e in (self.kernel, self.stride, self.dilation)
        )
        return kernel, stride, dilation

    def padding(self, axis: int) -> tuple[int, int]:
        """Cells that `same` adds before and after a plane along one axis."""
        kernel, stride, dilation = self.along(axis)
        total = max(dilation * (kernel - 1) + 1 - stride, 0)
        return total // 2, total - total // 2


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
        self.conv = _CONVOLUTIONS[dims](
            channels, self.channels, extents[0], stride=extents[1], dilation=extents[2],
            padding=tuple(before for before, _ in pads) if even else 0, bias=layer.bias and not layer.norm,
        )  # fmt: skip
        self.norm = _NORMS[dims](self.channels) if layer.norm else None

    def forward(self, x: Tensor) -> Tensor:
        """One layer down: (N, channels, cells ...) in and out."""
        y: Tensor = self.conv(F.pad(x, self.uneven) if self.uneven else x)
        if self.norm is not None:
            y = self.norm(y)
        if self.layer.residual:
            inside = tuple(slice(before, -after or None) for before, after in self.crop)
            y = y + (x[(..., *inside)] if inside else x)
        return _ACTIVATIONS[self.layer.activation](y)

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


def chain(layers: Sequence[Layer], channels: int, classes: int, dims: int, padding: Padding) -> nn.Sequential:
    """The layers one after another, as one module."""
    units: list[Unit] = []
    for layer in layers:
        units.append(Unit(layer, units[-1].channels if units else channels, classes, dims, padding))
    return nn.Sequential(*units)
