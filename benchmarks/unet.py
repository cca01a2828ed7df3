"""The U-Net that the benchmarks compare with: segmentation_models.pytorch's, resnet34, no pretraining, on CamVid.

python benchmarks/unet.py --data DIR --out unet.pt [--minutes 30] [--crop 320] [--batch 2]

It sees views as our networks do (flips, scales, light and colour), with our class weights, in bfloat16 where the processor has
instructions for it, by one thread. The budget is processor time,
so that other programs on the machine do not count. A run that was stopped goes on from its file, which holds the optimizer
too (290 MB), with the same settings. `others.py` labels CamVid with it.

Needs segmentation-models-pytorch, which wants torchvision. Where torch has no CUDA and torchvision's wheel has, install
them beside torch, without their dependencies (`pip install --no-deps segmentation-models-pytorch timm torchvision`, then
`pip install huggingface-hub pyyaml`); `unet` sees to the rest.
"""

from __future__ import annotations

import importlib
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common import parser
from retint.benching.peers import declare_operators
from retint.data import class_weights, open_dataset
from retint.errors import reason_of
from retint.hardware import keep_memory, mixed
from retint.images import to_unit
from retint.learning.augment import Augmentation, view

PEAK, DECAY, WARM = 1e-3, 1e-4, 0.05
PROCESSOR = torch.device("cpu")
_MULTIPLE = 32  # the encoder halves five times


def unet(classes: int, encoder: str = "resnet34") -> nn.Module:
    """U-Net with random weights: 24.4 M parameters with resnet34; decoder of 256, 128, 64, 32 and 16 planes."""
    try:
        declare_operators()
        smp = importlib.import_module("segmentation_models_pytorch")
    except (ImportError, RuntimeError) as error:
        raise SystemExit(
            f"segmentation_models.pytorch: cannot be imported ({reason_of(error)}); pip install 'retint[peers]', or as the "
            "beginning of benchmarks/unet.py says"
        ) from None
    network: nn.Module = smp.Unet(encoder, encoder_weights=None, classes=classes)
    return network


def normalised(image: np.ndarray | Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(1, 3, rows, columns) from (rows, columns, 3) on any integer scale."""
    unit = torch.from_numpy(to_unit(np.asarray(image), "image")).movedim(-1, 0)
    return ((unit - mean) / std)[None]


class Unet:
    """The trained network, for labelling.

    Args:
        file: as `main` writes it.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise SystemExit(f"{file}: no such file; expected one that benchmarks/unet.py wrote")
        saved = torch.load(file, weights_only=True)
        self.told, self.classes = saved["told"], saved["told"]["classes"]
        self.mean, self.std = saved["mean"], saved["std"]
        self.network = unet(self.classes)
        self.network.load_state_dict(saved["network"])
        self.network.eval().to(memory_format=torch.channels_last)

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """(K, rows, columns), float32; the image is padded to whole multiples of 32 with its own border."""
        x = normalised(image, self.mean, self.std)
        rows, columns = x.shape[2:]
        x = F.pad(x, (0, -columns % _MULTIPLE, 0, -rows % _MULTIPLE), mode="replicate")
        with torch.inference_mode(), mixed(PROCESSOR):
            scores = self.network(x.contiguous(memory_format=torch.channels_last))
        y = torch.softmax(scores.float(), 1)
        result: np.ndarray = y[0, :, :rows, :columns].numpy()
        return result


def statistics(pairs: list[Any], classes: int) -> tuple[Tensor, Tensor, np.ndarray]:
    """Mean and standard deviation of the channels (3, 1, 1), and pixels of each class (K,)."""
    sums, squares, pixels, counts = np.zeros(3), np.zeros(3), 0, np.zeros(classes, np.int64)
    for pair in pairs:
        image, labels = pair.read()
        unit = to_unit(image, "image").reshape(-1, 3).astype(np.float64)
        sums, squares, pixels = sums + unit.sum(0), squares + (unit**2).sum(0), pixels + len(unit)
        counts += np.bincount(labels[labels < classes], minlength=classes)
    mean = sums / pixels
    std = np.sqrt(squares / pixels - mean**2)
    return *(torch.tensor(v, dtype=torch.float32).view(-1, 1, 1) for v in (mean, std)), counts


def train(pairs: list[Any], classes: int, out: Path, seconds: float, crop: int, batch: int, seed: int = 0) -> None:
    """AdamW, a warm-up and a cosine over the budget of processor time; cross-entropy with class weights."""
    keep_memory()
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = unet(classes).to(memory_format=torch.channels_last).train()
    kept = [pair.read() for pair in pairs]
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK, weight_decay=DECAY)
    spent, iteration = 0.0, 0
    if out.is_file():
        saved = torch.load(out, weights_only=True)
        asked = {"classes": classes, "crop": crop, "batch": batch, "seed": seed, "budget_seconds": seconds}
        if found := [
            f"{key} {saved['told'][key]}, not {value}" for key, value in asked.items() if saved["told"][key] != value
        ]:
            raise SystemExit(f"{out}: was begun with {', '.join(found)}; give the same, or another --out")
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        generator.set_state(saved["chance"])
        mean, std, weights = saved["mean"], saved["std"], saved["weights"]
        spent, iteration = saved["told"]["processor_seconds"], saved["told"]["iterations"]
    else:
        mean, std, counts = statistics(pairs, classes)
        weights = torch.from_numpy(class_weights(counts))
    loss_of = nn.CrossEntropyLoss(weights, ignore_index=255)
    augmentation, order = Augmentation(), list[int]()
    began = saved_at = told_at = time.process_time()

    def now() -> float:
        return spent + time.process_time() - began

    def save() -> None:
        told = {"classes": classes, "processor_seconds": round(now(), 1), "iterations": iteration, "crop": crop, "batch": batch,
                "seed": seed, "views": iteration * batch, "budget_seconds": seconds}  # fmt: skip
        part = out.with_suffix(".part")
        torch.save({"told": told, "network": network.state_dict(), "optimizer": optimizer.state_dict(), "mean": mean, "std": std,
                    "weights": weights, "chance": generator.get_state()}, part)  # fmt: skip
        part.replace(out)

    while now() < seconds:
        views = []
        for _ in range(batch):
            order = order or torch.randperm(len(pairs), generator=generator).tolist()
            image, labels = kept[order.pop()]
            pixels = torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, -1, 0)))
            views.append(view(pixels, torch.from_numpy(labels.copy()), (crop, crop), None, augmentation, generator)[:2])
        x = (torch.stack([seen for seen, _ in views]) - mean) / std
        truth = torch.stack([labels for _, labels in views])
        share = now() / seconds
        for group in optimizer.param_groups:
            group["lr"] = PEAK * min(1.0, share / WARM) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
        with mixed(PROCESSOR):
            scores = network(x.contiguous(memory_format=torch.channels_last))
        loss = loss_of(scores.float(), truth)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        iteration += 1
        if time.process_time() - told_at > 30:
            told_at = time.process_time()
            print(
                f"U-Net: {now():.0f} of {seconds:.0f} s, {iteration} iterations, loss {float(loss.detach()):.3f}",
                flush=True,
            )
        if time.process_time() - saved_at > 120:
            saved_at = time.process_time()
            save()
    save()


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True, help="file of weights; begun again where it stopped")
    options.add_argument("--minutes", type=float, default=30, help="of processor time")
    options.add_argument("--crop", type=int, default=320)
    options.add_argument("--batch", type=int, default=2)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    data = open_dataset(given.data / "camvid")
    pairs = list(data.splits["train"].pairs)
    train(pairs, len(data.classes), given.out, 60 * given.minutes, given.crop, given.batch, given.seed)


if __name__ == "__main__":
    main()
