"""Folders of labelled images: opening, checking and converting them, and what follows from their labels."""

from .check import check_dataset, check_labels, check_part
from .colours import find_colours, propose_palette, read_palette, write_palette
from .convert import convert_palette, convert_values, parse_mapping
from .files import FLAT
from .first import first_classes, refuse_other_classes, write_classes
from .folder import Dataset, Pair, Split, open_dataset
from .report import Report
from .split import hold_out
from .stanford import folds, import_stanford
from .stride import choose_stride
from .tags import Tagged, read_tags, tags_of, write_tags
from .weights import class_weights

__all__ = [
    "FLAT",
    "Dataset",
    "Pair",
    "Report",
    "Split",
    "Tagged",
    "check_dataset",
    "check_labels",
    "check_part",
    "choose_stride",
    "class_weights",
    "convert_palette",
    "convert_values",
    "find_colours",
    "first_classes",
    "folds",
    "hold_out",
    "import_stanford",
    "open_dataset",
    "parse_mapping",
    "propose_palette",
    "read_palette",
    "read_tags",
    "refuse_other_classes",
    "tags_of",
    "write_classes",
    "write_palette",
    "write_tags",
]
