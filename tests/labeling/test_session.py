"""Sessions: after any sequence of strokes and removals, what labelling with those hints gives."""

from dataclasses import replace

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from made import fresh
from retint.labeling import Model, load
from retint.labeling.session.kept import TOLERANCE
from sessions import ARCHS, MODELS, assert_as_anew, picture


def edit(session, chance, size):
    """One of all that a user can do."""
    kind = chance.choice(
        ["stroke", "stroke", "stroke", "add", "remove", "undo", "redo", "clear"], p=[0.2] * 3 + [0.08] * 5
    )
    if kind == "stroke":
        points = chance.uniform(0, np.array(size) - 1, (chance.integers(1, 4), len(size)))
        if chance.random() < 0.3:
            points[0] = [0, *np.array(size[1:]) - 1]
        return session.stroke(int(chance.integers(3)), points, width=float(chance.uniform(1, 9)))
    if kind == "add":
        hints = np.full(size, 255, np.uint8)
        hints[tuple(slice(n // 3, n // 3 + 4) for n in size)] = chance.integers(3)
        hints[tuple(slice(0, 2) for _ in size)] = chance.integers(3)
        return session.add(hints)
    if kind == "remove":
        return session.remove(int(chance.integers(len(session.strokes)))) if session.strokes else session.undo()
    return getattr(session, kind)()


@pytest.mark.parametrize("arch", ARCHS)
@hypothesis.settings(max_examples=3)
@given(
    size=st.tuples(st.integers(5, 75), st.integers(5, 75)), steps=st.integers(1, 5), seed=st.integers(0, 99),
    start=st.sampled_from([None, "labels", "probabilities"]), tile=st.sampled_from([None, 40]),
)  # fmt: skip
def test_equals_labelling_anew_after_any_edits(arch, size, steps, seed, start, tile):
    model, chance, image = MODELS[arch], np.random.default_rng(seed), picture(size)
    if start is not None:
        start = (
            chance.integers(0, 3, size, dtype=np.uint8) if start == "labels" else chance.random((3, *size), np.float32)
        )
    session = model.session(image, steps=steps, start=start, tile=tile, precision="float32")
    assert_as_anew(session, model, image, steps, start)
    for _ in range(6):
        before = session.labels.copy()
        where = edit(session, chance, size)
        before[where] = session.labels[where]
        assert np.array_equal(before, session.labels)  # nothing changed elsewhere
    assert_as_anew(session, model, image, steps, start)


def test_equals_labelling_anew_in_volumes():
    model, chance, size = MODELS["slices-2"], np.random.default_rng(2), (7, 21, 30)
    image = picture(size, channels=1)
    session = model.session(image, steps=3, precision="float32")
    for _ in range(5):
        edit(session, chance, size)
    assert_as_anew(session, model, image, 3)


@pytest.mark.parametrize("scale", [0.5, 1.7])
def test_equals_labelling_anew_at_another_scale(scale):
    model, chance, image = MODELS["small-4"], np.random.default_rng(1), picture((61, 47))
    session = model.session(image, steps=3, scale=scale, precision="float32")
    for _ in range(6):
        edit(session, chance, (61, 47))
    image = image.copy()
    image[20:33, 11:18] = 200
    session.change(image[20:33, 11:18], (20, 11))
    assert_as_anew(session, model, image, 3, scale=scale)


@pytest.mark.parametrize("arch", ["small-4", "small-8-4"])
def test_from_a_start_that_holds_its_hints_it_continues_as_if_never_stopped(arch):
    model, image = MODELS[arch], picture((61, 50))
    hints = np.full((61, 50), 255, np.uint8)
    hints[9, 3:40], hints[20:50, 17] = 2, 1  # thinner than a cell
    saved, through = model.label(image, 2, hints=hints), model.label(image, 4, hints=hints)
    for start in (saved, saved.estimate):
        session = model.session(image, steps=2, start=start)
        session.add(hints)
        found = session.labeling
        assert np.abs(found.probabilities - through.probabilities).max() < 1e-5
        assert np.array_equal(found.labels, through.labels)
        assert found.drifts == pytest.approx(through.drifts[2:], abs=1e-5)
        assert_as_anew(session, model, image, 2, start)


def test_a_start_that_does_not_hold_the_hints_takes_them():
    model, image, start = MODELS["small-4"], picture((61, 50)), np.zeros((61, 50), np.uint8)
    session = model.session(image, steps=2, start=start)
    session.stroke(2, [(9, 3), (30, 40)], width=1)
    both = np.where(session.hints != 255, session.hints, start)
    anew = model.label(image, 2, start=both, hints=session.hints)
    assert np.abs(session.labeling.probabilities - anew.probabilities).max() < 1e-4
    assert session.labeling.drifts == pytest.approx(anew.drifts, abs=1e-5)


@pytest.mark.parametrize("arch", ["small-4", "small-8-4", "plain"])
def test_a_local_change_of_the_image_and_more_steps(arch):
    model, image = MODELS[arch], picture((70, 83))
    original = image.copy()
    session = model.session(image, steps=2, precision="float32")
    session.stroke(1, [(5, 5), (30, 40)])
    changed = image.copy()
    changed[10:31, 60:83] = picture((21, 23), seed=8)
    where = session.change(changed[10:31, 60:83], (10, 60))
    assert where[0].start <= 10
    assert where[1].stop == 83
    assert_as_anew(session, model, changed, 2)
    assert np.array_equal(image, original)
    session.advance(3)
    session.stroke(2, [(60, 10)], width=8)
    assert_as_anew(session, model, changed, 5)
    session.change(torch.from_numpy(original[10:31, 60:83]).movedim(-1, 0), (10, 60))
    assert_as_anew(session, model, original, 5)


def test_many_edits_do_not_add_up_errors():
    model, chance, image = MODELS["small-4"], np.random.default_rng(0), picture((70, 60))
    session = model.session(image, steps=4, precision="float32")
    first = session.labeling
    for _ in range(30):
        edit(session, chance, (70, 60))
    session.clear()
    assert np.abs(session.labeling.estimate - first.estimate).max() < 1e-4
    assert np.array_equal(session.labels, first.labels)


@pytest.mark.parametrize("arch", ["small-4", "small-8-4"])
def test_in_bfloat16_many_edits_stay_near_labelling_anew(arch):
    model, chance, image = MODELS[arch], np.random.default_rng(0), picture((70, 90))
    session = model.session(image, steps=4, precision="bfloat16")
    first = session.labeling
    for _ in range(20):
        edit(session, chance, (70, 90))
    anew = model.label(image, 4, hints=session.hints, precision="bfloat16")
    moved = np.abs(session.labeling.estimate - anew.estimate)
    assert moved.mean() < TOLERANCE[torch.bfloat16]
    assert moved.max() < 0.2
    assert (session.labels != anew.labels).mean() < 0.04
    session.clear()
    assert np.abs(session.labeling.estimate - first.estimate).mean() < 0.005


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_a_session_lives_on_outside_the_mode_that_it_began_in(mode):
    model, image = MODELS["small-8-4"], picture((40, 48))
    with mode():
        session = model.session(image, steps=3)
        session.stroke(1, [[5, 5], [20, 20]])
    session.stroke(2, [[30, 10], [30, 40]])
    session.change(image[:8, :8], (4, 4))
    session.advance()
    with mode():
        session.undo()
    changed = image.copy()
    changed[4:12, 4:12] = image[:8, :8]
    assert_as_anew(session, model, changed, 4)


def test_undo_and_redo():
    model, image = MODELS["small-4"], picture((40, 40))
    session = model.session(image, steps=2)
    empty = (slice(0, 0), slice(0, 0))
    assert session.undo() == empty == session.redo()
    states = [session.labeling]
    session.stroke("class1", [(3, 3), (20, 20)])
    states.append(session.labeling)
    session.stroke(2, [(3, 20), (20, 3)], width=5)
    states.append(session.labeling)
    session.remove(0)
    assert [stroke.labels.min() for stroke in session.strokes] == [2]
    for state in reversed(states):
        session.undo()
        assert np.array_equal(session.labels, state.labels)
    for state in states[1:]:
        session.redo()
        assert np.array_equal(session.labels, state.labels)
    session.undo()
    session.stroke(0, [(9, 9)])
    assert session.redo() == empty  # something else was done since
    assert len(session.strokes) == 2
    session.clear()
    assert session.strokes == ()
    session.undo()
    assert len(session.strokes) == 2


def test_a_labeling_stays_as_it_was_when_the_session_goes_on():
    model, image = MODELS["small-4"], picture((40, 50))
    session = model.session(image, steps=2)
    session.stroke(1, [(5, 5), (20, 30)])
    taken = session.labeling
    labels, estimate, probabilities = taken.labels.copy(), taken.estimate.copy(), taken.probabilities.copy()
    session.stroke(2, [(6, 5), (30, 10)], width=9)
    session.change(255 - image[:20, :20], (0, 0))
    session.remove(0)
    assert np.array_equal(taken.labels, labels)
    assert np.array_equal(taken.estimate, estimate)
    assert np.array_equal(taken.probabilities, probabilities)


def test_a_stroke_is_counted_from_the_end_too():
    session = MODELS["small-4"].session(picture((40, 50)), steps=1)
    session.stroke(1, [(5, 5)])
    session.stroke(2, [(30, 30)])
    session.remove(-1)
    assert [stroke.labels.min() for stroke in session.strokes] == [1]
    assert session.hints[30, 30] == 255


def test_strokes_stand_to_the_pixel_after_further_steps_and_other_images_too():
    model, image = MODELS["small-4"], picture((40, 50))
    session = model.session(image, steps=2)
    for k in range(3):
        session.stroke(k, [(9 + 10 * k, 13)], width=1)  # of a cell's sixteen pixels one
    session.advance(1)
    assert [session.labels[9 + 10 * k, 13] for k in range(3)] == [0, 1, 2]
    session.change(255 - image, (0, 0))
    assert [session.labels[9 + 10 * k, 13] for k in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(("steps", "settled"), [(2, False), (3, False), (60, True)])
def test_a_session_says_whether_it_has_settled(steps, settled):
    model, image = MODELS["small-8-4"], picture((40, 50))
    labeling = model.session(image, steps=steps).labeling
    assert labeling.settled == model.label(image, steps).settled == (labeling.changes[-1] == 0) == settled


def test_a_stroke_of_what_the_network_is_certain_of_counts_too():
    """W is fed more where a person fixed a class: the surroundings change though Y at the stroke does not."""
    plain = MODELS["fig-9-17"]
    network = fresh(replace(plain.card, architecture=plain.card.architecture | {"emphasis": 2.0}))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        bright, near = 0, 1
        network.U[0].conv.weight[bright, :, 4, 4] = 0.1
        network.W[0].conv.weight[near, 0] = 0.01
        network.V[0].conv.weight[0, bright, 2, 2] = 80
        network.V[0].conv.weight[1, near, 2, 2] = 1
        network.V[0].conv.bias[0] = 35
    model, image = Model(network, plain.card, "cpu", "float32"), np.zeros((96, 96, 3), np.uint8)
    image[:, :48] = 255
    session = model.session(image, steps=4)
    before = session.labeling.probabilities
    assert before[0, 48, 46] > 1 - 1e-5
    session.stroke(0, [(48, 46)], width=3)
    assert np.abs(session.labeling.probabilities - before)[0, 48, 48] > 1e-3
    assert_as_anew(session, model, image, 4)


def test_probabilities_have_the_cards_temperature():
    plain, image = MODELS["small-4"], picture((40, 50))
    model = Model(plain._folded, replace(plain.card, temperature=1.7), "cpu", "float32")
    session = model.session(image, steps=3)
    session.stroke(1, [(5, 5), (20, 30)])
    assert_as_anew(session, model, image, 3)
    assert session.labeling.drifts == pytest.approx(model.label(image, 3, hints=session.hints).drifts, abs=1e-4)
    start = session.labeling
    again = model.session(image, steps=2, start=start)
    assert again.labeling.drifts == pytest.approx(model.label(image, 2, start=start).drifts, abs=1e-4)


def test_a_trained_model_that_is_all_but_certain():
    """Between label cells it is the logarithm of Y that counts: what is next to nothing there must be right too."""
    model = load("street", "cpu", "float32")
    image = np.kron(picture((10, 11), seed=2), np.ones((20, 20, 1), np.uint8))[:195, :215]
    session, chance = model.session(image, steps=4), np.random.default_rng(0)
    for _ in range(3):
        session.stroke(int(chance.integers(11)), chance.uniform(10, 180, (2, 2)), width=5)
        assert_as_anew(session, model, image, 4)
    session.undo()
    assert_as_anew(session, model, image, 4)
