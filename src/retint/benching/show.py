"""The figures for people: a table, and a plot."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any

from ..pictures.bars import plot_bars
from .report import Report


def table(report: Report) -> Iterator[str]:
    """The lines to print."""
    machine = report.machine
    yield f"{machine['processor']}, {_threads(machine['threads'])}, {machine['instructions']}, torch {machine['torch']}"
    for dtype, rates in report.limits.convolution.items():
        told = ", ".join(f"{rate:.0f} GFLOP/s on {_threads(count)}" for count, rate in rates.items())
        yield f"limit, 3 x 3 convolutions in {dtype}: {told}"
    told = ", ".join(f"{rate:.1f} GB/s on {_threads(count)}" for count, rate in report.limits.memory.items())
    yield f"limit, memory, read and written: {told}"
    labelling = [row for row in report.rows if "seconds per megapixel" in row]
    if labelling:
        yield ""
        yield f"{'labelling':<34} {'s / megapixel':>13} {'megapixels / s':>14} {'GFLOP/s':>8} {'of the limit':>12}"
        for row in labelling:
            figures = f"{row['seconds per megapixel']:>13.3f} {row['megapixels per second']:>14.2f}"
            yield f"{row['name']:<34} {figures} {_rate(row)}"
    training = [row for row in report.rows if "images per second" in row]
    if training:
        yield ""
        what = "training, views of {0} x {0}".format(training[0]["view"])
        yield f"{what:<34} {'images / s':>13} {'MiB kept':>14} {'GFLOP/s':>8} {'of the limit':>12}"
        for row in training:
            kept = row["bytes kept for the backward pass"] / 2**20
            yield f"{row['system']:<34} {row['images per second']:>13.2f} {kept:>14.0f} {_rate(row)}"
    if ratios := report.ratios():
        yield ""
        for name, value in ratios.items():
            yield f"{name}: {value:.3f}"
    if report.stopped:
        yield "stopped; this is what was measured so far"


def plot(report: Report, path: str | PathLike[str]) -> None:
    """Seconds a megapixel of every labelling, as bars on a logarithmic axis; no picture if none was timed.

    Raises:
        RetintError: the file cannot be written.
    """
    shown = [row for row in report.rows if "steps" in row or ("seconds per megapixel" in row and not row["what"])]
    if not shown:
        return
    bars = {row["name"]: row["seconds per megapixel"] for row in shown}
    notes = [f"{row['share of the limit']:.0%} of the limit" if row.get("share of the limit") else "" for row in shown]
    machine = report.machine
    title = f"seconds a megapixel: {machine['processor']}, {_threads(machine['threads'])}, {machine['number type']}"
    plot_bars(path, bars, notes, title)


def _rate(row: dict[str, Any]) -> str:
    if "GFLOP/s" not in row:
        return ""
    share = row.get("share of the limit")
    return f"{row['GFLOP/s']:>8.0f}" + (f" {share:>12.0%}" if share else "")


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
