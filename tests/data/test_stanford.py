import json

import numpy as np
import pytest
from PIL import Image

from retint.data import check_dataset, folds, import_stanford, open_dataset
from retint.data.stanford import CLASSES, COLOURS
from retint.errors import DataProblems, RetintError
from retint.images import read_labels

TABLE = [[0, 0, 1, -1], [2, 3, 4, 5], [6, 7, 7, 7]]


class Original:
    """A folder in the original format; images are 4 pixels wide and 3 high."""

    def __init__(self, root):
        self.root = root
        for kind in ("images", "labels"):
            (root / kind).mkdir(parents=True)

    def image(self, name, size=(4, 3)):
        Image.new("RGB", size, (90, 120, 150)).save(self.root / "images" / name, format="JPEG")
        return self

    def table(self, stem, rows=TABLE):
        text = rows if isinstance(rows, str) else "".join(" ".join(map(str, row)) + " \n" for row in rows)
        (self.root / "labels" / f"{stem}.regions.txt").write_text(text)
        return self

    def pair(self, stem):
        return self.image(f"{stem}.jpg").table(stem)


@pytest.fixture
def original(tmp_path):
    return Original(tmp_path / "original")


def problems_of(source, out):
    with pytest.raises(DataProblems) as caught:
        import_stanford(source, out)
    assert not out.exists()
    assert all("\n" not in line for line in caught.value.problems)
    return caught.value.problems


def test_a_data_set_comes_out(original, tmp_path):
    original.pair("b").image("a.JPG").table("a", [[7] * 4] * 3)
    (original.root / "labels" / "a.surfaces.txt").write_text("1 2 3")
    (original.root / "horizons.txt").write_text("a 1")
    out = tmp_path / "new" / "set"
    assert import_stanford(original.root, out) == [out / "labels/a.png", out / "labels/b.png"]
    for name in ("a.JPG", "b.jpg"):
        assert (out / "images" / name).read_bytes() == (original.root / "images" / name).read_bytes()
    assert read_labels(out / "labels/b.png").tolist() == [[0, 0, 1, 255], [2, 3, 4, 5], [6, 7, 7, 7]]
    assert Image.open(out / "labels/b.png").convert("RGB").getpixel((2, 0)) == COLOURS[1]
    data = open_dataset(out)
    assert (data.classes, data.colours) == (CLASSES, COLOURS)
    assert check_dataset(data).problems == []
    assert json.loads((out / "classes.json").read_text())["ignore"] == 255
    assert [p.name for p in out.parent.iterdir()] == ["set"]


def test_tables_may_begin_with_a_byte_order_mark(original, tmp_path):
    original.pair("a")
    table = original.root / "labels" / "a.regions.txt"
    table.write_text(table.read_text(), encoding="utf-8-sig")
    (file,) = import_stanford(original.root, tmp_path / "out")
    assert read_labels(file)[0].tolist() == [0, 0, 1, 255]


def test_every_problem_is_listed_and_nothing_is_written(original, tmp_path):
    original.pair("fine").image("lone.jpg").table("orphan").image("twice.jpg").image("twice.jpeg").table("twice")
    original.image("ragged.jpg").table("ragged", [[0] * 4, [0] * 3, [0] * 4])
    original.image("high.jpg").table("high", [[0] * 4, [0] * 4, [0, 8, 0, 0]])
    original.image("fraction.jpg").table("fraction", "0 0 0.5 0\n")
    original.image("empty.jpg").table("empty", " \n")
    original.image("small.jpg", (5, 3)).table("small")
    original.table("both", "x")
    (original.root / "images" / "both.jpg").write_text("no picture")
    found = problems_of(original.root, tmp_path / "out")
    expected = [
        "both.jpg: found no image",
        "both.regions.txt: found x in line 1; expected whole numbers from -1",
        "empty.regions.txt: found an empty file",
        "fraction.regions.txt: found 0.5 in line 1",
        "high.regions.txt: found 8 in line 3; expected whole numbers from -1 (unknown) to 7",
        "lone.regions.txt: missing; expected the labels of lone.jpg",
        "orphan.regions.txt: found no orphan.jpg",
        "ragged.regions.txt: found 3 numbers in line 2; expected 4",
        "small.regions.txt: found 4 x 3 numbers; expected 5 x 3, the size of small.jpg",
        "found twice.jpeg, twice.jpg; expected one file",
    ]
    assert len(found) == len(expected)
    for line, part in zip(found, expected, strict=True):
        assert part in line
    assert [p.name for p in tmp_path.iterdir()] == ["original"]


def test_folders_without_the_format(original, tmp_path):
    first, second = problems_of(tmp_path / "nowhere", tmp_path / "out")
    assert "nowhere/images: found no such folder" in first
    assert "nowhere/labels: found no such folder" in second
    first, second = problems_of(original.root, tmp_path / "out")
    assert "found no JPEG files" in first
    assert "found no files *.regions.txt" in second


def test_out_must_be_free(original, tmp_path):
    original.pair("a")
    (tmp_path / "empty").mkdir()
    assert len(import_stanford(original.root, tmp_path / "empty")) == 1
    with pytest.raises(RetintError, match="not empty; expected nothing there yet"):
        import_stanford(original.root, tmp_path / "empty")
    (tmp_path / "file").touch()
    with pytest.raises(RetintError, match="found a file"):
        import_stanford(original.root, tmp_path / "file")


def test_a_failure_half_way_through_leaves_nothing(original, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    original.pair("a")
    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(RetintError, match="No space left on device"):
        import_stanford(original.root, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["original"]


def test_folds_divide_the_images():
    stems = [f"{n:07}" for n in range(715)]
    drawn = folds(stems)
    assert [(len(train), len(test)) for train, test in drawn] == [(572, 143)] * 5
    assert sorted(stem for _, test in drawn for stem in test) == stems
    for train, test in drawn:
        assert sorted(train + test) == stems
        assert (train, test) == (sorted(train), sorted(test))
        assert np.ptp([int(stem) for stem in test]) > 500  # not one stretch of them


def test_folds_can_be_drawn_again():
    stems = [str(n) for n in range(11)]
    assert folds(stems) == folds(reversed(stems))
    assert folds(stems) != folds(stems, seed=1)
    assert sorted(len(test) for _, test in folds(stems, 3)) == [3, 4, 4]
    assert folds(stems)[0][1] == ["10", "3", "7"]  # on every machine
    for bad in (["a", "a", "b"], ["a"]):
        with pytest.raises(ValueError, match="expected"):
            folds(bad, 2)
    with pytest.raises(ValueError, match="1 folds of 11 images"):
        folds(stems, 1)
