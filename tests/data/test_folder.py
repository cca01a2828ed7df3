import json

import numpy as np
import pytest

from retint.data import open_dataset
from retint.errors import RetintError


def test_a_flat_folder_is_one_split(folder):
    folder.classes("sky", "tree").pair("b").pair("a")
    dataset = open_dataset(folder.root)
    assert dataset.classes == ("sky", "tree")
    assert dataset.colours is None
    assert dataset.ignore == 255
    assert list(dataset.splits) == ["all"]
    assert [pair.stem for pair in dataset.splits["all"].pairs] == ["a", "b"]
    image, labels = dataset.splits["all"].pairs[0].read()
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert labels.tolist() == [[0, 0, 0, 1, 1, 255]] * 4


def test_parts_share_the_classes_above_them(folder):
    folder.classes("a", "b", colours=[[0, 0, 0], [255, 0, 9]]).pair("x", part="val").pair("y", part="train")
    dataset = open_dataset(str(folder.root))
    assert list(dataset.splits) == ["train", "val"]
    assert dataset.colours == ((0, 0, 0), (255, 0, 9))
    assert dataset.splits["val"].pairs[0].image == folder.root / "val/images/x.png"


def test_only_images_with_labels_are_pairs_and_hidden_files_are_none(folder):
    folder.classes().pair("a").image("b.png").labels("c.png", [[0]])
    (folder.root / "images" / ".a.png").write_bytes(b"")
    (folder.root / "images" / "notes.txt").write_text("")
    assert [pair.stem for pair in open_dataset(folder.root).splits["all"].pairs] == ["a"]


def test_labels_of_another_size_are_not_read_as_a_pair(folder):
    folder.classes().image("a.png").labels("a.png", np.zeros((6, 4)))
    with pytest.raises(RetintError, match=r"a\.png: found 4 x 6 pixels; expected 6 x 4"):
        open_dataset(folder.root).splits["all"].pairs[0].read()


def test_missing_classes_json_is_offered_ready_to_write(folder):
    folder.pair("a", [0, 1, 2, 3, 255, 255])
    with pytest.raises(RetintError, match=r"classes\.json: missing") as caught:
        open_dataset(folder.root)
    offered = json.loads(str(caught.value).split("classes: ")[1])
    assert len(offered["classes"]) == 4
    (folder.root / "classes.json").write_text(json.dumps(offered))
    assert len(open_dataset(folder.root).classes) == 4


def test_a_split_given_alone_points_to_the_folder_above(folder):
    folder.classes().pair("a", part="train")
    with pytest.raises(RetintError, match=r"give .*set$"):
        open_dataset(folder.root / "train")


def test_folders_inside_a_set_point_to_it(folder):
    folder.classes().pair("a", part="train")
    with pytest.raises(RetintError, match=r"images: is a folder of the data set .*set; name that one$"):
        open_dataset(folder.root / "train" / "images")


def test_classes_json_inside_a_part_belongs_above(folder):
    folder.classes().pair("a", part="train").pair("b", part="val")
    (folder.root / "classes.json").rename(folder.root / "train" / "classes.json")
    with pytest.raises(RetintError, match=r"set/classes\.json: missing, as it is in .*train; .*: move it up$"):
        open_dataset(folder.root)


def test_parts_by_other_names_are_to_be_renamed(folder):
    folder.classes().pair("a", part="Training").pair("b", part="Validation").pair("c", part="other")
    with pytest.raises(RetintError, match=r"expected train/, val/.*: rename Training to train, Validation to val$"):
        open_dataset(folder.root)


def test_accents_may_be_written_in_two_ways(folder):
    folder.classes().image("e\u0301te\u0301.png").labels("\u00e9t\u00e9.png", np.zeros((4, 6)))
    (pair,) = open_dataset(folder.root).splits["all"].pairs
    assert pair.stem == "e\u0301te\u0301"  # as the image has it
    assert pair.read()[1].shape == (4, 6)


def test_labels_from_one_are_renumbered_with_the_ignored_0_at_once(folder):
    folder.classes("a", "b", ignore=0).pair("x", [0, 0, 1, 1, 1, 1]).pair("y", [0, 1, 1, 2, 2, 2])
    with pytest.raises(RetintError, match=r"--map 0=255,1=0,2=1$"):
        open_dataset(folder.root)
    folder.pair("y", [0, 1, 1, 3, 3, 3])
    with pytest.raises(RetintError, match=r"--map 0=255$"):
        open_dataset(folder.root)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[1]", 'no list "classes"'),
        ('{"classes": ["a", 3]}', 'no list "classes"'),
        ('{"classes": ["a", " "]}', 'no list "classes"'),
        ('{"classes": ["a"]}', "found 1 classes; expected 2 to 255"),
        (json.dumps({"classes": [str(k) for k in range(256)]}), "found 256 classes"),
        ('{"classes": ["a", "b", "a"]}', "the class a more than once"),
        ('{"classes": ["a", "b", "a "]}', "the class a more than once"),
        ('{"classes": ["a", "b"], "ignore": 0}', r'found "ignore": 0; .* --map 0=255'),
        ('{"classes": ["a", "b"], "colours": [[0, 0, 0]]}', "each of the 2 classes"),
        ('{"classes": ["a", "b"], "colours": [[0, 0, 0], [0, 0, 256]]}', "each of the 2 classes"),
    ],
)
def test_malformed_classes_json(folder, content, message):
    folder.pair("a")
    (folder.root / "classes.json").write_text(content)
    with pytest.raises(RetintError, match=message) as caught:
        open_dataset(folder.root)
    assert "\n" not in str(caught.value)


def test_folders_that_are_no_data_set(folder):
    with pytest.raises(RetintError, match="found nothing; expected a folder"):
        open_dataset(folder.root)
    folder.classes()
    with pytest.raises(RetintError, match="found a file"):
        open_dataset(folder.root / "classes.json")
    with pytest.raises(RetintError, match="found no folders; expected images/"):
        open_dataset(folder.root)
    (folder.root / "val").mkdir()
    with pytest.raises(RetintError, match=r"val: found no images/"):
        open_dataset(folder.root)
    folder.pair("a")
    with pytest.raises(RetintError, match="images/ and val side by side"):
        open_dataset(folder.root)
