"""The optimiser: Muon for kernels, Adam for what has one axis (biases, and the gain and offset of normalisations).

Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks") turns the momentum of each kernel,
read as a matrix of output planes by all that one of them sees, into the nearest matrix whose singular values are equal:
directions that the gradient seldom shows are learned as fast as those that it always shows. torch's own Muon takes
matrices alone and computes them in bfloat16, which processors without such instructions are slow at; hence this one, which
computes them in the number type that the network is trained in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, overload

import torch
from torch import Tensor

_COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of the quintic polynomial that draws singular values towards 1 (Jordan et al. 2024)."""
_TIMES = 5
_SIZE = 0.2
"""Of a change, root mean square over the kernel's values, for each unit of learning rate: what AdamW's have (Liu et al. 2025,
"Muon is scalable for LLM training", section 2.2), so that learning rates mean the same."""
_MOMENTUM = 0.95
_DECAYS, _LEAST = (0.9, 0.999), 1e-8  # Adam's


class Muon(torch.optim.Optimizer):
    """Muon for parameters of two axes and more, Adam for the others.

    Args:
        parameters: as for any optimiser; groups may have a learning rate and a weight decay of their own.
        lr: the learning rate.
        weight_decay: decoupled, as AdamW's.
        dtype: what the nearest orthogonal matrices are computed in; everything else is as the parameters are.
    """

    def __init__(
        self, parameters: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float = 4e-3, weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:  # fmt: skip
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})
        self._kernel_change = partial(_kernel_change, dtype=dtype)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step down the gradients that parameters have, after those of `closure`, if one is given, whose loss is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                state = self.state[parameter]
                change = self._kernel_change if parameter.dim() > 1 else _adam_change
                parameter.sub_(change(parameter.grad, state), alpha=group["lr"])
        return loss


def _kernel_change(gradient: Tensor, state: dict[str, Any], dtype: torch.dtype) -> Tensor:
    """What to take from a kernel, for a learning rate of 1."""
    if not state:
        state["momentum"] = torch.zeros_like(gradient)
    state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
    ahead = gradient.lerp(state["momentum"], _MOMENTUM).flatten(1)  # Nesterov's
    size: float = _SIZE * max(ahead.shape) ** 0.5
    return size * orthogonal(ahead.to(dtype)).to(gradient.dtype).view(gradient.shape)


def _adam_change(gradient: Tensor, state: dict[str, Any]) -> Tensor:
    """Kingma and Ba 2015, algorithm 1."""
    if not state:
        state.update(steps=0, momentum=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
    first, second = _DECAYS
    state["steps"] += 1
    state["momentum"].lerp_(gradient, 1 - first)
    state["square"].lerp_(gradient.square(), 1 - second)
    mean: Tensor = state["momentum"] / (1 - first ** state["steps"])
    spread: Tensor = (state["square"] / (1 - second ** state["steps"])).sqrt()
    return mean / (spread + _LEAST)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix with orthonormal rows (or columns, where it is taller than wide), by Newton-Schulz iteration.

    Its singular values lie between 0.7 and 1.2, but for those that are next to nothing; a matrix of zeros stays so.
    """
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_TIMES):
        square = x @ x.mT
        x = torch.addmm(a * x, torch.addmm(b * square, square, square, alpha=c), x)
    return x.mT if tall else x
