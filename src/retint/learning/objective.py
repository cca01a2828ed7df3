"""What training minimises: the cross-entropy of the labels, at the first step and at late ones.

One pass takes the first step with gradients, wanders on for a random number of steps without, and then takes a short
window of steps with gradients, some of them from a spoilt truth instead. So the network learns to start, and to keep
improving any later estimate; memory holds the window alone, however far it wandered. After Bansal et al. 2022
(progressive loss), Anil et al. 2022 (random depths and starts).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..network import RecurrentNetwork
from .starts import corrupted, soft_labels


class Objective(nn.Module):
    """The loss of a batch.

    Args:
        network: what is trained.
        weights: one for each class, (K,).
        window: steps that carry gradients after the first; 0 trains the one-step control.
        wander: largest number of steps without gradients before the window; few are likelier than many.
        spoilt: share of the windows that begin from a spoilt truth.
        ignore: the label that costs nothing.
    """

    weights: Tensor

    def __init__(
        self,
        network: RecurrentNetwork,
        weights: Tensor,
        window: int = 2,
        wander: int = 10,
        spoilt: float = 0.25,
        ignore: int = 255,
    ) -> None:
        super().__init__()
        self.network, self.window, self.wander, self.spoilt, self.ignore = network, window, wander, spoilt, ignore
        self.register_buffer("weights", weights)

    def forward(self, image: Tensor, labels: Tensor, seed: int) -> Tensor:
        """The mean loss over the steps that carry gradients.

        Args:
            image: (N, C, rows, columns), float, normalised.
            labels: (N, rows, columns), int64.
            seed: of the chance in this pass.
        """
        generator = torch.Generator().manual_seed(seed)
        context = self.network.context(image)
        logits = self.network.logits(context, None)
        losses = [self.cross_entropy(logits, labels, generator)]
        if self.window:
            estimate = self._wander(context.detach(), logits.detach(), generator)
            estimate = self._some_spoilt(estimate, labels, generator)
            for _ in range(self.window):
                logits = self.network.logits(context, estimate)
                losses.append(self.cross_entropy(logits, labels, generator))
                estimate = torch.softmax(logits, 1)
        return torch.stack(losses).mean()

    def cross_entropy(self, logits: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Weighted cross-entropy over the labelled pixels, at the labels' resolution; 0 if there are none.

        On label grids of stride 4 and more, at every second pixel, from a random one: the same on average, at a quarter
        of the cost.
        """
        thin = 2 if self.stride >= 4 else 1
        row, column = (int(n) for n in torch.randint(thin, (2,), generator=generator))
        labels = labels[:, row::thin, column::thin]
        if self.stride > 1:
            logits = F.interpolate(logits, scale_factor=self.stride / thin, mode="bilinear", align_corners=False)
        logits = logits[:, :, : labels.shape[1], : labels.shape[2]].float()
        if not bool((labels != self.ignore).any()):
            return logits.sum() * 0.0
        return F.cross_entropy(logits, labels, weight=self.weights, ignore_index=self.ignore)

    @property
    def stride(self) -> int:
        """Of the label grid."""
        return self.network.geometry[0].stride

    @torch.no_grad()
    def _wander(self, context: Tensor, logits: Tensor, generator: torch.Generator) -> Tensor:
        estimate = torch.softmax(logits, 1)
        share = float(torch.rand((), generator=generator))
        for _ in range(int((self.wander + 1) * share**2)):
            estimate = self.network.step(context, estimate)
        return estimate

    def _some_spoilt(self, estimate: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        chosen = torch.rand(len(estimate), generator=generator) < self.spoilt
        if not bool(chosen.any()):
            return estimate
        estimate = estimate.clone()
        truth = soft_labels(labels[chosen.to(labels.device)].cpu(), estimate.shape[1], self.stride, self.ignore)
        estimate[chosen.to(estimate.device)] = corrupted(truth, generator).to(estimate)
        return estimate
