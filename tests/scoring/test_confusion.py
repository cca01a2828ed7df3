import numpy as np
import pytest

from retint.scoring import Confusion


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, (40, 50)).astype(np.uint8)
    prediction = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, 5, truth.shape))
    truth[rng.random(truth.shape) < 0.1] = 255
    return truth, prediction


def test_agrees_with_torchmetrics(labels):
    import torch
    from torchmetrics.functional import classification as tm

    truth, prediction = (torch.from_numpy(a.astype(np.int64)) for a in labels)
    ours = Confusion(5).add(*labels)
    kind = {"num_classes": 5, "ignore_index": 255}

    matrix = tm.multiclass_confusion_matrix(prediction, truth, **kind)
    iou = tm.multiclass_jaccard_index(prediction, truth, average="none", **kind)
    f1 = tm.multiclass_f1_score(prediction, truth, average="none", **kind)
    assert (ours.matrix == matrix.numpy()).all()
    np.testing.assert_allclose(ours.iou(), iou, rtol=1e-6)
    assert ours.miou() == pytest.approx(iou.mean().item(), rel=1e-6)
    pixel = tm.multiclass_accuracy(prediction, truth, average="micro", **kind).item()
    assert ours.pixel_accuracy() == pytest.approx(pixel, rel=1e-6)
    per_class = tm.multiclass_accuracy(prediction, truth, average="macro", **kind).item()
    assert ours.class_accuracy() == pytest.approx(per_class, rel=1e-6)
    assert [ours.f1(k) for k in range(5)] == pytest.approx(f1.tolist(), rel=1e-6)


def test_images_in_parts_or_merged_count_as_one(labels):
    truth, prediction = labels
    whole = Confusion(5).add(truth, prediction)
    parts = Confusion(5).add(truth[:13], prediction[:13])
    parts.merge(Confusion(5).add(truth[13:], prediction[13:]))
    assert (parts.matrix == whole.matrix).all()
    assert whole.matrix.dtype == np.int64
    assert whole.matrix.sum() == (truth != 255).sum()


def test_chunks_change_nothing(labels, monkeypatch):
    whole = Confusion(5).add(*labels).matrix
    monkeypatch.setattr("retint.scoring.confusion._CHUNK", 77)
    assert (Confusion(5).add(*labels).matrix == whole).all()


def test_a_class_that_is_nowhere_is_nan_and_outside_the_means():
    c = Confusion(4).add(np.array([0, 0, 1]), np.array([0, 2, 1]))
    np.testing.assert_equal(c.iou(), [0.5, 1, 0, np.nan])
    assert c.miou() == 0.75  # class 2 is predicted but not in the truth: it costs class 0, and has no part of its own
    assert c.class_accuracy() == 0.75
    assert c.pixel_accuracy() == pytest.approx(2 / 3)
    assert np.isnan(c.f1(3))
    assert c.f1(0) == pytest.approx(2 / 3)


def test_nothing_counted_is_nan_without_a_warning(recwarn):
    c = Confusion(2).add(np.full((3, 3), 255), np.zeros((3, 3), int))
    assert np.isnan([c.miou(), c.pixel_accuracy(), c.class_accuracy(), c.f1(0), *c.iou()]).all()
    assert not recwarn


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        ([0, 2], [0, 1], "truth holds 2"),
        ([0, 1], [0, 7], "prediction holds 7"),
        ([0, -1], [0, 0], "truth holds -1"),
        ([0, 1], [0, 255], "prediction holds 255"),
        ([0, 1, 1], [0, 1], "must be equal"),
    ],
)
def test_bad_values_are_told_and_not_counted(truth, prediction, message):
    c = Confusion(2)
    with pytest.raises(ValueError, match=message):
        c.add(np.array(truth), np.array(prediction))
    assert not c.matrix.any()


def test_merging_other_classes_is_refused():
    with pytest.raises(ValueError, match="3 classes"):
        Confusion(2).merge(Confusion(3))
