"""A network as three functions on arrays, for runtimes that take its graphs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...export.graphs import Part, graph
from ...hardware import laid_out
from ...network import RecurrentNetwork

Function = Callable[..., Any]
"""From arrays to one array, all (N, planes, cells ...), float32."""


class Graphs(ABC):
    """An engine made of graphs, each loaded when it is first needed.

    Args:
        network: folded, in float32, on the processor.
    """

    def __init__(self, network: RecurrentNetwork) -> None:
        self._network, self._functions = network, dict[Part, Function]()
        self.threads = torch.get_num_threads()
        self._of("context")  # so that a missing package is told before an image is read

    @abstractmethod
    def loaded(self, onnx: bytes) -> Function:
        """The function of a graph."""

    def context(self, image: Tensor) -> Tensor:
        """U * X."""
        return self._run("context", image)

    def logits(self, context: Tensor, estimate: Tensor | None) -> Tensor:
        """V * H(t)."""
        return self._run("first", context) if estimate is None else self._run("step", context, estimate)

    def _of(self, part: Part) -> Function:
        if part not in self._functions:
            self._functions[part] = self.loaded(graph(self._network, part, scores=True).SerializeToString())
        return self._functions[part]

    def _run(self, part: Part, *given: Tensor) -> Tensor:
        result: NDArray[np.float32] = self._of(part)(*(np.ascontiguousarray(plane.numpy()) for plane in given))
        return torch.from_numpy(result) if part == "context" else laid_out(torch.from_numpy(result))
