"""Images drawn on one after another: what is opened, written, gone on with and refused."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from made import make_model, values
from retint.errors import RetintError
from retint.labeling.files import desk
from retint.labeling.files.desk import Corrections, FirstLabels
from retint.labeling.files.images import Wish

LINE = [(5, 5), (5, 20)]


@pytest.fixture
def images(tmp_path):
    """Two files, the second larger."""
    (tmp_path / "in").mkdir()
    for name, size in (("a", (20, 30)), ("b", (32, 24))):
        Image.fromarray(values(*size, 3)).save(tmp_path / "in" / f"{name}.png")
    return [tmp_path / "in" / f"{name}.png" for name in "ab"]


def read(path):
    return np.array(Image.open(path))


def begun(model, images, tmp_path, **wish):
    return Corrections(model, images, tmp_path / "out", Wish(**wish))


def test_what_is_saved_is_what_labelling_with_the_strokes_gives(model, images, tmp_path):
    corrections = begun(model, images, tmp_path, steps=3)
    corrections.open(0).session.stroke("class2", LINE)
    row = corrections.save()
    hints = read(tmp_path / "out" / "a.hints.png")
    assert (hints == 2).sum() > 10
    assert {*np.unique(hints)} == {2, 255}
    expected = model.label(read(images[0]), 3, hints=hints).labels
    assert (read(tmp_path / "out" / "a.png") == expected).mean() > 0.99
    assert (read(tmp_path / "out" / "a.png")[hints == 2] == 2).all()
    assert (tmp_path / "out" / "a.overlay.png").is_file()
    assert (row["strokes"], row["steps"], row["fixed"]) == (1, 3, round(float((hints != 255).mean()), 6))
    assert sum(row["fractions"].values()) == pytest.approx(1, abs=1e-5)


def test_an_image_that_changed_is_written_when_it_is_left_and_one_that_did_not_is_not(model, images, tmp_path):
    corrections = begun(model, images, tmp_path)
    corrections.open(0).session.stroke(1, LINE)
    corrections.open(1)
    assert (tmp_path / "out" / "a.hints.png").is_file()
    corrections.open(0)
    assert not (tmp_path / "out" / "b.png").exists()
    assert [row["image"] for row in corrections.outcome.to_dict()["images"]] == [str(images[0])]


def test_an_image_that_cannot_be_opened_is_told_at_the_end_unless_it_was_mended(model, images, tmp_path):
    corrections, good = begun(model, images, tmp_path), images[1].read_bytes()
    corrections.open(0)
    images[1].write_bytes(b"no image")
    for _ in range(2):
        with pytest.raises(RetintError, match="found no image"):
            corrections.open(1)
    assert [row["image"] for row in corrections.outcome.to_dict()["failed"]] == [str(images[1])]
    assert corrections.desk.number == 0
    images[1].write_bytes(good)
    corrections.open(1)
    assert corrections.outcome.to_dict()["failed"] == []


@pytest.mark.parametrize("more", [{}, {"scale": "1,1.5m"}])
def test_strokes_are_gone_on_with(more, model, images, tmp_path):
    first = begun(model, images, tmp_path, **more)
    first.open(0).session.stroke(1, LINE)
    first.save()
    labels = read(tmp_path / "out" / "a.png")
    again = begun(model, images, tmp_path, **more)
    session = again.open(0).session
    assert np.array_equal(session.hints, read(tmp_path / "out" / "a.hints.png"))
    assert np.array_equal(session.labels, labels)
    assert not again.changed
    session.stroke(0, [(15, 3)])
    assert again.changed
    session.undo()
    assert not again.changed


def test_a_step_more_is_a_change(model, images, tmp_path):
    corrections = begun(model, images, tmp_path)
    corrections.open(0).session.advance()
    corrections.keep()
    assert corrections.outcome.images[images[0]]["steps"] == 5
    assert (read(tmp_path / "out" / "a.png") == model.label(read(images[0]), 5).labels).mean() > 0.99


def test_starts_and_hints_are_those_that_are_given(model, images, tmp_path):
    start, hints = np.full((20, 30), 2, np.uint8), np.full((20, 30), 255, np.uint8)
    hints[3:6, 3:9] = 1
    np.save(tmp_path / "start.npy", start)
    Image.fromarray(hints).save(tmp_path / "hints.png")
    session = begun(
        model, images[:1], tmp_path, steps=1, start=tmp_path / "start.npy", hints=tmp_path / "hints.png"
    ).open(0).session  # fmt: skip
    assert np.array_equal(session.hints, hints)
    expected = model.label(read(images[0]), 1, start=start, hints=hints).labels
    assert (session.labels == expected).mean() > 0.99


def test_one_that_cannot_be_read_leaves_the_other_open(model, images, tmp_path):
    images[1].write_bytes(b"no image")
    corrections = begun(model, images, tmp_path)
    desk = corrections.open(0)
    with pytest.raises(RetintError, match=r"b\.png"):
        corrections.open(1)
    assert corrections.desk is desk
    desk.session.stroke(1, LINE)
    corrections.keep()
    assert (tmp_path / "out" / "a.png").is_file()


def test_a_volume_keeps_its_format(tmp_path):
    tifffile.imwrite(tmp_path / "v.tif", values(5, 16, 18), imagej=True, metadata={"axes": "ZYX", "spacing": 2.0})
    corrections = begun(make_model("slices-2", channels=1), [tmp_path / "v.tif"], tmp_path)
    desk = corrections.open(0)
    assert desk.shown.shape == (5, 16, 18, 3)
    desk.session.stroke(1, [(2, 5, 5), (2, 5, 12)])
    corrections.save()
    hints = tifffile.imread(tmp_path / "out" / "v.hints.tif")
    assert hints.shape == (5, 16, 18)
    assert (hints[2] == 1).sum() > 10
    assert (tifffile.imread(tmp_path / "out" / "v.tif")[hints == 1] == 1).all()


def test_labels_without_strokes_are_not_replaced(model, images, tmp_path):
    (tmp_path / "out").mkdir()
    Image.fromarray(values(20, 30)).save(tmp_path / "out" / "a.png")
    with pytest.raises(RetintError, match=r"a\.png: exists already, without strokes to go on from; --overwrite"):
        begun(model, images, tmp_path)
    assert begun(model, images, tmp_path, overwrite=True).open(0).session.strokes == ()


def test_two_images_that_would_write_one_file_are_refused(model, images, tmp_path):
    other = images[0].with_name("a.hints.png")
    Image.fromarray(values(8, 8, 3)).save(other)
    with pytest.raises(RetintError, match=r"both would write .*a\.hints\.png"):
        begun(model, [images[0], other], tmp_path)


def test_a_model_without_sessions_is_refused(images, tmp_path):
    with pytest.raises(RetintError, match="rcnn2 takes a fixed number of steps at once"):
        begun(make_model("rcnn2"), images, tmp_path)


@pytest.mark.parametrize("number", [-1, 2, "0", None])
def test_an_image_that_is_not_there(number, model, images, tmp_path):
    with pytest.raises(RetintError, match="there are 2, counted from 0"):
        begun(model, images, tmp_path).open(number)


def test_first_labels_are_what_was_drawn_and_are_gone_on_with(images, tmp_path):
    def begin():
        return FirstLabels(("ground", "disc"), None, images, tmp_path / "labels")

    first = begin()
    session = first.open(0).session
    assert not (tmp_path / "classes.json").exists()
    session.stroke("disc", LINE)
    session.stroke(0, [(15, 3)], width=4)
    row = first.save()
    drawn = read(tmp_path / "labels" / "a.png")
    assert np.array_equal(drawn, session.hints)
    assert {*np.unique(drawn)} == {0, 1, 255}
    assert [file.name for file in (tmp_path / "labels").iterdir()] == ["a.png"]
    assert json.loads((tmp_path / "classes.json").read_text())["classes"] == ["ground", "disc"]
    assert row["fractions"] == {name: round(float((drawn == k).mean()), 6) for k, name in enumerate(("ground", "disc"))}
    again = begin()
    assert np.array_equal(again.open(0).session.labels, drawn)
    assert not again.changed
    again.desk.session.undo()
    assert (again.desk.session.labels == 255).all()
    again.open(1)
    assert (read(tmp_path / "labels" / "a.png") == 255).all()
    assert again.outcome.to_dict()["model"] is None


def test_labels_that_are_no_class_are_told(images, tmp_path):
    (tmp_path / "labels").mkdir()
    Image.fromarray(np.full((20, 30), 7, np.uint8)).save(tmp_path / "labels" / "a.png")
    with pytest.raises(RetintError, match=r"labels/a\.png: hints: .*7"):
        FirstLabels(("ground", "disc"), None, images, tmp_path / "labels").open(0)


def test_labels_of_another_format_are_not_overlooked(images, tmp_path):
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / "b.tif", np.zeros((32, 24), np.uint8))
    with pytest.raises(RetintError, match=r"labels/b\.tif: what is drawn would be written beside it, as b\.png"):
        FirstLabels(("ground", "disc"), None, images, tmp_path / "labels")


def test_more_than_a_browser_shows_is_refused_before_it_is_labelled(model, images, tmp_path, monkeypatch):
    corrections = begun(model, images, tmp_path)
    monkeypatch.setattr(desk, "_MOST_SHOWN", 700)
    assert corrections.open(0).number == 0
    with pytest.raises(RetintError, match=r"b\.png: found 32 x 24 pixels; expected at most"):
        corrections.open(1)
    monkeypatch.setattr(desk, "_LONGEST_SHOWN", 29)
    with pytest.raises(RetintError, match=r"a\.png: found 20 x 30 pixels"):
        corrections.open(0)


def test_a_stroke_for_which_memory_is_short_is_not_drawn(model, images, tmp_path, monkeypatch):
    corrections = begun(model, images, tmp_path, steps=3, precision="float32")
    session = corrections.open(0).session
    before = session.labels.copy()
    session.stroke(1, LINE)
    session.undo()
    estimate, calls = session._kept._estimate, []

    def short(number, box):
        calls.append(number)
        if len(calls) == 2:
            raise MemoryError
        return estimate(number, box)

    monkeypatch.setattr(session._kept, "_estimate", short)
    with pytest.raises(MemoryError):
        session.stroke(2, LINE)
    assert (session.strokes, session.history) == ((), (0, 1))
    assert (session.hints == 255).all()
    assert np.array_equal(session.labels, before)
    session.redo()
    expected = model.label(read(images[0]), 3, hints=session.hints, precision="float32").labels
    assert np.array_equal(session.labels, expected)


def test_first_labels_of_a_volume(tmp_path):
    tifffile.imwrite(tmp_path / "v.tif", values(5, 16, 18), imagej=True, metadata={"axes": "ZYX"})
    first = FirstLabels(("ground", "disc"), None, [tmp_path / "v.tif"], tmp_path / "labels")
    first.open(0).session.stroke(1, [(2, 5, 5), (2, 5, 12)])
    first.save()
    assert (tifffile.imread(tmp_path / "labels" / "v.tif")[2] == 1).sum() > 10


def test_what_is_odd_about_a_start_is_told_once(model, images, tmp_path):
    np.save(tmp_path / "start.npy", np.full((20, 30), 2, np.uint8))
    corrections = begun(model, images[:1], tmp_path, start=tmp_path / "start.npy")
    (line,) = corrections.open(0).warnings
    assert "class 0 (class0) is nowhere in it" in line
    assert corrections.open(0).warnings == ()
    assert corrections.outcome.to_dict()["warnings"] == [line]
