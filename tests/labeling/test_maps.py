"""Maps from other programs: of any kind of number, counted from 1, channels last, and for some of the images alone."""

import json
import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from made import make_model, values
from retint.errors import RetintError
from retint.images import read_image, read_labels
from retint.labeling.files.images import Wish, label_files
from retint.labeling.files.maps import Maps

LABELS = values(20, 30) % 3


def read(path, option="--start", dims=2, classes="abc"):
    return Maps(path, option, dims, classes).of(path)


@pytest.fixture
def photographs(tmp_path):
    (tmp_path / "photographs").mkdir()
    for name in "abc":
        Image.fromarray(values(20, 30, 3)).save(tmp_path / "photographs" / f"{name}.png")
    return sorted((tmp_path / "photographs").iterdir())


@pytest.mark.parametrize("option", ["--start", "--hints"])
@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
)
def test_one_channel_of_whole_numbers_is_labels(tmp_path, dtype, option):
    stored = LABELS.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    found = read(tmp_path / "a.tif", option)
    assert found.dtype.kind == "u"
    assert np.array_equal(found, stored)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint32", "int64", "uint64", "float32", "float64"])
def test_what_stands_for_no_data_is_unknown(tmp_path, dtype):
    most = float if dtype.startswith("float") else np.iinfo(dtype).max
    for number in (np.nan, -3.4e38, -1.0) if most is float else (most, np.iinfo(dtype).min or most):
        stored = LABELS.astype(dtype)
        stored[3:9, 4:20] = number
        tifffile.imwrite(tmp_path / "a.tif", stored, extratags=[(42113, "s", 0, str(stored[3, 4]), True)])
        expected = LABELS.copy()
        expected[3:9, 4:20] = 127 if number == 127 else 255  # what might be a class stays one
        assert np.array_equal(read(tmp_path / "a.tif"), expected)


def test_a_class_that_is_declared_as_no_data_stays_a_class(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", LABELS, extratags=[(42113, "s", 0, "0", True)])
    assert np.array_equal(read(tmp_path / "a.tif"), LABELS)


@pytest.mark.parametrize(
    ("stored", "word"),
    [
        (
            LABELS / np.float32(3),
            r"--start .*a\.tif: found one channel of float32 from 0 to 0\.66\d*; expected class indices, whole numbers",
        ),
        (LABELS - np.float32(9999), r"found one channel of float32 from -9999 to -9997; expected class indices"),
        (
            LABELS.astype(np.int16) - 9999,
            r"a\.tif: found label values -9999 to -9997; expected 0 to 65535: renumber them, with 255",
        ),
        (
            values(20, 30, 5),
            r"--start .*a\.tif: found 5 channels of uint8; expected class indices in one channel, or probabilities",
        ),
        (values(20, 30, 3), r"a\.tif: found a coloured mask"),
    ],
)
def test_what_is_no_map_is_told(tmp_path, stored, word):
    axes = {"photometric": "rgb"} if stored.shape[2:] == (3,) else {"photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", stored, **axes)
    with pytest.raises(RetintError, match=word):
        read(tmp_path / "a.tif")


def test_channels_of_numpys_files_may_lie_last(tmp_path):
    y = np.moveaxis(np.eye(3, dtype=np.float32)[LABELS], -1, 0)
    cases = [
        (LABELS[..., None], LABELS), (np.moveaxis(y, 0, -1), y), (y, y), (LABELS, LABELS),
        (y[:, :3, :3], y[:, :3, :3]),  # may be either: as documented
    ]  # fmt: skip
    for stored, expected in cases:
        np.save(tmp_path / "a.npy", stored)
        assert np.array_equal(read(tmp_path / "a.npy"), expected)
    volume = np.stack([LABELS] * 4)
    for stored, expected in ((volume[..., None], volume), (np.eye(3)[volume], np.moveaxis(np.eye(3)[volume], -1, 0))):
        np.save(tmp_path / "a.npy", stored)
        assert np.array_equal(read(tmp_path / "a.npy", dims=3), expected)


def write_hdf5(path, stored, keys=None, name="exported_data"):
    """As ilastik does; without keys, as others do."""
    with h5py.File(path, "a") as file:
        file[name] = stored
        if keys is not None:
            file[name].attrs["axistags"] = json.dumps({"axes": [{"key": key, "typeFlags": 2} for key in keys]})
    return path


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int64", "float32"])
def test_hdf5_of_one_channel_is_labels(tmp_path, dtype):
    stored = LABELS.astype(dtype)
    last = stored if dtype == "float32" else stored[..., None]
    for number, (given, keys) in enumerate(((stored, None), (last, None), (stored[None, ..., None], "zyxc"))):
        found = read(write_hdf5(tmp_path / f"{number}.h5", given, keys), "--hints")
        assert found.dtype.kind == "u"
        assert np.array_equal(found, stored)
    volume = np.stack([stored] * 4)
    assert np.array_equal(read(write_hdf5(tmp_path / "v.h5", volume[None, ..., None], "tzyxc"), dims=3), volume)
    assert np.array_equal(read(write_hdf5(tmp_path / "w.h5", volume, None), dims=3), volume)


def test_hdf5_of_floats_is_probabilities(tmp_path):
    last = np.eye(3, dtype=np.float32)[LABELS]
    first = np.moveaxis(last, -1, 0)
    for number, (stored, keys) in enumerate(((last, "yxc"), (last[None], "tyxc"), (first, "cyx"), (last, None), (first, None))):
        assert np.array_equal(read(write_hdf5(tmp_path / f"{number}.h5", stored, keys)), first)
    square = np.eye(3, dtype=np.float32)[LABELS[:3, :3]]  # where the shape alone would not tell
    assert np.array_equal(read(write_hdf5(tmp_path / "square.h5", square, "yxc")), np.moveaxis(square, -1, 0))
    volume = np.stack([last] * 4)
    assert np.array_equal(read(write_hdf5(tmp_path / "v.h5", volume, "zyxc"), dims=3), np.moveaxis(volume, -1, 0))


@pytest.mark.parametrize(
    ("stored", "keys", "word"),
    [
        (np.zeros((20, 30, 2), np.float32), "yxc", r"found float32 of 2 x 20 x 30; expected class indices \(rows, columns\), or probabilities as floats, one channel for each of the model's 3 classes \(3, rows, columns\): export it so"),
        (np.zeros((2, 20, 30), np.float32), None, r"found float32 of 2 x 20 x 30; expected class indices"),
        (np.zeros((20, 30, 3), np.uint8), "yxc", r"found uint8 of 3 x 20 x 30; .*in ilastik as floating 32-bit, not renormalised"),
        (np.zeros((1, 1, 3, 20, 30), np.float32), None, r"found float32 of 1 x 1 x 3 x 20 x 30; expected class indices"),
        (LABELS / np.float32(3), "yx", r"found one channel of float32 from 0 to 0\.66\d*; expected class indices"),
    ],
)  # fmt: skip
def test_hdf5_that_is_no_map_is_told(tmp_path, stored, keys, word):
    write_hdf5(tmp_path / "a.h5", stored, keys)
    with pytest.raises(RetintError, match=rf"^--start .*a\.h5: {word}"):
        read(tmp_path / "a.h5")


def test_hdf5_that_cannot_be_read_fails_alone(model, photographs, tmp_path):
    (tmp_path / "starts").mkdir()
    write_hdf5(tmp_path / "starts" / "a.h5", LABELS, "yx")
    whole = (tmp_path / "starts" / "a.h5").read_bytes()
    (tmp_path / "starts" / "b.h5").write_bytes(whole[:900])
    write_hdf5(write_hdf5(tmp_path / "starts" / "c.h5", LABELS, "yx"), LABELS, "yx", "volume/data")
    outcome = label_files(model, photographs, tmp_path / "out", Wish(1, start=tmp_path / "starts", overlay=False))
    assert len(outcome.images) == 1
    damaged, several = (row["error"] for row in outcome.failed)
    assert "b.h5: found a file that cannot be read (" in damaged
    assert "c.h5: found 2 datasets, exported_data, volume/data; expected one: name it" in several
    assert "\n" not in damaged + several


def test_a_dataset_in_a_file_is_a_map_of_its_own(model, photographs, tmp_path):
    """`FILE.h5/its/path`, as ilastik writes it."""
    path = write_hdf5(tmp_path / "a.h5", LABELS, "yx", "volume/data")
    write_hdf5(path, 2 - LABELS, "yx")
    np.save(tmp_path / "a.npy", LABELS)
    for option in ("start", "hints"):
        labels = []
        for given in (path / "volume" / "data", tmp_path / "a.npy"):
            wish = Wish(2, **{option: given}, overlay=False, overwrite=True)
            assert not label_files(model, photographs[:1], tmp_path / "out", wish).failed
            labels.append(read_labels(tmp_path / "out" / "a.png"))
        assert np.array_equal(*labels)
    wish = Wish(2, start=path / "none", overlay=False, overwrite=True)
    (row,) = label_files(model, photographs[:1], tmp_path / "out", wish).failed
    assert "a.h5/none: found no none in the file, which has exported_data, volume/data; expected" in row["error"]
    with pytest.raises(RetintError, match=r"--start .*none\.h5/exported_data: found no such file or folder"):
        label_files(model, photographs[:1], tmp_path / "out", Wish(2, start=tmp_path / "none.h5" / "exported_data"))


@pytest.mark.parametrize("dims", [2, 3])
def test_hdf5_and_numpys_format_are_the_same_start(photographs, tmp_path, dims):
    model = make_model() if dims == 2 else make_model("volume-2", channels=1)
    size, keys = ((20, 30), "tyxc") if dims == 2 else ((6, 20, 30), "tzyxc")
    image = photographs[0] if dims == 2 else tmp_path / "volume.tif"
    if dims == 3:
        tifffile.imwrite(image, values(*size), metadata={"axes": "ZYX"})
    y = np.random.default_rng(0).dirichlet(np.ones(3), size).astype(np.float32)

    def estimate(start):
        wish = Wish(2, start=start, overlay=False, probabilities=True, overwrite=True)
        assert not label_files(model, [image], tmp_path / "out", wish).failed
        return tifffile.imread(tmp_path / "out" / f"{image.stem}.estimate.tif")

    labels = y.argmax(-1).astype(np.uint8)
    for name, first, stored in (("y", np.moveaxis(y, -1, 0), y), ("labels", labels, labels[..., None])):
        np.save(tmp_path / f"{name}.npy", first)
        write_hdf5(tmp_path / f"{name}.h5", stored[None], keys)
        expected = estimate(tmp_path / f"{name}.npy")
        assert np.array_equal(estimate(tmp_path / f"{name}.h5"), expected)
        assert not np.array_equal(estimate(None), expected)  # the start counts


def test_what_ilastik_calls_its_exports_is_found(tmp_path):
    """Also beside the photograph, where it writes if nobody chooses another folder."""
    y = np.random.default_rng(0).dirichlet(np.ones(3), (20, 30)).astype(np.float32)
    image = tmp_path / "pic 1.png"
    Image.fromarray(values(20, 30)).save(image)
    later = image.stat().st_mtime + 3600

    def found(option="--start"):
        return Maps(tmp_path, option, 2, "abc").of(image)

    with pytest.raises(RetintError, match=r"holds no map for pic 1\.png"):
        found()  # it is no map of itself
    segmented, soft = "pic 1_Simple Segmentation", "pic 1_Probabilities"
    Image.fromarray(LABELS).save(tmp_path / f"{segmented}.png")
    os.utime(image, (later, later))
    assert np.array_equal(found(), LABELS)
    for number, suffix in enumerate((".npy", ".tiff", ".tif", ".h5")):
        labels = np.roll(LABELS, number + 1)
        if suffix == ".h5":
            write_hdf5(tmp_path / f"{segmented}.h5", labels[..., None], "yxc")
        elif suffix == ".npy":
            (tmp_path / f"{segmented}.png").unlink()
            np.save(tmp_path / f"{segmented}.npy", labels)
        else:
            tifffile.imwrite(tmp_path / f"{segmented}{suffix}", labels)
        assert np.array_equal(found(), labels)
    assert found("--hints") is None  # a segmentation tells of every pixel
    np.save(tmp_path / f"{soft}.npy", y)
    assert np.array_equal(found(), np.moveaxis(y, -1, 0))
    write_hdf5(tmp_path / f"{soft}.h5", y[::-1], "yxc")
    assert np.array_equal(found(), np.moveaxis(y[::-1], -1, 0))
    write_hdf5(tmp_path / "pic 1.h5", LABELS, "yx")
    assert np.array_equal(found("--hints"), LABELS)


def test_labels_counted_from_1_are_told(model, photographs, tmp_path):
    Image.fromarray(LABELS + 1).save(tmp_path / "from1.png")
    outcome = label_files(
        model, photographs[:1], tmp_path / "out", Wish(1, start=tmp_path / "from1.png", overlay=False)
    )
    assert outcome.failed[0]["error"].endswith(
        "label 3 found; the classes are 0 to 2, and 255 is unknown; 0 is nowhere in it: if it counts from 1, as ilastik does, subtract 1"
    )
    assert outcome.warnings == []
    with pytest.raises(RetintError, match=r"255 is unknown$"):
        model.label(read_image(photographs[0]), 1, start=np.where(LABELS == 2, 3, LABELS))


def test_a_first_class_that_is_in_none_of_the_starts_is_warned_of(model, photographs, tmp_path):
    """Once for all: a class may well be missing from an image."""
    (tmp_path / "from1").mkdir()
    for image in photographs:
        Image.fromarray(np.where(LABELS == 0, 255, LABELS).astype(np.uint8)).save(tmp_path / "from1" / image.name)
    wish = Wish(1, start=tmp_path / "from1", overlay=False, overwrite=True)
    (line,) = label_files(model, photographs, tmp_path / "out", wish).warnings
    assert (
        line
        == f"--start {tmp_path / 'from1'}: class 0 (class0) is nowhere in it, only 1 (class1) to 2 (class2); if it counts from 1, as ilastik does, subtract 1"
    )
    write_hdf5(tmp_path / "one.h5", np.full((20, 30, 1), 2, np.uint8), "yxc")
    (line,) = label_files(model, photographs[:1], tmp_path / "out", replace(wish, start=tmp_path / "one.h5")).warnings
    assert line.startswith(f"--start {tmp_path / 'one.h5'}: class 0 (class0) is nowhere in it, only 2 (class2); if")
    Image.fromarray(LABELS).save(tmp_path / "from1" / "b.png")
    Image.fromarray(np.full((20, 30), 255, np.uint8)).save(tmp_path / "from1" / "c.png")
    assert label_files(model, photographs, tmp_path / "out", wish).warnings == []
    assert label_files(model, photographs[2:], tmp_path / "out", wish).warnings == []  # nothing is known there
    hints = Wish(1, hints=tmp_path / "from1" / "a.png", overlay=False, overwrite=True)
    assert label_files(model, photographs, tmp_path / "out", hints).warnings == []  # which tell of some pixels


def test_strokes_beside_corrected_labels_are_the_hints(tmp_path):
    labels, strokes = values(20, 30) % 3, np.full((20, 30), 255, np.uint8)
    strokes[4:8] = 1
    Image.fromarray(strokes).save(tmp_path / "a.hints.png")
    Image.fromarray(labels).save(tmp_path / "a.png")
    os.utime(tmp_path / "a.hints.png", (0, 0))
    assert np.array_equal(Maps(tmp_path, "--hints", 2, "abc").of(Path("a.jpg")), strokes)
    assert np.array_equal(Maps(tmp_path, "--start", 2, "abc").of(Path("a.jpg")), labels)


def test_images_without_a_map_of_hints_have_none(model, photographs, tmp_path):
    (tmp_path / "hints").mkdir()
    hints = np.full((20, 30), 255, np.uint8)
    hints[3:9] = 1
    Image.fromarray(hints).save(tmp_path / "hints" / "b.png")
    outcome = label_files(model, photographs, tmp_path / "out", Wish(2, hints=tmp_path / "hints", overlay=False))
    assert not outcome.failed
    for image in photographs:
        expected = model.label(read_image(image), 2, hints=hints if image.stem == "b" else None)
        assert np.array_equal(read_labels(tmp_path / "out" / image.name), expected.labels)
    (tmp_path / "hints" / "b.png").rename(tmp_path / "hints" / "z.png")
    with pytest.raises(
        RetintError, match=r"--hints .*hints: holds no map for any of the 3 images; expected a\.png for a\.png"
    ):
        label_files(model, photographs, tmp_path / "none", Wish(2, hints=tmp_path / "hints"))
    assert not (tmp_path / "none").exists()
    Image.fromarray(LABELS).save(tmp_path / "hints" / "a.png")
    outcome = label_files(model, photographs, tmp_path / "on", Wish(2, start=tmp_path / "hints", overlay=False))
    assert [row["error"].count("holds no map for") for row in outcome.failed] == [1, 1]  # of starts there must be all


def test_maps_of_probabilities_from_a_file_are_starts(photographs, tmp_path):
    """As other programs write them: channels last, in NumPy's format or as a TIFF."""
    model = make_model(classes=5)
    y = np.random.default_rng(0).dirichlet(np.ones(5), (20, 30)).astype(np.float32)
    np.save(tmp_path / "a.npy", y)
    tifffile.imwrite(tmp_path / "b.tif", y, photometric="minisblack")
    expected = model.label(read_image(photographs[0]), 1, start=np.moveaxis(y, -1, 0)).labels
    for name in ("a.npy", "b.tif"):
        wish = Wish(1, start=tmp_path / name, overlay=False, overwrite=True)
        assert not label_files(model, photographs[:1], tmp_path / "out", wish).failed
        assert np.array_equal(read_labels(tmp_path / "out" / "a.png"), expected)


def test_hints_that_fix_every_pixel_are_told(model, photographs, tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "all.png")
    outcome = label_files(model, photographs[:1], tmp_path / "out", Wish(1, hints=tmp_path / "all.png"))
    assert len(outcome.images) == 1
    assert any("fixes every pixel, so nothing is left to label" in line for line in outcome.warnings)
