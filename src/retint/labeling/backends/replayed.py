"""Steps on a GPU as CUDA graphs: recorded once for each size, then replayed, so that launching kernels takes no time.

No such device was at hand when this was written: recording itself is torch's, and what cannot be recorded is computed as before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...network import RecurrentNetwork

_AGAIN = 3
"""A size is recorded when it comes for so many times: recording takes about four steps."""
_MOST = 16
"""Sizes that are held."""

Step = Callable[[Tensor, Tensor], Tensor]
Record = Callable[[Step, tuple[Tensor, Tensor]], Step]


class Replayed:
    """An engine whose steps are replayed.

    Args:
        network: folded, in evaluation mode, on a CUDA device.
        record: makes of a function and its first arguments one that is replayed.
    """

    def __init__(self, network: RecurrentNetwork, record: Record | None = None) -> None:
        self._network = network
        self._record: Any = record or torch.cuda.make_graphed_callables
        self._steps: OrderedDict[tuple[Any, ...], Step | int] = OrderedDict()

    def context(self, image: Tensor) -> Tensor:
        """U * X."""
        return self._network.context(image)

    def logits(self, context: Tensor, estimate: Tensor | None) -> Tensor:
        """V * H(t)."""
        if estimate is None:
            return self._network.logits(context, None)
        return self._step(context, estimate)(context, estimate)

    def _step(self, context: Tensor, estimate: Tensor) -> Step:
        size = tuple(context.shape), tuple(estimate.shape)
        found = self._steps.pop(size, 0)
        if isinstance(found, int):
            found = found + 1 if found + 1 < _AGAIN else self._recorded(context, estimate)
        self._steps[size] = found
        if len(self._steps) > _MOST:
            self._steps.popitem(last=False)
        return self._network.logits if isinstance(found, int) else found

    def _recorded(self, context: Tensor, estimate: Tensor) -> Step:
        try:
            step: Step = self._record(self._network.logits, (context.clone(), estimate.clone()))
        except RuntimeError:
            return self._network.logits
        return step
