"""U: what the image says. Computed once; every step reads it."""

from collections.abc import Sequence

from torch import nn

from .catalogue import Architecture
from .layers import Padding, Unit, chain


def build_context(architecture: Architecture, channels: int, classes: int, padding: Padding) -> nn.Sequential:
    """From the image (N, C, rows, columns) to the context (N, hidden, cells down, cells across)."""
    return chain(architecture.context, channels, classes, architecture.dims, padding)


def build_detail(architecture: Architecture, units: Sequence[Unit], classes: int, padding: Padding) -> nn.Sequential:
    """From planes within U to what the readout sees beside the hidden layer (N, detail, cells down, cells across)."""
    channels = units[architecture.branch - 1].channels
    return chain(architecture.detail, channels, classes, architecture.dims, padding)
