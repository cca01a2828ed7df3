"""Training under one loop: forward, backward, clipping, the optimiser, on views of 320 x 320 pixels, four a batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ..errors import RetintError
from ..hardware import PROCESSOR, channels_last, compute_dtype, laid_out, mixed
from ..learning.muon import Muon
from ..learning.objective import Objective
from ..network import architecture, build
from . import peers
from .labelling import CLASSES
from .options import Options
from .report import TRAINED, Report, Task
from .scene import scene

BATCH = 4
RATE = 2e-3
_COUNTED, _CALLS = 64, 8  # pixels of a view, and calls, by which the arithmetic is counted


class Iterations:
    """One network in training; every call is an iteration.

    Args:
        network: all of its parameters are trained.
        loss: from images (N, 3, rows, columns), labels (N, rows, columns) int64 and a seed.
        classes: K.
        side: of a view, pixels.
        optimiser: what makes one of the parameters; AdamW is the usual one.
        device: to train on.
    """

    def __init__(
        self, network: nn.Module, loss: Callable[[Tensor, Tensor, int], Tensor], classes: int, side: int = 320,
        optimiser: Callable[..., torch.optim.Optimizer] = torch.optim.AdamW,
        device: torch.device = PROCESSOR,
    ) -> None:  # fmt: skip
        network.to(device).train()
        views = [scene((side, side), classes, seed) for seed in range(BATCH)]
        images = torch.stack([torch.from_numpy(image) for image, _ in views]).to(device)
        self._images = laid_out(images.permute(0, 3, 1, 2) / 255)
        self._labels = torch.stack([torch.from_numpy(labels) for _, labels in views]).to(device).long()
        self._network, self._loss, self._device, self._count = network, loss, device, 0
        self._optimizer = optimiser(network.parameters(), lr=RATE)

    def __call__(self) -> None:
        """An iteration."""
        self._gradients()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def _gradients(self) -> None:
        torch.autograd.backward(self._forward(self._count))
        self._count += 1

    def _forward(self, seed: int) -> Tensor:
        """The loss, in the number type that training chooses on this device."""
        with mixed(self._device):
            return self._loss(self._images, self._labels, seed)

    def operations(self, calls: int) -> float:
        """Floating-point operations of the gradients for each pixel of the batch, the mean of the next so many."""
        with FlopCounterMode(display=False) as counter:
            for _ in range(calls):
                self._gradients()
        return float(counter.get_total_flops()) / calls / self._labels.numel()

    def kept(self) -> int:
        """Bytes that the forward pass keeps for the backward pass."""
        storages: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        own = {p.untyped_storage().data_ptr() for p in self._network.parameters()}
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = self._forward(0)
        del loss
        return sum(size for where, size in storages.items() if where not in own)


def retint_training(name: str, classes: int, side: int = 320, device: torch.device = PROCESSOR) -> Iterations:
    """An architecture of the catalogue under Retint's objective and optimiser.

    Each iteration takes the first step and a window of two more with gradients, and before the window 0 to 10 without.
    """
    torch.manual_seed(0)
    network = channels_last(build(architecture(name), 3, classes, "same").to(device))
    objective = Objective(network, torch.ones(classes, device=device))
    return Iterations(network, objective, classes, side, partial(Muon, dtype=compute_dtype("auto", device)), device)


def unet_training(network: nn.Module, classes: int, side: int = 320, device: torch.device = PROCESSOR) -> Iterations:
    """A network with full-size scores, its loss at every second pixel, as Retint's on label grids of 4."""

    def loss(images: Tensor, labels: Tensor, seed: int) -> Tensor:
        scores: Tensor = network(images).float()
        return F.cross_entropy(scores[..., ::2, ::2], labels[:, ::2, ::2])

    return Iterations(channels_last(network.to(device)), loss, classes, side, device=device)


def training(options: Options, report: Report, note: Callable[[str], None]) -> list[Task]:
    """The iterations that are timed."""
    if not options.view:
        return []
    note("training")
    device = torch.device(options.device)
    tasks = [_task(TRAINED, lambda side: retint_training(TRAINED, CLASSES, side, device), options.view, device)]
    if options.peers:
        try:
            network = peers.unet(CLASSES)
        except RetintError:  # said already
            return tasks
        tasks.append(_task("U-Net", lambda side: unet_training(network, CLASSES, side, device), options.view, device))
    return tasks


def _task(system: str, make: Callable[[int], Iterations], side: int, device: torch.device) -> Task:
    iteration, pixels = make(side), BATCH * side**2
    operations = make(_COUNTED).operations(_CALLS) * pixels
    dtype, kept = compute_dtype("auto", device), iteration.kept()
    return Task(system, "training", iteration, pixels, operations, dtype, images=BATCH, kept=kept)
