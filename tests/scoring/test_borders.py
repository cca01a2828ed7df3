"""The band near borders."""

import numpy as np

from retint.scoring import near_borders


def test_a_straight_border_has_a_band_of_so_many_pixels_on_either_side():
    labels = np.zeros((6, 12), np.uint8)
    labels[:, 6:] = 1
    for distance in (1, 2, 4):
        assert near_borders(labels, distance).sum(1).tolist() == [2 * distance] * 6


def test_distance_is_that_to_a_border_not_to_another_class():
    labels = np.zeros((3, 3), np.uint8)
    labels[2, 2] = 1
    around = [[0, 0, 0], [0, 0, 1], [0, 1, 1]]
    assert near_borders(labels, 1.5).tolist() == np.array(around, bool).tolist()  # the middle is 1.41 from the corner
    around[1][1] = around[0][2] = around[2][0] = 1
    assert near_borders(labels, 2).tolist() == np.array(around, bool).tolist()


def test_ignored_pixels_make_no_border_and_are_not_in_the_band():
    labels = np.zeros((4, 9), np.uint8)
    labels[:, 3] = 255
    assert not near_borders(labels, 8).any()
    labels[:, 4:] = 1
    assert not near_borders(labels, 8).any()
    labels[:, 6:] = 0
    band = near_borders(labels, 8)
    assert band[:, 4:].all()
    assert not band[:, 3].any()


def test_against_every_pair_of_pixels():
    labels = np.random.default_rng(0).integers(0, 2, (3, 7, 8)).repeat(2, 2)
    labels[0, :3] = 255
    known = np.argwhere(labels != 255)
    values = labels[tuple(known.T)]
    edge = [
        any(abs(p - q).sum() == 1 and v != w for q, w in zip(known, values, strict=True))
        for p, v in zip(known, values, strict=True)
    ]
    borders = known[np.array(edge)]
    near = np.sqrt(((known[:, None] - borders[None]) ** 2).sum(2)).min(1) <= 2
    expected = np.zeros(labels.shape, bool)
    expected[tuple(known[near].T)] = True
    assert np.array_equal(near_borders(labels, 3), expected)
