"""What computes the network: plain torch, or another runtime that gives the same numbers to rounding.

All that a labelling asks of it is U * X and a step's scores; tiles, starts, hints and stopping know nothing of it.
"""

from __future__ import annotations

from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import torch
from torch import Tensor

from ...errors import RetintError
from ...export.graphs import fits, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...network import RecurrentNetwork

Backend = Literal["auto", "torch", "onnxruntime", "openvino", "compile"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
WORTH = 4_000_000
"""Pixels of an image above which `auto` takes another backend: below, loading one costs more time than it saves."""
FLOAT32: tuple[Backend, ...] = ("openvino", "onnxruntime")
"""Those that compute in float32 alone; `auto` takes the first that is installed, by benchmarks/backends.py."""
_NEEDS = {"openvino": ("onnx", "openvino"), "onnxruntime": ("onnx", "onnxruntime")}


class Engine(Protocol):
    """What a labelling asks of a network; `RecurrentNetwork` is one."""

    def context(self, image: Tensor) -> Tensor:
        """U * X, (N, hidden, cells ...), of X (N, C, pixels ...), whole periods."""
        ...

    def logits(self, context: Tensor, estimate: Tensor | None) -> Tensor:
        """V * H(t), (N, K, cells ...), from U * X and Y(t-1); None is no estimate."""
        ...


def chosen(wish: Backend, network: RecurrentNetwork, size: Sequence[int]) -> Backend:
    """The backend of a wish: `auto` depends on the network, the image's size and what is installed alone.

    So the same image gets the same labels whatever was labelled before it.

    Args:
        wish: any.
        network: on its device, in its number type.
        size: pixels of the image along each axis.
    """
    if wish != "auto":
        return wish
    parameter = next(network.parameters())
    usual = parameter.device.type == "cpu" and parameter.dtype == torch.float32 and fits(network)
    if not usual or len(size) != 2 or prod(size) < WORTH:
        return "torch"
    return next((name for name in FLOAT32 if all(map(find_spec, _NEEDS[name]))), "torch")


def engine(name: Backend, network: RecurrentNetwork) -> Engine:
    """The engine of a backend.

    Args:
        name: any but `auto`.
        network: folded, in evaluation mode, on its device, in its number type.

    Raises:
        RetintError: it does not go with this network, or is not installed.
    """
    if name == "torch":
        return network
    if name not in BACKENDS:
        raise RetintError(f"--backend {name}: expected one of {', '.join(BACKENDS)}")
    refuse(network)
    if name == "compile":
        from .compiled import Compiled

        return Compiled(network)
    parameter = next(network.parameters())
    if parameter.device.type != "cpu" or parameter.dtype != torch.float32:
        kind = str(parameter.dtype).removeprefix("torch.")
        raise RetintError(
            f"--backend {name}: found {kind} on {parameter.device.type}; it computes in float32 on the processor: add --device cpu "
            "--precision float32, or use --backend torch"
        )
    if name == "onnxruntime":
        from .onnxruntime import OnnxRuntime

        return OnnxRuntime(network)
    from .openvino import OpenVino

    return OpenVino(network)
