import json

import numpy as np
import pytest
from PIL import Image

from retint.data import (
    check_dataset,
    convert_palette,
    convert_values,
    find_colours,
    open_dataset,
    parse_mapping,
    propose_palette,
    read_palette,
    write_palette,
)
from retint.errors import DataProblems, RetintError

BLACK, RED, BLUE = (0, 0, 0), (255, 0, 0), (0, 0, 255)


def coloured(folder, stem, *colours):
    """A pair whose mask has one column of each colour."""
    mask = np.tile(np.array(colours, np.uint8), (4, 1, 1))
    folder.image(f"{stem}.png", (4, len(colours), 3)).labels(f"{stem}.png", mask)
    return folder.root / "labels" / f"{stem}.png"


def everything(folder):
    return {file: file.read_bytes() for file in folder.root.rglob("*") if file.is_file()}


def read(file):
    return np.asarray(Image.open(file)).tolist()


def test_values_are_replaced_at_once_in_every_part_and_the_old_masks_kept(folder):
    folder.classes().pair("a", [0, 0, 1, 1, 255, 255], part="train").pair("b", [0] * 6, part="val")
    before = (folder.root / "train/labels/a.png").read_bytes()
    written = convert_values(folder.root, {0: 1, 1: 0})
    assert written == [folder.root / "train/labels/a.png", folder.root / "val/labels/b.png"]
    assert read(written[0]) == [[1, 1, 0, 0, 255, 255]] * 4
    assert read(written[1]) == [[1] * 6] * 4
    assert (folder.root / "train/labels.original/a.png").read_bytes() == before
    assert not list(folder.root.rglob("labels.new"))


def test_the_conversion_that_the_check_names_mends_the_set(folder):
    folder.classes("background", "cell").pair("a", [0, 0, 0, 255, 255, 255])
    (problem,) = check_dataset(open_dataset(folder.root)).problems
    convert_values(folder.root, parse_mapping([problem.split("--map ")[1]]))
    report = check_dataset(open_dataset(folder.root))
    assert report.problems == []
    assert report.pixels_per_class == {"all": [12, 12]}


def test_a_tiff_of_sixteen_bits_becomes_a_png(folder):
    folder.pair("a")
    (folder.root / "labels/a.png").unlink()
    folder.labels("a.tif", np.array([[1000, 0]], np.uint16))
    assert convert_values(folder.root, {1000: 1}) == [folder.root / "labels/a.png"]
    assert read(folder.root / "labels/a.png") == [[1, 0]]
    assert not (folder.root / "labels/a.tif").exists()


def test_colours_become_indices_and_masks_of_indices_stay(folder):
    file = coloured(folder, "a", BLACK, RED, BLUE)
    folder.pair("b")
    convert_palette(folder.root, {BLACK: 0, RED: 1, BLUE: 255})
    assert read(file) == [[0, 1, 255]] * 4
    assert read(folder.root / "labels/b.png") == [[0, 0, 0, 1, 1, 255]] * 4


def test_unknown_colours_are_all_listed_and_nothing_changes(folder):
    coloured(folder, "a", BLACK, RED)
    coloured(folder, "b", BLUE, BLUE)
    before = everything(folder)
    with pytest.raises(DataProblems) as caught:
        convert_palette(folder.root, {BLACK: 0})
    first, second = caught.value.problems
    assert "a.png: found #ff0000 (4 pixels)" in first
    assert "b.png: found #0000ff (8 pixels)" in second
    assert everything(folder) == before
    assert not (folder.root / "labels.new").exists()


def test_a_failure_half_way_through_puts_everything_back(folder, monkeypatch):
    folder.pair("a", part="train").pair("b", part="val")
    before = everything(folder)
    rename = type(folder.root).rename

    def fails_at_last(self, target):
        if self.name == "labels.new" and self.parent.name == "val":
            raise OSError(28, "No space left on device", str(self))
        return rename(self, target)

    monkeypatch.setattr(type(folder.root), "rename", fails_at_last)
    with pytest.raises(RetintError, match="No space left on device"):
        convert_values(folder.root, {0: 1})
    assert everything(folder) == before
    assert not list(folder.root.rglob("labels.*"))


def test_later_conversions_keep_the_first_masks_and_those_between(folder):
    folder.pair("a", [0, 0, 0, 1, 1, 1], part="train").pair("b", [0] * 6, part="val")
    first = (folder.root / "train/labels/a.png").read_bytes()
    for mapping in ({0: 2}, {1: 3}, {2: 4}):
        convert_values(folder.root, mapping)
    assert read(folder.root / "train/labels/a.png") == [[4, 4, 4, 3, 3, 3]] * 4
    assert (folder.root / "train/labels.original/a.png").read_bytes() == first
    assert read(folder.root / "train/labels.original-2/a.png") == [[2, 2, 2, 1, 1, 1]] * 4
    assert read(folder.root / "val/labels.original-3/b.png") == [[2] * 6] * 4


def test_what_a_stopped_conversion_left_is_in_the_way(folder):
    folder.pair("a")
    (folder.root / "labels.new").mkdir()
    before = everything(folder)
    with pytest.raises(RetintError, match=r"labels\.new: found what .* remove it$"):
        convert_values(folder.root, {0: 2})
    assert everything(folder) == before


def test_classes_are_shown_in_the_colours_of_the_set(folder):
    folder.classes("a", "b", colours=[BLUE, RED]).pair("x", [0, 0, 7, 7, 1, 255])
    convert_values(folder.root, {7: 2})
    with Image.open(folder.root / "labels/x.png") as mask:
        shown = [mask.convert("RGB").getpixel((column, 0)) for column in (0, 2, 4, 5)]
    assert [shown[0], shown[2], shown[3]] == [BLUE, RED, BLACK]
    assert shown[1] not in (BLUE, RED, BLACK)


def scrambled(folder):
    """Masks as an indexed export of a picture makes them, each with its colours in its own order."""
    return [
        folder.indexed("a", [0, 0, 1, 1], BLACK, RED),
        folder.indexed("b", [0, 0, 1, 1], BLACK, BLUE),
        folder.indexed("c", [0, 0, 1, 2], BLUE, RED, BLACK),
    ]


def test_masks_with_palettes_are_converted_by_their_colours(folder):
    first, second, third = scrambled(folder)
    before = first.read_bytes()
    palette = {BLACK: 0, RED: 1, BLUE: 2}
    assert convert_palette(folder.root, palette) == [second, third]
    assert first.read_bytes() == before
    assert [read(file)[0] for file in (second, third)] == [[0, 0, 2, 2], [2, 2, 1, 0]]
    with pytest.raises(RetintError, match="no mask is in colours"):  # what was written shows the same colours
        convert_palette(folder.root, palette)


def test_palettes_that_the_palette_does_not_name(folder):
    folder.classes("bg", "red")
    mine = folder.indexed("a", [0, 0, 1, 255], (1, 2, 3), (4, 5, 6))
    coloured(folder, "b", BLACK, RED)
    before = mine.read_bytes()
    convert_palette(folder.root, {BLACK: 0, RED: 1})
    assert mine.read_bytes() == before  # its index 255 is black, but ignore
    folder.indexed("c", [0, 1, 1, 255], RED, BLUE)
    with pytest.raises(DataProblems, match=r"c\.png: found #0000ff \(8 pixels\), which the palette lacks"):
        convert_palette(folder.root, {BLACK: 0, RED: 1})
    (new,) = convert_palette(folder.root, {BLACK: 0, RED: 1, BLUE: 0})
    assert read(new)[0] == [1, 0, 0, 255]


def test_a_tiff_with_a_palette_is_converted_by_its_colours(folder):
    tifffile = pytest.importorskip("tifffile")
    folder.image("a.tif", (4, 3, 3))
    colours = np.zeros((3, 256), np.uint16)
    colours[0, 0], colours[2, 1] = 65535, 65535  # red, blue
    file = folder.root / "labels/a.tif"
    file.parent.mkdir()
    tifffile.imwrite(file, np.tile(np.uint8([0, 1, 2]), (4, 1)), photometric="palette", colormap=colours)
    (new,) = convert_palette(folder.root, {BLACK: 0, BLUE: 1, RED: 2})
    assert read(new)[0] == [2, 1, 0]


def test_transparent_pixels_become_ignore(folder):
    mask = np.zeros((4, 3, 4), np.uint8)
    mask[:, :2, 0] = 255  # red, the first half of it not to be seen
    mask[:, 1:, 3] = 255, 100
    folder.image("a.png", (4, 3, 3)).labels("a.png", mask)
    file = folder.root / "labels/a.png"
    assert find_colours([file]) == {RED: 4, BLACK: 4}
    convert_palette(folder.root, {BLACK: 0, RED: 1})
    assert read(file) == [[255, 1, 0]] * 4


def test_transparent_entries_of_palettes_become_ignore(folder):
    file = folder.indexed("a", [0, 1, 2], BLACK, BLUE, RED, transparency=0)
    assert find_colours([file]) == {BLUE: 4, RED: 4}
    convert_palette(folder.root, {BLACK: 0, RED: 1, BLUE: 2})
    assert read(file) == [[255, 2, 1]] * 4


def test_what_cannot_be_converted_is_refused(folder):
    with pytest.raises(RetintError, match="found nothing"):
        convert_values(folder.root, {0: 1})
    folder.image("a.png")
    with pytest.raises(RetintError, match="no masks to convert"):
        convert_values(folder.root, {0: 1})
    folder.pair("a")
    with pytest.raises(RetintError, match="no pixel has a value of"):
        convert_values(folder.root, {9: 1})
    with pytest.raises(RetintError, match="0=0,1=1: changes nothing"):
        convert_values(folder.root, {0: 0, 1: 1})
    with pytest.raises(RetintError, match="no mask is in colours"):
        convert_palette(folder.root, {BLACK: 0})
    with pytest.raises(RetintError, match="the palette is empty"):
        convert_palette(folder.root, {})
    with pytest.raises(RetintError, match="#000000: found class index -1"):
        convert_palette(folder.root, {BLACK: -1})
    with pytest.raises(RetintError, match="0=256: expected"):
        convert_values(folder.root, {0: 256})
    coloured(folder, "c", RED)
    with pytest.raises(DataProblems, match=r"c\.png: found a mask in colours"):
        convert_values(folder.root, {0: 1})
    assert not list(folder.root.rglob("labels.*"))


def test_find_colours_counts_over_all_coloured_masks(folder):
    files = [coloured(folder, "a", RED, RED, BLACK), coloured(folder, "b", BLUE, RED, RED)]
    folder.pair("c")
    assert find_colours([*files, folder.root / "labels/c.png"]) == {RED: 16, BLACK: 4, BLUE: 4}


def test_propose_palette():
    colours = {RED: 90, BLUE: 50, BLACK: 10}
    assert propose_palette(colours, 3) == {BLACK: 0, RED: 1, BLUE: 2}
    assert propose_palette(colours, 2) == {BLACK: 0, RED: 1, BLUE: 255}
    assert propose_palette(colours, 2, known=[RED, BLUE]) == {RED: 0, BLUE: 1, BLACK: 255}
    with pytest.raises(RetintError, match="found 300 colours"):
        propose_palette({(n % 256, n // 256, 0): 1 for n in range(300)}, 2)


def test_greys_of_class_indices_are_these_indices():
    def greys(*values):
        return {(k, k, k): 10 - place for place, k in enumerate(values)}

    assert propose_palette(greys(2, 0, 255, 1), 3) == {(2, 2, 2): 2, BLACK: 0, (255, 255, 255): 255, (1, 1, 1): 1}
    assert propose_palette(greys(2, 0), 4, known=[BLACK, RED, BLUE, (9, 9, 9)]) == {(2, 2, 2): 2, BLACK: 0}
    assert propose_palette(greys(0, 255), 2) == {BLACK: 0, (255, 255, 255): 1}
    assert propose_palette(greys(0, 1), 2, known=[(1, 1, 1), BLACK]) == {(1, 1, 1): 0, BLACK: 1}
    assert propose_palette(greys(0, 1, 7), 3) == {BLACK: 0, (1, 1, 1): 1, (7, 7, 7): 2}


def test_palettes_are_written_and_read(tmp_path):
    palette = {BLACK: 0, (255, 128, 10): 1, BLUE: 255}
    file = tmp_path / "palette.json"
    write_palette(file, palette)
    assert json.loads(file.read_text()) == {"#000000": 0, "#ff800a": 1, "#0000ff": 255}
    assert read_palette(file) == palette
    with pytest.raises(RetintError, match="exists"):
        write_palette(file, {})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"red": 1}', '{"#ff0000": 256}', '{"#ff0000": "1"}', '{"#ff00": 1}'])
def test_malformed_palettes(tmp_path, text):
    (tmp_path / "palette.json").write_text(text)
    with pytest.raises(RetintError, match=r"palette\.json: .*expected such as"):
        read_palette(tmp_path / "palette.json")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"#FF0000": 1, "#ff0000": 2}', "#ff0000 as 1 and as 2"),
        ('{"#ff0000": 1, "#000000": 0, "#ff0000": 3}', "#ff0000 as 1 and as 3"),
    ],
)
def test_a_colour_has_one_class(tmp_path, text, found):
    (tmp_path / "palette.json").write_text(text)
    with pytest.raises(RetintError, match=rf"palette\.json: found {found}; expected each colour once"):
        read_palette(tmp_path / "palette.json")
    (tmp_path / "palette.json").write_text('{"#FF0000": 1, "#ff0000": 1}')
    assert read_palette(tmp_path / "palette.json") == {RED: 1}


def test_parse_mapping():
    assert parse_mapping(["255=1"]) == {255: 1}
    assert parse_mapping(["1=0, 2=1", "3=2"]) == {1: 0, 2: 1, 3: 2}
    for bad in ("1", "1=", "a=1", "1=-1", "1=0,,2=1"):
        with pytest.raises(RetintError, match="expected OLD=NEW"):
            parse_mapping([bad])
    with pytest.raises(RetintError, match="1=0 and 1=2"):
        parse_mapping(["1=0,1=2"])
