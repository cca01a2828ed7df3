"""Labels finer than the label grid, and networks whose grid changes from step to step."""

import numpy as np
import pytest

from made import make_model
from retint.errors import RetintError


def image(rows=70, columns=90, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)


@pytest.mark.parametrize("arch", ["rcnn3", "small-2"])
def test_stitch_and_unit_give_the_same_at_every_pixel(arch):
    model, x = make_model(arch), image()
    steps = 2
    stitched = model.label(x, steps, way="stitch")
    unit = model.label(x, steps, way="unit")
    assert stitched.strides == unit.strides == (1, 1)
    assert stitched.estimate.shape == unit.estimate.shape == (3, 70, 90)
    assert np.abs(stitched.probabilities - unit.probabilities).max() < 1e-5
    assert stitched.changes == pytest.approx(unit.changes, abs=0.02)


def test_resolutions_of_the_paper():
    """Table 5 there: 1/8, 1/4, 1/2, 1/1 of the image's resolution; the coarser ones are cells of the finer."""
    model, x = make_model("rcnn3"), image()
    fine = model.label(x, 3, way="unit").estimate
    for every in (8, 4, 2, 1):
        found = model.label(x, 3, way="stitch", resolution=every)
        assert found.strides == (every, every)
        assert np.abs(found.estimate - fine[:, ::every, ::every]).max() < 1e-5
    coarse = model.label(x, 3)
    assert coarse.strides == (8, 8)
    assert np.abs(coarse.estimate - fine[:, ::8, ::8]).max() < 1e-5


@pytest.mark.parametrize("way", ["upsample", "stitch", "unit"])
def test_parts_equal_the_whole(way, monkeypatch):
    model, x = make_model("rcnn3"), image(200, 150)
    whole = model.label(x, 2, way=way)
    monkeypatch.setattr("retint.labeling.model._PIECE_BYTES", 1 << 10)
    parts = model.label(x, 2, way=way)
    assert np.abs(whole.estimate - parts.estimate).max() < 1e-5
    assert whole.changes == pytest.approx(parts.changes, abs=1e-6)


def test_every_step_of_a_rescaling_network_has_its_own_grid():
    model, x = make_model("rcnn3"), image()
    found = list(model.refinements(x, at=(1, 2, 3)))
    assert [one.strides for one in found] == [(2, 2), (4, 4), (8, 8)]
    assert all(one.labels.shape == (70, 90) for one in found)
    assert model.label(x, 3, record=(1,)).recorded[1].tolist() == found[0].labels.tolist()


@pytest.mark.parametrize(("arch", "way"), [("rcnn3", "upsample"), ("rcnn3", "stitch"), ("small-2", "unit"), ("small-2", "upsample")])
def test_the_same_steps_are_recorded_whether_taken_at_once_or_one_by_one(arch, way):
    model, x = make_model(arch), image()
    for record, kept in (((1, 3, 7), [1, 3]), ((3, 3), [3]), ((1,), [1]), ((), [])):
        found = model.label(x, 3, record=record, way=way)
        assert sorted(found.recorded) == kept
        assert 3 not in kept or np.array_equal(found.recorded[3], found.labels)
        assert 1 not in kept or np.array_equal(found.recorded[1], model.label(x, 1, way=way).labels)
    with pytest.raises(RetintError, match=r"^record 0: at least 1 is needed$"):
        model.label(x, 3, record=(0, 1), way=way)


@pytest.mark.parametrize(("arguments", "told"), [
    ({"steps": 9}, "one label would be longer than two such images"),
    ({"start": np.zeros((70, 90), np.uint8)}, "a start: not possible"),
    ({"until_settled": True}, "until settled: not possible"),
    ({"way": "stitch", "resolution": 3, "steps": 2}, "expected a divisor"),
    ({"tile": 64}, "--tile 64: not possible with made: rcnn3 takes"),
    ({"way": "unit", "tile": 64}, "--tile 64: not possible with --way unit; leave one of them out"),
    ({"way": "unit", "resolution": 2}, "--resolution 2: goes with --way stitch alone; found --way unit"),
])  # fmt: skip
def test_what_does_not_go_together_is_told(arguments, told):
    with pytest.raises(RetintError, match=told):
        make_model("rcnn3").label(image(), **arguments)
    if "steps" not in arguments and "until_settled" not in arguments:
        with pytest.raises(RetintError, match=told):
            next(make_model("rcnn3").refinements(image(), **arguments))


def test_a_readout_of_several_cells_has_no_unit_stride():
    with pytest.raises(RetintError, match="use --way stitch"):
        make_model("small-8-4").label(image(), 1, way="unit")


def test_a_prior_weighs_the_classes_by_the_whole_image():
    model, x = make_model("small-4"), image(64, 64)
    plain, weighed = model.label(x, 1), model.label(x, 1, prior=True)
    ratio = np.log(weighed.estimate) - np.log(plain.estimate)
    ratio -= ratio.mean(0)
    assert np.allclose(ratio, ratio[:, :1, :1], atol=1e-3)  # one factor for each class
    assert np.abs(ratio).max() > 1e-3
    tiled = model.label(x, 1, prior=True, tile=16)
    assert np.abs(tiled.estimate - weighed.estimate).max() < 1e-4
