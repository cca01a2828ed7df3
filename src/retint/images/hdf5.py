"""HDF5, the format that ilastik exports by default: one dataset of a file, whose axes vigra's `axistags` name."""

from __future__ import annotations

import json
import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError
from retint.extras import need

from .read import head_of, told, whole

HDF5_SUFFIXES = frozenset({".h5", ".hdf5"})

_MAGIC = b"\x89HDF"
_MOST_NAMES = 5  # of datasets that an error tells; an ilastik project has hundreds
_AXES = {2: "y, x and c", 3: "z, y, x and c"}


def is_hdf5(path: str | PathLike[str]) -> bool:
    """Whether a path is an HDF5 file, by its name or its first bytes, or lies inside one: `FILE.h5/exported_data`."""
    return _parted(Path(path)) is not None


def read_hdf5(path: str | PathLike[str], dims: int) -> tuple[NDArray[Any], bool]:
    """Read one dataset of a label map or of probabilities.

    Args:
        path: the file, if one dataset in it has two or more axes; else the dataset as `FILE.h5/its/path`, as ilastik
            writes it, or a group that has one.
        dims: 2 or 3, of the image that it is for.

    Returns:
        The values as stored, in native byte order, and whether the file names their axes (`axistags`). If it does they
        are ([channels,] [slices,] rows, columns), without channels if there is only one, and axes of length 1 that an
        image of `dims` dimensions has not are dropped. If it does not, the axes lie as stored.

    Raises:
        RetintError: no such file or dataset, several of them, damaged, empty, not of numbers, other axes, or h5py is
            not installed.
    """
    path = Path(path)
    file, inner = _parted(path) or (path, "")
    h5py = need("h5py", "hdf5", f"{file}: found HDF5")
    with told(file, "HDF5", "HDF5 file"), h5py.File(file, "r") as opened:
        dataset = _dataset(h5py, path, opened, inner)
        if dataset.dtype.kind not in "iufb":
            raise RetintError(f"{path}: found values of type {dataset.dtype}; expected integers or floats: name another dataset")
        keys = _keys(path, dataset)
        if keys is not None:
            _check_axes(path, keys, dataset.shape, dims)  # before what may be a long film is read
        values = whole(path, np.asarray(dataset[()]))
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return (values, False) if keys is None else (_arranged(values, keys, dims), True)


def _parted(path: Path) -> tuple[Path, str] | None:
    """The file, and the path inside it; None if there is no HDF5 file."""
    for file in (path, *path.parents):
        if os.path.isfile(file):
            inner = "" if file == path else path.relative_to(file).as_posix()
            return (file, inner) if file.suffix.lower() in HDF5_SUFFIXES or _begins_so(file) else None
    return None


def _begins_so(file: Path) -> bool:
    try:
        return head_of(file).startswith(_MAGIC)
    except OSError:  # whoever reads it says what is wrong
        return False


def _dataset(h5py: Any, path: Path, opened: Any, inner: str) -> Any:
    """The dataset that is meant."""
    found = opened.get(inner) if inner else opened
    if isinstance(found, h5py.Dataset):
        return found
    is_group = isinstance(found, h5py.Group)
    names = _names(h5py, found if is_group else opened)
    if not names:
        raise RetintError(f"{path}: found HDF5 without a dataset of two or more axes; expected a label map or probabilities: export it again")
    several = ", ".join(names[:_MOST_NAMES]) + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")
    if not is_group:
        file = opened.filename
        raise RetintError(f"{path}: found no {inner} in the file, which has {several}; expected a dataset: name it, as in {file}/{names[0]}")
    if len(names) > 1:
        raise RetintError(f"{path}: found {len(names)} datasets, {several}; expected one: name it, as in {path / names[0]}")
    return found[names[0]]


def _names(h5py: Any, group: Any) -> list[str]:
    """The paths of the datasets in a group that may be maps."""
    names = list[str]()

    def visit(name: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset) and found.ndim >= 2:
            names.append(name)

    group.visititems(visit)
    return names


def _keys(path: Path, dataset: Any) -> list[str] | None:
    """The names of the axes as vigra has them, `y`, `x` and so on; None if the file does not say."""
    tags = dataset.attrs.get("axistags")
    if tags is None:
        return None
    try:
        return [str(axis["key"]) for axis in json.loads(tags)["axes"]]
    except (ValueError, TypeError, KeyError):
        raise RetintError(f"{path}: found axistags that cannot be read; expected vigra's JSON: export it again") from None


def _check_axes(path: Path, keys: list[str], shape: tuple[int, ...], dims: int) -> None:
    """Raise if axes are missing, or of another kind and longer than 1."""
    wanted = "cyx" if dims == 2 else "czyx"
    if len(keys) != len(shape):
        raise RetintError(f"{path}: found axistags of {len(keys)} axes, and {len(shape)} axes; expected as many: export it again")
    used = [key for key, n in zip(keys, shape, strict=True) if key in wanted or n != 1]
    if len(set(used)) < len(used) or not {"y", "x"} <= set(used) <= set(wanted):
        found = " x ".join(f"{n} ({key})" for key, n in zip(keys, shape, strict=True))
        raise RetintError(
            f"{path}: found {found}; expected the axes {_AXES[dims]}, and others of length 1 at most: export one "
            f"{'image' if dims == 2 else 'volume'} (in ilastik's Export Settings: Cutout Subregion)"
        )


def _arranged(values: NDArray[Any], keys: list[str], dims: int) -> NDArray[Any]:
    """Checked axes as ([channels,] [slices,] rows, columns)."""
    axes = [keys.index(key) for key in ("c", "z", "y", "x") if key in keys]
    dropped = tuple(i for i in range(len(keys)) if i not in axes)
    values = values.transpose(*dropped, *axes)[(0,) * len(dropped)]
    if "z" not in keys:  # of a volume of one slice
        values = values[..., None, :, :]
    if "c" not in keys:
        values = values[None]
    values = values if dims == 3 else values[:, 0]
    return values[0] if len(values) == 1 else values
