"""Which channels an image has, and which of them is alpha: only its file can say."""

import os
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from made import SIZE, values
from retint.errors import RetintError
from retint.images import (
    fit_channels,
    open_regions,
    read_image,
    read_labels,
    read_volume,
    read_whole,
    write_volume_probabilities,
)
from retint.images.alpha import may_be_alpha

FOUR = values(20, 30, 4)


def fits(path, wanted, pixels):
    """Whether a file's pixels become the wanted channels, rather than an error."""
    try:
        return np.array_equal(fit_channels(pixels, wanted, path), pixels[..., :wanted])
    except RetintError as error:
        return f"{path.name}: found {pixels.shape[-1]} channels; expected {wanted} channel" not in str(error)


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_the_last_channel_of_a_png_and_of_a_webp_is_alpha(tmp_path, name):
    Image.fromarray(FOUR).save(tmp_path / name, lossless=True)
    read = read_image(tmp_path / name)
    assert fits(tmp_path / name, 3, read)
    assert fits(tmp_path / name, 4, read)
    Image.fromarray(FOUR[..., :2], "LA").save(tmp_path / "b.png")
    assert fits(tmp_path / "b.png", 1, read_image(tmp_path / "b.png"))


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_a_tiff_says_whether_its_last_sample_is_alpha(tmp_path, extra):
    path = tmp_path / "a.tif"
    for photometric, wanted in (("rgb", 3), ("minisblack", 1)):
        tifffile.imwrite(path, FOUR[..., : wanted + 1], photometric=photometric, planarconfig="contig", extrasamples=[extra])
        read = read_image(path)
        assert fits(path, wanted, read) == (extra != 0)
        assert fits(path, wanted + 1, read)


@pytest.mark.parametrize("options", [{"imagej": True}, {"ome": True}, {}])
def test_channels_that_have_an_axis_are_not_alpha(tmp_path, options):
    path = tmp_path / "a.tif"
    metadata = {"axes": "CYX"}
    for count in (4, 2):
        planes = FOUR[..., :count].transpose(2, 0, 1)
        tifffile.imwrite(path, planes, photometric="minisblack", metadata=metadata, **options)
        assert not fits(path, count - 1, read_image(path))
        assert fits(path, count, read_image(path))


@pytest.mark.parametrize(("last", "alpha"), [("alpha", True), ("undefined", False), ("gray", False)])
def test_the_last_band_of_a_geotiff_is_alpha_if_gdal_says_so(tmp_path, last, alpha):
    rasterio = pytest.importorskip("rasterio")
    path, kinds = tmp_path / "a.tif", rasterio.enums.ColorInterp
    with rasterio.open(path, "w", driver="GTiff", height=20, width=30, count=4, dtype="uint8", crs="EPSG:32633") as file:
        file.colorinterp = kinds.blue, kinds.green, kinds.red, kinds[last]  # leaves ExtraSamples at alpha
        file.write(FOUR.transpose(2, 0, 1))
    read = read_whole(open_regions(path, 2))
    assert fits(path, 3, read) == alpha
    assert fits(path, 4, read)


def test_the_last_channel_of_a_zarr_is_not_alpha(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(tmp_path / "a.zarr", data=FOUR.transpose(2, 0, 1))
    assert not fits(tmp_path / "a.zarr", 3, read_whole(open_regions(tmp_path / "a.zarr", 2)))


def test_the_answer_is_that_of_the_file_that_is_there_now(tmp_path):
    path = tmp_path / "a.tif"
    for seconds, extra in enumerate((2, 0)):
        tifffile.imwrite(path, FOUR, photometric="rgb", extrasamples=[extra])
        os.utime(path, (seconds, seconds))
        assert fits(path, 3, read_image(path)) == (extra == 2)


def write_nifti(path, pixels, unit=None, step=1.0):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(pixels, np.eye(4))
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = step
    nibabel.save(image, path)


def test_a_fourth_axis_of_a_nifti_is_channels_unless_it_is_time(tmp_path):
    path, pixels = tmp_path / "a.nii", values(*SIZE, 2)
    for unit, step in ((None, 1.0), (None, 0.0), ("sec", 1.0)):
        write_nifti(path, pixels, unit, step)
        read = read_volume(path).pixels
        assert read.shape[-1] == 2
        assert not fits(path, 1, read.reshape(-1, *read.shape[-2:]))
    for unit, step in (("sec", 2.0), ("msec", 0.5), (None, 2.5)):
        write_nifti(path, pixels, unit, step)
        with pytest.raises(RetintError, match=r"a\.nii: found NIfTI of 18 x 5 x 7 x 2 whose fourth axis is time .*; expected"):
            read_volume(path)
    write_nifti(path, pixels[..., 0], "sec", 2.5)  # one time
    volume = read_volume(path)
    probabilities = values(3, *volume.pixels.shape[:3], dtype=np.float32)
    write_volume_probabilities(tmp_path / "b.nii", probabilities, like=volume)
    np.testing.assert_array_equal(np.moveaxis(read_volume(tmp_path / "b.nii").pixels, -1, 0), probabilities)


NAMED = {
    ("y", "x"): "yx", ("X", "Y"): "xy", ("lat", "lon"): "yx", ("Longitude", "Latitude"): "xy", ("row", "col"): "yx",
    ("band", "northing", "easting"): "cyx", ("height", "width", "Channels"): "yxc", ("time", "row", "column"): "tyx",
}  # fmt: skip


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("names", NAMED)
def test_axes_of_a_zarr_are_known_by_their_names(tmp_path, form, names):
    zarr = pytest.importorskip("zarr")
    from retint.images import HeldLabels

    letters = NAMED[names]
    stored = values(*({"y": 20, "x": 30, "c": 3, "t": 1}[letter] for letter in letters))
    named = {"dimension_names": names} if form == 3 else {"attributes": {"_ARRAY_DIMENSIONS": list(names)}}
    zarr.create_array(tmp_path / "a.zarr", data=stored, zarr_format=form, **named)
    reader = open_regions(tmp_path / "a.zarr", 2)
    kept = letters.replace("t", "")
    full = stored[0] if "t" in letters else stored
    expected = full.transpose([kept.index(letter) for letter in "yxc" if letter in kept]).reshape(20, 30, -1)
    np.testing.assert_array_equal(read_whole(reader), expected)
    labels = values(20, 30)
    reader.write_labels(tmp_path / "b.zarr", HeldLabels(labels), [])
    np.testing.assert_array_equal(read_whole(open_regions(tmp_path / "b.zarr", 2))[..., 0], labels)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("time", "y", "x"), r"3 \(t\) x 20 \(y\) x 30 \(x\)"), (("slice", "row", "col"), "is a volume"),
        (("depth", "height", "width"), "is a volume"), (("speed", "y", "x"), r"3 \(speed\) x 20 \(y\)"),
        (("c", "y", "row"), r"3 \(c\) x 20 \(y\) x 30 \(y\)"),
    ],
)  # fmt: skip
def test_other_axes_of_a_zarr_are_no_channels(tmp_path, names, found):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(tmp_path / "a.zarr", data=values(3, 20, 30), dimension_names=names)
    with pytest.raises(RetintError, match=rf"a\.zarr: .*{found}"):
        open_regions(tmp_path / "a.zarr", 2)


def test_label_maps_as_pgm_are_not_stretched(tmp_path):
    for largest in (1, 10, 200, 255, 300, 65535):
        labels = values(9, 11, dtype=np.uint16) % min(largest, 65534)
        labels[0, 0] = largest
        head = f"11 9\n# white\n{largest}\n"
        (tmp_path / "text.pgm").write_text(f"P2\n{head}" + "\n".join(map(str, labels.ravel())))
        (tmp_path / "raw.pgm").write_bytes(f"P5\n{head}".encode() + labels.astype(">u2" if largest > 255 else "u1").tobytes())
        for name in ("text.pgm", "raw.pgm"):
            read = read_labels(tmp_path / name)
            np.testing.assert_array_equal(read, labels)
            assert read.dtype == (np.uint8 if labels.max() < 256 else np.uint16)


def test_a_pbm_is_no_label_map(tmp_path):
    Image.fromarray(values(9, 11) > 127).save(tmp_path / "a.pbm")
    assert set(np.unique(read_image(tmp_path / "a.pbm"))) == {0, 255}
    with pytest.raises(RetintError, match=r"a\.pbm: found a PBM, .*; expected class indices: save them as PNG"):
        read_labels(tmp_path / "a.pbm")


@pytest.mark.parametrize("names", [("dim_0", "dim_1", "dim_2"), (None, "y", "x"), ("y", "x", "sample"), ("row", "column", "rgb")])
def test_axes_whose_names_mean_nothing_are_known_by_their_lengths(tmp_path, names):
    zarr = pytest.importorskip("zarr")
    pixels = values(*((3, 40, 50) if names[0] is None else (40, 50, 3)))
    array = zarr.create_array(tmp_path / "a.zarr", shape=pixels.shape, dtype="uint8", dimension_names=names)
    array[:] = pixels
    found = read_whole(open_regions(tmp_path / "a.zarr", 2))
    np.testing.assert_array_equal(found, np.moveaxis(pixels, 0, -1) if names[0] is None else pixels)


def test_what_an_array_is_called_is_no_file(tmp_path, monkeypatch):
    (tmp_path / "image").write_bytes(b"II*\0 and no more")
    monkeypatch.chdir(tmp_path)
    pixels = values(5, 7, 4)
    for where in ("image", "x" * 300):
        np.testing.assert_array_equal(fit_channels(pixels, 3, where), pixels[..., :3])


def test_alpha_of_a_geotiff_is_the_files_own_word_where_rasterio_is_not_installed(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", values(*SIZE[1:], 4), photometric="rgb", extrasamples=["unassalpha"])
    (tmp_path / "a.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert may_be_alpha(tmp_path / "a.tif")
