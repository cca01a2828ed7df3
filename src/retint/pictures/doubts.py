"""What pictures of doubt need: a scale of colours, the reliability diagram, and the curve of risk against coverage."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from .palette import Colour
from .plots import ORANGE, new_figure, save, verbatim


def doubt_palette() -> list[Colour]:
    """256 colours from dark blue (sure) to yellow (in doubt): cividis, alike for people of all colour vision.

    References:
        Nuñez, Anderton, Renslow (2018), Optimizing colormaps with consideration for color vision deficiency to enable
        accurate interpretation of scientific data, PLOS ONE 13:e0199239.
    """
    from matplotlib import colormaps

    table = colormaps["cividis"](np.arange(256), bytes=True)
    return [(int(r), int(g), int(b)) for r, g, b, _ in table]


def plot_reliability(
    path: str | PathLike[str],
    confidence: NDArray[np.floating],
    accuracy: NDArray[np.floating],
    share: NDArray[np.floating],
    title: str,
) -> None:
    """Draw a reliability diagram: how often the label is right against the probability that it was given.

    Args:
        path: the picture; its suffix says the format.
        confidence: mean probability of the label in each bin, (bins,); NaN for one that has no pixel.
        accuracy: share of right labels in each bin, likewise.
        share: of the pixels that each bin has.
        title: what the figure is.

    Raises:
        RetintError: the file cannot be written.
    """
    figure, axes = new_figure(5, 5)
    width = 1 / len(share)
    centres = (np.arange(len(share)) + 0.5) * width
    axes.bar(centres, np.nan_to_num(share), width, color="#cfd4da", label="share of the pixels")
    axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle="--", label="calibrated")
    seen = np.isfinite(confidence)
    axes.plot(confidence[seen], accuracy[seen], color=ORANGE, marker="o", markersize=4, label="measured")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of the label", ylabel="share of right labels")
    axes.set_title(verbatim(title), loc="left", fontsize=10)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    save(figure, path)


def plot_risk(
    path: str | PathLike[str],
    curves: Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]],
    title: str,
    areas: Mapping[str, float] | None = None,
) -> None:
    """Draw the error among the pixels that are kept, against the share of pixels left out, most doubtful first.

    Args:
        path: the picture; its suffix says the format.
        curves: for each measure of doubt, coverage (rising, to 1) and the error at it.
        title: what the figure is.
        areas: under each curve, for the legend.

    Raises:
        RetintError: the file cannot be written.
    """
    figure, axes = new_figure(6, 4.2)
    for name, (coverage, risk) in curves.items():
        area = f" ({areas[name]:.4f})" if areas and name in areas else ""
        axes.plot(100 * (1 - coverage), 100 * risk, linewidth=1.4, label=f"{name}{area}")
    axes.set(xlim=(0, 60), xlabel="pixels left out, %", ylabel="wrong among the others, %")
    axes.set_ylim(bottom=0)
    axes.set_title(verbatim(title), loc="left", fontsize=10)
    axes.legend(fontsize=8, frameon=False, title="left out by (area)", title_fontsize=8)
    save(figure, path)
