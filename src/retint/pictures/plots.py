"""Plots of training and measuring. No pyplot: nothing global is touched, and no display is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..wholefile import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ORANGE, BLUE = "#d55e00", "#0072b2"
"""Of lines and bars; people of all colour vision tell them apart."""
_NUMBERS = 15  # classes, at most, for which a confusion matrix shows its numbers
_LEAST = 0.01  # that an axis of scores spans, so that a fall that means nothing does not look steep


def plot_log(path: str | PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Plot the loss and the validation score against the epochs done, from none to one at least.

    Args:
        path: the picture; its suffix says the format (.png, .svg, .pdf).
        rows: one per epoch, with "epoch", how many were done, "loss", and "score", which may be None or missing.

    Raises:
        RetintError: the file cannot be written.
    """
    figure, axes = new_figure(7.5, 4.2)
    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) < 40 else None
    axes.plot(epochs, [row["loss"] for row in rows], color=ORANGE, marker=marker, markersize=5)
    last = max([1, *epochs])
    axes.set_xlim(-0.05 * last, 1.05 * last)
    axes.set_xlabel("epochs done")
    axes.set_ylabel("loss", color=ORANGE)
    axes.locator_params(axis="x", integer=True)
    scored = [(row["epoch"], row["score"]) for row in rows if row.get("score") is not None]
    if scored:
        other = axes.twinx()
        other.spines[["top", "left"]].set_visible(False)
        other.plot(*zip(*scored, strict=True), color=BLUE, marker=marker, markersize=3)  # seen on top of a loss
        other.set_ylabel("validation score", color=BLUE)
        _widen(other)
        best = max(scored, key=lambda point: point[1])
        axes.set_title(f"best validation score {best[1]:.3f} (epochs done: {best[0]})", loc="left", fontsize=10)
    save(figure, path)


def plot_steps(path: str | PathLike[str], steps: Mapping[int, float], title: str, score: str = "mean IoU") -> None:
    """Plot a score against the number of steps, on a logarithmic axis.

    Args:
        path: the picture; its suffix says the format.
        steps: number of steps to a figure in 0 ... 1.
        title: what the figure is.
        score: what the figures are; the axis spans at least 0.01 of it.

    Raises:
        RetintError: the file cannot be written.
    """
    figure, axes = new_figure(6, 4)
    counts = sorted(steps)
    axes.plot(counts, [steps[n] for n in counts], color=BLUE, marker="o")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.minorticks_off()
    bbox = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}  # so that the line does not cross them
    for n in counts:
        axes.annotate(
            f"{steps[n]:.3f}", (n, steps[n]), (0, 9), textcoords="offset points", ha="center", fontsize=8, bbox=bbox
        )
    axes.margins(0.08, 0.2)
    _widen(axes)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_xlabel("steps")
    axes.set_ylabel(verbatim(score))
    axes.set_title(verbatim(title), loc="left", fontsize=11)
    save(figure, path)


def plot_confusion(path: str | PathLike[str], matrix: NDArray[np.integer], classes: Sequence[str]) -> None:
    """Draw a confusion matrix; each row as shares of the true class, with numbers if there are at most 15 classes.

    Args:
        path: the picture; its suffix says the format.
        matrix: (K, K) counts; row: the truth, column: the prediction.
        classes: K names.

    Raises:
        ValueError: the matrix is not (K, K).
        RetintError: the file cannot be written.
    """
    k = len(classes)
    if matrix.shape != (k, k):
        raise ValueError(f"a matrix of {matrix.shape} for {k} classes; expected ({k}, {k})")
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.full((k, k), np.nan), where=totals > 0)  # a class never seen stays blank
    side = min(16.0, max(3.5, 0.55 * k))
    figure, axes = new_figure(side + 2.2, side + 1.2)
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    small = 9 if k <= 40 else 4
    names = list(map(verbatim, classes))
    axes.set_xticks(range(k), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=small)
    axes.set_yticks(range(k), names, fontsize=small)
    axes.tick_params(length=0)
    axes.set_xlabel("prediction")
    axes.set_ylabel("truth")
    if k <= _NUMBERS:
        for (row, column), share in np.ndenumerate(shares):
            if np.isfinite(share):
                ink = "white" if share > 0.55 else "#1b1f27"
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=8, color=ink)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.046, pad=0.03, format=lambda share, _: f"{100 * share:.0f} %")
    bar.outline.set_visible(False)
    save(figure, path)


def verbatim(text: str) -> str:
    """Text of a person's, drawn as it is: matplotlib takes what lies between dollars for mathematics."""
    return text.replace("$", r"\$")


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many inches, and its axes: without a frame, on a faint grid."""
    from matplotlib.figure import Figure  # a second's import, for those who plot

    figure = Figure((width, height), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def _widen(axes: Axes) -> None:
    """Let the vertical axis, of scores, span at least `_LEAST`."""
    low, high = axes.get_ylim()
    if high - low < _LEAST:
        axes.set_ylim((low + high - _LEAST) / 2, (low + high + _LEAST) / 2)


def save(figure: Figure, path: str | PathLike[str]) -> None:
    """Write a figure; the suffix of `path` says the format.

    Raises:
        RetintError: the file cannot be written.
    """
    with whole_file(path) as part:
        figure.savefig(part, bbox_inches="tight")
