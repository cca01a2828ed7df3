from pathlib import Path

import pytest

from retint.data import Pair, hold_out


def pairs(n):
    return [Pair(f"{i:03}", Path(f"images/{i:03}.png"), Path(f"labels/{i:03}.png")) for i in range(n)]


@pytest.mark.parametrize(("n", "held"), [(0, 0), (1, 0), (4, 0), (5, 1), (6, 1), (20, 4), (100, 20)])
def test_how_many_are_held_out(n, held):
    train, validation = hold_out(pairs(n))
    assert len(validation) == held
    assert sorted(train + validation, key=lambda pair: pair.stem) == pairs(n)
    assert [pair.stem for pair in train] == sorted(pair.stem for pair in train)


def test_the_same_whatever_the_order_and_another_with_another_seed():
    assert hold_out(pairs(50)) == hold_out(pairs(50)[::-1])
    assert hold_out(pairs(50), seed=1) != hold_out(pairs(50), seed=2)


def test_shares():
    assert len(hold_out(pairs(10), share=0)[1]) == 0
    assert len(hold_out(pairs(10), share=0.01)[1]) == 1
    assert len(hold_out(pairs(5), share=0.99)[0]) == 1
    with pytest.raises(ValueError, match="expected 0 or more"):
        hold_out(pairs(5), share=1.0)


def test_one_more_image_hardly_moves_the_choice():
    before, after = (set(hold_out(pairs(n), share=0.2)[1]) for n in (50, 51))
    assert len(before - after) <= 1
