"""Using a trained network: steps, starts, hints, stopping, tiles."""

from .labels import Labeling
from .model import Model, load

__all__ = ["Labeling", "Model", "load"]
