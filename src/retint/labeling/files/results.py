"""Writing what a labelling gives: its labels, and on request its pictures, its probabilities and its doubt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...images import (
    HeldLabels,
    RegionReader,
    Volume,
    write_image,
    write_labels,
    write_probabilities,
    write_volume_labels,
    write_volume_probabilities,
)
from ...images.geo_regions import GeoRegions
from ...images.write import Colour
from ...pictures import doubt_palette
from ..labels import Labeling
from ..model import Model
from .pictures import overlay_of, strip_of


def write_results(
    model: Model,
    labeling: Labeling,
    image: Volume,
    files: dict[str, Path],
    reader: RegionReader | None = None,
    doubt: NDArray[np.uint8] | None = None,
) -> None:
    """Write the files; the labels last: where they are, everything is.

    Args:
        model: that labelled.
        labeling: of the image.
        image: its pixels, and of a volume its place, which is kept.
        files: by what they hold; see `outputs`.
        reader: of an image whose format is read by region: its labels have that format; of a GeoTIFF, all but pictures lies where it does.
        doubt: of every pixel from 0 to 255, if it is wanted.
    """
    pixels, palette, volume = image.pixels, list(model.card.colours), model.dims == 3
    if "overlay" in files:
        write_image(files["overlay"], overlay_of(model, pixels, labeling.labels))
    if "strip" in files:
        write_image(files["strip"], strip_of(model, pixels, labeling))
    if "probabilities" in files:
        _write_planes(model, labeling.probabilities, files["probabilities"], image, reader)
        if labeling.estimate is not None:
            grid = _grid_of(labeling, labeling.estimate, image) if volume else image
            cell = [n / cells for n, cells in zip(labeling.labels.shape, labeling.covered, strict=True)]
            _write_planes(model, labeling.estimate, files["estimate"], grid, reader, cell)
    if doubt is None:
        pass
    elif volume:
        write_volume_labels(files["doubt"], doubt, doubt_palette(), image)
    elif isinstance(reader, GeoRegions):
        reader.write_labels(files["doubt"], HeldLabels(doubt), doubt_palette())
    else:
        write_labels(files["doubt"], doubt, doubt_palette())
    write_map(files["labels"], labeling.labels, palette, image, reader)


def write_map(
    file: Path, labels: NDArray[np.uint8], palette: Sequence[Colour], image: Volume, reader: RegionReader | None
) -> None:  # fmt: skip
    """Write a label map of an image in the image's own format.

    Args:
        file: with the suffix that goes with it; see `names_of`.
        labels: (rows, columns) or (slices, rows, columns), 255 unknown.
        palette: the classes' colours.
        image: it; of a volume its place is kept.
        reader: of an image whose format is read by region.
    """
    if labels.ndim == 3:
        write_volume_labels(file, labels, palette, image)
    elif reader is not None:
        reader.write_labels(file, HeldLabels(labels), palette)
    else:
        write_labels(file, labels, palette)


def _write_planes(
    model: Model, planes: NDArray[np.float32], file: Path, grid: Volume, reader: RegionReader | None, cell: Sequence[float] = (1.0, 1.0)
) -> None:  # fmt: skip
    """Probabilities: those of a volume on a grid, those of an image for cells of so many of its rows and columns."""
    if model.dims == 3:
        write_volume_probabilities(file, planes, model.classes, grid)
    elif isinstance(reader, GeoRegions):
        reader.write_probabilities(file, planes, model.classes, (cell[0], cell[1]))
    else:
        write_probabilities(file, planes, model.classes)


def _grid_of(labeling: Labeling, estimate: NDArray[np.float32], image: Volume) -> Volume:
    """The label grid of a volume as a volume, whose voxels are as far apart as its cells."""
    if image.spacing is None:
        return Volume(estimate[0])
    slices, rows, columns = (
        size * stride / labeling.scale for size, stride in zip(image.spacing, labeling.strides, strict=True)
    )
    return Volume(estimate[0], (slices, rows, columns), image.unit)
