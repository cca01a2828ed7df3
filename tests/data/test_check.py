import json

import numpy as np
import pytest

from retint.data import check_dataset, convert_palette, open_dataset
from retint.errors import DataProblems

BLACK, RED, GREEN, WHITE = (0, 0, 0), (255, 0, 0), (0, 255, 0), (255, 255, 255)


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


def test_masks_whose_palette_contradicts_the_colours_of_the_set(folder):
    folder.classes("bg", "red", "green", colours=[BLACK, RED, GREEN])
    folder.indexed("a", [0, 1, 2, 255], BLACK, RED, GREEN)
    folder.indexed("b", [0, 0, 1, 1], BLACK, GREEN)
    folder.indexed("c", [0, 1, 2, 3], WHITE, BLACK, GREEN, RED)  # and 3 is no class
    first, second, palette = check(folder).problems
    assert 'b.png: found red (1) in #00ff00, which "colours" in classes.json gives to green (2); expected' in first
    assert f"retint convert {folder.root} --palette palette.json" in first
    assert "c.png: found red (1) in #000000" in second
    proposal = json.loads(palette.split("palette.json: ")[1])
    assert proposal == {"#000000": 0, "#ff0000": 1, "#00ff00": 2, "#ffffff": 255}
    convert_palette(folder.root, {BLACK: 0, RED: 1, GREEN: 2, WHITE: 255})
    report = check(folder)
    assert (report.problems, report.warnings) == ([], [])
    assert report.pixels_per_class == {"all": [4 * 4, 2 * 4, 4 * 4]}


def test_a_colour_that_is_no_class_among_those_of_the_set(folder):
    folder.classes("bg", "red", "green", colours=[BLACK, RED, GREEN])
    folder.indexed("a", [0, 1, 2, 1], BLACK, RED, GREEN)
    folder.indexed("b", [0, 1, 2, 1], BLACK, RED, WHITE)
    report = check(folder)
    assert report.problems == []
    told, palette = report.warnings
    assert "b.png: found green (2) in #ffffff; expected #00ff00, as in" in told
    assert "classes.json (1 such masks)" in told
    assert '"#ffffff": 255' in palette


def test_palettes_may_be_any(folder):
    shown = (90, 90, 90), (86, 180, 233)
    for colours in (None, [WHITE, RED]):
        folder.classes("bg", "red", **({"colours": colours} if colours else {}))
        folder.indexed("a", [0, 1, 1, 255], *shown)
        folder.indexed("b", [1, 1, 0, 0], *shown, BLACK)
        report = check(folder)
        assert (report.problems, report.warnings) == ([], [])


def test_masks_whose_palettes_differ_are_a_warning(folder):
    folder.classes("bg", "red", "green")
    folder.indexed("a", [0, 1, 2, 255], BLACK, RED, GREEN)
    folder.indexed("b", [0, 0, 1, 1], BLACK, GREEN)
    folder.indexed("c", [0, 0, 1, 1], GREEN, BLACK)
    report = check(folder)
    assert report.problems == []
    told, palette = report.warnings
    assert "b.png: found red (1) in #00ff00; expected #ff0000, as in" in told
    assert "a.png (2 such masks)" in told
    assert palette.endswith('{"#000000": 0, "#00ff00": 1, "#ff0000": 2}')
    folder.indexed("d", [0, 1, 2, 3], BLACK, RED, GREEN, WHITE)  # 3 is no class, and perhaps no index
    assert any("b.png: found red (1) in #00ff00" in line for line in check(folder).problems)


def test_colours_that_classes_share_say_nothing(folder):
    folder.classes("bg", "red", "green", colours=[BLACK, RED, GREEN])
    folder.indexed("a", [0, 1, 2, 2], BLACK, RED)  # the palette is too short, and 2 is black, too
    report = check(folder)
    assert (report.problems, report.warnings) == ([], [])


def test_transparent_pixels_of_coloured_masks_are_told(folder):
    mask = np.full((4, 6, 4), 255, np.uint8)
    mask[:, 4:] = 0
    folder.classes().image("a.png").labels("a.png", mask)
    palette = check(folder).problems[-1]
    assert "found 1 colours in 1 masks, and 8 transparent pixels, which will be ignored (255); expected" in palette
    assert palette.endswith('{"#ffffff": 0}')


def test_indices_saved_as_rgb_are_proposed_as_they_are(folder):
    values = np.array([[0, 1, 1, 2, 2, 255]] * 4)
    folder.classes("a", "b", "c").image("x.png").labels("x.png", np.stack([values] * 3, -1))
    palette = json.loads(check(folder).problems[-1].split("palette.json: ")[1])
    assert palette == {"#000000": 0, "#010101": 1, "#020202": 2, "#ffffff": 255}


def test_folders_that_are_not_used(folder):
    folder.classes().pair("a", part="train").pair("b", part="Validation").pair("c", part="extra")
    (folder.root / "rest").mkdir()
    (folder.root / "images-of-others").mkdir()
    first, second = check(folder).warnings
    assert "set/Validation: found images that are not used; expected parts" in first
    assert first.endswith("rename it val/")
    assert second.endswith(
        "extra: found images that are not used; expected parts named train/, val/ and test/: rename it val/ or test/, if it is one"
    )
    folder.pair("d", part="val")
    assert check(folder).warnings[0].endswith("move what it holds into val/")


def test_a_part_beside_images(folder):
    folder.classes().pair("a").pair("b", part="valid").image("x.png", part="other").classes()
    (folder.root / "other/classes.json").write_text("{}")  # a set of its own
    (line,) = check(folder).warnings
    assert "set/valid: found images" in line
    assert line.endswith("move images/ and labels/ into train/, and rename it val/")


def test_images_in_folders_inside_images(folder):
    folder.classes().pair("a").image("sub/b.png").image("sub2/deep/c.png")
    (folder.root / "images/empty").mkdir()
    report = check(folder)
    assert report.problems == []
    (line,) = report.warnings
    assert "images: found images in folders inside it (sub, sub2), too, which are not read" in line


def test_images_only_in_folders_inside_images(folder):
    folder.classes().image("train/a.png").image("Validation/b.png").labels("train/a.png", [[0]])
    (problem,) = (p for p in check(folder).problems if "images: found" in p)
    root = folder.root
    assert "found images only in folders inside it (Validation, train), which are not read" in problem
    assert f"train into {root}/train/images, its labels into {root}/train/labels" in problem
    assert f"Validation into {root}/val/images" in problem
    folder = type(folder)(root.with_name("other")).classes().image("seq1/a.png")
    assert check(folder).problems[0].endswith("expected them right there: move them up, and their labels likewise")


def test_nobody_is_told_to_remove_the_whole_set(folder):
    folder.classes().labels("a.png", [[0]])
    (folder.root / "images").mkdir()
    assert check(folder).problems[0].endswith("found no images; expected at least one: put some there")


def copy_image(folder, source, target):
    (folder.root / target).write_bytes((folder.root / source).read_bytes())


def test_images_both_learned_from_and_validated_on(folder):
    folder.classes()
    for stem in "abc":
        folder.pair(stem, part="train").pair(f"{stem}2", part="val")
    copy_image(folder, "train/images/b.png", "val/images/a2.png")
    copy_image(folder, "train/images/c.png", "val/images/c2.png")
    copy_image(folder, "train/images/b.png", "train/images/a.png")  # that alone spoils no score
    (line,) = check(folder).warnings
    assert (
        f"a2.png: found the same image as {folder.root}/train/images/a.png, one of 2 in val/ that are in train/, too"
        in line
    )


def test_images_twice_where_some_are_held_out(folder):
    folder.classes().pair("a").pair("b").pair("c")
    copy_image(folder, "images/a.png", "images/c.png")
    (line,) = check(folder).warnings
    assert f"c.png: found the same image as {folder.root}/images/a.png, one of 1 such copies" in line


def test_accents_may_be_written_in_two_ways(folder):
    folder.classes().image("e\u0301te\u0301.png").labels("\u00e9t\u00e9.png", np.zeros((2, 6)))
    (problem,) = check(folder).problems
    assert "found 6 x 2 pixels; expected 6 x 4" in problem


def test_labels_that_are_links_to_nothing_or_folders(folder):
    folder.classes().pair("good").image("link.png").image("dir.png").pair("gone")
    (folder.root / "labels/link.png").symlink_to("nowhere.png")
    (folder.root / "labels/dir.png").mkdir()
    (folder.root / "images/gone.png").unlink()
    (folder.root / "images/gone.png").symlink_to("nowhere.png")
    first, second, third = check(folder).problems
    assert "labels/dir.png: found a folder, dir.png; expected a PNG or TIFF" in first
    assert "labels/link.png: found a broken link, link.png; expected a PNG or TIFF" in second
    assert "gone.png: found no image named gone in" in third
    assert "but a broken link, gone.png; expected one" in third


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
