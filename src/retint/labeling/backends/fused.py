"""Each layer in one pass, by operations of torch that are not public: convolution, what is added to it, and its rectifier.

The same arithmetic, so the same numbers to rounding; what is saved are passes over memory.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...hardware import laid_out
from ...network import RecurrentNetwork
from ...network.layers import Unit, finer, padded

_WORDS = {4: torch.int32, 8: torch.int64, 16: torch.complex128}
"""Number types by their bytes, to move several values as one."""


def possible(network: RecurrentNetwork) -> bool:
    """Whether torch has these operations for a network: on the processor, in float32 or (where that has them) bfloat16, with oneDNN."""
    parameter, mkldnn = next(network.parameters()), torch.ops.mkldnn  # asked for at every box: once is quicker
    operations = ("_convolution_pointwise", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    if parameter.device.type != "cpu" or network.padding != "same" or not all(hasattr(mkldnn, name) for name in operations):
        return False
    return parameter.dtype == torch.float32 or (parameter.dtype == torch.bfloat16 and mkldnn._is_mkldnn_bf16_supported())


class Fused:
    """An engine that runs a network's layers in one pass each.

    Args:
        network: folded, in float32 or bfloat16, on the processor, with padding `same`; see `possible`.
    """

    def __init__(self, network: RecurrentNetwork) -> None:
        self._network, self._readout = network, FinerReadout.of(network)
        self._detail = detail_for(network, self._readout)
        feedback = [unit for unit in network.W if isinstance(unit, Unit)]
        self._feedback, self._last = feedback[:-1], feedback[-1] if feedback else None
        self._at_once = self._last is not None and ends_at_once(network, self._last)

    def context(self, image: Tensor) -> Tensor | Parts:
        """U * X."""
        image = padded(image, [-n % g.period for n, g in zip(image.shape[2:], self._network.geometry, strict=True)])
        network = self._network
        units, branch = network.context_units, network.architecture.branch
        fine = _through(units[:branch], image)
        hidden = _through(units[branch:], fine)
        if self._at_once:
            return Parts(laid_out(hidden), laid_out(_through(self._detail, fine)) if self._detail else None)
        return torch.cat([hidden, _through(network.D, fine)], 1) if len(network.D) else hidden

    def logits(self, context: Tensor | Parts, estimate: Tensor | None) -> Tensor:
        """V * H(t)."""
        if isinstance(context, Tensor):
            return self._network.logits(context, estimate)
        assert self._last is not None
        before, detail = context
        if estimate is None:
            hidden = torch.relu(before)
        else:
            hidden = one_pass(self._last, _through(self._feedback, estimate), before, "relu")
        return self._readout(hidden, detail) if self._readout else _through(self._network.V, hidden, detail)


class Parts(NamedTuple):
    """U * X: the hidden layer's planes, and the detail's in the readout's order, if there is one."""

    hidden: Tensor
    detail: Tensor | None


class FinerReadout:
    """A readout that makes several cells of each hidden one and then looks at each by itself.

    Its first layer's planes are put in another order, a cell's side by side, so that the layers after it see finer cells
    without the planes being laid out anew; that is done once, with the few planes of the classes.

    Attributes:
        order: of the first layer's planes.
        first: that layer, its planes in `order`.
        up: finer cells of each hidden one, along each axis.
    """

    @classmethod
    def of(cls, network: RecurrentNetwork) -> FinerReadout | None:
        """The readout of a network; None if it is of another kind."""
        first, *rest = [unit for unit in network.V if isinstance(unit, Unit)]
        square = len(first.up) == 2 and first.up[0] == first.up[1] > 1
        alone = all(at_once(u) and max(*u.conv.kernel_size, *u.up) == 1 and not u.layer.residual for u in rest)
        last = bool(rest) and rest[-1].layer.activation == "none"
        return cls(first, rest) if square and at_once(first) and not first.layer.residual and last and alone else None

    def __init__(self, first: Unit, rest: Sequence[Unit]) -> None:
        self.up, self._rest, each = first.up, rest, prod(first.up)
        self.order = torch.arange(first.channels * each).view(first.channels, each).t().flatten()
        self.first = self._reordered(first)

    def ordering(self, detail: Iterable[nn.Module]) -> list[nn.Module]:
        """The detail's layers, the last of which gives its planes in `order`."""
        *layers, last = detail
        assert isinstance(last, Unit)
        assert not last.layer.residual
        return [*layers, self._reordered(last)]

    def _reordered(self, unit: Unit) -> Unit:
        """A layer whose planes come in `order`, and are not laid out as finer cells."""
        unit = copy.deepcopy(unit)
        unit.layer, unit.up = replace(unit.layer, up=1), (1,) * len(unit.up)
        for parameter in unit.parameters():
            parameter.data = laid_out(parameter.data[self.order])
        return unit

    def __call__(self, hidden: Tensor, detail: Tensor | None) -> Tensor:
        """V * g(hidden), (N, K, cells ...); the detail's planes in `order`."""
        return self.rest(one_pass(self.first, hidden, detail, self.first.layer.activation))

    def rest(self, x: Tensor) -> Tensor:
        """What comes after the first layer: matrix products, quicker than convolutions of single cells, the last one's into planes."""
        (n, _, rows, columns), (up, _) = x.shape, self.up
        x = x.movedim(1, -1).reshape(n * rows * columns * up**2, -1)
        *units, last = self._rest
        for unit in units:
            weight, activation = unit.conv.weight.flatten(1), unit.layer.activation
            x = torch.ops.mkldnn._linear_pointwise(x, weight, unit.conv.bias, activation, [], "")
        weight, bias = last.conv.weight.flatten(1), last.conv.bias
        planes = torch.mm(weight, x.t()) if bias is None else torch.addmm(bias[:, None], weight, x.t())
        word = _WORDS.get(up * planes.element_size(), planes.dtype)  # a cell's neighbours in a row are moved as one
        moved = planes.view(word).view(len(planes), n, rows, columns, up, -1).permute(1, 0, 2, 4, 3, 5)
        return moved.flatten().view(planes.dtype).view(n, len(planes), rows * up, columns * up)


def detail_for(network: RecurrentNetwork, readout: FinerReadout | None) -> list[nn.Module]:
    """The detail's layers, whose planes come in a readout's order if there is one."""
    return readout.ordering(network.D) if readout and len(network.D) else list(network.D)


def _through(layers: Iterable[nn.Module], x: Tensor, detail: Tensor | None = None) -> Tensor:
    """The layers one after another; the detail is added to the first."""
    for unit in layers:
        assert isinstance(unit, Unit)
        if not at_once(unit) or (unit.layer.residual and detail is not None):
            x, detail = unit(x, detail), None
            continue
        x = one_pass(unit, x, x if unit.layer.residual else detail, unit.layer.activation)
        x, detail = finer(x, unit.up) if max(unit.up) > 1 else x, None
    return x


def together(added: Sequence[Tensor]) -> Tensor | None:
    """What is added to a layer, as one plane; None if nothing is."""
    return None if not added else added[0] if len(added) == 1 else added[0] + added[1]


def at_once(unit: Unit) -> bool:
    """Whether a layer is a convolution and then a rectifier, or nothing."""
    return unit.norm is None and max(unit.pool) == 1 and unit.layer.activation in ("relu", "none")


def ends_at_once(network: RecurrentNetwork, unit: Unit) -> bool:
    """Whether W's last layer, the context and the rectifier go in one pass: that layer is its convolution and nothing else."""
    layer = unit.layer
    rectified = network.architecture.activation == "relu" and max(network.pool) == 1
    return rectified and unit.norm is None and layer.activation == "none" and not layer.residual and max(*unit.pool, *unit.up) == 1


def one_pass(
    unit: Unit, x: Tensor, plus: Tensor | None, activation: str, padding: Sequence[int] | None = None
) -> Tensor:
    """activation(convolution(x) + plus); the padding is the layer's own if none is given."""
    conv, operation = unit.conv, torch.ops.mkldnn._convolution_pointwise
    x = F.pad(x, unit.uneven) if unit.uneven and padding is None else x
    sizes: tuple[Any, ...] = (list(padding or conv.padding), list(conv.stride), list(conv.dilation), 1)
    if plus is None:
        result: Tensor = operation(x, conv.weight, conv.bias, *sizes, activation, [], "")
    else:
        after = None if activation == "none" else activation
        result = operation.binary(x, plus, conv.weight, conv.bias, *sizes, "add", 1.0, after, [], None)
    return result
