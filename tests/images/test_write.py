import os

import numpy as np
import pytest
import tifffile
from PIL import Image

from retint.errors import RetintError
from retint.images import read_image, read_labels, write_image, write_labels, write_probabilities
from retint.wholefile import whole_file

RNG = np.random.default_rng(0)
PALETTE = [(1, 2, 3), (40, 50, 60), (200, 100, 0)]


def test_whole_file_appears_at_the_end(tmp_path):
    file = tmp_path / "new" / "folder" / "a.png"
    with whole_file(file) as part:
        assert part.parent == file.parent
        assert part.suffix == ".png"
        part.write_text("new")
        assert not file.exists()
    assert file.read_text() == "new"
    assert os.listdir(file.parent) == ["a.png"]


def test_whole_file_has_the_usual_rights(tmp_path):
    (tmp_path / "plain").touch()
    with whole_file(tmp_path / "a") as part:
        part.touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("written", [True, False])
def test_whole_file_leaves_the_old_one_on_failure(tmp_path, error, written):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def fail():
        with whole_file(file) as part:
            if written:
                part.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert os.listdir(tmp_path) == ["a.txt"]
    assert file.read_text() == "old"


def test_whole_file_says_what_stands_in_the_way(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path, found in (
        (tmp_path / "folder", "a folder"),
        (tmp_path / "file" / "a.png", "cannot be written"),
        ("/dev/null", "a device"),
    ):
        with pytest.raises(RetintError, match=f"^{path}: found .*{found}"), whole_file(path) as part:
            part.touch()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(RetintError, match=r"a\.png: found that it cannot be written \(No space left on device\)"):
        write_image(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    assert not os.listdir(tmp_path)


def test_labels_return_as_written_and_show_their_colours(tmp_path):
    labels = np.array([[0, 1, 2], [255, 2, 0]], np.int64)
    write_labels(tmp_path / "a.png", labels, PALETTE)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)
    assert Image.open(tmp_path / "a.png").mode == "P"
    colours = read_image(tmp_path / "a.png")
    assert colours[0].tolist() == [list(c) for c in PALETTE]
    assert colours[1, 0].tolist() == [0, 0, 0]


def test_labels_of_256_classes(tmp_path):
    labels, palette = np.arange(256, dtype=np.uint8).reshape(8, 32), [(k, 255 - k, 7) for k in range(256)]
    write_labels(tmp_path / "a.png", labels, palette)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)
    assert read_image(tmp_path / "a.png")[-1, -1].tolist() == [255, 0, 7]


@pytest.mark.parametrize(
    "labels", [np.array([[256]]), np.array([[-1]]), np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2))]
)
def test_bad_labels_are_not_written(tmp_path, labels):
    with pytest.raises(RetintError, match=r"a\.png: found labels"):
        write_labels(tmp_path / "a.png", labels, PALETTE)
    assert not os.listdir(tmp_path)


def test_image_returns_as_written(tmp_path):
    pixels = RNG.integers(0, 256, (5, 7, 3), np.uint8)
    write_image(tmp_path / "a.png", pixels)
    write_image(tmp_path / "b.png", pixels[::-1, ::2])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), pixels[::-1, ::2])
    with pytest.raises(RetintError, match=r"c\.png: found pixels of float64"):
        write_image(tmp_path / "c.png", pixels / 255)


@pytest.mark.parametrize("shape", [(3, 20, 31), (2, 1, 1), (1, 5, 6)])
def test_probabilities_return_as_written(tmp_path, shape):
    probabilities = RNG.random(shape, np.float32)
    names = ["sky", "bâtiment", "road"][: len(probabilities)]
    write_probabilities(tmp_path / "a.tif", probabilities, names)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif").reshape(shape), probabilities)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), probabilities.transpose(1, 2, 0))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.shaped_metadata[0]["classes"] == names
        assert file.pages[0].compression.name == "ADOBE_DEFLATE"
    with pytest.raises(RetintError, match=r"b\.tif: found 4 names for"):
        write_probabilities(tmp_path / "b.tif", probabilities, ["a", "b", "c", "d"])
