"""V: from the hidden layer to one plane for each class."""

from torch import nn

from .catalogue import Architecture
from .layers import Padding, chain


def build_readout(architecture: Architecture, hidden: int, classes: int, padding: Padding) -> nn.Sequential:
    """From the hidden layer (N, hidden, cells ...) to class scores before the softmax (N, classes, cells ...)."""
    return chain(architecture.readout, hidden, classes, architecture.dims, padding)
