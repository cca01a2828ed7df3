"""What Retint is compared with: each is there if it is installed, and says in one line why if it is not."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch import library as operators

from ..errors import RetintError, reason_of
from ..hardware import PROCESSOR, compute_dtype, laid_out
from ..images import to_unit

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as the library's own preprocessing
_DECLARED: list[str] = []

Labeller = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""From an image (rows, columns, 3) to labels (rows, columns)."""


def unet(classes: int) -> nn.Module:
    """segmentation_models.pytorch's U-Net with the encoder resnet34, fresh weights.

    Raises:
        RetintError: it is not installed, or does not import.
    """
    try:
        declare_operators()
        import segmentation_models_pytorch as smp
    except (ImportError, RuntimeError) as error:
        raise RetintError(
            f"segmentation_models.pytorch: skipped, it cannot be imported ({reason_of(error)}); "
            "pip install 'retint[peers]'"
        ) from None
    network: nn.Module = smp.Unet("resnet34", encoder_weights=None, classes=classes)
    return network.eval()


def documented(network: nn.Module, device: torch.device = PROCESSOR) -> Labeller:
    """The U-Net as its documentation runs it: `model.eval()`, `torch.inference_mode()`, contiguous float32."""
    network = network.to(device)

    def label(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        with torch.inference_mode():
            scores: Tensor = network(_normalised(image).contiguous().to(device))
            labels: NDArray[np.uint8] = scores.argmax(1)[0].to(torch.uint8).cpu().numpy()
        return labels

    return label


def tuned(network: nn.Module, compiled: bool, device: torch.device = PROCESSOR) -> tuple[Labeller, torch.dtype]:
    """The U-Net with what we do ourselves: channels last, normalisation folded, bfloat16 where it gains, compiled if asked.

    Returns:
        The labeller and its number type.
    """
    dtype = compute_dtype("auto", device)
    from torch.fx.experimental.optimization import fuse

    fast: Any = network if compiled else fuse(network)
    fast = fast.to(device, dtype).to(memory_format=torch.channels_last)
    if compiled:
        fast = torch.compile(
            fast, options={"freezing": True}
        )  # folds the normalisation, fuses what follows convolutions

    def label(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        with torch.no_grad():
            scores: Tensor = fast(laid_out(_normalised(image).to(device, dtype)))
            labels: NDArray[np.uint8] = scores[0].max(0).indices.to(torch.uint8).cpu().numpy()
        return labels

    return label, dtype


def compiler() -> bool:
    """Whether there is one for torch.compile."""
    return any(shutil.which(name) for name in ("g++", "clang++", "cl"))


def forest(image: NDArray[np.uint8], labels: NDArray[np.uint8], threads: int, seed: int = 0) -> Labeller:
    """A random forest on scikit-image's multiscale features, trained on 20,000 pixels of an image.

    Raises:
        RetintError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError:
        raise RetintError(
            "random forest: skipped, scikit-learn is not installed; pip install 'retint[peers]'"
        ) from None
    known = np.random.default_rng(seed).permutation(labels.size)[:20_000]
    found = _features(image)
    trees = RandomForestClassifier(n_estimators=60, max_depth=18, min_samples_leaf=3, n_jobs=threads, random_state=seed)
    trees.fit(found[known], labels.ravel()[known])

    def label(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        found = trees.predict(_features(image))
        return np.asarray(found, np.uint8).reshape(image.shape[:2])

    return label


def _features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(pixels, features): what ilastik's pixel classification computes, as scikit-image has it."""
    from skimage.feature import multiscale_basic_features

    found: NDArray[np.float32] = multiscale_basic_features(
        to_unit(image, "image"), sigma_min=1, sigma_max=16, channel_axis=-1
    )
    return found.reshape(-1, found.shape[-1])


def _normalised(image: NDArray[np.uint8]) -> Tensor:
    """(1, 3, rows, columns) float32."""
    x = torch.from_numpy(image).movedim(-1, 0)[None].float() / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (_MEAN, _STD))
    return (x - mean) / std


def declare_operators() -> None:
    """Let torchvision be imported where its compiled operators, built for another torch, do not load; none is used here."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        if _DECLARED:
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        define: Any = operators.define
        for operator in ("nms", "qnms"):
            define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append("torchvision")
