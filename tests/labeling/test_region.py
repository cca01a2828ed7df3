"""Boxes around what changed."""

import hypothesis
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retint.labeling.session.region import bounds, grown, merged, parts, rounded


@hypothesis.settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    share=st.sampled_from([0.0, 0.002, 0.01, 0.1]),
    dims=st.integers(1, 3),
    gap=st.integers(0, 6),
)
def test_parts_hold_everything_once_and_are_tight(seed, share, dims, gap):
    mask = np.random.default_rng(seed).random((40, 30, 9)[:dims]) < share
    held = np.zeros(mask.shape, int)
    for box in parts(mask, [gap] * dims):
        inside = tuple(slice(a, b) for a, b in box)
        held[inside] += 1
        assert bounds(mask[inside]) == tuple((0, b - a) for a, b in box)
        for axis in range(dims):  # no wide empty stretch within
            used = np.flatnonzero(mask[inside].any(tuple(n for n in range(dims) if n != axis)))
            assert np.diff(used).max(initial=0) <= gap + 1
    assert (held[mask] == 1).all()
    assert held.max(initial=0) <= 1


def test_merged_boxes_do_not_overlap():
    boxes = [((0, 4), (0, 4)), ((10, 12), (10, 12)), ((6, 9), (3, 8)), ((3, 7), (3, 4)), ((5, 5), (0, 9))]
    assert sorted(merged(boxes)) == [((0, 9), (0, 8)), ((10, 12), (10, 12))]


def test_grown_boxes_end_at_the_edges():
    assert grown(((0, 3), (5, 7)), lambda axis, a, b: (a - 1 - axis, b + 1 + axis), (9, 8)) == ((0, 4), (3, 8))


def test_rounded_boxes_hold_the_box_in_few_lengths_within_the_plane():
    assert rounded(((3, 8), (0, 4)), (4, 4), (20, 20)) == ((3, 11), (0, 4))
    assert rounded(((15, 20), (1, 9)), (4, 4), (20, 10)) == ((12, 20), (1, 9))
    assert rounded(((4, 6),), (16,), (10,)) == ((0, 10),)
    lengths = {rounded(((0, n),), (1,), (1000,))[0][1] for n in range(1, 101)}
    assert lengths == {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128}
    assert all(n <= rounded(((0, n),), (1,), (1000,))[0][1] <= 1.5 * n for n in range(1, 101))
