"""What computes the network: torch, or another runtime that gives the same numbers to rounding.

All that a labelling asks of it is U * X and a step's scores; tiles, starts, hints and stopping know nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import torch
from torch import Tensor

from ...errors import RetintError
from ...export.graphs import refuse
from .fused import Fused, possible
from .replayed import Replayed

if TYPE_CHECKING:
    from ...network import RecurrentNetwork

Backend = Literal["auto", "torch", "onnxruntime", "openvino", "compile"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
FLOAT32: tuple[Backend, ...] = ("onnxruntime", "openvino")
"""Those that compute in float32 alone, on the processor."""


class Engine(Protocol):
    """What a labelling asks of a network; `RecurrentNetwork` is one."""

    def context(self, image: Tensor) -> Any:
        """U * X, of X (N, C, pixels ...), whole periods: in whatever form its `logits` wants it."""
        ...

    def logits(self, context: Any, estimate: Tensor | None) -> Tensor:
        """V * H(t), (N, K, cells ...), from U * X and Y(t-1); None is no estimate."""
        ...


def engine(name: Backend, network: RecurrentNetwork) -> Engine:
    """The engine of a backend.

    `auto` is torch: with each layer in one pass it is as fast as the others or faster (benchmarks/backends.py), and starts at once.

    Args:
        name: of the backend.
        network: folded, in evaluation mode, on its device, in its number type.

    Raises:
        RetintError: it does not go with this network, or is not installed.
    """
    if name in ("auto", "torch"):
        if network.device.type == "cuda":
            return Replayed(network)
        return Fused(network) if possible(network) else network
    if name not in BACKENDS:
        raise RetintError(f"--backend {name}: expected one of {', '.join(BACKENDS)}")
    refuse(network)
    if name == "compile":
        from .compiled import Compiled

        return Compiled(network)
    if network.device.type != "cpu" or network.dtype != torch.float32:
        kind = str(network.dtype).removeprefix("torch.")
        raise RetintError(
            f"--backend {name}: found {kind} on {network.device.type}; it computes in float32 on the processor: add --device cpu "
            "--precision float32, or use --backend torch"
        )
    if name == "onnxruntime":
        from .onnxruntime import OnnxRuntime

        return OnnxRuntime(network)
    from .openvino import OpenVino

    return OpenVino(network)
