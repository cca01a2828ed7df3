"""U: what the image says. Computed once; every step reads it."""

from torch import nn

from .catalogue import Architecture
from .layers import Padding, chain


def build_context(architecture: Architecture, channels: int, classes: int, padding: Padding) -> nn.Sequential:
    """From the image (N, C, rows, columns) to the context (N, hidden, cells down, cells across)."""
    return chain(architecture.context, channels, classes, architecture.dims, padding)
