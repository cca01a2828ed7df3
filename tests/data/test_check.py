import numpy as np
import pytest

from retint.data import check_dataset, open_dataset
from retint.errors import DataProblems


def check(folder, **more):
    return check_dataset(open_dataset(folder.root), **more)


def the_problem(folder):
    """The one problem of a set."""
    (problem,) = check(folder).problems
    assert "\n" not in problem
    return problem


def test_a_good_set(folder):
    folder.classes("sky", "tree").pair("a", part="train").pair("b", part="train").pair("c", [0] * 6, part="val")
    seen = []
    report = check(folder, progress=lambda done, total: seen.append((done, total)))
    assert report.problems == []
    assert report.warnings == []
    assert (report.images, report.channels, report.dtype) == (3, 3, "uint8")
    assert report.pixels_per_class == {"train": [24, 16], "val": [24, 0]}
    assert report.labelled_share == pytest.approx(64 / 72)
    assert seen == [(n, 6) for n in range(1, 7)]
    report.raise_if_bad()


def test_every_problem_at_once(folder):
    folder.classes("sky", "tree").pair("good")
    folder.image("lonely.png").labels("orphan.png", np.zeros((4, 6)))
    folder.image("small.png").labels("small.png", np.zeros((2, 6)))
    folder.pair("range", [0, 1, 1, 7, 7, 9])
    folder.pair("grey").image("grey.png", (4, 6))
    folder.pair("twice").image("twice.bmp")
    folder.pair("broken")
    (folder.root / "images/broken.png").write_bytes(b"no image")
    report = check(folder)
    with pytest.raises(DataProblems) as caught:
        report.raise_if_bad()
    assert caught.value.problems == report.problems
    expected = [
        "found twice.bmp, twice.png; expected one file named twice",
        "labels/lonely.png: missing",
        "orphan.png: found no image named orphan",
        "broken.png",
        "small.png: found 6 x 2 pixels; expected 6 x 4",
        "grey.png: found 1 channel of uint8; expected 3 channels of uint8, as 6 of the 7 images",
        "range.png: found 7 (8 pixels), 9 (4 pixels); expected class indices 0 to 1, or 255",
    ]
    assert len(report.problems) == len(expected)
    for line, part in zip(report.problems, expected, strict=True):
        assert part in line
        assert "\n" not in line
    assert report.images == 8


def test_masks_of_0_and_255_are_told_with_the_conversion(folder):
    folder.classes("background", "cell").pair("a", [0, 0, 0, 255, 255, 255]).pair("b", [0] * 6)
    assert "if 255 stands for cell, retint convert" in the_problem(folder)
    assert "--map 255=1" in the_problem(folder)


def test_255_is_ignore_as_soon_as_another_class_occurs_anywhere(folder):
    folder.classes().pair("a", [0, 0, 0, 255, 255, 255], part="train").pair("b", part="val")
    assert check(folder).problems == []


def test_coloured_masks_come_with_a_palette(folder):
    mask = np.zeros((4, 6, 3), np.uint8)
    mask[:, 4:] = 255, 0, 0
    folder.classes().image("a.png").labels("a.png", mask)
    told, palette = check(folder).problems
    assert "a.png: found a mask in colours" in told
    assert f"retint convert {folder.root} --palette palette.json" in told
    assert palette.endswith('{"#000000": 0, "#ff0000": 1}')


def test_labels_that_count_from_one(folder):
    folder.classes("a", "b", "c").pair("x", [1, 1, 2, 2, 3, 3])
    assert "count from 1" in the_problem(folder)
    assert "--map 1=0,2=1,3=2" in the_problem(folder)


def test_sixteen_bit_labels_out_of_range(folder):
    folder.classes().image("a.png").labels("a.png", np.full((4, 6), 300, np.uint16))
    assert "found 300 (24 pixels)" in the_problem(folder)


def test_labels_in_another_file_format_are_named(folder):
    folder.classes().pair("a").image("b.png")
    (folder.root / "labels/b.regions.txt").write_text("0 1")
    assert "b.png: found b.regions.txt; expected a PNG or TIFF" in the_problem(folder)


def test_empty_and_unlabelled_sets(folder):
    folder.classes().pair("a", part="train")
    (folder.root / "val/images").mkdir(parents=True)
    problems = check(folder).problems
    assert [p.split(": ")[1].split(";")[0] for p in problems] == ["found no images", "missing"]


def test_nothing_labelled_at_all(folder):
    folder.classes().pair("a", [255] * 6)
    report = check(folder)
    assert "found only 255, which means ignore" in report.problems[0]
    assert "a.png: every pixel is ignored" in report.warnings[0]
    assert report.labelled_share == 0


def test_a_class_that_never_occurs_is_a_warning(folder):
    folder.classes("sky", "tree", "car").pair("a", part="train").pair("b", [2] * 6, part="val")
    report = check(folder)
    assert report.problems == []
    assert len(report.warnings) == 1
    assert "no pixel is labelled car (2)" in report.warnings[0]


def test_not_a_number_in_an_image(folder):
    tifffile = pytest.importorskip("tifffile")
    folder.classes().pair("a")
    (folder.root / "images/a.png").unlink()
    pixels = np.ones((4, 6), np.float32)
    pixels[0, 0] = np.nan
    tifffile.imwrite(folder.root / "images/a.tif", pixels)
    assert "found 1 values that are NaN" in the_problem(folder)


def test_many_problems_of_one_kind_are_counted(folder):
    folder.classes().pair("good")
    for n in range(25):
        folder.image(f"{n:02}.png", (1, 1, 3))
    problems = check(folder).problems
    assert len(problems) == 21
    assert problems[-1] == "... and 5 more: images without labels (25 in all)"


def test_images_not_labelled_yet_can_be_left_out(folder):
    folder.classes("sky", "tree").pair("good").image("later.png").image("photo.png")
    (folder.root / "labels/photo.jpg").write_bytes(b"")
    assert len(check(folder).problems) == 2
    report = check(folder, some=True)
    (problem,) = report.problems  # that somebody meant to label
    assert "photo.jpg" in problem
    (line,) = report.warnings
    assert line.endswith("images: 1 of 3 images have no labels and are left out")
