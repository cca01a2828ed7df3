"""What training minimises: the cross-entropy of the labels, at the first step and at late ones.

One pass takes the first step with gradients, wanders on for a random number of steps without, and then takes a short
window of steps with gradients, some of them from a spoilt truth instead. So the network learns to start, and to keep
improving any later estimate; memory holds the window alone, however far it wandered. After Bansal et al. 2022
(progressive loss), Anil et al. 2022 (random depths and starts). Some passes have hints, which are put back after every
step as they are when labelling, so that the network learns to spread them; of these some have a context that misleads, so
that there is something to spread them over.

Networks that name `instances` are trained as their paper has it: a loss at each of the first so many steps, gradients
through all of them (Pinheiro and Collobert 2014, eq. 7).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..hardware import laid_out
from ..network import RecurrentNetwork
from ..network.grid import MEANS, MODES, log_probabilities_at_pixels
from ..network.hints import Hints, emphasised, kept
from ..network.layers import padded, part
from .coherence import Incoherence
from .misled import misled
from .overlap import lovasz_softmax
from .starts import corrupted, shares, soft_labels
from .strokes import strokes

_EACH = 8
"""Of so many labelled pixels, one counts in the overlap: sorting them is dear."""


class Objective(nn.Module):
    """The loss of a batch.

    Args:
        network: what is trained.
        weights: one for each class, (K,).
        window: steps that carry gradients after the first; 0 trains the one-step control, and so does a network without
            feedback.
        wander: largest number of steps without gradients before the window; few are likelier than many.
        spoilt: share of the windows that begin from a spoilt truth.
        hinted: share of the windows with strokes of the true classes, drawn across errors.
        misled: share of these whose context misleads, so that the errors are large; see `misled`.
        overlap: the share of the run after which the loss has the overlap of labels and truth in it too; 1: never.
        coherent: the weight of agreement between neighbouring cells that look alike, see `Incoherence`; 0: none.
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
        hinted: float = 0.3,
        misled: float = 0.0,
        overlap: float = 1.0,
        coherent: float = 0.0,
        ignore: int = 255,
    ) -> None:
        super().__init__()
        self.network, self.window, self.wander, self.ignore = network, window, wander, ignore
        self.spoilt, self.hinted, self.misled, self.overlap, self.late = spoilt, hinted, misled, overlap, False
        self.coherent = coherent
        self.register_buffer("weights", weights)

    def forward(self, image: Tensor, labels: Tensor, seed: int, share: float = 0.0) -> Tensor:
        """The mean loss over the steps that carry gradients.

        Args:
            image: (N, C, rows, columns) or (N, C, slices, rows, columns), float, normalised.
            labels: (N, rows, columns) or (N, slices, rows, columns), int64.
            seed: of the chance in this pass.
            share: how much of the run is done, 0 to 1.
        """
        generator = torch.Generator().manual_seed(seed)
        context, self.late = self.network.context(image), share > self.overlap
        instances = self.network.architecture.instances
        if instances:
            count = instances[min(int(share * len(instances)), len(instances) - 1)] if self.window else 1
            return self._all_of(count, context, labels, generator)
        logits = self.network.logits(context, None)
        beside = self._beside(image, logits)
        losses = [self.pixels_loss(logits, labels, generator) + beside(logits)]
        if self.window and len(self.network.W):
            hinted = torch.rand(len(logits), generator=generator) < self.hinted
            if bool((which := hinted & (torch.rand(len(logits), generator=generator) < self.misled)).any()):
                hidden, detail = self.network.parts(context)
                hidden = misled(hidden, labels, which, generator)
                context = hidden if detail is None else laid_out(torch.cat([hidden, detail], 1))
                with torch.no_grad():
                    logits = self.network.logits(context, None)
            estimate, hints, drawn = self._begun(context.detach(), logits.detach(), labels, hinted, generator)
            if drawn is not None:  # those hold whatever the network says
                labels = labels.masked_fill(drawn, self.ignore)
            for _ in range(self.window):
                logits = self.network.logits(context, estimate)
                losses.append(self.pixels_loss(logits, labels, generator) + beside(logits))
                estimate = self._fed(torch.softmax(logits, 1), hints)
        return torch.stack(losses).mean()

    def pixels_loss(self, logits: Tensor, labels: Tensor, generator: torch.Generator, step: int = 1) -> Tensor:
        """Weighted cross-entropy over the labelled pixels, at the labels' resolution, and late in a run the Lovász-Softmax
        loss beside it; 0 if there are none.

        On label grids of stride 4 and more, at every second pixel, from a random one: the same on average, at a quarter
        of the cost.
        """
        strides = self.network.strides_at(step)
        thin = tuple(2 if stride >= 4 else 1 for stride in strides)
        first = [int(torch.randint(n, (), generator=generator)) for n in thin]
        labels = part(self._inside(labels, step), (slice(a, None, n) for a, n in zip(first, thin, strict=True)))
        if max(strides) > 1:
            factors = tuple(s / n for s, n in zip(strides, thin, strict=True))
            logits = F.interpolate(logits, scale_factor=factors, mode=MODES[len(strides)], align_corners=False)
        logits = part(logits, map(slice, labels.shape[1:])).float()
        if not bool((labels != self.ignore).any()):
            return logits.sum() * 0.0
        loss = F.cross_entropy(logits, labels, weight=self.weights, ignore_index=self.ignore)
        if not self.late:
            return loss
        known = torch.nonzero(labels.flatten() != self.ignore)[:, 0]
        some = known[int(torch.randint(_EACH, (), generator=generator)) % len(known) :: _EACH]
        scores = logits.movedim(1, -1).flatten(0, -2)[some]
        return loss + lovasz_softmax(torch.softmax(scores, 1), labels.flatten()[some])

    def _beside(self, image: Tensor, logits: Tensor) -> Callable[[Tensor], Tensor | float]:
        """What is added to each step's loss, given its logits, which are shaped as these: what neighbouring cells that look alike
        disagree about, weighted."""
        if not self.coherent:
            return lambda _: 0.0
        cells = MEANS[image.dim() - 2](image, self.network.strides, ceil_mode=True).float()
        inside = [slice(min(n, m)) for n, m in zip(cells.shape[2:], logits.shape[2:], strict=True)]
        incoherence = Incoherence(part(cells, inside))
        return lambda logits: self.coherent * incoherence(torch.softmax(part(logits, inside).float(), 1))

    def _all_of(self, count: int, context: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """The mean loss over the first `count` steps."""
        estimate, losses = None, []
        for step in range(1, count + 1):
            logits = self.network.logits(context, estimate)
            losses.append(self.pixels_loss(logits, labels, generator, step))
            estimate = torch.softmax(logits, 1)
        return torch.stack(losses).mean()

    def _inside(self, labels: Tensor, step: int) -> Tensor:
        """For architectures with padding `valid`: the labels of the cells whose receptive field the view holds.

        Where it holds none along an axis, all of it counts.
        """
        if self.network.architecture.padding == "same":
            return labels
        inside = torch.full_like(labels, self.ignore)
        parts = []
        for n, geometry in zip(labels.shape[1:], self.network.geometry, strict=True):
            seen = geometry.span(step)
            low, high = max(-seen.low, 0), n - max(seen.high - (seen.stride - 1), 0)
            parts.append(slice(low, high) if low < high else slice(None))
        part(inside, parts).copy_(part(labels, parts))
        return inside

    @torch.no_grad()
    def _begun(
        self, context: Tensor, logits: Tensor, labels: Tensor, hinted: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Hints | None, Tensor | None]:
        """Where the window begins, the hints of its steps, and at which pixels they are.

        Strokes are drawn across the errors of the first step, and then kept while wandering, or across those of the start.
        """
        estimate, hints, drawn = torch.softmax(logits, 1), None, None
        spoilt = torch.rand(len(logits), generator=generator) < self.spoilt
        early = bool(torch.rand((), generator=generator) < 0.5)
        if early:
            hints, drawn = self._strokes(labels, estimate, hinted, generator)
        estimate = self._wander(context, estimate, hints, generator)
        if bool(spoilt.any()):
            truth = soft_labels(labels.cpu()[spoilt], logits.shape[1], self.network.strides)
            estimate = estimate.clone()
            estimate[spoilt.to(estimate.device)] = corrupted(self._fitted(truth, logits, 1 / logits.shape[1]), generator).to(estimate)
        if not early:
            hints, drawn = self._strokes(labels, estimate, hinted, generator)
        return self._fed(estimate, hints), hints, drawn

    def _wander(self, context: Tensor, estimate: Tensor, hints: Hints | None, generator: torch.Generator) -> Tensor:
        """The network's own estimate some steps later, the hints not yet put back."""
        share = float(torch.rand((), generator=generator))
        for _ in range(int((self.wander + 1) * share**2)):
            estimate = self.network.step(context, self._fed(estimate, hints))
        return estimate

    def _fed(self, estimate: Tensor, hints: Hints | None) -> Tensor:
        """Y as W is to be given it: with the hints put back, and more than certain."""
        return emphasised(kept(estimate, hints), hints, self.network.architecture.emphasis)

    def _strokes(
        self, labels: Tensor, estimate: Tensor, hinted: Tensor, generator: torch.Generator
    ) -> tuple[Hints | None, Tensor | None]:
        """Strokes in those maps of a batch that are to have some, as hints and at the pixels, (N, pixels ...), bool."""
        if not bool(hinted.any()):
            return None, None
        some, strides = hinted.to(labels.device), self.network.strides
        found = part(log_probabilities_at_pixels(estimate[some].float(), strides).max(1).indices, map(slice, labels.shape[1:]))
        drawn = torch.zeros_like(labels, dtype=torch.bool)
        drawn[some] = strokes(labels[some], found, self.ignore, generator)
        fixed = shares(labels.masked_fill(~drawn, self.ignore), estimate.shape[1], strides)
        fixed = self._fitted(fixed, estimate, 0.0).to(estimate)
        return (fixed, 1 - fixed.sum(1, keepdim=True)), drawn

    @staticmethod
    def _fitted(truth: Tensor, estimate: Tensor, beyond: float) -> Tensor:
        """The truth on as many cells as the estimate has (views that are no whole number of periods have more)."""
        short = [n - m for n, m in zip(estimate.shape[2:], truth.shape[2:], strict=True)]
        return padded(truth, short, beyond)
