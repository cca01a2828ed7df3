import numpy as np
import pytest

from retint.scoring import RiskCoverage


def by_hand(right, doubt):
    """The mean, over coverages 1/n ... 1, of the error among the surest."""
    order = np.argsort(doubt, kind="stable")
    return (np.cumsum(~right[order]) / np.arange(1, len(order) + 1)).mean()


@pytest.mark.parametrize("kind", ["spread", "sure", "useless"])
def test_area_is_that_of_the_sorted_pixels(kind):
    rng = np.random.default_rng(0)
    doubt = rng.random(20_000) ** (12 if kind == "sure" else 1)
    right = rng.random(20_000) > (0.2 if kind == "useless" else 0.6 * doubt)
    risk = RiskCoverage().add(right[:7000], doubt[:7000]).add(right[7000:], doubt[7000:])
    assert risk.area() == pytest.approx(by_hand(right, doubt), rel=0.01, abs=1e-4)
    assert risk.error() == (~right).mean()
    for out in (0.0, 0.1, 0.5):
        kept = np.argsort(doubt)[: round((1 - out) * len(doubt))]
        assert risk.left(out) == pytest.approx((~right[kept]).mean(), abs=1e-3)
    coverage, error = risk.curve()
    assert (np.diff(coverage) > 0).all()
    assert (coverage[-1], error[-1]) == (1, risk.error())
    if kind == "useless":
        assert risk.area() == pytest.approx(risk.error(), abs=0.01)


def test_perfect_doubt_has_the_least_area():
    right = np.arange(1000) < 900
    assert RiskCoverage().add(right, np.where(right, 0.1, 0.9)).area() == pytest.approx(
        RiskCoverage().add(right, ~right).best(), abs=1e-3
    )
    assert RiskCoverage().add(right, ~right * 1.0).best() == pytest.approx(by_hand(right, ~right), abs=1e-3)


def test_few_pixels_may_be_kept():
    risk = RiskCoverage().add(np.arange(100) >= 10, np.linspace(0.01, 0.99, 100))  # the surest ten are wrong
    assert risk.left(0.9) == pytest.approx(1, abs=0.02)
    assert risk.left(0.8) == pytest.approx(0.5, abs=0.02)


@pytest.mark.filterwarnings("error")
def test_nothing_kept_has_no_error():
    risk = RiskCoverage().add([True, False], [0.1, 0.9])
    assert np.isnan(risk.left(1.0))
    assert np.isnan(RiskCoverage().left(0.1))
    assert risk.left(1 - 1e-9) == 0
    for out in (-0.1, 10, np.nan):
        with pytest.raises(ValueError, match="expected a share"):
            risk.left(out)


def test_ties_count_as_in_random_order():
    rng = np.random.default_rng(1)
    right, doubt = rng.random(400) > 0.3, rng.integers(0, 3, 400) / 2
    orders = [rng.permutation(400) for _ in range(300)]
    mean = np.mean([by_hand(right[order], doubt[order]) for order in orders])
    assert RiskCoverage().add(right, doubt).area() == pytest.approx(mean, abs=3e-3)


def test_extremes():
    assert np.isnan(RiskCoverage().area())
    assert RiskCoverage().add([True, True], [0, 1]).area() == 0
    assert RiskCoverage().add([False, False], [0, 1]).area() == RiskCoverage().add([False], [0.5]).best() == 1
    with pytest.raises(ValueError, match="0 to 1"):
        RiskCoverage().add([True], [1.5])
    with pytest.raises(ValueError, match="shape"):
        RiskCoverage().add([True, False], [0.5])
