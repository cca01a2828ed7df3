"""Pixels in and out of files: images and volumes, class indices, probabilities. Knows NumPy arrays and paths, nothing else."""

from .convert import fit_channels, to_unit
from .detail import detail
from .find import IMAGE_SUFFIXES, NIFTI_SUFFIXES, TIFF_SUFFIXES, ZARR_SUFFIXES, find_images, images_in, is_zarr
from .hdf5 import is_hdf5, read_hdf5
from .read import ColouredMask, image_size, read_image, read_labels
from .regions import HeldLabels, Labels, RegionReader, identity, open_regions, read_whole
from .video import VIDEO_SUFFIXES, Film, film_writer, is_video, open_film
from .volume import (
    Volume,
    is_volume,
    read_volume,
    read_volume_labels,
    volume_stem,
    volume_suffix,
    write_volume_labels,
    write_volume_probabilities,
)
from .write import write_image, write_labels, write_probabilities

__all__ = [
    "IMAGE_SUFFIXES",
    "NIFTI_SUFFIXES",
    "TIFF_SUFFIXES",
    "VIDEO_SUFFIXES",
    "ZARR_SUFFIXES",
    "ColouredMask",
    "Film",
    "HeldLabels",
    "Labels",
    "RegionReader",
    "Volume",
    "detail",
    "film_writer",
    "find_images",
    "fit_channels",
    "identity",
    "image_size",
    "images_in",
    "is_hdf5",
    "is_video",
    "is_volume",
    "is_zarr",
    "open_film",
    "open_regions",
    "read_hdf5",
    "read_image",
    "read_labels",
    "read_volume",
    "read_volume_labels",
    "read_whole",
    "to_unit",
    "volume_stem",
    "volume_suffix",
    "write_image",
    "write_labels",
    "write_probabilities",
    "write_volume_labels",
    "write_volume_probabilities",
]
