"""What a device can do at most: its 3 x 3 convolutions and its memory, measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..hardware import PROCESSOR, laid_out, settle, threads_of

_WIDTHS = (64, 128, 256)
_CELLS = 128  # of a plane's side at the middle width
_DTYPES = (torch.float32, torch.bfloat16)
_PLANES = {"cpu": 1, "cuda": 16}
"""Images at a time, so that there is work for all of the device."""


@dataclass
class Limits:
    """The best that was seen.

    Attributes:
        convolution: 1e9 floating-point operations a second of 3 x 3 convolutions, channels last, by number type and
            threads; the best over planes of 64, 128 and 256.
        memory: 1e9 bytes read and written a second while copying, by threads.
    """

    convolution: dict[str, dict[int, float]]
    memory: dict[int, float]

    def measure(self, threads: int, least: float, device: torch.device = PROCESSOR) -> None:
        """Measure again and keep the better figures: a limit is what the machine does when nothing disturbs it.

        Args:
            threads: the most to use; one is measured too.
            least: seconds for each figure.
            device: of a GPU, threads matter little, so that one is not measured.
        """
        for count in sorted({1, threads}) if device.type == "cpu" else (threads,):
            with threads_of(count):
                for dtype in _DTYPES:
                    rates = self.convolution.setdefault(str(dtype).removeprefix("torch."), {})
                    rates[count] = max(rates.get(count, 0.0), *(_convolution(dtype, w, least, device) for w in _WIDTHS))
                self.memory[count] = max(self.memory.get(count, 0.0), _memory(least, device))

    def share(self, operations: float, seconds: float, dtype: torch.dtype, threads: int) -> float | None:
        """Of the convolution rate, what so many operations in so many seconds come to; None if it is not known.

        The rate is the best that was seen with so many threads or fewer: more threads can do at least as much.
        """
        rates = self.convolution.get(str(dtype).removeprefix("torch."), {})
        rate = max((rate for count, rate in rates.items() if count <= threads), default=None)
        return operations / seconds / 1e9 / rate if rate else None


def _convolution(dtype: torch.dtype, width: int, least: float, device: torch.device) -> float:
    side, images = _CELLS * 128 // width, _PLANES[device.type]  # planes of fewer cells where they are more
    layer = torch.nn.Conv2d(width, width, 3, padding=1, bias=False).to(device, dtype)
    layer.weight.data = laid_out(layer.weight.data)
    x = laid_out(torch.randn(images, width, side, side).to(device, dtype))
    with torch.inference_mode():
        return 2 * 9 * width**2 * side**2 * images / _best(lambda: layer(x), least, device) / 1e9


def _memory(least: float, device: torch.device) -> float:
    """Copying 128 MiB, more than caches hold."""
    source = torch.zeros(1 << 25, device=device)
    target = torch.empty_like(source)
    return 2 * 4 * source.numel() / _best(lambda: target.copy_(source), least, device) / 1e9


def _best(call: Callable[[], object], least: float, device: torch.device) -> float:
    """The least time of some calls: two at least, and until so many seconds have gone by."""
    call()
    settle(device)
    times: list[float] = []
    while len(times) < 2 or sum(times) < least:
        began = time.perf_counter()
        call()
        settle(device)
        times.append(time.perf_counter() - began)
    return min(times)
