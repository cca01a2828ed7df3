"""The rules of the design that labelling must keep, on random sizes, tiles and numbers of steps."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made import make_model, scene

ARCHS = ["fig-9-17", "small-1", "small-2", "small-4", "small-8", "standard-8"]
MODELS = {name: make_model(name, seed=3) for name in ARCHS}


def picture(size, seed=0, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), dtype=np.uint8)


@given(
    arch=st.sampled_from(ARCHS), size=st.tuples(st.integers(1, 110), st.integers(1, 110)),
    tile=st.integers(32, 90), steps=st.integers(1, 10), started=st.booleans(),
)  # fmt: skip
def test_tiles_equal_the_whole(arch, size, tile, steps, started):
    model, image = MODELS[arch], picture(size)
    start = np.random.default_rng(1).integers(0, 3, size, dtype=np.uint8) if started else None
    whole = model.label(image, steps, start=start, tile=100_000, precision="float32")
    tiled = model.label(image, steps, start=start, tile=tile, precision="float32")
    assert np.abs(whole.probabilities - tiled.probabilities).max() < 1e-4
    assert (whole.labels == tiled.labels).mean() > 0.999
    assert whole.changes == pytest.approx(tiled.changes, abs=2e-3)


@given(
    arch=st.sampled_from(ARCHS),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    first=st.integers(1, 3),
    more=st.integers(1, 3),
)
def test_a_saved_labelling_continues_as_if_never_stopped(arch, size, first, more):
    model, image = MODELS[arch], picture(size)
    saved = model.label(image, first).estimate.copy()
    through = model.label(image, first + more)
    assert np.abs(model.label(image, more, start=saved).probabilities - through.probabilities).max() < 1e-6


@pytest.mark.parametrize("arch", ARCHS)
def test_refinements_are_the_labellings_of_each_number_of_steps(arch):
    model, image = MODELS[arch], picture((41, 37))
    for number, labeling in enumerate(itertools.islice(model.refinements(image), 4), start=1):
        whole = model.label(image, number)
        assert labeling.steps == number
        assert np.array_equal(labeling.labels, whole.labels)
        assert np.array_equal(labeling.probabilities, whole.probabilities)
        assert labeling.changes == whole.changes


def test_labels_are_the_most_probable_classes():
    labeling = MODELS["small-4"].label(picture((50, 61)), 3)
    assert labeling.labels.shape == (50, 61)
    assert np.allclose(labeling.probabilities.sum(0), 1, atol=1e-5)
    assert np.array_equal(labeling.probabilities.argmax(0), labeling.labels)
    assert sum(labeling.fractions.values()) == pytest.approx(1)


@given(tile=st.sampled_from([None, 40]))
def test_until_settled_stops_when_two_steps_change_nothing(tile):
    model, image = MODELS["small-4"], picture((80, 72))
    settled = model.label(image, until_settled=True, tile=tile)
    if settled.settled:
        assert settled.changes[-2:] == (0.0, 0.0)
        assert all(a or b for a, b in itertools.pairwise(settled.changes[:-1]))
    again = model.label(image, settled.steps, tile=100_000)
    assert np.array_equal(settled.labels, again.labels)


def test_tiles_and_the_whole_settle_at_the_same_step():
    model, image = MODELS["small-8"], picture((120, 100), seed=5)
    assert model.label(image, until_settled=True, tile=32).steps == model.label(image, until_settled=True).steps


def test_a_budget_takes_at_least_one_step_and_more_time_takes_more():
    model, image = MODELS["small-4"], picture((64, 64))
    assert model.label(image, budget=1e-9).steps == 1
    assert model.label(image, budget=0.5).steps > 3


def test_hints_are_kept_as_given_at_every_step():
    model, image = MODELS["small-4"], picture((64, 64))
    hints = np.full((64, 64), 255, np.uint8)
    hints[10:14, 20:40] = 2
    hints[40:60, 8] = 1
    free = model.label(image, 3)
    for labeling in itertools.islice(model.refinements(image, hints=hints), 3):
        assert np.array_equal(labeling.labels[hints != 255], hints[hints != 255])
        assert (labeling.probabilities[2][hints == 2] == 1).all()
    assert (free.labels[hints != 255] != hints[hints != 255]).any()


def test_recorded_steps_are_the_labels_of_those_steps():
    model, image = MODELS["small-4"], picture((70, 50))
    for tile in (None, 32):
        labeling = model.label(image, 10, record=(1, 4), tile=tile)
        for step in (1, 4):
            assert np.array_equal(labeling.recorded[step], model.label(image, step).labels)


def test_one_pixel():
    for model in MODELS.values():
        assert model.label(picture((1, 1)), 2).labels.shape == (1, 1)


def test_a_scaled_image_returns_labels_at_its_own_size():
    model, image = MODELS["small-4"], picture((90, 61))
    for scale in (0.5, 1.7):
        labeling = model.label(image, 2, scale=scale, record=(1,))
        assert labeling.labels.shape == labeling.recorded[1].shape == (90, 61)
        assert labeling.probabilities.shape == (3, 90, 61)
        assert np.array_equal(labeling.probabilities.argmax(0), labeling.labels)


def test_scaling_an_enlarged_image_back_gives_the_small_ones_labels():
    model, small = MODELS["small-4"], scene(np.random.default_rng(0))[0]
    large = small.repeat(2, 0).repeat(2, 1)
    labels = model.label(large, 2, scale=0.5).labels
    expected = model.label(small, 2).labels.repeat(2, 0).repeat(2, 1)
    assert (labels == expected).mean() > 0.95
