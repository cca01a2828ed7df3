"""What a run computes on."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch

from ..errors import RetintError
from ..hardware import Precision, chosen_device, compute_dtype


def check_devices(device: str, devices: int) -> None:
    """Before the work: whether there are so many.

    Raises:
        RetintError: there are fewer GPUs.
    """
    if chosen_device(device).type == "cuda" and devices > (there := torch.cuda.device_count()):
        raise RetintError(f"--devices {devices}: found {there} GPU{'s' if there != 1 else ''}; give as many at most, or --device cpu")


def open_fabric(device: str, devices: int, precision: Precision) -> tuple[Any, torch.device]:
    """Lightning's Fabric, set up quietly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lightning.fabric import Fabric

    for name in ("lightning", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    chosen = chosen_device(device)
    dtype = compute_dtype(precision, chosen)
    fabric = Fabric(
        accelerator=chosen.type, devices=devices, strategy="ddp_find_unused_parameters_true" if devices > 1 else "auto",
        precision="bf16-mixed" if dtype is torch.bfloat16 else "32-true",
    )  # fmt: skip
    if devices > 1:
        fabric.launch()
    return fabric, fabric.device
