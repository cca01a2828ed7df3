"""The check of one part: what is measured, or chosen from."""

import shutil

import numpy as np
import pytest
from PIL import Image

from retint.data import check_dataset, check_labels, check_part, open_dataset
from retint.data.twins import same_files
from retint.errors import RetintError

BLACK, RED, GREEN = (0, 0, 0), (255, 0, 0), (0, 255, 0)


def part(folder, name="val", fits=lambda image, file: None):
    data = open_dataset(folder.root)
    return check_part(data, data.splits[name], fits)


def labels(folder, name="train"):
    data = open_dataset(folder.root)
    return check_labels(data, data.splits[name])


def test_all_that_is_wrong_with_a_part_is_told_in_the_same_lines(folder):
    folder.classes("bg", "red", colours=[BLACK, RED]).pair("t", part="train").pair("good", part="val")
    folder.indexed("swapped", [0, 1, 1, 0], RED, BLACK, part="val")
    folder.pair("range", [0, 1, 7, 7, 7, 7], part="val").image("small.png", part="val").labels("small.png", [[0]], part="val")
    folder.image("photo.png", part="val").labels("orphan.png", [[0]], part="val")
    (folder.root / "val/labels/photo.jpg").write_bytes(b"")
    found, expected = part(folder).problems, check_dataset(open_dataset(folder.root), some=True).problems
    assert found == expected
    assert [line.split(": ")[0].rpartition("/")[2] for line in found] == [
        "photo.png", "orphan.png", "small.png", "swapped.png", "set", "range.png",
    ]  # fmt: skip


def test_what_is_wrong_with_other_parts_is_none_of_its_problems(folder):
    folder.classes().pair("a", part="train").pair("b", part="val")
    folder.pair("small", part="train").labels("small.png", [[0]], part="train").pair("range", [7] * 6, part="train")
    (folder.root / "train/images/broken.png").write_bytes(b"no image")
    report = part(folder)
    assert (report.problems, report.warnings, report.images) == ([], [], 1)
    assert report.pixels_per_class == {"train": [0, 0], "val": [12, 8]}
    assert len(part(folder, "train").problems) == 2


def test_images_without_labels_are_not_opened(folder):
    folder.classes().pair("a")
    (folder.root / "images/waiting.png").write_bytes(b"no image")
    report = part(folder, "all")
    assert report.problems == []
    assert report.warnings[0].endswith("images: 1 of 2 images have no labels and are left out")
    assert (labels(folder, "all").problems, labels(folder, "all").warnings) == ([], [])


def test_images_differ_as_they_like_as_long_as_they_fit(folder):
    folder.classes().pair("a").image("grey.png", (4, 6)).labels("grey.png", np.zeros((4, 6)))
    (folder.root / "images/b.png").write_bytes(b"no image")
    folder.labels("b.png", np.zeros((4, 6)))

    def fits(image, file):
        if image.shape[-1] != 3:
            raise RetintError(f"{file}: no colours")

    told = [line.split(": ")[1] for line in part(folder, "all", fits).problems]
    assert told == ["found no image; expected PNG, JPEG, TIFF, WebP, BMP, GIF or PNM", "no colours"]
    (folder.root / "images/b.png").unlink()
    (folder.root / "labels/b.png").unlink()
    assert part(folder, "all").problems == []


def test_how_to_mend_masks_is_told_of_the_whole_set(folder):
    folder.classes().pair("a", [1, 1, 2, 2, 2, 2], part="val").pair("b", [1, 1, 2, 2, 2, 2], part="train")
    assert all(line.endswith("--map 1=0,2=1") for line in part(folder).problems)
    folder.pair("b", part="train")  # where 0 does occur
    (line,) = part(folder).problems
    assert line.endswith("--map 2=255")
    mask = np.zeros((4, 6, 3), np.uint8)
    for name, colour in (("val", RED), ("train", GREEN)):
        mask[:, 3:] = colour
        folder.image("c.png", part=name).labels("c.png", mask, part=name)
    assert any("#00ff00" in line and "#ff0000" in line for line in part(folder).problems)


def test_255_is_ignore_in_a_part_if_others_have_more_classes(folder):
    folder.classes("ground", "cell").pair("a", [0, 0, 0, 255, 255, 255], part="val").pair("b", part="train")
    folder.pair("unread", part="train")
    (folder.root / "train/labels/unread.png").write_bytes(b"no image")
    for report in (part(folder), check_dataset(open_dataset(folder.root))):
        (line,) = report.warnings
        assert line.startswith(f"{folder.root}/val: found only 0 and 255 in its 1 masks")
        assert line.endswith(f"if 255 stands for cell here, retint convert {folder.root}/val --map 255=1")
    assert part(folder).problems == []
    folder.pair("b", [0] * 6, part="train")
    (line,) = part(folder).problems
    assert line.endswith(f"if 255 stands for cell, retint convert {folder.root} --map 255=1")


@pytest.mark.parametrize("name", ["val", "test"])
def test_images_that_were_learned_from_are_found_by_their_files(folder, name):
    folder.classes().pair("a", part="train").pair("b", part="train").pair("c", part=name).pair("d", part=name)
    shutil.copy(folder.root / "train/images/b.png", folder.root / name / "images/d.png")
    (line,) = part(folder, name).warnings
    assert line in check_dataset(open_dataset(folder.root)).warnings
    assert f"d.png: found the same image as {folder.root}/train/images/b.png, one of 1 in {name}/" in line
    assert part(folder, "train").warnings == []


def test_files_of_one_size_are_compared(tmp_path):
    names = [tmp_path / name for name in "abcd"]
    for file, content in zip(names, (b"one", b"two", b"two", b"three"), strict=True):
        file.write_bytes(content)
    (tmp_path / "folder").mkdir()
    assert same_files([*names[1:], tmp_path / "folder"], [names[0], names[2], tmp_path / "folder"]) == [
        (names[1], names[2]),
        (names[2], names[2]),
    ]


def test_folders_beside_are_told(folder):
    folder.classes().pair("a", part="train").pair("b", part="Validation")
    for report in (part(folder, "train"), labels(folder)):
        (line,) = report.warnings
        assert "Validation: found images that are not used" in line


def test_labels_alone(folder):
    folder.classes("bg", "red", colours=[BLACK, RED])
    folder.indexed("swapped", [0, 1, 1, 0], RED, BLACK, part="train")
    (folder.root / "train/images/swapped.png").write_bytes(b"no image")
    folder.image("photo.png", part="train").image("waiting.png", part="train")
    (folder.root / "train/labels/photo.txt").write_text("")
    first, second, palette = labels(folder).problems
    assert "photo.png: found photo.txt; expected a PNG or TIFF of class indices: make it, or move that away" in first
    assert "swapped.png: found bg (0) in #ff0000" in second
    assert '"#ff0000": 1' in palette


def test_labels_are_not_needed_to_begin(folder):
    folder.classes().image("a.png", part="train")
    assert labels(folder).problems == []
    folder.pair("b", [255] * 6, part="train")
    report = labels(folder)
    assert report.problems == []
    assert "b.png: every pixel is ignored (255), so it counts for nothing" in report.warnings[0]


def test_volumes_among_images_and_images_among_volumes(folder):
    tifffile = pytest.importorskip("tifffile")
    folder.classes(dims=3)
    for kind in ("images", "labels"):
        (folder.root / kind).mkdir()
        tifffile.imwrite(folder.root / kind / "a.tif", np.ones((3, 4, 6), np.uint8), photometric="minisblack", metadata={"axes": "ZYX"})
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(folder.root / "images/b.png")
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(folder.root / "labels/b.png")
    assert "found 2-D images (images/b.png, labels/b.png)" in part(folder, "all").problems[0]
    assert "found 2-D images (labels/b.png)" in labels(folder, "all").problems[0]
