import numpy as np
import pytest

from retint.data import class_weights


def test_rare_classes_weigh_more_and_the_mean_pixel_one():
    counts = np.array([10_000, 2_000, 100, 0])
    weights = class_weights(counts)
    assert weights.dtype == np.float32
    assert weights[0] < weights[1] < weights[2]
    assert weights[3] == 1
    assert weights @ counts / counts.sum() == pytest.approx(1)
    assert weights[2] / weights[0] == pytest.approx(10)  # the root of 100


def test_power_one_balances_and_zero_does_nothing():
    counts = np.array([600, 300, 100])
    assert np.ptp(class_weights(counts, power=1) * counts) == pytest.approx(0, abs=1e-3)
    assert class_weights(counts, power=0).tolist() == [1, 1, 1]


def test_the_cap_bounds_what_a_rare_class_can_weigh():
    weights = class_weights([10**9, 10**6, 1], cap=4)
    assert weights[2] / weights[1] == pytest.approx(4)
    assert weights[1] / weights[0] == pytest.approx(4)


def test_nothing_labelled_weighs_all_the_same():
    assert class_weights([0, 0]).tolist() == [1, 1]


@pytest.mark.parametrize(("counts", "cap"), [([1, -1], 10.0), ([1, 1], 0.5)])
def test_nonsense_is_refused(counts, cap):
    with pytest.raises(ValueError, match="expected counts"):
        class_weights(counts, cap=cap)
