"""Bars, for what differs by factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

from .plots import BLUE, new_figure, save, verbatim


def plot_bars(path: str | PathLike[str], bars: Mapping[str, float], notes: Sequence[str], title: str) -> None:
    """Draw horizontal bars on a logarithmic axis, each with its figure and a note.

    Args:
        path: the picture; its suffix says the format.
        bars: a figure above 0 by name, the first on top.
        notes: one for each bar, may be empty.
        title: what the figures are.

    Raises:
        RetintError: the file cannot be written.
    """
    figure, axes = new_figure(8, 1 + 0.3 * len(bars))
    drawn = axes.barh(list(map(verbatim, bars)), list(bars.values()), color=BLUE)
    told = [f"{value:.3g}  {note}" for value, note in zip(bars.values(), notes, strict=True)]
    axes.bar_label(drawn, told, padding=3, fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.35)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_title(verbatim(title), loc="left", fontsize=10)
    save(figure, path)
