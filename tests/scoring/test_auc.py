import numpy as np
import pytest

from retint.scoring import RocAuc


def _scores(kind):
    rng = np.random.default_rng(1)
    truth = rng.random((100, 200)) < 0.1
    logit = rng.normal(size=truth.shape) + 2 * truth
    if kind == "confident":  # most scores within 1e-4 of 0 or 1
        logit = 8 * logit - 10
    if kind == "coarse":
        logit = np.round(logit)
    return truth, (1 / (1 + np.exp(-logit))).astype(np.float32)


@pytest.mark.parametrize("kind", ["plain", "confident", "coarse"])
def test_agrees_with_scikit_learn(kind):
    metrics = pytest.importorskip("sklearn.metrics")
    truth, score = _scores(kind)
    expected = metrics.roc_auc_score(truth.ravel(), score.ravel())
    assert RocAuc().add(truth, score).value() == pytest.approx(expected, abs=1e-3)


def test_pieces_count_as_the_whole(monkeypatch):
    truth, score = _scores("plain")
    whole = RocAuc().add(truth, score).value()
    monkeypatch.setattr("retint.scoring.odds._CHUNK", 999)
    assert RocAuc().add(truth[:30], score[:30]).add(truth[30:], score[30:]).value() == whole


def test_extremes():
    truth = np.array([False, True])
    assert RocAuc().add(truth, [0.0, 1.0]).value() == 1
    assert RocAuc().add(truth, [1.0, 0.0]).value() == 0
    assert RocAuc().add(truth, [0.3, 0.3]).value() == 0.5
    assert np.isnan(RocAuc().add([True], [0.3]).value())


@pytest.mark.parametrize("score", [[0.1, 1.5], [-0.1, 0.5], [np.nan, 0.5], [0.1]])
def test_bad_scores_are_refused(score):
    area = RocAuc()
    with pytest.raises(ValueError, match=r"expected|equal"):
        area.add([True, False], score)
    assert np.isnan(area.value())


def test_scores_of_one_bin_tie_and_the_outermost_hold_all_beyond():
    below, near = [1e-9, 1e-8], [0.5, 0.501]
    assert RocAuc().add([False, True], below).value() == 0.5
    assert RocAuc().add([False, True], near).value() == 0.5
    assert RocAuc(bins=1 << 16).add([False, True], below).value() == 0.5
    assert RocAuc(bins=1 << 16).add([False, True], near).value() == 1
