"""U, W, V and the loop: pure torch. Knows no file, no path, no class name."""

from .catalogue import CATALOGUE, Architecture, architecture
from .geometry import Geometry
from .layers import Layer
from .recurrence import RecurrentNetwork
from .weights import build, restored, weights

__all__ = [
    "CATALOGUE",
    "Architecture",
    "Geometry",
    "Layer",
    "RecurrentNetwork",
    "architecture",
    "build",
    "restored",
    "weights",
]
