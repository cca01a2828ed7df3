"""OME-Zarr images: folders of chunks, version 0.4 (Zarr 2) and 0.5 (Zarr 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError
from retint.extras import need
from retint.wholefile import whole_folder

from .find import is_zarr, volume_suffix
from .voxels import Volume, make_spacing

VERSIONS = {"0.4": 2, "0.5": 3}
"""Of OME-Zarr that can be written, and Zarr's own."""
_CHUNK = (32, 256, 256)  # slices, rows, columns: 2 MiB of uint8
_COLOURS = ("FF0000", "00FF00", "0000FF", "FFFF00", "FF00FF", "00FFFF")


@dataclass(frozen=True)
class Layout:
    """How an image is laid out in its file.

    Attributes:
        version: of OME-Zarr.
        axes: as the metadata has them, with `name`, and `type` and `unit` where known.
        scale: from voxel to voxel along each axis.
        offset: of the first voxel, if it says.
    """

    version: str
    axes: tuple[Mapping[str, Any], ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...] | None = None

    @property
    def letters(self) -> str:
        """The names of the axes, such as `czyx`."""
        return "".join(axis["name"] for axis in self.axes)


def read_omezarr(path: Path) -> Volume:
    """Read the finest level as (slices, rows, columns, channels), values as stored."""
    group, entry, layout = open_multiscales(path)
    array = group[entry["datasets"][0]["path"]]
    letters = layout.letters
    check_axes(path, layout, array.shape)
    values = np.asarray(array[...])
    if "t" in letters:
        values, letters = values.take(0, letters.index("t")), letters.replace("t", "")
    order = [axis for axis in "zyxc" if axis in letters]
    values = values.transpose([letters.index(axis) for axis in order])
    values = values if "z" in letters else values[None]
    values = values if "c" in letters else values[..., None]
    told = {axis["name"]: (scale, axis.get("unit")) for axis, scale in zip(layout.axes, layout.scale, strict=True)}
    sizes, units = zip(*(told.get(axis, (None, None)) for axis in "zyx"), strict=True)
    return Volume(values, *make_spacing(sizes, units), layout)


def open_multiscales(path: Path) -> tuple[Any, dict[str, Any], Layout]:
    """The group of an OME-Zarr image, its metadata, and the layout of its finest level."""
    group, entry, version = _multiscales(path)
    axes = tuple(entry.get("axes") or ())
    if not axes or not all(isinstance(axis, dict) for axis in axes):
        raise RetintError(f"{path}: found OME-Zarr {version} without axes; expected 0.4 or 0.5: convert it")
    return group, entry, Layout(version, axes, *_transformed(len(axes), entry["datasets"][0], entry))


def check_axes(path: Path, layout: Layout, shape: Sequence[int]) -> None:
    """Raise if an image has axes that are neither space nor channels, or several times."""
    size = " x ".join(f"{n} ({axis['name']})" for n, axis in zip(shape, layout.axes, strict=True))
    letters = layout.letters
    lengths = dict(zip(letters, shape, strict=False))
    known = len(letters) == len(layout.axes) == len(lengths) and set("yx") <= lengths.keys() <= set("tczyx")
    if not known or lengths.get("t", 1) != 1:
        raise RetintError(
            f"{path}: found Zarr of {size}; expected the axes c, z, y, x, and t of length 1 at most: "
            "save each time as its own image"
        )


def write_omezarr(
    path: Path,
    values: NDArray[Any],
    like: Volume | None,
    palette: Sequence[tuple[int, int, int]] = (),
    classes: Sequence[str] = (),
) -> None:
    """Write labels (slices, rows, columns), or probabilities (classes, slices, rows, columns), as an image of one level.

    Of the version and the axes of `like`, if it was OME-Zarr; else of 0.5.
    """
    need("zarr", "volumes", f"{path}: found Zarr")
    layout = _layout(like, channels=values.ndim == 4)
    letters = layout.letters
    stored = values if values.ndim == 4 else values[None]
    if "z" not in letters:
        stored = stored[:, 0]
    here = "czyx" if "z" in letters else "cyx"
    stored = stored if "c" in letters else stored[0]
    here = here if "c" in letters else here[1:]
    stored = stored.transpose([here.index(axis) for axis in letters if axis != "t"])
    if "t" in letters:
        stored = np.expand_dims(stored, letters.index("t"))
    refuse_others(path)
    with whole_folder(path) as part:
        array = create_level(part, path.name, layout, stored.shape, stored.dtype, _CHUNK, palette, classes)
        array[...] = stored


def create_level(
    folder: Path,
    name: str,
    layout: Layout,
    shape: Sequence[int],
    dtype: Any,
    chunk: Sequence[int],
    palette: Sequence[tuple[int, int, int]] = (),
    classes: Sequence[str] = (),
) -> Any:
    """An OME-Zarr image of one level, to be filled.

    Args:
        folder: where it is made.
        name: of the image, with its suffix.
        layout: its version and axes.
        shape, dtype: of its values, axes as in the layout.
        chunk: slices, rows and columns of its chunks.
        palette, classes: what the values mean, if known.
    """
    form, sides = VERSIONS[layout.version], dict(zip("zyx", chunk, strict=True))
    named = {"dimension_names": list(layout.letters)} if form == 3 else {}
    group = need("zarr", "volumes", f"{folder}: found Zarr").create_group(
        folder, zarr_format=form, attributes=_metadata(Path(name), layout, palette, classes)
    )
    return group.create_array(
        "0",
        shape=tuple(shape),
        dtype=dtype,
        chunks=tuple(max(1, min(sides.get(a, 1), n)) for a, n in zip(layout.letters, shape, strict=True)),
        chunk_key_encoding={"name": "v2" if form == 2 else "default", "separator": "/"},
        fill_value=0,
        **named,
    )


def _metadata(
    path: Path, layout: Layout, palette: Sequence[tuple[int, int, int]], classes: Sequence[str]
) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": list(layout.scale)}]
    if layout.offset:
        steps.append({"type": "translation", "translation": list(layout.offset)})
    name = path.name.removesuffix(volume_suffix(path))
    image = {
        "name": name, "axes": [dict(axis) for axis in layout.axes],
        "datasets": [{"path": "0", "coordinateTransformations": steps}],
    }  # fmt: skip
    metadata: dict[str, Any] = {"multiscales": [image]}
    if palette:
        colours = [{"label-value": k, "rgba": [*map(int, colour), 255]} for k, colour in enumerate(palette)]
        metadata["image-label"] = {"colors": colours}
    if classes:
        window = {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0}
        channels = [
            {"label": name, "color": _COLOURS[k % len(_COLOURS)], "window": window, "active": k == 0}
            for k, name in enumerate(classes)
        ]
        metadata["omero"] = {"channels": channels}
    if layout.version == "0.5":
        return {"ome": {"version": "0.5"} | metadata}
    for part in (image, *(metadata[key] for key in ("image-label", "omero") if key in metadata)):
        part["version"] = layout.version
    return metadata


def _layout(like: Volume | None, channels: bool) -> Layout:
    """The layout of an image without, or with, channels that lies over another."""
    if like is not None and isinstance(like.extra, Layout):
        layout = like.extra
        if layout.version not in VERSIONS:
            layout = replace(layout, version="0.5")
    else:
        unit = {"unit": like.unit} if like is not None and like.unit else {}
        axes = tuple({"name": axis, "type": "space"} | unit for axis in "zyx")
        layout = Layout("0.5", axes, (like.spacing if like is not None else None) or (1.0, 1.0, 1.0))
    return relaid(layout, channels)


def relaid(layout: Layout, channels: bool, order: str = "") -> Layout:
    """A layout without, or with, channels; its axes in an order, if one is given."""
    offset = layout.offset or (0.0,) * len(layout.axes)
    kept = [part for part in zip(layout.axes, layout.scale, offset, strict=True) if part[0]["name"] != "c"]
    if channels:
        kept.insert(sum(axis["name"] == "t" for axis, _, _ in kept), ({"name": "c", "type": "channel"}, 1.0, 0.0))
    if order:
        kept.sort(key=lambda part: order.index(part[0]["name"]))
    axes, scale, offset = zip(*kept, strict=True)
    return Layout(layout.version, axes, scale, offset if layout.offset else None)


def _multiscales(path: Path) -> tuple[Any, dict[str, Any], str]:
    """The group of an image, its metadata, and the version of these."""
    zarr = need("zarr", "volumes", f"{path}: found Zarr")
    try:
        group = zarr.open_group(path, mode="r")
        attributes = dict(group.attrs)
        attributes = attributes.get("ome", attributes)
        if "bioformats2raw.layout" in attributes and "multiscales" not in attributes and "1" not in group:
            group = group["0"]  # a converter's wrapping of one image
            attributes = dict(group.attrs)
            attributes = attributes.get("ome", attributes)
        entry = attributes["multiscales"][0]
    except (FileNotFoundError, KeyError, IndexError, zarr.errors.ContainsArrayError):
        raise RetintError(
            f"{path}: found a folder without an OME-Zarr image (multiscales); expected one of version 0.4 or 0.5: "
            "name the image inside it, or convert it"
        ) from None
    return group, entry, str(attributes.get("version") or entry.get("version") or "of unknown version")


def _transformed(axes: int, *metadata: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...] | None]:
    """Scale and offset of all transformations, the inner ones first."""
    scale, offset = np.ones(axes), np.zeros(axes)
    for step in (step for part in metadata for step in part.get("coordinateTransformations") or ()):
        if step.get("type") == "scale":
            scale, offset = scale * step["scale"], offset * step["scale"]
        elif step.get("type") == "translation":
            offset = offset + step["translation"]
    return tuple(scale.tolist()), tuple(offset.tolist()) if offset.any() else None


def refuse_others(path: Path) -> None:
    """Tell if a Zarr folder would replace something else.

    Raises:
        RetintError: a folder of other files, or a file, is in its place.
    """
    if path.exists() and not is_zarr(path):
        found = "a folder of other files" if path.is_dir() else "a file"
        raise RetintError(f"{path}: found {found}; expected a place for OME-Zarr: choose another name")
