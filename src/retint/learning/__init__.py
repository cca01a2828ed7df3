"""Training a network."""

from .settings import Settings
from .train import Trained, train

__all__ = ["Settings", "Trained", "train"]
