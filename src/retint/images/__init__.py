"""Pixels in and out of files: images, class indices, probabilities. Knows NumPy arrays and paths, nothing else."""

from .convert import fit_channels, to_unit
from .detail import detail
from .find import IMAGE_SUFFIXES, find_images
from .read import ColouredMask, read_image, read_labels
from .write import write_image, write_labels, write_probabilities

__all__ = [
    "IMAGE_SUFFIXES",
    "ColouredMask",
    "detail",
    "find_images",
    "fit_channels",
    "read_image",
    "read_labels",
    "to_unit",
    "write_image",
    "write_labels",
    "write_probabilities",
]
