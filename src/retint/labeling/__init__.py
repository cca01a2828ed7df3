"""Using a trained network: steps, starts, hints, stopping, tiles; sessions, films, images of any size, and how good labels are."""

from .labels import Labeling
from .model import Model, load

__all__ = ["Labeling", "Model", "load"]
