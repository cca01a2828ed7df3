import numpy as np
import pytest
from PIL import ImageDraw

from retint.pictures import default_palette, strip
from retint.pictures.strip import _percent

RNG = np.random.default_rng(0)
CHANGED = (255, 0, 128)


def is_colour(picture, colour):
    return (picture == np.array(colour)).all(-1)


def test_panels_show_the_image_the_labels_and_the_changes():
    image = np.full((40, 60, 3), 90, np.uint8)
    first, second = np.zeros((2, 40, 60), np.uint8)
    second[10:20, 30:40] = 1
    picture = strip(image, [(1, first), (2, second)], [(0, 90, 0), (0, 0, 255)], classes=["ground", "thing"])
    assert picture.dtype == np.uint8
    scale = 8  # of whole pixels, to at most 480 wide
    assert is_colour(picture, (90, 90, 90)).sum() >= 40 * 60 * scale**2
    assert is_colour(picture, CHANGED).sum() == 100 * scale**2
    rows, columns = np.nonzero(is_colour(picture, CHANGED))
    assert rows.min() > picture.shape[0] / 2  # in the lower row
    assert columns.min() > picture.shape[1] * 2 / 3  # under the second estimate
    assert is_colour(picture, (0, 0, 255)).any()


def test_changes_may_be_given():
    labels, where = np.zeros((30, 30), np.uint8), np.zeros((30, 30), bool)
    where[3, 4] = True
    estimates = [(1, labels), (2, labels)]
    count = is_colour(strip(labels, estimates, default_palette(2), [where, None]), CHANGED).sum()
    assert count == 16 * 16
    assert not is_colour(strip(labels, estimates, default_palette(2)), CHANGED).any()


def test_a_single_changed_pixel_of_a_large_image_is_seen():
    before = np.zeros((900, 900), np.uint8)
    now = before.copy()
    now[450, 450] = 1
    picture = strip(before, [(1, before), (2, now)], default_palette(2)).astype(int)
    assert (picture[..., 0] - picture[..., 1] > 80).any()


@pytest.mark.parametrize("shape", [(1, 1), (3, 500, 3), (500, 3), (700, 900, 4), (30, 5000)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_size_gives_a_picture_of_bounded_size(shape, dtype):
    image = (RNG.random(shape) * 250).astype(dtype)
    labels = RNG.integers(0, 3, shape[:2]).astype(np.uint8)
    picture = strip(image, [(step, labels) for step in (1, 2, 4, 8)], default_palette(3), None, ["a", "b", "c"])
    assert picture.shape[0] < 1500
    assert picture.shape[1] < 2600


def test_only_classes_that_occur_are_in_the_legend():
    labels = np.full((50, 50), 5, np.uint8)
    labels[:, :9], labels[:3] = 255, 7
    palette = default_palette(12)
    picture = strip(np.zeros((50, 50), np.uint8), [(1, labels)], palette, background=3)
    legend = picture[picture.shape[0] // 2 :, : picture.shape[1] // 2]
    shown = [k for k, colour in enumerate(palette) if is_colour(legend, colour).sum() > 100]
    assert shown == [5, 7]


def test_of_more_classes_than_fit_the_legend_counts_the_others(monkeypatch):
    texts, write = [], ImageDraw.ImageDraw.text

    def written(self, at, text, *arguments, **options):
        texts.append((at, text))
        write(self, at, text, *arguments, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", written)
    palette = default_palette(256)
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = strip(labels, [(1, labels)], palette)
    named = [text for _, text in texts if text.startswith("class ")]
    assert named == [f"class {k}" for k in range(len(named))]
    assert 1 < len(named) < 256
    assert [text for _, text in texts if "more" in text] == [f"and {256 - len(named)} more"]
    for (x, y), text in texts:
        if text in named:
            assert tuple(picture[int(y) - 6, int(x) - 18]) == palette[named.index(text)]  # its swatch
        if "more" in text:
            assert (picture[int(y) - 12 : int(y), int(x) : int(x) + 60] < 200).any()

    texts.clear()
    wide = labels.reshape(1, 256)  # a legend of one line, for the 256 that do not fit
    picture = strip(wide, [(1, wide)], palette, None, ["a rather long name of a class " * 9] * 256)
    (((x, y), text),) = [one for one in texts if "more" in one[1]]
    assert text == "and 256 more"
    assert not any("name of a class" in text for _, text in texts)
    assert (picture[int(y) - 12 : int(y), int(x) : int(x) + 60] < 200).any()


def test_shares_are_told_as_precisely_as_they_need():
    assert [_percent(x) for x in (1, 0.0324, 0.0004, 0.00001)] == ["100.0 %", "3.2 %", "0.04 %", "< 0.01 %"]


def test_no_estimates():
    with pytest.raises(ValueError, match="no estimates"):
        strip(np.zeros((5, 5)), [], default_palette(2))
