"""Measures: how well predicted labels agree with the truth."""

from .auc import RocAuc
from .borders import near_borders
from .confusion import Confusion
from .partition import components, partition_scores

__all__ = ["Confusion", "RocAuc", "components", "near_borders", "partition_scores"]
