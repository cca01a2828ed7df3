"""What a session computes and keeps, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from retint.errors import RetintError
from retint.labeling import Model
from retint.labeling.session.kept import KeptSteps
from retint.labeling.session.region import SIDE
from sessions import MODELS, assert_as_anew, picture


def test_only_what_can_change_is_computed(monkeypatch):
    model, size = MODELS["small-4"], (400, 400)
    session = model.session(picture(size), steps=2, precision="float32")
    computed = []
    kept = session._kept
    estimate = kept._estimate
    monkeypatch.setattr(kept, "_estimate", lambda number, box: computed.append((number, box)) or estimate(number, box))
    session.stroke(1, [(200, 200), (200, 210)])
    reach = model._folded.geometry[0].start_halo(1)
    assert [number for number, _ in computed] == [1, 2]
    (_, (first, last)), (_, (begin, end)) = computed[0][1], computed[1][1]
    assert last - first == SIDE
    assert first - reach[1] - SIDE < begin < end < last + reach[0] + SIDE
    labeling = session.labeling
    assert labeling.labels.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        session.labels[0, 0] = 1


def test_two_distant_strokes_are_two_regions(monkeypatch):
    session = MODELS["small-4"].session(picture((300, 40)), steps=1, precision="float32")
    hints = np.full((300, 40), 255, np.uint8)
    hints[4:8, 4:8], hints[290:295, 30:35] = 1, 2
    session.stroke(1, [(5, 5)])
    session.stroke(2, [(290, 30)])
    computed = []
    kept = session._kept
    estimate = kept._estimate
    monkeypatch.setattr(kept, "_estimate", lambda number, box: computed.append(box) or estimate(number, box))
    session.clear()
    assert len(computed) == 2
    assert sum(np.prod([b - a for a, b in box]) for box in computed) <= 2 * SIDE * 10


@pytest.mark.parametrize(("arch", "started"), [("small-4", False), ("small-8-4", True), ("plain", False)])
def test_memory_is_known_beforehand(arch, started):
    model, image = MODELS[arch], picture((203, 157))
    start = np.zeros((203, 157), np.uint8) if started else None
    session = model.session(image, steps=5, start=start)
    assert session.bytes == model.session_bytes(image.shape, 5, started=started)
    held = session._kept
    arrays = [held._context, held._fixed, held._rest, *held.estimates, *([held._start] if started else [])]
    arrays += [plane for plane in held._inside.planes if plane is not None]
    real = sum(a.untyped_storage().nbytes() for a in arrays)
    assert session.bytes == pytest.approx(real + image.nbytes + 2 * 203 * 157, rel=0.03)
    with pytest.raises(RetintError, match=r"203 x 157 pixels and 5 steps would keep 0\.00 GB"):
        model.session(image, steps=5, start=start, most_bytes=session.bytes - 1)
    session.advance(2)
    assert session.bytes == model.session_bytes(image.shape, 7, started=started)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.stroke(3, [(1, 1)]), "class 3: expected one of 0 class0, 1 class1, 2 class2"),
        (lambda s: s.stroke("tree", [(1, 1)]), "class tree"),
        (lambda s: s.stroke(-1, [(1, 1)]), "class -1"),
        (lambda s: s.stroke(1, [(-9, 4)]), "nothing is drawn inside the image's 40 x 50 pixels"),
        (lambda s: s.stroke(1, [1, 2, 3]), "points: expected"),
        (lambda s: s.stroke(1, []), "points: expected"),
        (lambda s: s.stroke(1, [(1, float("nan"))]), "points: expected"),
        (lambda s: s.stroke(1, [(1, 1)], width=0.5), "width 0.5"),
        (lambda s: s.add(np.zeros((3, 3), np.uint8)), "hints: shape"),
        (lambda s: s.add(np.full((40, 50), 7)), "label 7 found"),
        (lambda s: s.add(np.full((40, 50), 255)), "no pixel is labelled"),
        (lambda s: s.remove(0), "stroke 0: there are 0"),
        (lambda s: s.advance(0), "steps 0"),
        (lambda s: s.change(np.zeros((4, 4, 3), np.uint8), (38, 0)), "do not lie in the image"),
        (
            lambda s: s.change(np.zeros((4, 4, 3), np.float32), (0, 0)),
            "part: float32 with 3 channels; the image is uint8",
        ),
        (lambda s: s.change(np.zeros((4, 4), np.uint8), (0, 0)), "part: uint8 with 1 channels"),
    ],
)
def test_what_does_not_fit_is_said_and_changes_nothing(call, message):
    session = MODELS["small-4"].session(picture((40, 50)), steps=1)
    before = session.labels.copy()
    with pytest.raises(RetintError, match=message):
        call(session)
    assert np.array_equal(session.labels, before)
    assert session.strokes == ()


def test_networks_that_take_all_steps_at_once_have_no_session():
    with pytest.raises(RetintError, match="made: rcnn2 takes a fixed number of steps at once"):
        MODELS["rcnn2"].session(picture((60, 60)))
    with pytest.raises(RetintError, match="--steps 0"):
        MODELS["small-4"].session(picture((60, 60)), steps=0)


def test_a_change_that_is_refused_changes_nothing():
    model, image = MODELS["small-4"], picture((40, 50)).astype(np.float32) / 255
    model = Model(model._folded, replace(model.card, dtype="float32"), "cpu", "float32")
    session = model.session(image, steps=2)
    with pytest.raises(RetintError, match="NaN"):
        session.change(np.full((8, 8, 3), np.nan, np.float32), (0, 0))
    with pytest.raises(RetintError, match="whole pixels"):
        session.change(image[:8, :8], (0.5, 0))
    image[12:20, 12:20] *= 0.5
    session.change(image[12:20, 12:20], (12, 12))
    assert_as_anew(session, model, image, 2)


@pytest.mark.parametrize("scale", [1, "1,1.5m"])
@pytest.mark.parametrize("do", [lambda s: s.stroke(2, [(4, 4), (30, 40)]), lambda s: s.advance(2), lambda s: s.undo()])
def test_when_memory_runs_out_all_is_as_it_was(scale, do, monkeypatch):
    model, image, estimate = MODELS["small-4"], picture((40, 56), 3), KeptSteps._estimate
    left = 10**6

    def short(self, number, box):
        nonlocal left
        left -= 1
        if left < 0:
            left = 10**6  # what takes back has what was given up
            raise MemoryError
        return estimate(self, number, box)

    def begun():
        session = model.session(image, steps=2, scale=scale)
        session.stroke(1, [(10, 10), (12, 30)])
        return session

    other = begun()
    monkeypatch.setattr(KeptSteps, "_estimate", short)
    do(other)
    taken = 10**6 - left
    assert taken > 1
    for number in {0, 1, taken // 2, taken - 1}:
        left = 10**6
        session = begun()
        before, labels, history = session.strokes, session.labels.copy(), session.history
        left = number

        with pytest.raises(MemoryError):
            do(session)
        assert (session.strokes, session.history, session.steps) == (before, history, 2)
        assert np.array_equal(session.labels, labels)
        session.advance()
        session.stroke(2, [(30, 5), (35, 40)])
        assert_as_anew(session, model, image, 3, scale=scale)
