"""Volumes of any format: what is written is read again, and what is wrong is told."""

import gzip
import os
import sys

import numpy as np
import pytest
import tifffile

from made import SIZE, values
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


def test_a_2d_reader_asks_for_a_3d_model(tmp_path):
    for name in NAMES:
        write_volume_labels(tmp_path / name, values(*SIZE), PALETTE)
        for read in (read_image, read_labels):
            with pytest.raises(RetintError, match=f"{name}: found a (volume|TIFF stack).*expected one 2-D .*3-D model"):
                read(tmp_path / name)


def test_errors_name_the_file_in_one_line(tmp_path):
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.nii").write_text("hello")
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "short.nii.gz").write_bytes(gzip.compress(bytes(348)))
    (tmp_path / "folder").mkdir()
    write_volume_labels(tmp_path / "cut.nii", values(7, 5, 4), PALETTE)
    whole = (tmp_path / "cut.nii").read_bytes()
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
    assert [name for name in names if is_volume(tmp_path / name)] == ["none.nii.gz"]


def test_suffixes():
    for name, suffix, stem in (
        ("a.nii.gz", ".nii.gz", "a"), ("a.b.ome.zarr/", ".ome.zarr", "a.b"), ("A.OME.TIFF", ".ome.tiff", "A"),
        ("a.tar.gz", ".gz", "a.tar"), ("a", "", "a"), ("a.b.tif", ".tif", "a.b"), ("x.zarr", ".zarr", "x"),
    ):  # fmt: skip
        assert (volume_suffix(f"folder.x/{name}"), volume_stem(f"folder.x/{name}")) == (suffix, stem)
