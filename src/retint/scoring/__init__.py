"""Measures: how well predicted labels agree with the truth."""

from .auc import RocAuc
from .borders import near_borders
from .calibration import Calibration, Temperature
from .confusion import Confusion
from .flicker import Flicker
from .partition import components, partition_scores
from .risk import RiskCoverage

__all__ = [
    "Calibration",
    "Confusion",
    "Flicker",
    "RiskCoverage",
    "RocAuc",
    "Temperature",
    "components",
    "near_borders",
    "partition_scores",
]
