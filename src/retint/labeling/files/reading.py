"""Reading what is to be labelled: an image or a volume, as the model wants it."""

from __future__ import annotations

from pathlib import Path

from ...errors import RetintError
from ...images import (
    IMAGE_SUFFIXES,
    TIFF_SUFFIXES,
    RegionReader,
    Volume,
    is_volume,
    read_image,
    read_volume,
    read_whole,
)


def read_for(path: Path, dims: int, reader: RegionReader | None) -> Volume:
    """A file's pixels, (rows, columns, channels) or (slices, rows, columns, channels), and what else it says.

    Raises:
        RetintError: it cannot be read, or is a volume for a 2-D model or an image for a 3-D one.
    """
    if reader is not None and dims == 2:
        return Volume(read_whole(reader))
    volume = is_volume(path)
    if dims == 2:
        if volume:
            raise RetintError(f"{path}: is a volume; the model labels 2-D images: save its slices, or use a 3-D model")
        return Volume(read_image(path))
    flat = f"{path}: is a 2-D image; the model labels volumes: use a 2-D model"
    if not volume and path.suffix.lower() in IMAGE_SUFFIXES - TIFF_SUFFIXES:
        raise RetintError(flat)
    image = read_volume(path)
    if not volume and len(image.pixels) == 1:
        raise RetintError(flat)
    return image
