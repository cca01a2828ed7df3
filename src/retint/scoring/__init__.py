"""Measures: how well predicted labels agree with the truth."""

from .auc import RocAuc
from .confusion import Confusion
from .flicker import Flicker
from .partition import components, partition_scores

__all__ = ["Confusion", "Flicker", "RocAuc", "components", "partition_scores"]
