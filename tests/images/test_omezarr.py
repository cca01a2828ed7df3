"""OME-Zarr volumes."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import zarr

from made import SIZE, values
from retint.errors import RetintError
from retint.images import (
    Volume,
    is_volume,
    read_volume,
    read_volume_labels,
    write_volume_labels,
    write_volume_probabilities,
)

RNG = np.random.default_rng(0)
PALETTE = [(1, 2, 3), (40, 50, 60), (200, 100, 0)]


def write_zarr(path, pixels, axes, version="0.5", unit="micrometer", scale=None, top=None, offset=None):
    """OME-Zarr as others write it, of two levels."""
    form = {"0.4": 2, "0.5": 3}[version]
    scale = scale or [1.0 if axis in "tc" else 0.5 for axis in axes]
    steps = [{"type": "scale", "scale": scale}] + ([{"type": "translation", "translation": offset}] if offset else [])
    kinds = {"t": "time", "c": "channel"}
    entry = {
        "axes": [
            {"name": a, "type": kinds.get(a, "space")} | ({"unit": unit} if a in "zyx" and unit else {}) for a in axes
        ],
        "datasets": [
            {"path": "fine", "coordinateTransformations": steps},
            {"path": "coarse", "coordinateTransformations": [{"type": "scale", "scale": [2 * s for s in scale]}]},
        ],
    } | ({"coordinateTransformations": [{"type": "scale", "scale": top}]} if top else {})
    metadata = {"multiscales": [entry]}
    if version == "0.4":
        entry["version"] = "0.4"
    else:
        metadata = {"ome": {"version": version} | metadata}
    group = zarr.create_group(path, zarr_format=form, attributes=metadata)
    group.create_array("fine", data=pixels)
    group.create_array("coarse", data=pixels[..., ::2, ::2])
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["zyx", "czyx", "tczyx", "tzyx", "yx", "cyx", "xyzc"])
def test_zarr_of_any_axes_and_labels_like_it(tmp_path, version, axes):
    lengths = dict(zip("tzyxc", (1, *SIZE, 2), strict=True))
    pixels = values(*(lengths[axis] for axis in axes), dtype=np.uint16)
    offset = [0.0 if axis in "tc" else 3.0 for axis in axes]
    volume = read_volume(write_zarr(tmp_path / "a.zarr", pixels, axes, version, offset=offset))
    full = pixels[0] if "t" in axes else pixels
    letters = axes.replace("t", "")
    full = full.transpose([letters.index(axis) for axis in "zyxc" if axis in letters])
    slices = SIZE[0] if "z" in axes else 1
    np.testing.assert_array_equal(volume.pixels, full.reshape(slices, *SIZE[1:], -1))
    assert volume.spacing == ((0.5, 0.5, 0.5) if "z" in axes else None)

    labels = values(slices, *SIZE[1:])
    write_volume_labels(tmp_path / "l.ome.zarr", labels, PALETTE, volume)
    read = read_volume_labels(tmp_path / "l.ome.zarr")
    np.testing.assert_array_equal(read.pixels, labels)
    assert read.extra.version == version
    assert read.extra.letters == axes.replace("c", "")
    kept = [k for k, axis in enumerate(axes) if axis != "c"]
    assert read.extra.axes == tuple(volume.extra.axes[k] for k in kept)
    assert read.extra.scale == tuple(volume.extra.scale[k] for k in kept)
    assert read.extra.offset == tuple(offset[k] for k in kept)
    group = zarr.open_group(tmp_path / "l.ome.zarr", mode="r")
    assert group.metadata.zarr_format == {"0.4": 2, "0.5": 3}[version]
    metadata = dict(group.attrs).get("ome", dict(group.attrs))
    assert metadata["image-label"]["colors"][2] == {"label-value": 2, "rgba": [200, 100, 0, 255]}

    probabilities = RNG.random((3, slices, *SIZE[1:]), np.float32)
    write_volume_probabilities(tmp_path / "p.zarr", probabilities, "abc", volume)
    np.testing.assert_array_equal(read_volume(tmp_path / "p.zarr").pixels, np.moveaxis(probabilities, 0, -1))


def test_zarr_scales_multiply_and_units_may_be_missing(tmp_path):
    pixels = values(*SIZE)
    path = write_zarr(tmp_path / "a.zarr", pixels, "zyx", scale=[2.0, 0.5, 0.5], top=[3.0, 2.0, 2.0], unit=None)
    assert read_volume(path).spacing == (6.0, 1.0, 1.0)
    assert read_volume(path).unit is None
    assert read_volume(write_zarr(tmp_path / "b.zarr", pixels, "zyx", scale=[1.0] * 3, unit=None)).spacing is None


def test_an_outer_scale_scales_the_offset_too(tmp_path):
    path = write_zarr(
        tmp_path / "a.zarr", values(*SIZE), "zyx", scale=[2.0, 0.5, 0.5], offset=[1.0, 2.0, 3.0], top=[3.0, 2.0, 1.0]
    )
    assert read_volume(path).extra.offset == (3.0, 4.0, 3.0)


def test_zarr_like_a_volume_of_another_format_has_its_spacing_and_unit(tmp_path):
    voxels = values(*SIZE)
    write_volume_labels(tmp_path / "a.zarr", voxels, PALETTE, Volume(voxels[..., None], (2.0, 0.5, 0.25), "micrometer"))
    found = read_volume_labels(tmp_path / "a.zarr")
    assert (found.spacing, found.unit) == ((2.0, 0.5, 0.25), "micrometer")


def test_labels_of_an_image_of_an_unknown_version_are_of_a_known_one(tmp_path):
    voxels = values(*SIZE)
    write_volume_labels(tmp_path / "a.zarr", voxels, PALETTE)
    volume = read_volume(tmp_path / "a.zarr")
    later = replace(volume, extra=replace(volume.extra, version="0.9"))
    write_volume_labels(tmp_path / "b.zarr", voxels, PALETTE, later)
    found = read_volume_labels(tmp_path / "b.zarr")
    assert found.extra.version == "0.5"
    np.testing.assert_array_equal(found.pixels, voxels)


def test_classes_come_after_time_and_before_space_and_have_their_names(tmp_path):
    volume = read_volume(write_zarr(tmp_path / "a.zarr", values(1, *SIZE), "tzyx"))
    write_volume_probabilities(tmp_path / "p.zarr", RNG.random((2, *SIZE), np.float32), ("cell", "wall"), volume)
    found = zarr.open_group(tmp_path / "p.zarr", mode="r")
    assert [axis["name"] for axis in found.attrs["ome"]["multiscales"][0]["axes"]] == list("tczyx")
    assert found["0"].shape == (1, 2, *SIZE)
    assert [channel["label"] for channel in found.attrs["ome"]["omero"]["channels"]] == ["cell", "wall"]


def test_zarr_inside_a_wrapping_folder(tmp_path):
    pixels = values(*SIZE)
    zarr.create_group(tmp_path / "a.zarr", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    write_zarr(tmp_path / "a.zarr" / "0", pixels, "zyx", "0.4")
    for path in (tmp_path / "a.zarr", tmp_path / "a.zarr" / "0"):
        assert is_volume(path)
        np.testing.assert_array_equal(read_volume(path).pixels[..., 0], pixels)


def test_a_wrapping_folder_of_several_images_is_told(tmp_path):
    zarr.create_group(
        tmp_path / "a.zarr", zarr_format=3, attributes={"ome": {"version": "0.5", "bioformats2raw.layout": 3}}
    )
    for name in "01":
        write_zarr(tmp_path / "a.zarr" / name, values(*SIZE), "zyx")
    with pytest.raises(RetintError, match="name the image inside it"):
        read_volume(tmp_path / "a.zarr")


def test_zarr_that_is_no_image(tmp_path):
    (tmp_path / "empty.zarr").mkdir()
    zarr.create_array(tmp_path / "array.zarr", data=values(*SIZE))
    zarr.create_group(tmp_path / "group.zarr")
    write_zarr(tmp_path / "time.zarr", values(2, *SIZE), "tzyx")
    write_zarr(tmp_path / "old.zarr", values(*SIZE), "zyx", "0.4")
    attributes = json.loads((tmp_path / "old.zarr" / ".zattrs").read_text())
    del attributes["multiscales"][0]["axes"]
    (tmp_path / "old.zarr" / ".zattrs").write_text(json.dumps(attributes))
    for name, found in (
        ("empty", "without an OME-Zarr image"), ("array", "without an OME-Zarr image"),
        ("group", "without an OME-Zarr image"), ("time", r"Zarr of 2 \(t\) x 18"), ("old", "0.4 without axes"),
    ):  # fmt: skip
        with pytest.raises(RetintError, match=rf"{name}\.zarr: found .*{found}.*; expected") as caught:
            read_volume(tmp_path / f"{name}.zarr")
        assert "\n" not in str(caught.value)


def test_a_zarr_folder_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    labels = values(*SIZE)
    write_volume_labels(tmp_path / "a.zarr", labels, PALETTE)

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(zarr.Array, "__setitem__", full)
        with pytest.raises(RetintError, match=r"a\.zarr: found that it cannot be written \(No space left"):
            write_volume_labels(tmp_path / "a.zarr", labels + 1, PALETTE)
    assert os.listdir(tmp_path) == ["a.zarr"]
    np.testing.assert_array_equal(read_volume_labels(tmp_path / "a.zarr").pixels, labels)
    for place in ("file.zarr", "folder.zarr/inside/b.zarr"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
        with pytest.raises(RetintError, match="found a file; expected a place for OME-Zarr"):
            write_volume_labels(tmp_path / place, labels, PALETTE)
