"""Convolution of large kernels by Fourier transform, for labelling (no gradients).

A plane is cut into tiles that overlap by a kernel (overlap-save); the transforms of a tile's planes are mixed, frequency by
frequency, in place of sums over the kernel's cells (Mathieu et al. 2014; Highlander and Rodriguez 2015).

Tiles are small, so the transform is a product with a matrix of cosines and sines, which processors do best. Its frequencies
lie halfway between those of the usual one:

    C(f) = sum x(n) cos(2 pi (f + 1/2) n / T)        S(f) = sum x(n) sin(2 pi (f + 1/2) n / T)        f = 0 ... T/2 - 1

so T numbers become T numbers, without special cases. What wraps around changes its sign then, and is cut off anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import pi, prod

import torch
from torch import Tensor
from torch.nn import functional as F

Pair = tuple[int, int]

_LARGEST = 28
"""Cells of a tile's side. Larger tiles waste less at their edges, but a product with a matrix costs more."""
_PASS = 40
"""What cutting, adding and putting back cost for each value of a tile, in multiply-adds (measured)."""
_GAIN = 1.5
"""Direct convolutions do so many more multiply-adds a second (measured)."""
_GROUP = 96
"""Tiles that are computed together: as few as products of matrices are fast with, so that they stay in the cache."""


@dataclass(frozen=True)
class Tiling:
    """How a plane is cut: tiles of `size` cells, `count` of them along each axis, which give `step` cells each."""

    size: Pair
    step: Pair
    count: Pair
    cost: float


@lru_cache(maxsize=256)
def tiling(out: Pair, kernel: Pair, planes: int, channels: int) -> Tiling:
    """The cheapest one for `out` cells of a convolution from `planes` to `channels` planes; its cost in multiply-adds."""
    choices = [_counts(length, k) for length, k in zip(out, kernel, strict=True)]
    return min((_tiling(out, kernel, _pair(n), planes, channels) for n in product(*choices)), key=lambda t: t.cost)


def _counts(length: int, kernel: int) -> list[int]:
    """Numbers of tiles that give them reasonable sides."""
    most = min(max(_LARGEST - kernel + 1, 1), length)
    return sorted({-(-length // step) for step in range(min(kernel, most), most + 1)})


def _tiling(out: Pair, kernel: Pair, count: Pair, planes: int, channels: int) -> Tiling:
    (a, b), (s, t) = zip(*(_side(length, k, n) for length, k, n in zip(out, kernel, count, strict=True)), strict=True)
    forward = planes * a * b * (a + b + _PASS)
    back = channels * (a * b * (t + _PASS) + a * s * t)
    return Tiling((a, b), (s, t), count, prod(count) * (forward + 2 * a * b * planes * channels + back))


def _side(length: int, kernel: int, count: int) -> Pair:
    """Cells of a tile's side, an even number, and how many it gives."""
    size = -(-length // count) + kernel - 1
    size += size % 2
    return size, size - kernel + 1


def pays(x: Tensor, kernel: Tensor, dilation: Sequence[int]) -> bool:
    """Whether it is faster than the direct way: kernels of two axes, float32, on a processor, without gradients."""
    if x.dim() != 4 or x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64):
        return False
    if torch.is_grad_enabled() and (x.requires_grad or kernel.requires_grad):
        return False
    out, extent = _out(x, kernel, dilation), _pair(kernel.shape[2:])
    if min(out) < 1 or prod(extent) < 16:
        return False
    direct = prod(out) * kernel.numel() / prod(dilation)
    return _GAIN * tiling(_phase(out, dilation), extent, kernel.shape[1], kernel.shape[0]).cost < direct


def convolved(
    x: Tensor, kernel: Tensor, bias: Tensor | None, dilation: Sequence[int],
    then: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """The convolution, nothing padded: equal to `torch.nn.functional.conv2d` to rounding.

    Args:
        x: planes, (N, C, rows, columns), float32 or float64.
        kernel: (K, C, rows, columns); its transform costs little beside that of the planes.
        bias: (K,), or none.
        dilation: of each axis. Cells that lie so far apart are convolved by themselves.
        then: what becomes of each cell's values, (..., K, cells) to (..., K', cells); it may work in place.

    Returns:
        (N, K', rows, columns).
    """
    out, extent, gap = _out(x, kernel, dilation), _pair(kernel.shape[2:]), _pair(dilation)
    cut = tiling(_phase(out, gap), extent, kernel.shape[1], kernel.shape[0])
    whole = [(n * s + k - 1) * d for n, s, k, d in zip(cut.count, cut.step, extent, gap, strict=True)]
    missing = [max(n - have, 0) for n, have in zip(whole, x.shape[2:], strict=True)]
    if any(missing):
        x = F.pad(x, (0, missing[1], 0, missing[0]))
    tiles = _Tiles(cut, kernel, bias)
    source = _cut(x, cut.size, cut, gap)
    result = target = None
    for group in _groups(source.shape[3:]):
        y = tiles.convolved(source[:, :, :, *group])
        y = y if then is None else then(y)
        if result is None or target is None:
            sides = (n * s * d for n, s, d in zip(cut.count, cut.step, gap, strict=True))
            result = x.new_empty(len(x), y.shape[2], *sides)
            target = _cut(result, cut.step, cut, gap)
        place = target[:, :, :, *group]
        place.copy_(y.view(place.shape))
    assert result is not None
    return result[:, :, : out[0], : out[1]]


def _pair(sizes: Sequence[int]) -> Pair:
    return sizes[0], sizes[1]


def _out(x: Tensor, kernel: Tensor, dilation: Sequence[int]) -> Pair:
    """Cells of the result."""
    return _pair([n - d * (k - 1) for n, k, d in zip(x.shape[2:], kernel.shape[2:], dilation, strict=True)])


def _phase(out: Pair, dilation: Sequence[int]) -> Pair:
    """Of these, the cells that lie `dilation` apart."""
    return -(-out[0] // dilation[0]), -(-out[1] // dilation[1])


def _cut(x: Tensor, size: Pair, cut: Tiling, gap: Pair) -> Tensor:
    """All tiles as a view: (rows of a tile, columns of a tile, C, N, tiles down, phases, tiles across, phases)."""
    n, c, h, w = x.stride()
    (a, b), (s, t) = gap, cut.step
    shape = (*size, x.shape[1], len(x), cut.count[0], a, cut.count[1], b)
    return x.as_strided(shape, (h * a, w * b, c, n, s * a * h, h, t * b * w, w), x.storage_offset())


def _groups(counts: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """The images and the rows of tiles to compute together."""
    images, down, *others = counts
    groups = max(round(down * prod(others) / _GROUP), 1)
    rows, many = -(-down // groups), max(_GROUP // (down * prod(others)), 1)
    for a in range(0, images, many):
        for b in range(0, down, rows):
            yield slice(a, a + many), slice(b, b + rows)


class _Tiles:
    """What convolves tiles of one size by one kernel.

    A tile's transform by cosines and sines along both axes is cc, cs, sc, ss; it stands for two complex numbers p - iq,
    that of the frequencies (f, g), p = cc - ss, q = cs + sc, and that of (f, -g), p = cc + ss, q = sc - cs.
    """

    def __init__(self, cut: Tiling, kernel: Tensor, bias: Tensor | None) -> None:
        self.cut, self.bias = cut, None if bias is None else bias[:, None]
        self.channels, self.planes = kernel.shape[:2]
        down, across = (_waves(n, kernel.dtype) for n in cut.size)
        self.down, self.across = down, across
        self.up, self.back = (
            (wave[:, :n] * (each / len(wave))).t().contiguous()
            for wave, n, each in zip((down, across), cut.step, (2, 1), strict=True)
        )
        self._room = [kernel.new_empty(0), kernel.new_empty(0)]
        self.mixing = self._mixing(kernel)

    def convolved(self, tiles: Tensor) -> Tensor:
        """Tiles (rows, columns, C, ...) to (step, step, K, n); the next call writes to the same memory."""
        (a, b), (s, t), planes, channels = self.cut.size, self.cut.step, self.planes, self.channels
        n = tiles[0, 0, 0].numel()
        x = self._take(0, *tiles.shape).copy_(tiles)
        x = torch.mm(self.down, x.view(a, -1), out=self._take(1, a, b * planes * n))
        x = torch.bmm(self.across.expand(a, -1, -1), x.view(a, b, -1), out=self._take(0, a, b, planes * n))
        x = _frequencies(x, self._take(1, 2, a // 2, b // 2, 2, planes * n))
        y = torch.bmm(self.mixing, x.view(a * b // 2, 2 * planes, n), out=self._take(0, a * b // 2, 2 * channels, n))
        y = _waves_of(y.view(2, a // 2, b // 2, 2, -1), self._take(1, 2, a // 2, 2, b // 2, channels * n))
        y = torch.bmm(self.back.expand(a, -1, -1), y.view(a, b, -1), out=self._take(0, a, t, channels * n))
        y = torch.mm(self.up, y.view(a, -1), out=self._take(1, s, t * channels * n)).view(s, t, channels, n)
        return y if self.bias is None else y.add_(self.bias)

    def _mixing(self, kernel: Tensor) -> Tensor:
        """The kernel's transform, conjugated: for each frequency a real matrix (2 K, 2 C) that takes (p, q) to (p, q)."""
        (a, b), (down, across) = self.cut.size, kernel.shape[2:]
        cells = kernel.permute(2, 3, 0, 1).reshape(down, -1)
        x = (self.down[:, :down] @ cells).view(a, across, -1)
        x = torch.matmul(self.across[:, :across], x)
        x = _frequencies(x, self._take(0, 2, a // 2, b // 2, 2, x.shape[-1]))
        p, q = x.view(-1, 2, self.channels, self.planes).unbind(1)
        mixing = kernel.new_empty(len(p), 2, self.channels, 2, self.planes)
        mixing[:, 0, :, 0], mixing[:, 0, :, 1] = p, q
        mixing[:, 1, :, 0], mixing[:, 1, :, 1] = -q, p
        return mixing.view(len(p), 2 * self.channels, 2 * self.planes)

    def _take(self, which: int, *shape: int) -> Tensor:
        """One of two pieces of memory in turn, so that all stays in the processor's cache."""
        if (size := prod(shape)) > self._room[which].numel():
            self._room[which] = self.down.new_empty(size)
        return self._room[which][:size].view(shape)


def _waves(size: int, dtype: torch.dtype) -> Tensor:
    """The transform along one axis as a matrix: cosines, then sines."""
    angle = 2 * pi / size * torch.outer(torch.arange(size // 2).double() + 0.5, torch.arange(size).double())
    return torch.cat([angle.cos(), angle.sin()]).to(dtype)


def _frequencies(x: Tensor, out: Tensor) -> Tensor:
    """Waves (2 F, 2 G, values) to frequencies (2, F, G, 2, values): those of (f, g) and of (f, -g), p and q of each."""
    x = x.view(2, out.shape[1], 2, out.shape[2], -1)
    cc, cs, sc, ss = x[0, :, 0], x[0, :, 1], x[1, :, 0], x[1, :, 1]
    torch.sub(cc, ss, out=out[0, :, :, 0])
    torch.add(cs, sc, out=out[0, :, :, 1])
    torch.add(cc, ss, out=out[1, :, :, 0])
    torch.sub(sc, cs, out=out[1, :, :, 1])
    return out


def _waves_of(x: Tensor, out: Tensor) -> Tensor:
    """The way back: frequencies (2, F, G, 2, values) to twice the waves (2, F, 2, G, values)."""
    p, q, p_minus, q_minus = x[0, :, :, 0], x[0, :, :, 1], x[1, :, :, 0], x[1, :, :, 1]
    torch.add(p, p_minus, out=out[0, :, 0])
    torch.sub(q, q_minus, out=out[0, :, 1])
    torch.add(q, q_minus, out=out[1, :, 0])
    torch.sub(p_minus, p, out=out[1, :, 1])
    return out
