"""How well a network labels images that it has not seen, after each of some numbers of steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..hardware import laid_out
from ..network import RecurrentNetwork
from ..network.grid import log_probabilities_at_pixels
from ..network.layers import part
from ..scoring import Confusion, Temperature
from .examples import Examples


@torch.inference_mode()
def validate(
    network: RecurrentNetwork, examples: Examples, mean: Sequence[float], std: Sequence[float], steps: Sequence[int],
    most: int | None = None, temperature: Temperature | None = None,
) -> dict[int, Confusion]:  # fmt: skip
    """The confusion of whole images at each number of steps.

    Args:
        network: in evaluation mode.
        examples: the images and labels.
        mean, std: of the channels.
        steps: after which to look.
        most: look at no more images than this, evenly spread.
        temperature: to be fitted on what the last of these steps gives.
    """
    device = network.device
    confusions = {step: Confusion(examples.classes) for step in steps}
    shift, scale = (torch.tensor(v, device=device).view(1, -1, *[1] * len(network.geometry)) for v in (mean, std))
    count = min(len(examples), most or len(examples))
    for index in torch.linspace(0, len(examples) - 1, count).long().tolist():
        image, labels = examples[index]
        x = laid_out((image.to(device)[None] - shift) / scale)
        for step, estimate in enumerate(network.refinements(x, max(steps)), start=1):
            if step in confusions:
                scores = log_probabilities_at_pixels(estimate, network.strides_at(step))[0]
                scores = part(scores, map(slice, labels.shape))
                confusions[step].add(labels.numpy(), scores.argmax(0).cpu().numpy())
                if temperature is not None and step == max(steps):
                    temperature.add(labels.numpy(), torch.softmax(scores.float(), 0).cpu().numpy())
    return confusions
