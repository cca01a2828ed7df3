"""`retint bench`: Retint and its peers on this machine, in one run and in turn."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from ..hardware import chosen_device, compute_dtype, keep_memory, settle, threads_of
from ..labeling import Model
from .labelling import labelling, systems
from .limits import Limits
from .options import Options
from .report import Report, row_of, share
from .training import training
from .turns import Times


def bench(options: Options, note: Callable[[str], None] = lambda line: None) -> Report:
    """Measure. On Ctrl-C, what was measured so far comes back, with `stopped` set.

    Args:
        options: what.
        note: called with lines of progress.

    Raises:
        RetintError: a model, an architecture or a device that is not there, or a model that is not measured here.
    """
    device = chosen_device(options.device)
    options = replace(options, device=device.type)
    keep_memory()
    models = systems(options)  # all of them before anything is measured
    with threads_of(options.threads or torch.get_num_threads()):
        report = Report(_machine(device), Limits({}, {}))
        try:
            _measure(models, options, report, note)
        except KeyboardInterrupt:
            report.stopped = True
    return report


def _measure(models: dict[str, Model], options: Options, report: Report, note: Callable[[str], None]) -> None:
    threads, device = torch.get_num_threads(), torch.device(options.device)
    note("limits: convolutions and memory")
    report.limits.measure(threads, options.least, device)
    for tasks in (partial(labelling, models), training):
        ready = tasks(options, report, note)
        times = Times()
        try:
            times.in_turn({task.name: _settled(task.call, device) for task in ready}, options.rounds, note)
            note("limits once more")
            report.limits.measure(threads, options.least, device)
        finally:
            report.rows += [row_of(task, times) for task in ready if task.name in times]
            for row in report.rows:  # the limits may have been seen to be higher
                share(row, report.limits, threads)


def _settled(call: Callable[[], object], device: torch.device) -> Callable[[], None]:
    """The call, ended when the device has computed what it asks for."""

    def inside() -> None:
        call()
        settle(device)

    return inside


def _machine(device: torch.device) -> dict[str, Any]:
    return {
        "processor": _processor() if device.type == "cpu" else torch.cuda.get_device_name(device), "threads": torch.get_num_threads(), "instructions": torch.backends.cpu.get_cpu_capability(),
        "number type": str(compute_dtype("auto", device)).removeprefix("torch."), "python": platform.python_version(),
        "torch": torch.__version__,
    }  # fmt: skip


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
