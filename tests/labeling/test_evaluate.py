"""Measuring: figures by hand."""

import json

import numpy as np
import pytest
from PIL import Image

from made import fresh, make_model, write_set
from retint.errors import RetintError
from retint.labeling import Model
from retint.labeling.evaluate import evaluate


@pytest.fixture
def two(tmp_path):
    """A model of two classes that matches the scenes' classes."""
    from dataclasses import replace

    card = replace(make_model(classes=2).card, classes=("ground", "disc"))
    return Model(fresh(card), card, device="cpu", name="two")


def test_figures_are_those_of_the_labels(two, discs):
    from sklearn.metrics import f1_score, jaccard_score, roc_auc_score

    figures = evaluate(two, discs, steps=(3, 1)).to_dict()
    assert list(figures["steps"]) == ["1", "3"]
    assert (figures["split"], figures["images"]) == ("val", 2)
    truths, labels, scores = [], [], []
    for k in range(2):
        image = np.array(Image.open(discs / "val" / "images" / f"scene{k}.png"))
        truths.append(np.array(Image.open(discs / "val" / "labels" / f"scene{k}.png")).ravel())
        labeling = two.label(image, 3)
        labels.append(labeling.labels.ravel())
        scores.append(labeling.probabilities[1].ravel())
    truth, label, score = map(np.concatenate, (truths, labels, scores))
    row = figures["steps"]["3"]
    assert row["iou"]["disc"] == pytest.approx(jaccard_score(truth, label), abs=1e-5)
    assert row["miou"] == pytest.approx(jaccard_score(truth, label, average="macro"), abs=1e-5)
    assert row["pixel_accuracy"] == pytest.approx((truth == label).mean(), abs=1e-5)
    assert row["f1"]["disc"] == pytest.approx(f1_score(truth, label), abs=1e-5)
    assert row["auc"] == pytest.approx(roc_auc_score(truth, score), abs=2e-3)
    json.dumps(figures, allow_nan=False)


def test_ignored_pixels_do_not_count(two, discs):
    before = evaluate(two, discs, steps=(1,)).confusions[1].matrix.sum()
    path = discs / "val" / "labels" / "scene0.png"
    labels = np.array(Image.open(path))
    labels[:10] = 255
    Image.fromarray(labels).save(path)
    assert evaluate(two, discs, steps=(1,)).confusions[1].matrix.sum() == before - 10 * labels.shape[1]


def test_what_does_not_fit_is_refused(two, discs, tmp_path):
    with pytest.raises(RetintError, match="names and their order"):
        evaluate(make_model(classes=2), discs)
    with pytest.raises(RetintError, match="--split test"):
        evaluate(two, discs, "test")
    with pytest.raises(RetintError, match="at least 1"):
        evaluate(two, discs, steps=(0,))
    flat = write_set(tmp_path / "flat", 2)
    assert evaluate(two, flat, steps=(1,)).split == "all"
