import gzip
import json
import os
import sys

import nibabel
import numpy as np
import pytest
import tifffile
import zarr

from retint.errors import RetintError
from retint.images import (
    Volume,
    is_volume,
    read_image,
    read_labels,
    read_volume,
    read_volume_labels,
    volume_stem,
    volume_suffix,
    write_volume_labels,
    write_volume_probabilities,
)

RNG = np.random.default_rng(0)
PALETTE = [(1, 2, 3), (40, 50, 60), (200, 100, 0)]
NAMES = ["a.tif", "a.ome.tif", "a.nii", "a.nii.gz", "a.ome.zarr"]
SIZE = (18, 5, 7)  # slices, rows, columns


def values(*shape, dtype=np.uint8):
    if np.dtype(dtype).kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("spacing", "unit"), [((2.5, 0.3, 0.4), "micrometer"), ((0.7, 0.1, 0.1), "millimeter"), (None, None)]
)
def test_labels_return_with_their_spacing(tmp_path, name, dtype, spacing, unit):
    labels, like = values(*SIZE, dtype=dtype), Volume(values(*SIZE, 1), spacing, unit)
    write_volume_labels(tmp_path / name, labels, PALETTE, like)
    assert os.listdir(tmp_path) == [name]
    assert is_volume(tmp_path / name)
    read = read_volume_labels(tmp_path / name)
    assert read.pixels.dtype == dtype
    assert read.pixels.flags.c_contiguous
    np.testing.assert_array_equal(read.pixels, labels)
    assert read.unit == unit
    assert read.spacing == (spacing and pytest.approx(spacing))
    as_image = read_volume(tmp_path / name)
    np.testing.assert_array_equal(as_image.pixels, labels[..., None])
    assert as_image.spacing == read.spacing


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_return_as_channels(tmp_path, name):
    probabilities = RNG.random((3, *SIZE), np.float32)
    write_volume_probabilities(
        tmp_path / name, probabilities, ["a", "b", "ç"], Volume(values(*SIZE, 1), (3, 2, 2), "nanometer")
    )
    read = read_volume(tmp_path / name)
    assert read.pixels.dtype == np.float32
    np.testing.assert_array_equal(np.moveaxis(read.pixels, -1, 0), probabilities)
    assert (read.spacing, read.unit) in [((3, 2, 2), "nanometer"), (pytest.approx((0.003, 0.002, 0.002)), "micrometer")]


@pytest.mark.parametrize("name", NAMES)
def test_a_volume_of_one_slice_or_one_voxel(tmp_path, name):
    for shape in ((1, 4, 5), (1, 1, 1), (3, 1, 1)):
        labels = values(*shape)
        write_volume_labels(tmp_path / name, labels, PALETTE)  # in the place of the one before
        np.testing.assert_array_equal(read_volume_labels(tmp_path / name).pixels, labels)


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


def test_a_2d_reader_asks_for_a_3d_model(tmp_path):
    for name in NAMES:
        write_volume_labels(tmp_path / name, values(*SIZE), PALETTE)
        for read in (read_image, read_labels):
            with pytest.raises(RetintError, match=f"{name}: found a (volume|TIFF stack).*expected one 2-D .*3-D model"):
                read(tmp_path / name)


def nifti(path, stored, kind=nibabel.Nifti1Image, unit="mm"):
    affine = np.array([[-0.7, 0.1, 0, 12], [0, 0.8, 0, -3], [0.1, 0, 2.5, 40], [0, 0, 0, 1]])
    image = kind(stored, affine)
    image.header.set_xyzt_units(unit)
    image.set_qform(np.diag([0.7, 0.8, 2.5, 1]), code=1)
    image.set_sform(affine, code=4)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_nifti_labels_lie_over_their_image(tmp_path, name, kind):
    stored = values(7, 5, 4, dtype=np.int16)
    volume = read_volume(nifti(tmp_path / name, stored, kind))
    assert volume.pixels.dtype == np.float32
    np.testing.assert_array_equal(volume.pixels, stored.transpose(2, 1, 0)[..., None])
    assert volume.unit == "millimeter"
    assert volume.spacing == (2.5, 0.8, 0.7)
    labels = values(4, 5, 7)
    write_volume_labels(tmp_path / "labels.nii.gz", labels, PALETTE, volume)
    image, written = nibabel.load(tmp_path / name), nibabel.load(tmp_path / "labels.nii.gz")
    assert type(written) is kind
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(written.dataobj, labels.transpose(2, 1, 0))
    for get in ("get_sform", "get_qform"):
        expected, code = getattr(image.header, get)(coded=True)
        np.testing.assert_array_equal(getattr(written.header, get)(), expected)
        assert getattr(written.header, get)(coded=True)[1] == code
    np.testing.assert_array_equal(written.affine, image.affine)
    assert written.header.get_xyzt_units() == image.header.get_xyzt_units()
    first = (tmp_path / "labels.nii.gz").read_bytes()
    write_volume_labels(tmp_path / "labels.nii.gz", labels, PALETTE, volume)
    assert (tmp_path / "labels.nii.gz").read_bytes() == first


def test_nifti_depths_scales_and_channels(tmp_path):
    for dtype, expected in (
        (np.uint8, np.uint8),
        (np.uint16, np.uint16),
        (np.float64, np.float32),
        (np.int32, np.float32),
    ):
        stored = values(7, 5, 4, dtype=dtype)
        read = read_volume(nifti(tmp_path / "a.nii", stored))
        assert read.pixels.dtype == expected
        np.testing.assert_array_equal(read.pixels[..., 0], stored.transpose(2, 1, 0).astype(expected))
    image = nibabel.Nifti1Image(values(7, 5, 4, dtype=np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, 1)
    image.to_filename(tmp_path / "b.nii")
    read = read_volume(tmp_path / "b.nii").pixels[..., 0]
    np.testing.assert_allclose(read, nibabel.load(tmp_path / "b.nii").get_fdata().transpose(2, 1, 0), rtol=1e-6)
    for shape in ((7, 5, 4, 2), (7, 5, 4, 1, 2)):
        stored = values(*shape)
        read = read_volume(nifti(tmp_path / "c.nii", stored)).pixels
        np.testing.assert_array_equal(read, stored.reshape(7, 5, 4, 2).transpose(2, 1, 0, 3))
    rgb = np.zeros((7, 5, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["G"] = 9
    assert read_volume(nifti(tmp_path / "d.nii", rgb)).pixels[0, 0, 0].tolist() == [0, 9, 0]
    for shape in ((7, 5, 4, 17), (7, 5, 4, 2, 2), (7, 5)):
        with pytest.raises(RetintError, match=r"c\.nii: found NIfTI of 7 x 5.*; expected x, y, z"):
            read_volume(nifti(tmp_path / "c.nii", values(*shape)))


def test_nifti_labels_of_whole_floats_are_indices(tmp_path):
    stored = values(7, 5, 4)
    read = read_volume_labels(nifti(tmp_path / "a.nii", stored.astype(np.float64)))
    assert read.pixels.dtype == np.uint8
    np.testing.assert_array_equal(read.pixels, stored.transpose(2, 1, 0))
    for bad, found in ((0.5, "labels of type float32"), (np.nan, "labels of type float32"), (-1, "label values -1 to")):
        with pytest.raises(RetintError, match=rf"b\.nii: found {found}"):
            read_volume_labels(nifti(tmp_path / "b.nii", np.full((2, 2, 2), bad, np.float32)))


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


def test_zarr_inside_a_wrapping_folder(tmp_path):
    pixels = values(*SIZE)
    zarr.create_group(tmp_path / "a.zarr", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    write_zarr(tmp_path / "a.zarr" / "0", pixels, "zyx", "0.4")
    for path in (tmp_path / "a.zarr", tmp_path / "a.zarr" / "0"):
        assert is_volume(path)
        np.testing.assert_array_equal(read_volume(path).pixels[..., 0], pixels)


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
        ("group", "without an OME-Zarr image"), ("time", r"OME-Zarr of 2 \(t\) x 18"), ("old", "0.4 without axes"),
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


def test_errors_name_the_file_in_one_line(tmp_path):
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.nii").write_text("hello")
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "short.nii.gz").write_bytes(gzip.compress(bytes(348)))
    (tmp_path / "folder").mkdir()
    whole = nifti(tmp_path / "cut.nii", values(7, 5, 4)).read_bytes()
    (tmp_path / "cut.nii").write_bytes(whole[:-20])
    tifffile.imwrite(tmp_path / "cut.tif", values(*SIZE), imagej=True)
    (tmp_path / "cut.tif").write_bytes((tmp_path / "cut.tif").read_bytes()[:-50])
    for name, found in (
        ("none.tif", "no such file"), ("none.zarr", "no such file"), ("folder", "a folder"),
        ("empty.tif", "an empty file"), ("text.nii", "a file that cannot be read"), ("text.png", "another kind of file"),
        ("short.nii.gz", "a file that cannot be read"), ("cut.nii", "a file that cannot be read"),
        ("cut.tif", "a file that cannot be read"),
    ):  # fmt: skip
        with pytest.raises(RetintError) as caught:
            read_volume(tmp_path / name)
        message = str(caught.value)
        assert message.startswith(f"{tmp_path / name}: found {found}")
        assert "; expected a" in message
        assert "\n" not in message


def test_what_is_not_written(tmp_path):
    labels, like = values(*SIZE), Volume(values(4, 5, 7, 1))
    for bad, found in (
        (labels[0], "labels of uint8"),
        (labels / 2, "labels of float64"),
        (labels.astype(int) - 300, "label values"),
    ):
        with pytest.raises(RetintError, match=rf"a\.nii: found {found}"):
            write_volume_labels(tmp_path / "a.nii", bad, PALETTE)
    with pytest.raises(RetintError, match=r"a\.nii: found 18 x 5 x 7 voxels; expected 4 x 5 x 7"):
        write_volume_labels(tmp_path / "a.nii", labels, PALETTE, like)
    with pytest.raises(RetintError, match=r"a\.png: found the suffix '\.png'; expected a TIFF stack"):
        write_volume_labels(tmp_path / "a.png", labels, PALETTE)
    with pytest.raises(RetintError, match="found 2 names for 3 classes"):
        write_volume_probabilities(tmp_path / "a.nii", np.zeros((3, *SIZE), np.float32), "ab")
    assert not os.listdir(tmp_path)
    write_volume_labels(tmp_path / "a.nii", labels.astype(np.int64), PALETTE)
    assert read_volume_labels(tmp_path / "a.nii").pixels.dtype == np.uint8


@pytest.mark.parametrize(("name", "package"), [("a.nii", "nibabel"), ("a.zarr", "zarr")])
def test_a_missing_package_is_told(tmp_path, monkeypatch, name, package):
    write_volume_labels(tmp_path / name, values(*SIZE), PALETTE)
    monkeypatch.setitem(sys.modules, package, None)
    for call in (lambda: read_volume(tmp_path / name), lambda: write_volume_labels(tmp_path / name, values(*SIZE), [])):
        with pytest.raises(RetintError, match=rf"{name}: found .*{package}.*pip install 'retint\[volumes\]'"):
            call()


def test_is_volume_reads_no_pixels_and_never_raises(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0")
    (tmp_path / "a.png").touch()
    tifffile.imwrite(tmp_path / "b.tif", values(5, 6))
    tifffile.imwrite(tmp_path / "c.tif", values(*SIZE), metadata={"axes": "ZYX"})
    (tmp_path / "c.tif").write_bytes((tmp_path / "c.tif").read_bytes()[:-50])
    names = ["a.tif", "a.png", "b.tif", "c.tif", "none.tif", "none.nii.gz", "."]
    assert [name for name in names if is_volume(tmp_path / name)] == ["c.tif", "none.nii.gz"]


def test_suffixes():
    for name, suffix, stem in (
        ("a.nii.gz", ".nii.gz", "a"), ("a.b.ome.zarr/", ".ome.zarr", "a.b"), ("A.OME.TIFF", ".ome.tiff", "A"),
        ("a.tar.gz", ".gz", "a.tar"), ("a", "", "a"), ("a.b.tif", ".tif", "a.b"), ("x.zarr", ".zarr", "x"),
    ):  # fmt: skip
        assert (volume_suffix(f"folder.x/{name}"), volume_stem(f"folder.x/{name}")) == (suffix, stem)
