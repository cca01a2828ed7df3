"""The rules of the design that labelling must keep, on random sizes, tiles and numbers of steps."""

import itertools
import mmap
from dataclasses import replace
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from made import fresh, make_model, scene
from retint.labeling import Model, store
from retint.labeling.asking import alone
from retint.labeling.stopping import Stop
from retint.network import Architecture, Layer

IMAGES = [
    "fig-9-17", "small-1", "small-2", "small-4", "small-8", "standard-8", "small-8-4", "jain-2007-2d",
]  # fmt: skip
VOLUMES = ["slices-2", "volume-2", "jain-2007", "jain-2007-flat"]
ARCHS = IMAGES + VOLUMES
MODELS = {name: make_model(name, channels=3 if name in IMAGES else 1, seed=3) for name in ARCHS}


def picture(size, seed=0, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), dtype=np.uint8)


@pytest.mark.parametrize("arch", IMAGES)
def test_the_networks_of_these_tests_are_lively(arch):
    """Or whatever is said to be equal would be equal of itself."""
    images = picture((90, 80)), scene(np.random.default_rng(0), (90, 80))[0]
    for model, image in itertools.product((MODELS[arch], make_model(arch)), images):
        labeling = model.label(image, 3)
        assert sum(share > 0.001 for share in labeling.fractions.values()) > 1
        assert min(labeling.changes) > 0.02


def sized(model, size):
    """A random image for a model, or a volume of five slices."""
    return picture(size) if model.dims == 2 else picture((5, *size), channels=1)


def assert_tiled(model, image, steps, start, tile):
    whole = model.label(image, steps, start=start, tile=100_000, precision="float32")
    tiled = model.label(image, steps, start=start, tile=tile, precision="float32", record=(steps,))
    assert np.abs(whole.probabilities - tiled.probabilities).max() < 1e-4
    assert (whole.labels == tiled.labels).mean() > 0.999
    assert np.array_equal(tiled.recorded[steps], tiled.labels)
    assert whole.changes == pytest.approx(tiled.changes, abs=2e-3)


@pytest.mark.parametrize("arch", IMAGES)
@hypothesis.settings(max_examples=3)
@given(
    size=st.tuples(st.integers(1, 110), st.integers(1, 110)),
    tile=st.integers(32, 90), steps=st.integers(1, 10), started=st.booleans(),
)  # fmt: skip
def test_tiles_equal_the_whole(arch, size, tile, steps, started):
    start = np.random.default_rng(1).integers(0, 3, size, dtype=np.uint8) if started else None
    assert_tiled(MODELS[arch], picture(size), steps, start, tile)


def test_sweeps_of_several_steps_equal_the_whole_where_every_step_moves_much():
    model, image = MODELS["small-1"], picture((75, 62))
    whole = model.label(image, 8)
    assert min(whole.drifts) > 0.1
    for keep in (True, False):
        tiled = model.label(image, 8, tile=64, keep=keep)
        assert (tiled.labels == whole.labels).mean() > 0.999
        assert tiled.drifts == pytest.approx(whole.drifts, abs=1e-5)
        assert not keep or np.abs(tiled.estimate - whole.estimate).max() < 1e-4


@pytest.mark.parametrize("arch", VOLUMES)
@hypothesis.settings(max_examples=4)
@given(
    size=st.tuples(st.integers(40, 90), st.integers(1, 9), st.integers(1, 9)).flatmap(st.permutations),
    tile=st.tuples(st.integers(4, 20), st.integers(4, 20), st.integers(4, 20)),
    steps=st.integers(1, 4), started=st.booleans(),
)  # fmt: skip
def test_tiles_of_a_volume_equal_the_whole(arch, size, tile, steps, started):
    start = np.random.default_rng(1).integers(0, 3, size, dtype=np.uint8) if started else None
    assert_tiled(MODELS[arch], picture(size, channels=1), steps, start, tile)


def test_tiles_equal_the_whole_where_strides_and_periods_differ_along_the_axes():
    edge = Layer((1, 2, 4), 6, stride=(1, 2, 4), activation="relu")
    back = Layer((1, 1, 2), 6, stride=(1, 1, 2), activation="none")
    last = Layer(1, None, activation="none", up=(1, 1, 2))
    arch = Architecture(
        "uneven", (edge, Layer(3, 6), Layer((1, 1, 2), 6, stride=(1, 1, 2))), (back,), (last,), "relu", "", 3
    )
    card = replace(make_model("volume-2", channels=1).card, architecture=arch.to_dict())
    model = Model(fresh(card), card, "cpu", "float32")
    assert model.strides == (1, 2, 4)
    image = picture((5, 21, 75), channels=1)
    for tile in (9, (2, 8, 16), (5, 100, 8)):
        assert_tiled(model, image, 3, None, tile)
    assert model.label(image, 1).estimate.shape == (3, 5, 11, 20)


@given(
    arch=st.sampled_from(ARCHS),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    first=st.integers(1, 3),
    more=st.integers(1, 3),
)
def test_a_saved_labelling_continues_as_if_never_stopped(arch, size, first, more):
    model = MODELS[arch]
    image = sized(model, size if model.dims == 2 else (max(size) // 3 + 1, min(size) // 3 + 1))
    saved = model.label(image, first).estimate.copy()
    through = model.label(image, first + more)
    assert np.abs(model.label(image, more, start=saved).probabilities - through.probabilities).max() < 1e-5


@pytest.mark.parametrize("arch", ARCHS)
def test_refinements_are_the_labellings_of_each_number_of_steps(arch):
    model = MODELS[arch]
    image = sized(model, (41, 37) if model.dims == 2 else (13, 11))
    for number, labeling in enumerate(itertools.islice(model.refinements(image), 4), start=1):
        whole = model.label(image, number)
        assert labeling.steps == number
        assert np.array_equal(labeling.labels, whole.labels)
        assert np.array_equal(labeling.probabilities, whole.probabilities)
        assert labeling.changes == whole.changes


@pytest.mark.parametrize(("arch", "size"), [("small-4", (50, 61)), ("slices-2", (4, 13, 17))])
def test_labels_are_the_most_probable_classes(arch, size):
    model = MODELS[arch]
    labeling = model.label(picture(size, channels=model.card.channels), 3)
    assert labeling.labels.shape == size
    assert labeling.strides == model.strides
    assert np.allclose(labeling.probabilities.sum(0), 1, atol=1e-5)
    assert np.array_equal(labeling.probabilities.argmax(0), labeling.labels)
    assert sum(labeling.fractions.values()) == pytest.approx(1)


@pytest.mark.parametrize("tile", [None, 40])
def test_until_settled_stops_when_two_steps_change_nothing(tile, long_sweeps):
    model, image = MODELS["small-8-4"], picture((80, 72))
    settled = model.label(image, until_settled=True, tile=tile)
    assert settled.settled
    assert settled.steps % 4  # in tiles it has to go back
    assert settled.changes[-2:] == (0.0, 0.0)
    assert all(a or b for a, b in itertools.pairwise(settled.changes[:-1]))
    again = model.label(image, settled.steps, tile=100_000)
    assert np.abs(settled.probabilities - again.probabilities).max() < 1e-5
    assert (settled.labels == again.labels).mean() > 0.999


def test_steps_without_a_change_must_follow_each_other():
    taken = SimpleNamespace(whole=True, sweep=1, steps=0, estimate=None, trace=None, changes=[])

    def advancing(count, **_):
        taken.changes.append((1.0, 0.0, 0.1, 0.0, 0.0, 0.0)[taken.steps])
        taken.steps += count
        return ()

    taken.advancing = advancing
    canvas = SimpleNamespace(paint=None, at=lambda *_: ())
    assert alone(Stop(settled=True).running(taken, canvas, 4, False))
    assert taken.steps == 5


def test_tiles_and_the_whole_settle_at_the_same_step(long_sweeps):
    model, image = MODELS["small-8"], picture((120, 100), seed=5)
    whole = model.label(image, until_settled=True)
    assert whole.settled
    assert whole.steps % 4
    assert model.label(image, until_settled=True, tile=32).steps == whole.steps


@pytest.mark.parametrize("steps", [2, 3, 4, 5])
def test_going_back_within_a_sweep_gives_the_step_that_it_stops_at(steps, long_sweeps):
    model, image = MODELS["small-4"], picture((75, 62))
    again = model.label(image, steps)
    assert list(again.drifts) == sorted(again.drifts, reverse=True)
    tiled = model.label(image, tolerance=sum(again.drifts[-2:]) / 2, tile=32)
    assert tiled.steps == steps == len(tiled.changes) == len(tiled.drifts)
    assert tiled.drifts == pytest.approx(again.drifts, abs=1e-5)
    assert np.abs(tiled.estimate - again.estimate).max() < 1e-5


def test_a_budget_takes_at_least_one_step_and_more_time_takes_more():
    model, image = MODELS["small-4"], picture((64, 64))
    assert model.label(image, budget=1e-9).steps == 1
    assert model.label(image, budget=0.5).steps > 3


@pytest.mark.parametrize("arch", ["small-4", "volume-2"])
def test_hints_are_kept_as_given_at_every_step(arch):
    model = MODELS[arch]
    image = sized(model, (64, 64) if model.dims == 2 else (32, 40))
    hints = np.full(image.shape[:-1], 255, np.uint8)
    hints[..., 10:14, 20:40] = 2
    hints[..., 18:30, 8] = 1
    free = model.label(image, 3)
    for tile in (None, 16):
        for labeling in itertools.islice(model.refinements(image, hints=hints, tile=tile), 3):
            assert np.array_equal(labeling.labels[hints != 255], hints[hints != 255])
            assert (labeling.probabilities[2][hints == 2] == 1).all()
    assert (free.labels[hints != 255] != hints[hints != 255]).any()


def test_hints_are_put_back_and_fed_with_emphasis_as_by_hand():
    model = MODELS["small-4"]
    image, network = sized(model, (64, 48)), model.network("float32")
    hints = np.full(image.shape[:-1], 255, np.uint8)
    hints[16:32, 8:24] = 2
    hints[40:42, 30:34] = 1  # a quarter of two cells
    given, fixed = torch.zeros(1, 3, 16, 12), torch.zeros(1, 1, 16, 12)
    given[:, 2, 4:8, 2:6] = given[:, 1, 10, 7:9] = 1
    fixed[..., 4:8, 2:6], fixed[..., 10, 7:9] = 1, 0.25
    where = fixed > 0
    x = torch.from_numpy((image / np.float32(255) - np.float32(0.4)) / np.float32(0.25)).float().movedim(-1, 0)[None]
    with torch.inference_mode():
        context, y = network.context(x), None
        for _ in range(3):
            y = network.step(context, None if y is None else y + fixed * given)
            y = fixed * given + (1 - fixed) * y
    found = model.label(image, 3, hints=hints, precision="float32").estimate
    assert np.abs(found - y[0].numpy()).max() < 1e-5
    assert np.abs(model.label(image, 3, precision="float32").estimate - found)[:, ~where[0, 0].numpy()].max() > 1e-3


@pytest.mark.parametrize("fixed", [np.s_[16:32, 8:24], np.s_[17, 3:30]], ids=["whole cells", "a thin line"])
def test_a_start_has_the_hints_in_it_before_the_first_step(fixed):
    model, image = MODELS["small-4"], picture((64, 48))
    start, hints = np.zeros((64, 48), np.uint8), np.full((64, 48), 255, np.uint8)
    hints[fixed] = 2
    both = np.where(hints != 255, hints, start)
    found = model.label(image, 1, start=start, hints=hints)
    expected = model.label(image, 1, start=both, hints=hints)
    assert np.abs(found.estimate - expected.estimate).max() < 1e-5
    assert found.changes == expected.changes
    assert found.drifts == pytest.approx(expected.drifts, abs=1e-5)


@pytest.mark.parametrize("tile", [None, 32])
@pytest.mark.parametrize(("arch", "size"), [("small-4", (61, 50)), ("small-8-4", (61, 50)), ("slices-2", (5, 21, 14))])
def test_with_hints_thinner_than_a_cell_too_it_continues_as_if_never_stopped(arch, size, tile):
    model = MODELS[arch]
    image, hints = picture(size, channels=model.card.channels), np.full(size, 255, np.uint8)
    hints[..., 9, 3:12], hints[..., 5:19, 6] = 2, 1
    saved, through = model.label(image, 2, hints=hints), model.label(image, 4, hints=hints)
    assert np.abs(through.probabilities - model.label(image, 4).probabilities).max() > 0.1
    for start in (saved, saved.estimate):
        found = model.label(image, 2, start=start, hints=hints, tile=tile)
        assert np.abs(found.probabilities - through.probabilities).max() < 1e-5
        assert np.array_equal(found.labels, through.labels)
        assert found.drifts == pytest.approx(through.drifts[2:], abs=1e-5)
        assert found.changes == through.changes[2:]


@pytest.mark.parametrize(("arch", "size"), [("small-4", (70, 50)), ("slices-2", (6, 20, 9))])
def test_recorded_steps_are_the_labels_of_those_steps(arch, size):
    model = MODELS[arch]
    image = picture(size, channels=model.card.channels)
    for tile in (None, 32 if len(size) == 2 else 8):
        labeling = model.label(image, 10, record=(1, 4), tile=tile)
        for step in (1, 4):
            assert np.array_equal(labeling.recorded[step], model.label(image, step).labels)


def test_no_step_is_recorded_beyond_the_last_though_tiles_had_gone_on(long_sweeps):
    model, image = MODELS["small-4"], picture((75, 62))
    three = model.label(image, 3)
    tolerance = sum(three.drifts[-2:]) / 2
    for tile in (None, 32):
        labeling = model.label(image, tolerance=tolerance, record=range(1, 9), tile=tile)
        assert labeling.steps == 3
        assert sorted(labeling.recorded) == [1, 2, 3]
        assert np.array_equal(labeling.recorded[3], labeling.labels)


@pytest.mark.parametrize("tile", [None, 32])
def test_no_more_than_the_most_steps_are_taken(tile, long_sweeps, monkeypatch):
    monkeypatch.setattr("retint.labeling.stopping.MOST_STEPS", 6)  # four and two in tiles
    model, image = MODELS["small-4"], picture((75, 62))
    for length in ({"until_settled": True}, {"tolerance": 1e-9}):
        labeling = model.label(image, tile=tile, record=(6, 7), **length)
        assert labeling.steps == len(labeling.changes) == len(labeling.drifts) == 6
        assert not labeling.settled
        assert list(labeling.recorded) == [6]
        assert np.abs(labeling.estimate - model.label(image, 6).estimate).max() < 1e-4


def test_one_pixel():
    for model in MODELS.values():
        size = (1,) * model.dims
        assert model.label(picture(size, channels=model.card.channels), 2).labels.shape == size


def test_a_network_without_feedback_labels_once():
    model, image = make_model("plain-cnn1"), picture((60, 50))
    labeling = model.label(image, 5)
    assert labeling.changes[1:] == (0.0,) * 4
    assert np.array_equal(labeling.probabilities, model.label(image, 1).probabilities)


def test_cells_beyond_the_image_do_not_count():
    """Labels every 4 pixels from hidden cells of 8: an image of 20 pixels has 5 label cells, its last period has 6."""
    model, image = MODELS["small-8-4"], picture((20, 20))
    labeling = model.label(image, 1)
    assert labeling.estimate.shape == (3, 6, 6)
    now, later = (model.label(image, n).estimate.argmax(0)[:5, :5] for n in (1, 2))
    assert model.label(image, 2).changes == pytest.approx((1.0, (now != later).mean()))


@pytest.mark.parametrize("tile", [None, 40])
@pytest.mark.parametrize(("arch", "size"), [("small-4", (90, 61)), ("slices-2", (5, 31, 22))])
def test_a_scaled_image_returns_labels_at_its_own_size(arch, size, tile):
    model = MODELS[arch]
    image = picture(size, channels=model.card.channels)
    for scale in (0.5, 1.7):
        labeling = model.label(image, 2, scale=scale, record=(1,), tile=tile)
        assert labeling.labels.shape == labeling.recorded[1].shape == size
        assert np.array_equal(labeling.recorded[1], model.label(image, 1, scale=scale).labels)
        assert labeling.probabilities.shape == (3, *size)
        assert np.array_equal(labeling.probabilities.argmax(0), labeling.labels)


@pytest.mark.parametrize(("arch", "size"), [("small-4", (41, 37)), ("small-8-4", (20, 28)), ("slices-2", (5, 13, 11))])
def test_a_bare_estimate_begins_at_another_scale_as_its_labeling_does(arch, size):
    model = MODELS[arch]
    image = picture(size, channels=model.card.channels)
    saved = model.label(image, 2)
    covered = [n / stride for n, stride in zip(size, model.strides, strict=True)]
    assert any(cells > inside for cells, inside in zip(saved.estimate.shape[1:], covered, strict=True))
    for scale in (0.5, 1.7):
        expected = model.label(image, 1, start=saved, scale=scale)
        for start in (saved.estimate, torch.from_numpy(saved.estimate.copy())):
            found = model.label(image, 1, start=start, scale=scale)
            assert np.array_equal(found.estimate, expected.estimate)
            assert np.array_equal(found.labels, expected.labels)


def test_scaling_an_enlarged_image_back_gives_the_small_ones_labels():
    model, small = MODELS["small-4"], scene(np.random.default_rng(0))[0]
    large = small.repeat(2, 0).repeat(2, 1)
    labels = model.label(large, 2, scale=0.5).labels
    expected = model.label(small, 2).labels.repeat(2, 0).repeat(2, 1)
    assert (labels == expected).mean() > 0.95


def test_estimates_in_a_file_are_those_in_memory(monkeypatch):
    model, image = MODELS["slices-2"], picture((6, 20, 30), channels=1)
    expected = model.label(image, 10, tile=16)
    monkeypatch.setattr(store, "_IN_MEMORY", 10)
    filed = model.label(image, 10, tile=16)
    assert isinstance(filed.estimate.base, mmap.mmap)
    assert np.array_equal(filed.estimate, expected.estimate)
    assert np.array_equal(filed.labels, expected.labels)
