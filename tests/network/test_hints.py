"""Hints hold as given, and W is fed them with emphasis."""

import torch

from retint.network import CATALOGUE, Architecture
from retint.network.hints import emphasised, kept


def test_hints_are_put_back_and_count_as_often_as_the_emphasis_says():
    estimate, given = torch.rand(2, 3, 5, 4), torch.rand(2, 3, 5, 4)
    where = torch.rand(2, 1, 5, 4) < 0.5
    y = kept(estimate, (given, where))
    fed = emphasised(y, where, 2.0)
    inside = where.expand_as(y)
    assert torch.equal(y[inside], given[inside])
    assert torch.equal(fed[inside], 2 * given[inside])
    assert torch.equal(y[~inside], estimate[~inside])
    assert torch.equal(fed[~inside], estimate[~inside])
    assert kept(estimate, None) is estimate
    assert emphasised(y, None, 2.0) is y


def test_models_of_before_the_emphasis_have_none():
    table = CATALOGUE["small-8"].to_dict()
    assert table["emphasis"] > 1
    del table["emphasis"]
    assert Architecture.from_dict(table).emphasis == 1
    assert CATALOGUE["rcnn2"].emphasis == CATALOGUE["fig-9-17"].emphasis == 1
