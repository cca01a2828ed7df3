"""`torch.compile` as a backend."""

from __future__ import annotations

import os
import shutil
from typing import Any

import torch
from torch import Tensor

from ...errors import RetintError
from ...network import RecurrentNetwork


class Compiled:
    """The network compiled with open sizes. What torch compiles it keeps in its own cache on the disk.

    Args:
        network: folded, in evaluation mode.

    Raises:
        RetintError: there is no C++ compiler.
    """

    def __init__(self, network: RecurrentNetwork) -> None:
        compiler = os.environ.get("CXX", "g++")
        on_processor = network.device.type == "cpu"
        if on_processor and not (shutil.which(compiler) or shutil.which("clang++")):
            raise RetintError(
                f"--backend compile: found no C++ compiler ({compiler}), which torch.compile needs: install one, or use --backend torch"
            )
        self._context: Any = torch.compile(network.context, dynamic=True)
        self._logits: Any = torch.compile(network.logits, dynamic=True)

    def context(self, image: Tensor) -> Tensor:
        """U * X."""
        result: Tensor = self._context(image)
        return result

    def logits(self, context: Tensor, estimate: Tensor | None) -> Tensor:
        """V * H(t)."""
        result: Tensor = self._logits(context, estimate)
        return result
