"""Pictures for people: labels over images, the steps side by side, plots."""

from .doubts import doubt_palette, plot_reliability, plot_risk
from .montage import montage
from .overlay import displayable, overlay
from .palette import colourise, default_palette
from .plots import plot_confusion, plot_log, plot_steps
from .strip import strip

__all__ = [
    "colourise",
    "default_palette",
    "displayable",
    "doubt_palette",
    "montage",
    "overlay",
    "plot_confusion",
    "plot_log",
    "plot_reliability",
    "plot_risk",
    "plot_steps",
    "strip",
]
