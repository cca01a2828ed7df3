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


def test_an_earlier_conversion_is_never_overwritten(folder):
    folder.pair("a", [0, 0, 0, 1, 1, 1])
    convert_values(folder.root, {0: 2})
    before = everything(folder)
    with pytest.raises(RetintError, match=r"labels\.original: exists"):
        convert_values(folder.root, {1: 3})
    assert everything(folder) == before


def test_what_cannot_be_converted_is_refused(folder):
    with pytest.raises(RetintError, match="found nothing"):
        convert_values(folder.root, {0: 1})
    folder.image("a.png")
    with pytest.raises(RetintError, match="no masks to convert"):
        convert_values(folder.root, {0: 1})
    folder.pair("a")
    with pytest.raises(RetintError, match="no pixel has a value of"):
        convert_values(folder.root, {9: 1})
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


def test_parse_mapping():
    assert parse_mapping(["255=1"]) == {255: 1}
    assert parse_mapping(["1=0, 2=1", "3=2"]) == {1: 0, 2: 1, 3: 2}
    for bad in ("1", "1=", "a=1", "1=-1", "1=0,,2=1"):
        with pytest.raises(RetintError, match="expected OLD=NEW"):
            parse_mapping([bad])
    with pytest.raises(RetintError, match="1=0 and 1=2"):
        parse_mapping(["1=0,1=2"])
