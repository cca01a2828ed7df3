"""A network as plain data: a table of sizes and named tensors; and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .catalogue import Architecture
from .layers import Padding, Unit
from .recurrence import RecurrentNetwork
from .rescaling import RescalingNetwork

_COUNTER = "num_batches_tracked"


def build(architecture: Architecture, channels: int, classes: int, padding: Padding | None = None) -> RecurrentNetwork:
    """The network of an architecture, with the weights that it begins with; arguments as for `RecurrentNetwork`.

    They are torch's, but for layers that sigmoid units feed (see `centre`).
    """
    kind = RescalingNetwork if architecture.rescales else RecurrentNetwork
    network = kind(architecture, channels, classes, padding)
    if architecture.activation == "sigmoid":
        centre([*list(network.U)[1:], *network.V])
    return network


def centre(units: Iterable[nn.Module]) -> None:
    """Begin layers that sigmoid units feed so that a deep chain of them passes on what it sees.

    A sigmoid's slope is a quarter at most, so kernels begin four times as large as for other units; it is a half on average,
    so biases take off half of the kernels' sum, without which the next layer would begin saturated (LeCun et al. 1998,
    "Efficient BackProp", section 4; Glorot and Bengio 2010, section 4.2).
    """
    with torch.no_grad():
        for unit in units:
            if isinstance(unit, Unit) and unit.conv.bias is not None:
                weight = unit.conv.weight
                weight.normal_(0, 4 / weight[0].numel() ** 0.5)
                unit.conv.bias.copy_(-0.5 * weight.flatten(1).sum(1))


def weights(network: RecurrentNetwork) -> dict[str, Tensor]:
    """Everything that a network has learned, by name."""
    return {name: value for name, value in network.state_dict().items() if not name.endswith(_COUNTER)}


def restored(
    architecture: Mapping[str, Any], channels: int, classes: int, tensors: Mapping[str, Tensor]
) -> RecurrentNetwork:
    """The network of that architecture and those weights, in evaluation mode, padding `same`.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: table and weights do not belong together.
    """
    with torch.device("meta"):
        network = build(Architecture.from_dict(dict(architecture)), channels, classes, "same")
    counters = {name: torch.tensor(0) for name in network.state_dict() if name.endswith(_COUNTER)}
    network.load_state_dict({**counters, **tensors}, assign=True)
    return network.eval()
