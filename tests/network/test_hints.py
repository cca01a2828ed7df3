"""Hints hold as given, and W is fed them with emphasis."""

import torch

from retint.network import CATALOGUE, Architecture
from retint.network.hints import begun, emphasised, kept


def test_hints_are_put_back_and_count_as_often_as_the_emphasis_says():
    estimate, given = torch.softmax(torch.rand(2, 3, 5, 4), 1), torch.softmax(torch.rand(2, 3, 5, 4), 1)
    share = torch.randint(3, (2, 1, 5, 4)) / 2
    hints = share * given, 1 - share
    y = kept(estimate, hints)
    fed = emphasised(y, hints, 2.0)
    all_, none, half = ((share == value).expand_as(y) for value in (1, 0, 0.5))
    assert torch.equal(y[all_], given[all_])
    assert torch.equal(fed[all_], 2 * given[all_])
    assert torch.equal(y[none], estimate[none])
    assert torch.equal(fed[none], estimate[none])
    torch.testing.assert_close(y[half], (given + estimate)[half] / 2)
    torch.testing.assert_close(fed[half], given[half] + estimate[half] / 2)
    torch.testing.assert_close(y.sum(1), torch.ones_like(y[:, 0]))
    assert kept(estimate, None) is estimate
    assert emphasised(y, None, 2.0) is y


def test_a_start_takes_the_hints_that_it_does_not_hold_and_stays_if_it_does():
    torch.manual_seed(0)
    start, given = (torch.softmax(3 * torch.randn(2, 3, 5, 4), 1) for _ in range(2))
    share = torch.rand(2, 1, 5, 4) * torch.randint(2, (2, 1, 5, 4))
    share[0, :, 0] = 1
    hints = share * given, 1 - share
    y = begun(start, hints)
    torch.testing.assert_close(y.sum(1), torch.ones_like(y[:, 0]))
    assert (y - hints[0]).min() > -1e-6
    assert torch.equal(y[(share == 0).expand_as(y)], start[(share == 0).expand_as(y)])
    assert torch.equal(y[(share == 1).expand_as(y)], given[(share == 1).expand_as(y)])
    own, holding = torch.zeros_like(start), kept(start, hints)
    own[:, 1] = 1
    other = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand_as(start)
    half = torch.full_like(share, 0.5)
    torch.testing.assert_close(begun(own, (half * other, half)), (own + other) / 2)
    torch.testing.assert_close(begun(holding, hints), holding)
    assert begun(start, None) is start


def test_models_of_before_the_emphasis_have_none():
    table = CATALOGUE["small-8"].to_dict()
    assert table["emphasis"] > 1
    del table["emphasis"]
    assert Architecture.from_dict(table).emphasis == 1
    assert CATALOGUE["rcnn2"].emphasis == CATALOGUE["fig-9-17"].emphasis == 1
