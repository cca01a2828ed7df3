"""W: what the last estimate says. Not applied at a first step without a start, so its term is exactly zero there."""

from torch import nn

from .catalogue import Architecture
from .layers import Padding, chain


def build_feedback(architecture: Architecture, classes: int, padding: Padding) -> nn.Sequential:
    """From the last probabilities (N, classes, cells ...) to a term of the hidden layer (N, hidden, cells ...)."""
    return chain(architecture.feedback, classes, classes, architecture.dims, padding)
