import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from retint.scoring import Calibration, Temperature


def drawn(temperature, shape=(90, 120), classes=4, seed=0):
    """Distributions, and truths drawn from them made softer by a temperature."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 3, (classes, *shape)).astype(np.float32)
    y = torch.softmax(torch.from_numpy(scores), 0).numpy()
    soft = torch.softmax(torch.from_numpy(scores / temperature), 0).numpy()
    truth = (soft.cumsum(0) < rng.random(shape)).sum(0).clip(0, classes - 1).astype(np.uint8)
    return truth, y


def test_agrees_with_torchmetrics():
    calibration = pytest.importorskip("torchmetrics.functional.classification")
    truth, y = drawn(2.0)
    truth[:7] = 255
    expected = calibration.multiclass_calibration_error(
        torch.from_numpy(y[:, truth != 255].T.copy()), torch.from_numpy(truth[truth != 255].astype(int)), 4, n_bins=15
    )
    counted = Calibration().add(truth[:40], y[:, :40]).add(truth[40:], y[:, 40:])
    assert counted.error() == pytest.approx(float(expected), abs=1e-5)


def test_bins_by_hand():
    y = np.array([[0.6, 0.62, 0.95, 1.0], [0.4, 0.38, 0.05, 0.0]])
    calibration = Calibration(bins=10).add([0, 1, 0, 1], y)
    confidence, accuracy, share = calibration.table()
    # (0.5, 0.6], (0.6, 0.7], (0.9, 1.0]
    assert confidence[[5, 6, 9]] == pytest.approx([0.6, 0.62, 0.975])
    assert accuracy[[5, 6, 9]] == pytest.approx([1, 0, 0.5])
    assert share[[5, 6, 9]] == pytest.approx([0.25, 0.25, 0.5])
    assert np.isnan(confidence[0])
    assert calibration.error() == pytest.approx(0.25 * 0.4 + 0.25 * 0.62 + 0.5 * 0.475)
    assert np.isnan(Calibration().error())


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_the_temperature_is_found_again(temperature):
    truth, y = drawn(temperature, (300, 300))
    fitted = Temperature().add(truth, y)
    assert fitted.value() == pytest.approx(temperature, rel=0.03)
    best = minimize_scalar(fitted.likelihood, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-6})
    assert fitted.value() == pytest.approx(best.x, rel=1e-3)
    assert fitted.calibration(fitted.value()).error() < 0.01
    told = fitted.to_dict()
    assert told["nll"] <= told["nll_before"]
    if temperature > 1:
        assert told["ece"] < told["ece_before"] / 5
    assert fitted.likelihood(1.0) == pytest.approx(-np.log(np.take_along_axis(y, truth[None].astype(int), 0)).mean())


def test_the_sample_is_bounded_and_fair():
    truth, y = drawn(2.0, (200, 400))
    truth[:, :10] = 255
    whole = Temperature(most=1 << 20).add(truth, y)
    few = Temperature(most=5000)
    for rows in np.array_split(np.arange(200), 13):
        few.add(truth[rows], y[:, rows])
        assert len(few) <= 5000
    assert len(whole) == 200 * 390
    assert len(few) == 5000
    assert few.value() == pytest.approx(whole.value(), rel=0.1)
    counts, expected = (np.bincount(one._truth, minlength=4) / len(one) for one in (few, whole))
    assert counts == pytest.approx(expected, abs=0.03)


def test_the_sample_is_that_of_the_lowest_numbers_whatever_the_parts():
    rng = np.random.default_rng(0)
    truth, y = rng.integers(0, 3, 9000), rng.dirichlet([1, 1, 1], 9000).T.astype(np.float32)
    lowest = np.sort(np.argsort(np.random.default_rng(0).random(9000))[:700])
    for parts in (1, 2, 9):
        fitted = Temperature(most=700)
        for part in np.array_split(np.arange(9000), parts):
            fitted.add(truth[part], y[:, part])
        assert np.array_equal(fitted._truth, truth[lowest])
        assert np.exp(fitted._logs) == pytest.approx(y.T[lowest], abs=1e-6)


def test_a_label_that_was_held_for_next_to_impossible_costs_what_it_should():
    fitted = Temperature().add([1, 0], [[1 - 1e-6, 1.0], [1e-6, 0.0]])
    assert fitted.likelihood(1.0) == pytest.approx(-np.log(1e-6) / 2, rel=1e-3)


def test_extremes():
    assert Temperature().value() == 1
    sure = np.array([[1.0] * 5, [0.0] * 5])
    assert Temperature().add([1] * 5, sure).value() == pytest.approx(50, rel=1e-3)
    assert Temperature().to_dict()["ece"] is None
    with pytest.raises(ValueError, match="class indices"):
        Calibration().add([2], [[0.5], [0.5]])
    with pytest.raises(ValueError, match="shape"):
        Temperature().add([1, 0], [[0.5], [0.5]])


def test_labels_that_are_all_right_do_not_sharpen():
    right = Temperature().add([1] * 50, np.full((2, 50), [[0.3], [0.7]]))
    assert right.wrong() == 0
    assert right.value() == 1
    assert right.value(before=1.7) == 1.7
    told = right.to_dict(before=1.7)
    assert (told["temperature"], told["wrong"], told["ece"]) == (1.7, 0, told["ece_before"])
    assert right.remark().startswith("50 of 50 sampled labels are right, which says nothing of how sure to be")
    one_wrong = right.add([0], [[0.3], [0.7]])
    assert (one_wrong.wrong(), one_wrong.remark()) == (1, None)
    assert 1 / 50 < one_wrong.value() < 1


def test_a_tie_is_not_wrong():
    assert Temperature().add([1, 0], [[0.5, 0.5], [0.5, 0.5]]).value() == 1


def test_the_ends_of_the_range_are_told_apart():
    y = np.array([[0.501] * 1000, [0.499] * 1000])
    low = Temperature().add([0] * 999 + [1], y)
    high = Temperature().add([1] * 999 + [0], y)
    assert low.value() == pytest.approx(1 / 50, rel=1e-3)
    assert "right far more often than the probabilities say" in low.remark()
    assert high.value() == pytest.approx(50, rel=1e-3)
    assert "say next to nothing" in high.remark()
    assert Temperature().remark() is None


@pytest.mark.parametrize("kind", [Calibration, Temperature])
def test_the_wrong_label_is_named(kind):
    half = np.full((2, 2), 0.5)
    for truth, wrong in (([-1, 1], -1), ([0, 2], 2)):
        with pytest.raises(ValueError, match=f"truth holds {wrong}; expected class indices 0 to 1"):
            kind().add(truth, half)


@pytest.mark.parametrize("kind", [Calibration, Temperature])
@pytest.mark.parametrize("wrong", [np.nan, -0.5, 1.5, np.inf])
def test_what_is_no_probability_is_refused(kind, wrong):
    y = np.array([[0.6, wrong], [0.4, 0.5]])
    counted = kind()
    with pytest.raises(ValueError, match="expected 0 to 1"):
        counted.add([0, 1], y)
    told = counted.error() if kind is Calibration else counted.likelihood(1.0)
    assert np.isnan(told), "something was counted"
    counted.add([0, 255], y)  # what is not labelled may be anything
    counted.add([0], np.array([[1.001], [-0.0001]], np.float16))  # rounding
