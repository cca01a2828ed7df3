"""A network as plain data: a table of sizes and named tensors; and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .catalogue import Architecture
from .recurrence import RecurrentNetwork

_COUNTER = "num_batches_tracked"


def weights(network: RecurrentNetwork) -> dict[str, Tensor]:
    """Everything that a network has learned, by name."""
    return {name: value for name, value in network.state_dict().items() if not name.endswith(_COUNTER)}


def restored(
    architecture: Mapping[str, Any], channels: int, classes: int, tensors: Mapping[str, Tensor]
) -> RecurrentNetwork:
    """The network of that architecture and those weights, in evaluation mode.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: table and weights do not belong together.
    """
    with torch.device("meta"):
        network = RecurrentNetwork(Architecture.from_dict(dict(architecture)), channels, classes)
    counters = {name: torch.tensor(0) for name in network.state_dict() if name.endswith(_COUNTER)}
    network.load_state_dict({**counters, **tensors}, assign=True)
    return network.eval()
