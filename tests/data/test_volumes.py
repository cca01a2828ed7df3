import json

import numpy as np
import pytest

from retint.data import (
    check_dataset,
    choose_stride,
    class_weights,
    convert_palette,
    convert_values,
    hold_out,
    open_dataset,
)
from retint.errors import RetintError
from retint.images import Volume, read_volume_labels, write_volume_labels

RNG = np.random.default_rng(0)
SIZE = (18, 4, 6)  # slices, rows, columns


def write(folder, kind, name, values, part=".", spacing=None, unit=None):
    file = folder.root / part / kind / name
    file.parent.mkdir(parents=True, exist_ok=True)
    values = np.asarray(values)
    write_volume_labels(file, values, [], Volume(values[..., None], spacing, unit))


def pair(folder, stem, suffix=".nii.gz", label_suffix=".tif", values=None, part=".", **more):
    """A volume of 18 x 4 x 6 voxels and its labels."""
    values = [0, 0, 0, 1, 1, 255] if values is None else values
    write(folder, "images", stem + suffix, RNG.integers(0, 256, SIZE, np.uint8), part, **more)
    write(folder, "labels", stem + label_suffix, np.broadcast_to(values, SIZE).astype(np.uint8), part)


def the_problem(folder):
    (problem,) = check_dataset(open_dataset(folder.root)).problems
    assert "\n" not in problem
    return problem


def test_a_set_of_volumes_in_any_format(folder):
    folder.classes()
    for stem, suffix, label_suffix in (
        ("a", ".nii.gz", ".tif"), ("b", ".ome.zarr", ".nii"), ("c.1", ".ome.tif", ".zarr"), ("d", ".tif", ".nii.gz"),
    ):  # fmt: skip
        pair(folder, stem, suffix, label_suffix, spacing=(2.0, 0.5, 0.5), unit="micrometer")
    dataset = open_dataset(folder.root)
    assert dataset.dims == 3
    pairs = dataset.splits["all"].pairs
    assert [p.stem for p in pairs] == ["a", "b", "c.1", "d"]
    for p in pairs:
        image, labels = p.read()
        assert p.dims == 3
        assert (image.shape, image.dtype) == ((*SIZE, 1), np.uint8)
        assert labels[5, 2].tolist() == [0, 0, 0, 1, 1, 255]
    seen = []
    report = check_dataset(dataset, lambda done, total: seen.append((done, total)))
    assert (report.problems, report.warnings) == ([], [])
    assert (report.images, report.channels, report.dtype, report.dims) == (4, 1, "uint8", 3)
    assert (report.spacing, report.unit) == ((2.0, 0.5, 0.5), "micrometer")
    assert report.pixels_per_class == {"all": [4 * 216, 4 * 144]}
    assert report.labelled_share == pytest.approx(5 / 6)
    assert seen[-1] == (8, 8)
    assert class_weights(report.pixels_per_class["all"]).shape == (2,)


def test_images_have_two_dimensions(folder):
    folder.classes().pair("a")
    report = check_dataset(open_dataset(folder.root))
    assert (report.dims, report.spacing, report.unit) == (2, None, None)
    assert open_dataset(folder.root).splits["all"].pairs[0].dims == 2


def test_classes_json_decides(folder):
    tifffile = pytest.importorskip("tifffile")
    folder.classes()
    for kind in ("images", "labels"):
        (folder.root / kind).mkdir()
        tifffile.imwrite(folder.root / kind / "a.tif", np.ones((4, 20, 30), np.uint8), photometric="minisblack")
    assert open_dataset(folder.root).dims == 2  # four pages without a name may be channels
    folder.classes(dims=3)
    dataset = open_dataset(folder.root)
    assert dataset.splits["all"].pairs[0].read()[0].shape == (4, 20, 30, 1)
    assert check_dataset(dataset).problems == []
    for wrong in (4, "3", True, 2.0):
        folder.classes(dims=wrong)
        with pytest.raises(RetintError, match=r'classes\.json: found "dims": .*; expected 2 for images or 3'):
            open_dataset(folder.root)


def test_mixed_sets_are_one_problem(folder):
    folder.classes().pair("x").pair("y")
    pair(folder, "a")
    assert open_dataset(folder.root).dims == 3
    told = the_problem(folder)
    assert "found 2-D images (images/x.png, images/y.png, labels/x.png, labels/y.png)" in told
    assert "expected all 6 files to be volumes" in told
    folder.classes(dims=2)
    assert "found volumes (images/a.nii.gz, labels/a.tif); expected all 6 files to be 2-D images" in the_problem(folder)


def test_a_single_plane_among_volumes(folder):
    tifffile = pytest.importorskip("tifffile")
    folder.classes()
    pair(folder, "a")
    for kind in ("images", "labels"):
        tifffile.imwrite(folder.root / kind / "b.tif", np.ones((4, 6), np.uint8))
    assert "found 2-D images (images/b.tif, labels/b.tif)" in the_problem(folder)


def test_every_problem_of_volumes_at_once(folder):
    folder.classes()
    for stem in ("good", "range", "small", "broken"):
        pair(folder, stem, ".nii", values=[0, 1, 1, 7, 7, 9] if stem == "range" else None)
    write(folder, "labels", "small.tif", np.zeros((18, 4, 5), np.uint8))
    write(folder, "images", "lonely.zarr", np.zeros(SIZE, np.uint8))
    write(folder, "images", "deep.nii", np.full(SIZE, 300, np.uint16))
    write(folder, "labels", "deep.zarr", np.zeros(SIZE, np.uint8))
    write(folder, "labels", "good.nii.gz", np.zeros(SIZE, np.uint8))
    (folder.root / "images/broken.nii").write_bytes(b"no volume")
    problems = check_dataset(open_dataset(folder.root)).problems
    expected = [
        "found good.nii.gz, good.tif; expected one file named good",
        "lonely.zarr: missing; expected a TIFF stack, NIfTI or OME-Zarr of class indices",
        "broken.nii: found a file that cannot be read",
        "small.tif: found 5 x 4 x 18 voxels; expected 6 x 4 x 18",
        "deep.nii: found 1 channel of uint16; expected 1 channel of uint8, as 4 of the 5 images",
        "range.tif: found 7 (144 pixels), 9 (72 pixels); expected class indices 0 to 1, or 255",
    ]
    assert len(problems) == len(expected)
    for line, part in zip(problems, expected, strict=True):
        assert part in line
        assert "\n" not in line


def test_labels_of_another_size_are_not_read_as_a_pair(folder):
    folder.classes()
    pair(folder, "a")
    write(folder, "labels", "a.tif", np.zeros((17, 4, 6), np.uint8))
    with pytest.raises(RetintError, match=r"a\.tif: found 6 x 4 x 17 voxels; expected 6 x 4 x 18"):
        open_dataset(folder.root).splits["all"].pairs[0].read()


def test_the_spacing_is_the_median_and_odd_ones_are_told(folder):
    folder.classes()
    for stem, size, unit in (
        ("a", 1.0, "millimeter"),
        ("b", 1.2, "millimeter"),
        ("c", 3.0, "millimeter"),
        ("d", None, None),
    ):
        pair(folder, stem, spacing=size and (size, 0.5, 0.5), unit=unit)
    report = check_dataset(open_dataset(folder.root))
    assert report.problems == []
    assert report.spacing == pytest.approx((1.2, 0.5, 0.5))
    assert report.unit == "millimeter"
    (warning,) = report.warnings
    assert "c.nii.gz: found voxels of 3 x 0.5 x 0.5; expected about 1.2 x 0.5 x 0.5" in warning


def test_classes_are_suggested_from_volumes(folder):
    pair(folder, "a", values=[0, 1, 2, 3, 255, 255])
    with pytest.raises(RetintError, match=r"classes\.json: missing") as caught:
        open_dataset(folder.root)
    assert len(json.loads(str(caught.value).split("classes: ")[1])["classes"]) == 4


@pytest.mark.parametrize(("width", "stride"), [(48, 8), (6, 4), (3, 2), (1, 1)])
def test_the_stride_is_that_of_the_planes(folder, width, stride):
    folder.classes()
    plane = np.broadcast_to(np.arange(96) // width % 2, (96, 96))
    labels = np.stack([plane, 1 - plane] * 9).astype(np.uint8)  # no two slices alike: only planes count
    labels[:9] = 255
    write(folder, "images", "a.zarr", labels)
    write(folder, "labels", "a.zarr", labels)
    assert choose_stride(open_dataset(folder.root).splits["all"].pairs, 2) == stride
    write(folder, "labels", "a.zarr", np.full_like(labels, 255))
    assert choose_stride(open_dataset(folder.root).splits["all"].pairs, 2) == 1


def test_volumes_are_held_out_like_images(folder):
    folder.classes()
    for stem in "abcde":
        pair(folder, stem, ".nii")
    train, validation = hold_out(open_dataset(folder.root).splits["all"].pairs)
    assert (len(train), len(validation)) == (4, 1)


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz", ".ome.zarr"])
def test_labels_of_volumes_are_converted_in_their_format(folder, suffix):
    folder.classes()
    pair(folder, "a", label_suffix=suffix, values=[1, 1, 2, 2, 255, 255])
    assert "--map 1=0,2=1" in the_problem(folder)
    (new,) = convert_values(folder.root, {1: 0, 2: 1})
    assert new == folder.root / "labels" / f"a{suffix}"
    assert read_volume_labels(new).pixels[3, 2].tolist() == [0, 0, 1, 1, 255, 255]
    assert (folder.root / "labels.original" / f"a{suffix}").exists()
    assert check_dataset(open_dataset(folder.root)).problems == []
    with pytest.raises(RetintError, match="no mask is in colours"):
        convert_palette(folder.root, {(0, 0, 0): 0})
