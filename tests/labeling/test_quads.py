"""Labels between cells are those of all planes interpolated to all pixels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from retint.labeling import quads
from retint.labeling.quads import labels_between, possible


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([2, 4, 8]),
    st.sampled_from([2, 4]),
    st.integers(2, 12),
    st.integers(0, 999),
)
def test_they_are_those_of_interpolated_scores(rows, columns, down, across, classes, seed):
    scores = torch.randn(classes, rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    factors = float(down), float(across)
    full = F.interpolate(scores[None], scale_factor=factors, mode="bilinear", align_corners=False)[0]
    assert torch.equal(labels_between(scores, (down, across)), full.argmax(0).to(torch.uint8))


def test_squares_that_are_mixed_a_few_at_a_time_are_mixed_alike(monkeypatch):
    scores = torch.randn(3, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = labels_between(scores, (4, 2))
    monkeypatch.setattr(quads, "_VALUES", 5 * 3 * 8)
    assert torch.equal(labels_between(scores, (4, 2)), whole)


def test_where_all_agree_nothing_is_interpolated():
    scores = torch.zeros(3, 4, 5)
    scores[2] = 1
    assert bool((labels_between(scores, (4, 4)) == 2).all())


@pytest.mark.parametrize(
    ("strides", "there"), [((4, 4), True), ((2, 8), True), ((1, 1), False), ((3, 3), False), ((2, 2, 2), False)]
)
def test_strides(strides, there):
    assert possible(strides) is there
