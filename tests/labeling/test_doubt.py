"""Doubt: by an independent computation from the estimates of every step, in one piece, in tiles, in 2-D and 3-D."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy

from made import fresh, make_model
from retint.errors import RetintError
from retint.labeling import Model
from retint.labeling.doubt import MEASURES, doubt_of

IMAGE = np.random.default_rng(0).integers(0, 256, (75, 62, 3), dtype=np.uint8)
VOLUME = np.random.default_rng(1).integers(0, 256, (6, 30, 25, 1), dtype=np.uint8)
CASES = [("small-4", IMAGE, 32), ("small-8-4", IMAGE, 32), ("slices-2", VOLUME, 8), ("fig-9-17", IMAGE[:40, :30], 16)]
MODELS = {arch: make_model(arch, channels=image.shape[-1], seed=3) for arch, image, _ in CASES}


def by_hand(model, image, steps, **given):
    """`change` and `late` on the label grid, and the drifts, from the estimates one by one."""
    every = [one.estimate for one in itertools.islice(model.refinements(image, **given), steps)]
    first = 2
    if "start" in given:
        every, first = [np.eye(3, dtype=np.float32)[given["start"]].transpose(2, 0, 1), *every], 1
    change, late = np.zeros(every[0].shape[1:]), np.zeros(every[0].shape[1:])
    drifts = [] if "start" in given else [1.0]
    for step, (before, after) in enumerate(itertools.pairwise(every), start=first):
        moved = np.abs(after - before).sum(0) / 2
        change += step / steps * moved
        late[before.argmax(0) != after.argmax(0)] = step
        drifts.append(moved[tuple(slice(-(-n // s)) for n, s in zip(image.shape, model.strides, strict=False))].mean())
    return change.clip(0, 1), late / steps, drifts


@pytest.mark.parametrize(("arch", "image", "tile"), CASES)
def test_change_is_what_the_steps_did_in_tiles_as_in_one_piece(arch, image, tile):
    model = MODELS[arch]
    change, late, drifts = by_hand(model, image, 5)
    assert change.max() > 0.001
    assert late.max() > 0
    for side in (100_000, tile):
        labeling = model.label(image, 5, tile=side, doubt=True)
        assert labeling.trace[0] == pytest.approx(change, abs=1e-5)
        assert (labeling.trace[1] == late.astype(np.float32)).mean() > 0.99
        assert labeling.drifts == pytest.approx(drifts, abs=1e-5)
        assert labeling.doubt("change").shape == image.shape[:-1]
        assert 0 <= labeling.doubt("change").min() <= labeling.doubt("change").max() <= 1


def test_sweeps_of_tiles_hand_the_record_on():
    """More steps than one sweep takes, so that each tile is visited several times."""
    whole, tiled = (MODELS["small-4"].label(IMAGE, 19, tile=side, doubt=True) for side in (100_000, 32))
    assert tiled.doubt("change") == pytest.approx(whole.doubt("change"), abs=1e-5)
    assert tiled.drifts == pytest.approx(whole.drifts, abs=1e-5)


@pytest.mark.parametrize("length", [{"until_settled": True}, {"tolerance": 1e-2}])
def test_going_back_within_a_sweep_takes_the_record_back_too(length, long_sweeps):
    model = make_model("small-8", seed=3)
    image = np.random.default_rng(5).integers(0, 256, (120, 100, 3), dtype=np.uint8)
    whole = model.label(image, **length)
    assert whole.steps % 4  # so that it goes back
    for side in (32, 64):
        tiled = model.label(image, tile=side, doubt=True, **length)
        again = model.label(image, whole.steps, doubt=True)
        assert tiled.steps == whole.steps == len(tiled.drifts)
        assert tiled.doubt("change") == pytest.approx(again.doubt("change"), abs=1e-5)
        assert (tiled.doubt("late") == again.doubt("late")).mean() > 0.99


def test_from_a_start_the_first_step_is_a_change():
    model = MODELS["fig-9-17"]
    assert model.strides == (1, 1)
    start = np.random.default_rng(2).integers(0, 3, (40, 30), dtype=np.uint8)
    change, late, drifts = by_hand(model, IMAGE[:40, :30], 3, start=start)
    labeling = model.label(IMAGE[:40, :30], 3, start=start, doubt=True)
    assert labeling.doubt("change") == pytest.approx(change, abs=1e-6)
    assert np.array_equal(labeling.doubt("late"), late.astype(np.float32))
    assert labeling.drifts == pytest.approx(drifts, abs=1e-6)


def test_measures_of_probabilities():
    p = np.random.default_rng(0).dirichlet([0.2] * 5, (30, 20)).astype(np.float32).transpose(2, 0, 1)
    p[:, 0, 0], p[:, 0, 1] = 0.2, [1, 0, 0, 0, 0]
    ordered = np.sort(p, 0)
    assert doubt_of(p, "entropy") == pytest.approx(entropy(p, axis=0, base=5), abs=1e-6)
    assert doubt_of(p, "margin") == pytest.approx(1 - (ordered[-1] - ordered[-2]), abs=1e-6)
    assert doubt_of(p, "top") == pytest.approx(1 - ordered[-1], abs=1e-6)
    for measure in ("entropy", "margin"):
        assert doubt_of(p, measure)[0, :2] == pytest.approx([1, 0], abs=1e-6)


def test_one_step_changes_nothing_and_a_measure_is_one_that_there_is():
    model = MODELS["small-4"]
    labeling = model.label(IMAGE, 1, doubt=True)
    assert not labeling.doubt("change").any()
    with pytest.raises(RetintError, match="entropy, margin, top, change, late"):
        labeling.doubt("worry")
    with pytest.raises(RetintError, match="doubt=True"):
        model.label(IMAGE, 2).doubt("late")
    with pytest.raises(RetintError, match="keep=True"):
        model.label(IMAGE, 2, keep=False).doubt()
    with pytest.raises(RetintError, match="record of doubt"):
        model.label(IMAGE, 2, way="stitch", doubt=True)
    assert model.label(IMAGE, 2, way="stitch").doubt("margin").shape == (75, 62)


def test_hints_are_beyond_doubt():
    hints = np.full((75, 62), 255, np.uint8)
    hints[10:20, 5:50] = 1
    labeling = MODELS["small-4"].label(IMAGE, 3, hints=hints, doubt=True)
    for measure in MEASURES:
        assert not labeling.doubt(measure)[10:20, 5:50].any()
        assert labeling.doubt(measure).any()


@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_temperature_softens_what_is_given_out_and_nothing_else(scale):
    card = replace(MODELS["small-4"].card, temperature=2.5)
    cold, warm = (Model(fresh_like(one), one, "cpu", "float32") for one in (MODELS["small-4"].card, card))
    plain, soft = (one.label(IMAGE, 4, scale=scale, doubt=True) for one in (cold, warm))
    assert np.array_equal(plain.estimate, soft.estimate)
    assert np.array_equal(plain.labels, soft.labels)
    assert np.array_equal(plain.doubt("change"), soft.doubt("change"))
    powers = plain.probabilities ** (1 / 2.5)
    assert soft.probabilities == pytest.approx(powers / powers.sum(0), abs=1e-5)
    assert (soft.doubt() >= plain.doubt() - 1e-6).all()
    further = warm.label(IMAGE, 2, start=soft, scale=scale)
    assert np.array_equal(further.estimate, cold.label(IMAGE, 2, start=plain, scale=scale).estimate)


def fresh_like(card):
    import torch

    torch.manual_seed(0)
    return fresh(card)


def test_a_tolerance_stops_at_the_first_step_that_moves_less():
    model = MODELS["small-4"]
    free = model.label(IMAGE, 40)
    assert free.drifts[0] == 1
    for tolerance in (free.drifts[2] * 1.0001, free.drifts[9] * 1.0001):
        expected = next(step for step, drift in enumerate(free.drifts, start=1) if drift < tolerance)
        stopped = model.label(IMAGE, tolerance=tolerance)
        assert stopped.steps == expected
        assert np.array_equal(stopped.estimate, model.label(IMAGE, expected).estimate)
    with pytest.raises(RetintError, match="--tolerance 0"):
        model.label(IMAGE, tolerance=0)
    with pytest.raises(RetintError, match="one of them"):
        model.label(IMAGE, 3, tolerance=0.1)
