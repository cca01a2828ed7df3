"""A trained network, ready to compute: on its device, in its number types, by its backend."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from ..export import Format, export
from ..hardware import Precision, channels_last, chosen_device, compute_dtype
from ..modelfile import Card
from ..network import RecurrentNetwork
from .advice import spacing_advice, texture_advice
from .backends import FLOAT32, Backend, Engine, engine
from .source import Source


class Ready:
    """A network and its card, made ready: folded, on a device, in each number type that is asked for.

    Args:
        network: as trained.
        card: what it is.
        device: auto, cpu or cuda.
        precision: auto, float32 or bfloat16; each call may choose another.
        name: what to call it in messages.
        backend: what computes the network: torch (auto), onnxruntime, openvino or compile. The same to rounding (1e-4 in float32).

    Attributes:
        file: that it was loaded from, if any.
    """

    file: Path | None = None

    def __init__(
        self,
        network: RecurrentNetwork,
        card: Card,
        device: str = "auto",
        precision: Precision = "auto",
        name: str = "model",
        backend: Backend = "auto",
    ) -> None:
        self.device = chosen_device(device)
        compute_dtype(precision, self.device)  # refuses what is none
        self.card, self.name, self.precision = card, name, precision
        self._folded = network.eval().requires_grad_(False).fold()
        self.backend: Backend = backend
        self._ready: dict[torch.dtype, RecurrentNetwork] = {}
        self._engines: dict[torch.dtype, Engine] = {}
        if backend not in ("auto", "torch"):
            self.engine()  # what is missing is said at once

    def __getstate__(self) -> dict[str, Any]:
        """Without what is made anew when it is needed, and may not travel to another process."""
        return {**self.__dict__, "_ready": {}, "_engines": {}}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of their indices."""
        return self.card.classes

    @property
    def dims(self) -> int:
        """Spatial dimensions of what it labels: 2 for images, 3 for volumes."""
        return len(self._folded.geometry)

    @property
    def strides(self) -> tuple[int, ...]:
        """Image pixels per label cell along each axis."""
        return self._folded.strides

    @property
    def at_once(self) -> bool:
        """Whether it takes a fixed number of steps at once, so that starts, hints and records of the steps do not go with it."""
        return bool(self._folded.architecture.instances)

    @property
    def digest(self) -> str:
        """What tells models apart, of their cards and weights: sixteen hexadecimal digits."""
        digest = hashlib.sha256(self.card.to_json().encode())
        for name, tensor in sorted(self._folded.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.float().cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def network(self, precision: Precision | None = None) -> RecurrentNetwork:
        """U, V, W and the loop as they are run: folded, on the model's device, channels last.

        Args:
            precision: of its numbers; the model's own if not given.
        """
        wish = precision or self.precision
        dtype = compute_dtype("float32" if wish == "auto" and self.backend in FLOAT32 else wish, self.device)
        if dtype not in self._ready:
            network = copy.deepcopy(self._folded).to(self.device, dtype)
            self._ready[dtype] = channels_last(network)
        return self._ready[dtype]

    def engine(self, precision: Precision | None = None) -> Engine:
        """What computes that network when it labels, by the model's backend; kept for the next image."""
        network = self.network(precision)
        dtype = network.dtype
        if dtype not in self._engines:
            self._engines[dtype] = engine(self.backend, network)
        return self._engines[dtype]

    def export(self, folder: str | Path, format: Format = "onnx", *, overwrite: bool = False) -> list[Path]:
        """Write the model for another runtime; see `retint.export.export`."""
        return export(self._folded, self.card, folder, format, self.name, overwrite)

    def scale_warning(self, image: Any, where: str = "image", scale: float = 1.0) -> str | None:
        """A line for the user if the image's texture is much finer or coarser than what the model was trained on."""
        return texture_advice(self.card, self.name, Source(image, self.card, self.dims, where, scale), where)

    def spacing_warning(
        self, spacing: Sequence[float] | None, unit: str | None = None, where: str = "volume", scale: float = 1.0
    ) -> str | None:
        """A line for the user if a volume's voxels are not those of the volumes that the model was trained on.

        Args:
            spacing: from voxel to voxel along slices, rows, columns; None if it is not known.
            unit: of the spacing. Sizes are compared if it is the card's, proportions in any case.
            where: what to call the volume.
            scale: at which it is labelled.
        """
        return spacing_advice(self.card, self.name, spacing, unit, where, scale)


@cache
def mind_forks() -> None:
    """Let every process that is forked from this one compute with one thread: torch's others stay behind, and it would wait for them for ever."""
    if hasattr(os, "register_at_fork"):  # Windows forks none
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
