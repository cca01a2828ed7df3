"""Labelling of Dask arrays: blocks, each with its halo, each equal to that part of the whole. Needs dask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import RetintError
from ...extras import need
from ..model import Model
from ..source import Source
from ..stopping import Stop
from ..tiles import Box, slices
from .lanes import Lanes, lanes
from .rows import flows
from .stream import Stream


def label_array(image: Any, model: Model, steps: int | None = None, precision: Any = None) -> Any:
    """Label a Dask array; nothing is computed until it is asked for.

    Each block reads its halo from its neighbours; the labels equal those of the whole image, to rounding. Blocks may have
    any sizes; small ones read and compute more halo than image (see docs/large.md).

    Args:
        image: (rows, columns) or (rows, columns, channels), with slices before them for a 3-D model.
        model: the model; it travels to each worker once.
        steps: how many; the card says how many by default.
        precision: see `Model`.

    Returns:
        Dask array of the spatial axes, uint8, with the image's chunks.

    Raises:
        RetintError: the array or the model is not such a one, or dask is not installed.
    """
    dask = needed("dask")
    array = needed("dask.array")
    if not isinstance(model, Model):
        raise RetintError(f"model: found {type(model).__name__}; expected a model, such as retint.load gives")
    refuse(model, "dask array")
    if not isinstance(image, array.Array):
        raise RetintError(f"image: found {type(image).__name__}; expected a dask array: label others with model.label")
    if image.ndim not in (model.dims, model.dims + 1) or any(np.isnan(n) for n in image.shape):
        raise RetintError(
            f"dask array of shape {image.shape}; expected {model.dims} axes of known length, and one for channels at most"
        )
    whole = (*map(int, image.shape[: model.dims]), int(image.shape[-1]) if image.ndim > model.dims else 1)
    hollow = Source(_Part(None, whole, image.dtype, ()), model.card, model.dims, "dask array")
    size, count = tuple(map(int, image.shape[: model.dims])), Stop(steps).steps or model.card.steps
    spans = [np.cumsum([0, *chunk]) for chunk in image.chunks[: model.dims]]
    tile = tuple(int(np.diff(span).max()) for span in spans)
    plan = lanes(model.network(precision), size, count, tile)
    shared = dask.delayed(model, pure=False, traverse=False)
    blocks = np.empty([len(span) - 1 for span in spans], object)
    for place in np.ndindex(*blocks.shape):
        box = tuple((int(span[k]), int(span[k + 1])) for span, k in zip(spans, place, strict=True))
        needs = Stream(model.network(precision), hollow, plan, box, count, alone=True).needs
        part = dask.delayed(_label_part)(image[slices(needs)], needs, whole, shared, plan, box, count, precision)
        blocks[place] = array.from_delayed(part, tuple(b - a for a, b in box), np.uint8)
    return array.block(blocks.tolist())


def one_thread() -> None:
    """On a worker of a cluster, compute with one thread: each of its threads labels a block of its own."""
    try:
        from distributed import get_worker

        get_worker()
    except (ImportError, ValueError):  # another of Dask's schedulers
        return
    torch.set_num_threads(1)  # it holds for the thread that calls it


def refuse(model: Model, where: str) -> None:
    """Say so, if a model cannot be computed block by block.

    Raises:
        RetintError: it takes all steps at once.
    """
    if not flows(model.network()):
        raise RetintError(f"{where}: {model.name} takes all steps at once; it labels only images that are read whole")


def needed(package: str) -> Any:
    """Dask, or what else is needed for several machines.

    Raises:
        RetintError: it is not installed.
    """
    return need(package, "cluster,volumes", "--cluster: found a wish for several machines")


class _Part:
    """A part of an array, as a reader of the whole; see `RegionReader`."""

    path = Path("dask array")

    def __init__(self, values: NDArray[Any] | None, shape: Sequence[int], dtype: Any, corner: Sequence[int]) -> None:
        self._values, self._corner = values, corner
        self.shape: tuple[int, ...] = tuple(shape)
        self.dtype = np.dtype(dtype)

    def read(self, box: Box) -> NDArray[Any]:
        """The pixels of a box."""
        if self._values is None:
            return np.zeros((*(b - a for a, b in box), self.shape[-1]), self.dtype)
        index = tuple(slice(a - first, b - first) for (a, b), first in zip(box, self._corner, strict=True))
        return self._values[index]

    def at(self, scale: float) -> _Part:
        """Itself."""
        return self


def _label_part(
    values: NDArray[Any],
    needs: Box,
    shape: Sequence[int],
    model: Model,
    plan: Lanes,
    box: Box,
    steps: int,
    precision: Any,
) -> NDArray[np.uint8]:
    """On a worker: the labels of a block of an array, from the pixels that it needs."""
    one_thread()
    if values.ndim == model.dims:
        values = values[..., None]
    part = _Part(values, shape, values.dtype, [a for a, _ in needs])
    source = Source(part, model.card, model.dims, "dask array")
    stream = Stream(model.network(precision), source, plan, box, steps, alone=True)
    return np.concatenate([labels for _, labels in stream])
