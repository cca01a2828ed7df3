import numpy as np
import pytest

from retint.pictures import colourise, default_palette


def test_colours_are_distinct_and_not_black():
    palette = default_palette(256)
    assert len(set(palette)) == 256
    assert all(isinstance(level, int) and 0 <= level <= 255 for colour in palette for level in colour)
    assert min(sum(colour) for colour in palette) > 60


def test_more_classes_keep_the_colours_of_fewer():
    for n in (0, 1, 2, 8, 9, 100):
        assert default_palette(n) == default_palette(256)[:n]
    with pytest.raises(ValueError, match="257"):
        default_palette(257)


def test_the_first_colours_are_far_apart():
    colours = np.array(default_palette(20), int)
    distances = np.abs(colours[:, None] - colours[None]).sum(-1) + 999 * np.eye(20, dtype=int)
    assert distances.min() > 80


def test_colourise_paints_classes_and_leaves_the_rest_black():
    labels = np.array([[0, 1], [255, 2]], np.uint8)
    painted = colourise(labels, [(1, 2, 3), (4, 5, 6)])
    assert painted.dtype == np.uint8
    assert painted.tolist() == [[[1, 2, 3], [4, 5, 6]], [[0, 0, 0], [0, 0, 0]]]
    assert colourise(labels, default_palette(256))[1, 0].tolist() == list(default_palette(256)[255])
    assert colourise(np.array([[300]], np.uint16), [(1, 2, 3)]).tolist() == [[[0, 0, 0]]]
