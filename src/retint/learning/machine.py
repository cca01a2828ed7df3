"""What a run computes on."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from ..errors import RetintError
from ..network.hardware import Precision, compute_dtype


def open_fabric(device: str, devices: int, precision: Precision) -> tuple[Any, torch.device]:
    """Lightning's Fabric, set up quietly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lightning.fabric import Fabric

    accelerator = {"auto": "cuda" if torch.cuda.is_available() else "cpu"}.get(device, device)
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise RetintError("--device cuda: no CUDA device here; use --device cpu")
    dtype = compute_dtype(precision, torch.device(accelerator))
    fabric = Fabric(
        accelerator=accelerator, devices=devices, strategy="ddp_find_unused_parameters_true" if devices > 1 else "auto",
        precision="bf16-mixed" if dtype is torch.bfloat16 else "32-true",
    )  # fmt: skip
    if devices > 1:
        fabric.launch()
    return fabric, fabric.device
