"""Several views of one image: what they say together."""

import numpy as np
import pytest
import torch

from made import make_model, values
from retint.errors import RetintError
from retint.labeling.asking import alone
from retint.labeling.how import Given, How
from retint.labeling.judging.evaluate import evaluate
from retint.labeling.views import View, views_of

MODEL = make_model(seed=3)
IMAGE = values(45, 62, 3)
TWO = (0.75, "1.25m")


def together(steps, **more):
    """The two views one by one, the second looked at in a mirror by hand: labels, and log Y summed."""
    maps = {name: more.pop(name) for name in ("start", "hints") if name in more}
    there = MODEL.label(IMAGE, steps, scale=0.75, **maps, **more)
    turned = {name: np.ascontiguousarray(plane[..., ::-1]) for name, plane in maps.items()}
    back = MODEL.label(np.ascontiguousarray(IMAGE[:, ::-1]), steps, scale=1.25, **turned, **more)
    logs = np.log(there.probabilities) + np.log(back.probabilities[:, :, ::-1])
    return there, back, torch.softmax(torch.from_numpy(logs) / 2, 0).numpy()


@pytest.mark.parametrize("steps", [1, 4])
def test_the_mean_is_geometric(steps):
    labeling = MODEL.label(IMAGE, steps, scale=TWO)
    there, back, y = together(steps)
    assert labeling.probabilities == pytest.approx(y, abs=1e-5)
    assert (labeling.labels == y.argmax(0)).mean() > 0.999
    assert len(np.unique(labeling.labels)) > 1
    assert (labeling.labels != there.labels).any()
    assert (labeling.steps, labeling.scale, labeling.strides) == (steps, 1.0, (1, 1))
    assert labeling.changes == pytest.approx(np.mean([there.changes, back.changes], 0))
    assert labeling.drifts == pytest.approx(np.mean([there.drifts, back.drifts], 0), abs=1e-6)


def test_starts_and_hints_are_seen_by_every_view():
    hints = np.full((45, 62), 255, np.uint8)
    hints[10:14, 5:40] = 2
    start = values(45, 62) % 3
    labeling = MODEL.label(IMAGE, 2, scale=TWO, start=start, hints=hints)
    _, _, y = together(2, start=start, hints=hints)
    assert (labeling.labels[hints != 255] == 2).all()
    free = hints == 255
    assert labeling.probabilities[:, free] == pytest.approx(y[:, free], abs=1e-5)
    assert labeling.probabilities[2, ~free] == pytest.approx(1)
    assert labeling.doubt()[~free].max() == 0
    assert (labeling.labels != MODEL.label(IMAGE, 2, scale=TWO).labels)[free].any()


def test_a_labelling_is_a_start_for_all_views():
    first = MODEL.label(IMAGE, 3, scale=TWO)
    again = MODEL.label(IMAGE, 1, scale=TWO, start=first)
    assert np.array_equal(again.labels, MODEL.label(IMAGE, 1, scale=TWO, start=first.estimate).labels)
    assert (again.labels == MODEL.label(IMAGE, 4, scale=TWO).labels).mean() > 0.9


def test_every_estimate_and_the_recorded_ones():
    labeling = MODEL.label(IMAGE, 4, scale=TWO, record=(1, 2, 9))
    shown = {one.steps: one.labels for one in MODEL.refinements(IMAGE, scale=TWO, at=(1, 2, 4))}
    assert list(labeling.recorded) == [1, 2]
    for step in (1, 2):
        assert np.array_equal(labeling.recorded[step], shown[step])
    assert np.array_equal(labeling.labels, shown[4])


def test_views_stop_by_themselves():
    labeling = MODEL.label(IMAGE, until_settled=True, scale=TWO)
    one, other = (MODEL.label(IMAGE if k == 0 else np.ascontiguousarray(IMAGE[:, ::-1]), until_settled=True, scale=s) for k, s in enumerate((0.75, 1.25)))
    assert labeling.steps == max(one.steps, other.steps)
    assert labeling.settled == (one.settled and other.settled)
    assert MODEL.label(IMAGE, budget=1e-9, scale=TWO).steps == 1


def test_a_batch_is_the_same_as_one_by_one():
    both = MODEL.label_batch([IMAGE, IMAGE[::-1]], 2, scale=TWO)
    assert np.array_equal(both[0].labels, MODEL.label(IMAGE, 2, scale=TWO).labels)
    assert np.array_equal(both[1].labels, MODEL.label(IMAGE[::-1], 2, scale=TWO).labels)


def test_one_in_a_mirror_is_that_of_the_mirrored_image():
    turned = MODEL.label(np.ascontiguousarray(IMAGE[:, ::-1]), 2).labels
    assert np.array_equal(MODEL.label(IMAGE, 2, scale="1m").labels, turned[:, ::-1])


def test_volumes_are_mirrored_along_their_columns():
    model, volume = make_model("volume-2", channels=1, seed=1), values(6, 20, 24, 1)
    turned = model.label(np.ascontiguousarray(volume[:, :, ::-1]), 2).labels
    assert np.array_equal(model.label(volume, 2, scale="1m").labels, turned[..., ::-1])


def test_the_temperature_of_the_card_counts_once():
    labeling = MODEL.label(IMAGE, 2, scale=TWO)
    assert labeling.temperature == MODEL.card.temperature
    assert labeling.probabilities.sum(0) == pytest.approx(1, abs=1e-5)


def test_they_are_measured(discs):
    model = make_model(classes=2)
    model.card = model.card.__class__(**{**vars(model.card), "classes": ("ground", "disc")})
    figures = evaluate(model, discs, steps=2, scale=TWO, doubt=True).to_dict()
    assert figures["scale"] == "0.75,1.25m"
    assert set(figures["steps"]["2"]["aurc"]) == {"entropy", "margin", "top"}


@pytest.mark.parametrize(
    ("scale", "message"),
    [("", "--scale : expected a number"), ("1,x", "--scale x: expected"), ((), "found none"), ((1, 0), "--scale 0: expected a number from 0.01"),
     (("1mm",), "--scale 1mm"), ("1,", "--scale : expected")],
)  # fmt: skip
def test_a_scale_that_is_none_is_told(scale, message):
    with pytest.raises(RetintError, match=message):
        MODEL.label(IMAGE, 1, scale=scale)


def test_what_has_one_scale_says_so():
    with pytest.raises(RetintError, match="films are labelled at one scale"):
        next(MODEL.label_video([IMAGE], scale="1,2m"))
    with pytest.raises(RetintError, match="a record of doubt: not possible with several scales"):
        MODEL.label(IMAGE, 1, scale="1,2m", doubt=True)


def test_scales_are_read_from_texts_and_numbers():
    assert views_of("1.25, .5m") == (View(1.25), View(0.5, True)) == views_of([1.25, "0.5m"]) == views_of((View(1.25), "0.5m"))
    assert views_of(np.float32(2)) == (View(2.0),)
    assert str(View(1.5, True)) == "1.5m"


def as_anew(session, image, steps, scale, **more):
    """A session's labels are those of labelling anew."""
    again = MODEL.label(image, steps, scale=scale, hints=session.hints, **more)
    labeling = session.labeling
    assert labeling.probabilities == pytest.approx(again.probabilities, abs=1e-4)
    assert (session.labels == again.labels).mean() > 0.999
    assert np.array_equal(labeling.labels, again.labels) or (labeling.labels == again.labels).mean() > 0.999
    assert session.steps == labeling.steps == steps
    assert labeling.changes == pytest.approx(again.changes, abs=2e-3)
    return again


@pytest.mark.parametrize("scale", [TWO, ("1.25m", 0.75), "1m"])
def test_a_session_of_views_is_as_labelling_anew(scale):
    rng = np.random.default_rng(4)
    image = IMAGE.copy()
    session = MODEL.session(image, steps=3, scale=scale)
    as_anew(session, image, 3, scale)
    for label in (0, 2, 1):
        before = session.labels.copy()
        box = session.stroke(label, rng.integers(0, 45, (2, 2)), 4)
        changed = np.argwhere(before != session.labels)
        assert all(s.start <= a and b < s.stop for s, a, b in zip(box, changed.min(0), changed.max(0), strict=True))
        as_anew(session, image, 3, scale)
    assert [len(np.unique(one.labels)) for one in session.strokes] == [2, 2, 2]
    drawn = np.full((45, 62), 255, np.uint8)
    for one in session.strokes:
        where = tuple(slice(a, b) for a, b in one.box)
        np.copyto(drawn[where], one.labels, where=one.labels != 255)
    assert np.array_equal(drawn, session.hints)
    three = session.labels.copy()
    session.remove(1)
    as_anew(session, image, 3, scale)
    session.undo()
    assert (session.labels == three).mean() > 0.999
    session.clear()
    assert (session.hints == 255).all()
    session.undo()
    session.undo()
    session.redo()
    part = values(9, 14, 3)
    session.change(part, (20, 30))
    image[20:29, 30:44] = part
    as_anew(session, image, 3, scale)
    session.advance(2)
    as_anew(session, image, 5, scale)


def test_a_session_of_views_begins_from_a_start_and_says_what_it_keeps():
    start = values(45, 62) % 3
    session = MODEL.session(IMAGE, steps=2, scale=TWO, start=start)
    as_anew(session, IMAGE, 2, TWO, start=start)
    assert session.bytes == MODEL.session_bytes(IMAGE.shape, 2, scale=TWO, started=True)
    with pytest.raises(RetintError, match="would keep"):
        MODEL.session(IMAGE, scale=TWO, most_bytes=1000)


def test_what_a_session_of_views_refuses_changes_nothing():
    session = MODEL.session(IMAGE, steps=1, scale=TWO)
    session.stroke("class1", [(5, 5), (20, 20)])
    labels, hints = session.labels.copy(), session.hints.copy()
    for call in (
        lambda: session.stroke(9, [(5, 5)]), lambda: session.add(np.full((3, 3), 1)), lambda: session.change(values(3, 3), (60, 0)),
        lambda: session.change(values(3, 3, 3), (0, 61)), lambda: session.remove(5), lambda: session.advance(0), lambda: session.change(5, (0, 0)),
    ):  # fmt: skip
        with pytest.raises(RetintError):
            call()
    assert np.array_equal(session.labels, labels)
    assert np.array_equal(session.hints, hints)
    as_anew(session, IMAGE, 1, TWO)
    assert session.undo() != session.undo() == (slice(0, 0), slice(0, 0))


def test_an_image_of_a_session_of_views_is_its_own():
    image = IMAGE.copy()
    session = MODEL.session(image, steps=1, scale=TWO)
    image[:] = 0
    session.stroke(1, [(5, 5), (20, 20)])
    as_anew(session, IMAGE, 1, TWO)


@pytest.mark.parametrize("scale", [1, TWO])
@pytest.mark.parametrize("tile", [None, 16])
def test_all_of_the_work_is_told_as_it_is_done(scale, tile):
    told = []
    alone(MODEL.labelling(IMAGE, How(steps=5, tile=tile, scale=scale), Given(watch=told.append)))
    assert sum(told) == pytest.approx(1)
    assert len(told) >= 5
    assert min(told) > 0


@pytest.mark.parametrize("columns", [62, 61, 59])
def test_an_estimate_that_reaches_beyond_the_image_is_mirrored_where_the_image_ends(columns):
    image = np.ascontiguousarray(IMAGE[:, :columns])
    one = MODEL.label(image, 2)
    assert one.estimate.shape[2] * 4 >= columns
    told = [MODEL.label(image, 1, scale="1m", start=start).probabilities for start in (one, one.estimate, one.probabilities)]
    assert told[1] == pytest.approx(told[0], abs=1e-6)
    assert told[2] == pytest.approx(told[0], abs=1e-6)
    back = np.ascontiguousarray(one.probabilities[..., ::-1])
    assert told[0] == pytest.approx(MODEL.label(np.ascontiguousarray(image[:, ::-1]), 1, start=back).probabilities[..., ::-1], abs=1e-5)


@pytest.mark.parametrize("given", [{"hints": 3}, {"start": "x.png"}, {"start": 3}])
def test_what_is_no_map_is_told_in_a_mirror_too(given):
    with pytest.raises(RetintError):
        MODEL.label(IMAGE, 1, scale="1m", **given)
    with pytest.raises(RetintError):
        MODEL.session(IMAGE, scale="1m,1").add(given.get("hints", given.get("start")))


def test_parts_may_be_tensors_and_places_are_told_as_they_are_given():
    for scale in ("1,1m", "1m,1"):
        session, image = MODEL.session(IMAGE, steps=1, scale=scale), IMAGE.copy()
        part = values(9, 14, 3)
        session.change(torch.from_numpy(part).movedim(-1, 0), (20, 30))
        image[20:29, 30:44] = part
        as_anew(session, image, 1, scale)
        for at in (None, (), ("a", "b"), (3, 4.5)):
            with pytest.raises(RetintError):
                session.change(part, at)
        with pytest.raises(RetintError, match=r"at \(0, 61\) do not lie in"):
            session.change(part, (0, 61))
        assert session.index("class1") == 1


def test_views_stay_together_when_one_cannot(monkeypatch):
    session = MODEL.session(IMAGE, steps=1, scale=TWO)
    session.stroke(1, [(5, 5), (20, 20)])
    session.stroke(2, [(30, 5), (40, 50)])
    session.undo()
    with monkeypatch.context() as patch:
        second = session._sessions[1]
        calls, follow = iter([MemoryError]), second.follow  # once: then the strokes are taken back

        def short(drawn):
            if error := next(calls, None):
                raise error
            return follow(drawn)

        patch.setattr(second, "follow", short)
        with pytest.raises(MemoryError):
            session.stroke(0, [(10, 40)])
    as_anew(session, IMAGE, 1, TWO)
    session.redo()
    assert len(session.strokes) == 2
    as_anew(session, IMAGE, 1, TWO)


def test_what_is_kept_is_as_asked_for():
    assert MODEL.label(IMAGE, 1, scale=TWO, keep=False).estimate is None
    assert MODEL.label(IMAGE, 2, scale=TWO, keep=False, record=(1,)).estimate is None
    assert MODEL.label(IMAGE, 1, scale=TWO, keep=True).estimate is not None


def test_options_that_are_none_are_told_for_batches_too():
    with pytest.raises(RetintError, match="foo and start: found for several images; expected starts"):
        MODEL.label_batch([IMAGE], start=None, foo=1)
    assert MODEL.label_batch([IMAGE], 3, doubt=True)[0].doubt("change").max() > 0
