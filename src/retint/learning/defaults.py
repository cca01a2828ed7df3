"""What a training run chooses from its data where it is told nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..data import Dataset, Pair, Report, choose_stride
from ..errors import RetintError
from ..images import read_volume_labels
from ..network import Architecture, Geometry, architecture
from .augment import Augmentation
from .settings import Settings
from .survey import Survey

_CROPS = {8: 320, 4: 288, 2: 192, 1: 128}  # rows or columns of a view, by the stride of the label grid
_SLICES, _VOXELS = 16, {1: 16 * 96 * 96, 2: 16 * 160 * 160}  # of a view of a volume, by the stride in the plane
_VOLUMES = 4  # looked at for their shape
_EPOCHS = 60.0
_FEW = 0.5  # of the pixels are labelled: strokes
_COHERENT = 1.0  # the weight of agreement where they are, in colour: grey tells too little of what is alike (benchmarks/NOTES.md)
_UNSEEN = 4  # the coarsest label grid where they are, as they do not show how thin things get


def filled(
    settings: Settings, data: Dataset, learn: Sequence[Pair], tagged: bool, checked: Report, seen: Survey, begun: str | None
) -> tuple[Settings, Architecture, Augmentation]:
    """The settings with nothing left open, the architecture, and how its views are spoilt.

    Args:
        settings: as they were given.
        data: the data set.
        learn: its images with labels to learn from, if there are any.
        tagged: whether it learns from tags.
        checked: what the check of the data set found.
        seen: what was seen of the images.
        begun: the architecture of the model that it begins from, if there is one.

    Raises:
        RetintError: the architecture does not suit the data.
    """
    few = bool(learn) and sum(int(checked.pixels_in[pair.labels].sum()) for pair in learn) < _FEW * seen.pixels
    coarsest = _UNSEEN if few else max(_CROPS)
    chosen = choose_arch(learn, len(data.classes), checked.spacing, coarsest) if learn and not (settings.arch or begun) else "small-4"
    arch = architecture(settings.arch or begun or chosen)
    if arch.dims != data.dims:
        raise RetintError(
            f"--arch {arch.name}: for {'volumes' if arch.dims == 3 else 'images'}; {data.root} holds "
            f"{'volumes' if data.dims == 3 else 'images'}: `retint archs` tells which suit"
        )
    if tagged and arch.instances:
        raise RetintError(f"--labels tags: {arch.name} takes a fixed number of steps at once; give another --arch")
    upright = seen.upright or not learn
    augmentation = replace(
        settings.augmentation, any_way_up=settings.augmentation.any_way_up or not upright,
        turn=settings.augmentation.turn if upright else 45.0,
    )  # fmt: skip
    epochs = _EPOCHS if settings.epochs is None and settings.minutes is None else settings.epochs
    crop = settings.crop or choose_crop(seen, [Geometry(arch, axis=axis) for axis in range(arch.dims)])
    batch = settings.batch or (4 if arch.dims == 2 else 1)
    coherent = settings.coherent
    if coherent is None:
        coherent = _COHERENT if few and checked.channels >= 3 and not arch.instances else 0.0
    return replace(settings, arch=arch.name, crop=crop, batch=batch, epochs=epochs, coherent=coherent), arch, augmentation


def choose_arch(pairs: Sequence[Pair], classes: int, spacing: Sequence[float] | None = None, coarsest: int = 8) -> str:
    """The small architecture with the coarsest label grid that these labels bear, or one for volumes.

    Args:
        pairs: the images to learn from, or the volumes.
        classes: K.
        spacing: of volumes, from one voxel to the next along slices, rows and columns; if not known, volumes of fewer
            than a quarter as many slices as rows are taken for ones of thick slices.
        coarsest: pixels of a label cell at most.

    Returns:
        A name in the catalogue: for volumes `slices-2` where slices are more than twice as thick as pixels, `volume-2`
        where they are not.

    Raises:
        RetintError: labels cannot be read.
    """
    if pairs[0].dims == 2:
        return f"small-{min(choose_stride(pairs, classes), coarsest)}"
    if spacing is not None:
        thick = spacing[0] > 2 * max(spacing[1:])
    else:
        slices, rows, _ = np.median([read_volume_labels(pair.labels).pixels.shape for pair in pairs[:_VOLUMES]], 0)
        thick = slices < rows / 4
    return "slices-2" if thick else "volume-2"


def choose_crop(survey: Survey, geometry: Sequence[Geometry]) -> tuple[int, ...]:
    """The size of a view: as the label grid wants it, no larger than the images, in whole periods (one at least).

    Views of volumes have up to 16 slices and as many rows and columns as keep the work of a view in bounds.

    Args:
        survey: of the training images.
        geometry: of the architecture along each axis.

    Returns:
        Rows and columns, or slices, rows and columns.
    """
    if len(geometry) == 2:
        sizes = [max(_CROPS.get(g.stride, 256), 2 * g.receptive_field(3) if g.rescales else 0) for g in geometry]
    else:
        slices = min(_SLICES, survey.size[0])
        sizes = [slices, *(math.isqrt(_VOXELS.get(g.stride, _VOXELS[2]) // slices) for g in geometry[1:])]
    return tuple(
        max(min(most, n) // g.period, 1) * g.period for most, n, g in zip(sizes, survey.size, geometry, strict=True)
    )
