"""Maps from other programs: of any kind of number, counted from 1, channels last, and for some of the images alone."""

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


def test_hdf5_is_told_with_what_maps_come_in(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(
        RetintError, match=r"^--hints .*a\.h5: found HDF5; expected PNG, TIFF, Zarr or NumPy \(\.npy\): export it"
    ):
        read(tmp_path / "a.h5", "--hints")
    with pytest.raises(RetintError, match=r"found HDF5; expected a TIFF stack, NIfTI, OME-Zarr or NumPy"):
        read(tmp_path / "a.h5", dims=3)


def test_labels_counted_from_1_are_told(model, photographs, tmp_path):
    Image.fromarray(LABELS + 1).save(tmp_path / "from1.png")
    outcome = label_files(
        model, photographs[:1], tmp_path / "out", Wish(1, start=tmp_path / "from1.png", overlay=False)
    )
    assert outcome.failed[0]["error"].endswith(
        "label 3 found; the model's classes are 0 to 2, and 255 is unknown; 0 is nowhere in it: if it counts from 1, as ilastik does, subtract 1"
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
        == f"--start {tmp_path / 'from1'}: class 0 (class0) is nowhere in it; if it counts from 1, as ilastik does, subtract 1"
    )
    Image.fromarray(LABELS).save(tmp_path / "from1" / "b.png")
    Image.fromarray(np.full((20, 30), 255, np.uint8)).save(tmp_path / "from1" / "c.png")
    assert label_files(model, photographs, tmp_path / "out", wish).warnings == []
    assert label_files(model, photographs[2:], tmp_path / "out", wish).warnings == []  # nothing is known there
    hints = Wish(1, hints=tmp_path / "from1" / "a.png", overlay=False, overwrite=True)
    assert label_files(model, photographs, tmp_path / "out", hints).warnings == []  # which tell of some pixels


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
