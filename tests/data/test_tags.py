import csv

import numpy as np
import pytest

from retint.data import Tagged, read_tags, tags_of, write_tags
from retint.errors import DataProblems, RetintError

CLASSES = ("sky", "tree", "traffic light")


@pytest.fixture
def tagged(folder):
    """Two images without labels, and a way to write tags.csv."""
    folder.image("a.png").image("b.jpg")

    def write(text):
        (folder.root / "tags.csv").write_bytes(text.encode())
        return folder.root

    return write


def problems_of(root):
    with pytest.raises(DataProblems) as caught:
        read_tags(root, CLASSES)
    assert all(str(root) in line and "\n" not in line for line in caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize(
    "text",
    [
        "image,tags\nb,sky; tree\na,traffic light\n",
        "a.png,traffic light\nb.jpg,sky;tree;",
        '\ufeffImage, Tags\r\n"b.jpg", "tree; sky; tree"\r\n\r\na , traffic light \r\n',
    ],
)
def test_tags_are_read(tagged, text):
    root = tagged(text)
    assert read_tags(root, CLASSES) == (
        Tagged("a", root / "images/a.png", (2,)),
        Tagged("b", root / "images/b.jpg", (0, 1)),
    )


def test_every_problem_is_listed(tagged, folder):
    folder.image("c.png").image("d.png").image("e.png")
    root = tagged("image,tags\na,Sky; nonesuch\nb.png,sky\nc,;\nb,sky\nb.jpg,tree\nnowhere,sky\nd,sky,tree\n,sky\n")
    file = root / "tags.csv"
    expected = [
        f"{file}, line 2: found the tag Sky; expected the name of a class: write sky",
        f"{file}, line 2: found the tag nonesuch; expected one of sky, tree, traffic light: ",
        f"{file}, line 3: found the image b.png; expected a file, or its stem, in {root / 'images'}: write b.jpg",
        f"{file}, line 4: found no tags for c; expected at least one",
        f"{file}, line 6: found b.jpg again, as in line 5",
        f"{file}, line 7: found the image nowhere; expected",
        f"{file}, line 8: found 3 values; expected such as",
        f"{file}, line 9: found no name of an image",
        f"{file}: found no tags for e.png; expected a line for each image without labels",
    ]
    found = problems_of(root)
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_images_with_labels_need_no_tags(tagged, folder):
    root = tagged("a,sky\n")
    assert len(problems_of(root)) == 1
    folder.labels("b.png", [[0]])
    assert [image.stem for image in read_tags(root, CLASSES)] == ["a"]


def test_images_of_one_stem(tagged, folder):
    folder.image("a.tif")
    (problem,) = problems_of(tagged("a.tif,sky\nb,sky\n"))
    assert "found a.png, a.tif; expected one file named a" in problem


def test_stems_may_have_dots(tagged, folder):
    folder.image("b.1.png")
    root = tagged("a,sky\nb,sky\nb.1,tree\n")
    assert [(image.stem, image.tags) for image in read_tags(root, CLASSES)] == [("a", (0,)), ("b", (0,)), ("b.1", (1,))]


def test_accents_may_be_written_in_two_ways(tagged, folder):
    folder.image("e\u0301te\u0301.png").image("caf\u00e9.png").image("cafe\u0301s.png").labels("caf\u00e9s.png", [[0]])
    root = tagged("a,sky\nb,sky\n\u00e9t\u00e9.png,tree\ncafe\u0301,sky\n")
    assert [image.tags for image in read_tags(root, CLASSES)] == [(0,), (0,), (0,), (1,)]


def test_broken_quotes_end_the_reading(tagged):
    first, second = problems_of(tagged('a,nonesuch\nb,"sky\n'))
    assert "line 1: found the tag nonesuch" in first
    assert "line 2: found what CSV does not allow" in second


def test_files_that_are_no_tags(tagged, folder):
    with pytest.raises(RetintError, match=r"tags\.csv: missing; .*expected such as: photo"):
        read_tags(folder.root, CLASSES)
    assert len(problems_of(tagged(""))) == 2
    assert len(problems_of(tagged("image,tags\n"))) == 2
    (folder.root / "tags.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RetintError, match="UTF-8"):
        read_tags(folder.root, CLASSES)
    for image in (folder.root / "images").iterdir():
        image.unlink()
    (problem,) = problems_of(tagged("a,sky\n"))
    assert "found no images" in problem


def test_what_is_written_is_read(tagged, folder):
    folder.image('odd, "name".png')
    rows = {"b": ["tree", "sky"], "a.png": ["traffic light"], 'odd, "name"': ["sky"]}
    write_tags(folder.root / "tags.csv", rows)
    assert (folder.root / "tags.csv").read_text().startswith("image,tags\nb,tree; sky\n")
    assert [image.tags for image in read_tags(folder.root, CLASSES)] == [(2,), (0, 1), (0,)]
    with open(folder.root / "tags.csv", newline="") as file:
        assert len(list(csv.reader(file))) == 4


@pytest.mark.parametrize("rows", [{"a": []}, {"a": ["sky; tree"]}, {"a": [""]}, {"a\nb": ["sky"]}, {" a": ["sky"]}])
def test_what_could_not_be_read_is_not_written(rows, tmp_path):
    with pytest.raises(RetintError, match="expected"):
        write_tags(tmp_path / "tags.csv", rows)
    assert not list(tmp_path.iterdir())


def test_tags_of_labels():
    labels = np.array([[0, 0, 0, 0], [0, 0, 2, 1], [1, 255, 255, 255]], np.uint8)
    assert tags_of(labels, 3) == (0, 1, 2)
    assert tags_of(labels, 3, least=1 / 9) == (0, 1)
    assert tags_of(labels, 3, least=0.5) == (0,)
    assert tags_of(np.full((2, 2), 255), 3) == ()
    assert all(type(tag) is int for tag in tags_of(labels, 3))
    with pytest.raises(ValueError, match="labels hold 3"):
        tags_of(np.array([[3]]), 3)
    with pytest.raises(ValueError, match="least"):
        tags_of(labels, 3, least=2)
