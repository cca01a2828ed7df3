"""TIFF stacks as volumes."""

import numpy as np
import pytest
import tifffile

from made import SIZE, values
from retint.errors import RetintError
from retint.images import (
    is_volume,
    read_image,
    read_volume,
    read_volume_labels,
    write_volume_labels,
)

PALETTE = [(1, 2, 3), (40, 50, 60), (200, 100, 0)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("axes", "options"),
    [
        ("ZYX", {"imagej": True}), ("ZCYX", {"imagej": True}), ("ZYX", {"ome": True}), ("CZYX", {"ome": True}),
        ("ZCYX", {"ome": True}), ("ZYX", {}), ("ZYX", {"byteorder": ">", "compression": "zlib"}), ("ZYXC", {}),
    ],
)  # fmt: skip
def test_tiff_stacks_with_named_axes(tmp_path, dtype, axes, options):
    pixels = values(*(dict(zip("ZYXC", (*SIZE, 2), strict=True))[axis] for axis in axes), dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", metadata={"axes": axes}, **options)
    assert is_volume(tmp_path / "a.tif")
    read = read_volume(tmp_path / "a.tif")
    assert read.pixels.dtype == dtype
    assert read.pixels.dtype.isnative
    assert (read.spacing, read.unit) == (None, None)
    expected = pixels.transpose([axes.index(axis) for axis in "ZYXC" if axis in axes])
    np.testing.assert_array_equal(read.pixels, expected.reshape(*SIZE, -1))
    if "C" in axes:
        with pytest.raises(RetintError, match=r"a\.tif: found 2 channels; expected one class index per voxel"):
            read_volume_labels(tmp_path / "a.tif")


def test_tiff_stacks_without_names(tmp_path):
    grey, colour = values(18, 20, 30), values(4, 20, 30, 3)
    tifffile.imwrite(tmp_path / "pages.tif", grey, photometric="minisblack", metadata=None)
    tifffile.imwrite(tmp_path / "shaped.tif", grey, photometric="minisblack")
    tifffile.imwrite(tmp_path / "few.tif", grey[:3], photometric="minisblack")
    tifffile.imwrite(tmp_path / "rgb.tif", colour, photometric="rgb")
    for name, pixels in (("pages", grey), ("shaped", grey), ("few", grey[:3])):
        np.testing.assert_array_equal(read_volume(tmp_path / f"{name}.tif").pixels[..., 0], pixels)
    np.testing.assert_array_equal(read_volume(tmp_path / "rgb.tif").pixels, colour)
    found = {name: is_volume(tmp_path / f"{name}.tif") for name in ("pages", "shaped", "few", "rgb")}
    assert found == {"pages": True, "shaped": True, "few": False, "rgb": True}  # few pages without names: channels
    assert read_image(tmp_path / "few.tif").shape == (20, 30, 3)


def test_spacing_of_imagej_and_ome(tmp_path):
    pixels = values(*SIZE)
    for unit, name in (("micron", "micrometer"), ("\\u00B5m", "micrometer"), ("nm", "nanometer"), ("pixel", None)):
        tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, resolution=((4_000_000, 1_000_000), (3_333_333, 1_000_000)),
                         metadata={"axes": "ZYX", "spacing": 2.0, "unit": unit})  # fmt: skip
        assert read_volume(tmp_path / "a.tif").spacing == (2.0, 0.3, 0.25)
        assert read_volume(tmp_path / "a.tif").unit == name
    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 250.0, "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 2.0}
    tifffile.imwrite(tmp_path / "b.tif", pixels, ome=True, metadata={"axes": "ZYX", **sizes})
    assert read_volume(tmp_path / "b.tif").spacing == (2.0, 0.25, 0.25)
    assert read_volume(tmp_path / "b.tif").unit == "micrometer"
    del sizes["PhysicalSizeZ"]
    tifffile.imwrite(tmp_path / "b.tif", pixels, ome=True, metadata={"axes": "ZYX", **sizes})
    assert read_volume(tmp_path / "b.tif").spacing is None
    tifffile.imwrite(tmp_path / "c.tif", pixels, resolution=(300, 300))  # no word of the slices
    assert read_volume(tmp_path / "c.tif").spacing is None


def test_tiff_labels_keep_the_kind_and_the_colours(tmp_path):
    labels = values(*SIZE)
    tifffile.imwrite(tmp_path / "image.tif", labels, ome=True, metadata={"axes": "ZYX"})
    write_volume_labels(tmp_path / "ome.tif", labels, PALETTE, read_volume(tmp_path / "image.tif"))
    write_volume_labels(tmp_path / "imagej.tif", labels, PALETTE)
    with tifffile.TiffFile(tmp_path / "ome.tif") as file:
        assert file.is_ome
    with tifffile.TiffFile(tmp_path / "imagej.tif") as file:
        assert file.is_imagej
        assert file.imagej_metadata["LUTs"].T[:4].tolist() == [*map(list, PALETTE), [0, 0, 0]]
        assert (file.imagej_metadata["min"], file.imagej_metadata["max"]) == (0.0, 255.0)


def test_a_palette_shows_its_colours_but_labels_are_indices(tmp_path):
    indices = values(*SIZE) % 4
    colours = np.zeros((3, 256), np.uint16)
    colours[:, :4] = np.arange(12).reshape(3, 4) << 8
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colours, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").pixels, (colours.T >> 8)[indices])
    np.testing.assert_array_equal(read_volume_labels(tmp_path / "a.tif").pixels, indices)


def test_time_and_several_images_are_errors(tmp_path):
    tifffile.imwrite(tmp_path / "t.tif", values(4, *SIZE), imagej=True, metadata={"axes": "TZYX"})
    tifffile.imwrite(tmp_path / "s.tif", values(4, 5, 6), imagej=True, metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "q.tif", values(20, *SIZE), photometric="minisblack")
    with tifffile.TiffWriter(tmp_path / "two.tif") as writer:
        for size in (SIZE, (3, 9, 9)):
            writer.write(values(*size), photometric="minisblack", metadata={"axes": "ZYX"})
    for name, found in (("t", "time axis"), ("s", "time axis"), ("q", r"20 \(Q\) x 18 \(Q\)"), ("two", "2 images")):
        for read in (read_volume, read_volume_labels):
            with pytest.raises(RetintError, match=rf"{name}\.tif: found .*{found}.*; expected one|expected slices"):
                read(tmp_path / f"{name}.tif")
    assert is_volume(tmp_path / "s.tif")  # not one image, at any rate
