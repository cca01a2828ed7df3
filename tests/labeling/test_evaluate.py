"""Measuring: figures by hand."""

import json

import numpy as np
import pytest
from PIL import Image

from made import disc_card, fresh, make_model, write_set
from retint.errors import DataProblems, RetintError
from retint.images import Volume, write_volume_labels
from retint.labeling import Model
from retint.labeling.judging.evaluate import evaluate
from retint.scoring import Confusion


@pytest.fixture
def two(tmp_path):
    """A model of two classes that matches the scenes' classes."""
    card = disc_card()
    return Model(fresh(card), card, "cpu", "float32", "two")


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


def test_volumes_are_measured_as_images_are(two, discs, tmp_path):
    from dataclasses import replace

    rng, root = np.random.default_rng(0), tmp_path / "volumes"
    card = replace(make_model("slices-2", channels=1, classes=2).card, classes=("ground", "disc"))
    model = Model(fresh(card), card, "cpu", "float32", "deep")
    voxels = rng.integers(0, 256, (18, 20, 22), dtype=np.uint8)
    truth = rng.integers(0, 2, voxels.shape, dtype=np.uint8)
    truth[0] = 255
    for kind, values in (("images", voxels), ("labels", truth)):
        write_volume_labels(root / kind / "a.tif", values, [])
    (root / "classes.json").write_text(json.dumps({"classes": ["ground", "disc"], "ignore": 255}))
    figures = evaluate(model, root, steps=(2,))
    assert figures.confusions[2].matrix.sum() == 17 * 20 * 22
    labels = model.label(voxels, 2).labels
    assert figures.confusions[2].pixel_accuracy() == pytest.approx((labels == truth)[1:].mean())
    assert 0 < figures.aucs[2].value() < 1
    for labeller, data in ((two, root), (model, discs)):
        with pytest.raises(RetintError, match="volumes"):
            evaluate(labeller, data, steps=(1,))


def known_scenes(two, discs, steps):
    """The labelings of the validation images, and their truths."""
    for k in range(2):
        image = np.array(Image.open(discs / "val" / "images" / f"scene{k}.png"))
        yield two.label(image, steps, doubt=True), np.array(Image.open(discs / "val" / "labels" / f"scene{k}.png"))


def test_calibration_and_risk_are_those_of_the_pixels(two, discs):
    from retint.scoring import Calibration

    figures = evaluate(two, discs, steps=(1, 3), doubt=True).to_dict()
    expected, right, doubts = Calibration(), [], {"entropy": [], "change": [], "late": []}
    for labeling, truth in known_scenes(two, discs, 3):
        expected.add(truth, labeling.probabilities)
        right.append((labeling.labels == truth).ravel())
        for name, values in doubts.items():
            values.append(labeling.doubt(name).ravel())
    row = figures["steps"]["3"]
    assert row["ece"] == pytest.approx(expected.error(), abs=1e-6)
    assert list(row["aurc"]) == ["entropy", "margin", "top", "change", "late"]
    sure = np.concatenate(right)
    for name in ("entropy", "change"):
        order = np.argsort(np.concatenate(doubts[name]), kind="stable")
        area = (np.cumsum(~sure[order]) / np.arange(1, len(order) + 1)).mean()
        assert row["aurc"][name] == pytest.approx(area, abs=2e-3)
    # of two classes the order is the same, but not the bins
    assert row["aurc"]["top"] == pytest.approx(row["aurc"]["margin"], abs=5e-3)
    assert row["aurc_best"] < min(row["aurc"].values())
    assert row["aurc"]["change"] != figures["steps"]["1"]["aurc"]["change"]
    assert "aurc" not in evaluate(two, discs, steps=(1,)).to_dict()["steps"]["1"]


def test_a_temperature_is_fitted_at_the_steps_of_the_card(two, discs):
    from dataclasses import replace

    from retint.scoring import Temperature

    expected = Temperature()
    for labeling, truth in known_scenes(two, discs, two.card.steps):
        expected.add(truth, labeling.probabilities)
    result = evaluate(two, discs, steps=(1,), fit=True)
    assert list(result.confusions) == [1]
    assert result.fitted.value() == expected.value()
    two.card = replace(two.card, temperature=result.fitted.value())
    again = evaluate(two, discs, steps=(two.card.steps,), fit=True)
    assert again.fitted.value() == expected.value()  # not on top of the one that is there
    figures = again.to_dict()
    assert figures["fitted"]["nll"] == figures["fitted"]["nll_before"] < expected.likelihood(1.0)
    assert figures["steps"]["4"]["ece"] == pytest.approx(figures["fitted"]["ece"], abs=1e-4)


def test_other_ways_and_priors_are_measured_too(two, discs):
    measured = evaluate(two, discs, steps=(2,), way="stitch", doubt=True)
    rights = [(two.label(np.array(Image.open(discs / "val" / "images" / f"scene{k}.png")), 2, way="stitch").labels
               == np.array(Image.open(discs / "val" / "labels" / f"scene{k}.png"))) for k in range(2)]  # fmt: skip
    assert measured.confusions[2].pixel_accuracy() == pytest.approx(np.mean(rights))
    assert list(measured.risks[2]) == ["entropy", "margin", "top"]
    prior = evaluate(two, discs, steps=(2,), prior=True)
    rights = [(two.label(np.array(Image.open(discs / "val" / "images" / f"scene{k}.png")), 2, prior=True).labels
               == np.array(Image.open(discs / "val" / "labels" / f"scene{k}.png"))) for k in range(2)]  # fmt: skip
    assert prior.confusions[2].pixel_accuracy() == pytest.approx(np.mean(rights))


def test_a_scale_is_that_of_the_labels(discs):
    lively = make_model(classes=2)
    two = Model(lively.network(), disc_card(), "cpu", "float32", "two")
    figures = evaluate(two, discs, steps=2, scale=0.5).to_dict()
    found = Confusion(2)
    for k in range(2):
        image, truth = (np.array(Image.open(discs / "val" / what / f"scene{k}.png")) for what in ("images", "labels"))
        found.add(truth, two.label(image, 2, scale=0.5).labels)
    assert figures["scale"] == 0.5
    assert figures["steps"]["2"]["miou"] == pytest.approx(found.miou(), abs=1e-6)
    assert figures["steps"]["2"]["miou"] != evaluate(two, discs, steps=2).to_dict()["steps"]["2"]["miou"]


def test_images_without_a_labelled_pixel_are_counted_and_not_ranked(two, discs):
    blank = discs / "val" / "labels" / "scene0.png"
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(blank)
    figures = evaluate(two, discs, steps=(1,)).to_dict()
    assert figures["images"] == 2
    assert [row["image"] for row in figures["worst"]] == ["scene1"]
    for part in ("labels", "images"):
        for path in (discs / "val" / part).iterdir():
            path.unlink()
    with pytest.raises(RetintError):
        evaluate(two, discs, steps=(1,))


def test_numbers_of_steps_come_from_anything(two, discs):
    assert list(evaluate(two, discs, steps=iter([2, 1])).to_dict()["steps"]) == ["1", "2"]
    assert list(evaluate(two, discs, steps=2).to_dict()["steps"]) == ["2"]
    with pytest.raises(RetintError, match="at least 1"):
        evaluate(two, discs, steps=[])


def test_labels_that_are_no_class_are_told_with_their_file(tmp_path):
    root = write_set(tmp_path / "set", 3, part="val")
    file = root / "val" / "labels" / "scene1.png"
    labels = np.array(Image.open(file))
    labels[:2, :3] = 7
    Image.fromarray(labels).save(file)
    model = Model(fresh(disc_card()), disc_card(), "cpu", "float32")
    with pytest.raises(RetintError, match=r"scene1.png: found 7 \(6 pixels\); expected class indices 0 to 1"):
        evaluate(model, root)


def test_all_that_is_wrong_is_told_before_anything_is_labelled(two, tmp_path, monkeypatch):
    root = write_set(tmp_path / "set", 5, part="val")
    folder = root / "val"
    (root / "classes.json").write_text('{"classes": ["ground", "disc"], "colours": [[0, 0, 0], [255, 0, 0]]}')
    mask = Image.open(folder / "labels" / "scene0.png")
    mask.putpalette([255, 0, 0, *[0] * 765])
    mask.save(folder / "labels" / "scene0.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "labels" / "scene1.png")
    Image.fromarray(np.zeros((48, 64, 2), np.uint8), "LA").save(folder / "images" / "scene2.png")
    (folder / "images" / "scene3.png").write_bytes(b"no image")
    monkeypatch.setattr(Model, "refinements", lambda *given, **more: pytest.fail("labelled"))
    with pytest.raises(DataProblems) as caught:
        evaluate(two, root)
    told = "\n".join(caught.value.problems)
    for line in (
        "scene0.png: found ground (0) in #ff0000",
        "scene1.png: found 9 x 9 pixels; expected 64 x 48",
        "scene2.png: found 2 channels; expected 3 channels (RGB)",
        "scene3.png: found no image; expected PNG",
    ):
        assert line in told


def test_images_of_several_formats_that_the_model_takes_are_measured(two, discs):
    path = discs / "val" / "images" / "scene0.png"
    Image.open(path).convert("L").save(path)
    assert evaluate(two, discs, steps=1).images == 2


def test_warnings_of_the_check_come_with_the_figures(two, discs):
    assert evaluate(two, discs, steps=1).to_dict()["warnings"] == []
    (discs / "val" / "images" / "scene1.png").write_bytes((discs / "train" / "images" / "scene3.png").read_bytes())
    (line,) = evaluate(two, discs, steps=1).to_dict()["warnings"]
    assert "scene1.png: found the same image as" in line
    assert evaluate(two, discs, "train", steps=1).warnings == []


def test_volumes_of_other_voxels_than_the_models_are_told(tmp_path):
    pytest.importorskip("nibabel")
    from dataclasses import replace

    card = replace(make_model("slices-2", channels=1, classes=2).card, classes=("ground", "disc"), spacing=(1.0, 1.0, 1.0))
    deep = Model(fresh(card), card, "cpu", "float32", "deep")
    voxels = np.random.default_rng(0).integers(0, 2, (6, 12, 12), dtype=np.uint8)
    for kind in ("images", "labels"):
        write_volume_labels(tmp_path / "set" / kind / "a.nii", voxels, [], Volume(voxels[..., None], (4.0, 1.0, 1.0)))
    (tmp_path / "set" / "classes.json").write_text('{"classes": ["ground", "disc"]}')
    (line,) = evaluate(deep, tmp_path / "set", steps=1).warnings
    assert "set: voxels of 4 x 1 x 1" in line
    assert "deep was trained on 1 x 1 x 1" in line


def test_a_temperature_is_fitted_on_what_it_is_used_for(tmp_path):
    root = write_set(tmp_path / "set", 1, part="val")
    model = Model(fresh(disc_card()), disc_card(), "cpu", "float32")
    with pytest.raises(RetintError, match="--calibrate"):
        evaluate(model, root, fit=True, prior=True)


def test_a_part_without_a_labelled_pixel_is_told(two, discs):
    for path in (discs / "val" / "labels").iterdir():
        Image.fromarray(np.full((48, 64), 255, np.uint8)).save(path)
    with pytest.raises(RetintError, match="its 2 label files have no labelled pixel"):
        evaluate(two, discs, steps=1)
