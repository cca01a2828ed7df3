"""Using a trained network: steps, starts, hints, stopping, tiles, films.

The labeller and what it is made of are here; `session` corrects an image by strokes, `large` labels images of any size by
region, `files` goes from files to files, `judging` says how good labels are, and `backends` computes the network.
"""

from .labels import Labeling
from .model import Model, load

__all__ = ["Labeling", "Model", "load"]
