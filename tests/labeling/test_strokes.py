"""Strokes: which pixels a line draws, and how strokes lie over each other."""

import itertools

import hypothesis
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label

from retint.labeling.session.strokes import Stroke, paint

SIZE = (30, 40)


def drawn(*strokes, size=SIZE):
    plane = np.full(size, 255, np.uint8)
    paint(plane, tuple((0, n) for n in size), strokes)
    return plane


@hypothesis.settings(max_examples=25)
@given(
    points=st.lists(st.tuples(st.floats(-20, 50), st.floats(-20, 60)), min_size=1, max_size=4),
    width=st.floats(1, 12),
)  # fmt: skip
def test_a_line_has_the_pixels_within_half_its_width(points, width):
    corners = np.array([*points, points[-1]])
    centres = np.stack(np.mgrid[: SIZE[0], : SIZE[1]], -1).astype(float)
    distance = np.full(SIZE, np.inf)
    for one, other in itertools.pairwise(corners):
        for share in np.linspace(0, 1, 200):  # by sampling the line: an upper bound of the distance
            distance = np.minimum(distance, np.linalg.norm(centres - (one + share * (other - one)), axis=-1))
    inside = distance <= width / 2
    for row, column in np.rint(corners).astype(int):
        if 0 <= row < SIZE[0] and 0 <= column < SIZE[1]:
            inside[row, column], distance[row, column] = True, 0
    if not inside.any():
        return
    found = drawn(Stroke.line(1, points, width, SIZE)) == 1
    assert not (inside & ~found).any()
    assert (distance[found] <= width / 2 + 0.1).all()


@hypothesis.settings(max_examples=60)
@given(ends=st.lists(st.tuples(st.floats(0, 29), st.floats(0, 39)), min_size=2, max_size=2))
def test_the_thinnest_line_has_no_gaps(ends):
    assert label(drawn(Stroke.line(0, ends, 1, SIZE)) == 0, connectivity=2).max() == 1


def test_later_strokes_lie_over_earlier_ones_and_give_back_what_they_covered():
    one, other = Stroke.line(1, [(5, 5), (5, 30)], 3, SIZE), Stroke.line(2, [(1, 10), (20, 10)], 3, SIZE)
    assert one.box == ((4, 7), (4, 32))
    plane = drawn(one, other)
    assert plane[5, 10] == 2
    changed = paint(plane, other.box, [one])
    assert changed == ((0, 22), (9, 12))
    assert np.array_equal(plane, drawn(one))
    assert paint(plane, other.box, [one]) is None


def test_the_known_pixels_of_a_map_are_a_stroke():
    labels = np.full((9, 9, 9), 255)
    labels[2, 3:5, 4], labels[7, 8, 0] = 1, 2
    stroke = Stroke.pixels(labels)
    assert stroke.box == ((2, 8), (3, 9), (0, 5))
    assert np.array_equal(drawn(stroke, size=(9, 9, 9)), labels)
