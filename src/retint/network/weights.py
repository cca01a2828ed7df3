"""A network as plain data: a table of sizes and named tensors; and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .catalogue import Architecture
from .layers import Padding
from .recurrence import RecurrentNetwork
from .rescaling import RescalingNetwork

_COUNTER = "num_batches_tracked"


def build(architecture: Architecture, channels: int, classes: int, padding: Padding | None = None) -> RecurrentNetwork:
    """The network of an architecture, with the weights that torch begins with; arguments as for `RecurrentNetwork`."""
    kind = RescalingNetwork if architecture.rescales else RecurrentNetwork
    return kind(architecture, channels, classes, padding)


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
