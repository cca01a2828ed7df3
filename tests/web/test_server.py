"""The page's server: what it answers, to whom, and how it ends."""

import http.client
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from made import make_model, values
from retint.errors import RetintError
from retint.web.server import Server

POINTS = [[5.5, 4.0], [5.5, 20.0]]


@pytest.fixture
def page(opened):
    return opened([values(20, 30, 3), values(16, 24, 3)], steps=3)


def test_the_page_and_its_parts(page):
    assert b"<title>Retint</title>" in page.get("")
    assert all(b"use strict" in page.get(name) for name in ("page.js", "hand.js"))
    assert b"cursor: crosshair" in page.get("page.css")
    _, _, answer = page.ask("GET", f"/{page.path}")
    assert "default-src 'none'" in answer.getheader("Content-Security-Policy")


def test_every_element_that_the_script_asks_for_is_on_the_page(page):
    import re

    script, shown = (page.get("page.js") + page.get("hand.js")).decode(), page.get("").decode()
    asked = {*re.findall(r'\$\("([\w-]+)"\)', script)}
    assert len(asked) > 20
    assert asked <= {*re.findall(r'id="([\w-]+)"', shown)}


def test_a_stroke_changes_what_the_session_says(page, model):
    assert page.tell("state")["open"] is None
    opened = page.tell("open", image=0)
    assert (opened["size"], opened["strokes"], opened["steps"], opened["name"]) == ([1, 20, 30], 0, 3, "0.tif")
    session = page.drawings.desk.session
    before = page.plane("labels", (20, 30)).copy()
    assert np.array_equal(before, session.labels)
    told = page.tell("stroke", image=0, **{"class": 2}, points=POINTS, width=3)
    assert (told["strokes"], told["undo"], told["redo"], told["changed"]) == (1, 1, 0, True)
    first, end, top, bottom, left, right = told["box"]
    assert (first, end) == (0, 1)
    after = page.plane("labels", (20, 30))
    changed = np.argwhere(after != before)
    assert len(changed)
    assert (changed.min(0) >= (top, left)).all()
    assert (changed.max(0) < (bottom, right)).all()
    part = page.plane("labels", (bottom - top, right - left), f"&box={top},{bottom},{left},{right}")
    assert np.array_equal(part, after[top:bottom, left:right])
    assert np.array_equal(page.plane("hints", (20, 30)), session.hints)
    assert (session.hints == 2).sum() >= 2 * 17
    page.tell("undo", image=0)
    assert np.array_equal(page.plane("labels", (20, 30)), before)
    assert page.tell("redo", image=0)["strokes"] == 1
    assert page.tell("clear", image=0)["strokes"] == 0
    assert page.tell("advance", image=0)["steps"] == 4


def test_the_picture_and_doubt(page):
    page.tell("open", image=0)
    import io

    shown = np.array(Image.open(io.BytesIO(page.get("picture.png?image=0"))))
    assert np.array_equal(shown, tifffile.imread(page.drawings.images[0]))
    labeling = page.drawings.desk.session.labeling
    expected = (labeling.doubt("entropy") * 255).round()
    assert np.abs(page.plane("doubt", (20, 30)) - expected).max() <= 1
    page.tell("stroke", image=0, **{"class": 1}, points=POINTS, width=3)
    assert (page.plane("doubt", (20, 30))[page.plane("hints", (20, 30)) == 1] == 0).all()


def test_slices_of_a_volume(opened):
    page = opened([values(5, 16, 18)], make_model("slices-2", channels=1), steps=2)
    assert page.tell("open", image=0)["size"] == [5, 16, 18]
    told = page.tell("stroke", image=0, slice=3, **{"class": 1}, points=POINTS, width=3)
    first, end = told["box"][:2]
    assert first <= 3 < end
    session = page.drawings.desk.session
    assert (session.hints[3] == 1).any()
    assert (session.hints[2] == 255).all()
    for k in range(5):
        assert np.array_equal(page.plane("labels", (16, 18), f"&slice={k}"), session.labels[k])
    assert page.get("labels?image=0&slice=5") == "slice 5: there are 5, counted from 0"


def test_changes_are_counted_so_that_a_page_sees_what_another_one_did(page):
    counts = [page.tell("open", image=0)["changes"]]
    for name in ("advance", "undo", "clear"):
        counts.append(page.tell(name, image=0)["changes"])
    page.tell("stroke", image=0, **{"class": 2}, points=[[-50, -50]], width=3)  # which is refused
    counts.append(page.tell("open", image=0)["changes"])
    assert counts == [0, 1, 2, 3, 4]


def test_only_who_knows_the_address_is_answered(page):
    for path in ("/", "/state", f"/{page.path[:-2]}/", f"/x{page.path}"):
        assert page.ask("GET", path)[0] == 404
    assert page.ask("GET", f"/{page.path}", Host="elsewhere.org")[0] == 404
    assert page.ask("GET", f"/{page.path}", Host="localhost:1234")[0] == 200
    for path, host in ((f"/{page.path}", "[::1"), ("//[" + page.path, "localhost")):  # no host, no address
        status, _, answer = page.ask("GET", path, Host=host)
        assert (status, answer.getheader("Connection")) == (404, "close")
    assert page.ask("POST", f"/x{page.path}open", "{}")[0] == 404
    assert {page.ask(method, f"/{page.path}")[0] for method in ("HEAD", "OPTIONS", "PUT")} == {501}
    for name in ("server.py", "../server.py", "page/page.js", "%2e%2e/desk.py"):
        assert page.ask("GET", f"/{page.path}{name}")[0] == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [("[]", {}), ("{", {}), ("{}", {"Content-Type": "text/plain"}), ("", {}), ("{}", {"Content-Length": "99999999"}), ("[" * 100_000, {})],
)
def test_what_is_no_call_is_refused(body, fields, page):
    status, answer, _ = page.ask("POST", f"/{page.path}open", body, **fields)
    assert (status, json.loads(answer)["error"]) == (400, "expected one JSON object")


@pytest.mark.parametrize(
    ("call", "given", "line"),
    [
        ("open", {"image": 2}, "there are 2, counted from 0"),
        ("open", {}, "there are 2, counted from 0"),
        ("stroke", {"image": 1}, "another image is open"),
        ("stroke", {"image": 0, "class": 9, "points": POINTS, "width": 3}, "class 9: expected one of 0 class0"),
        ("stroke", {"image": 0, "class": 1, "points": "x", "width": 3}, "points: expected one or more of 2"),
        ("stroke", {"image": 0, "class": 1, "points": [], "width": 3}, "points: expected one or more of 2"),
        ("stroke", {"image": 0, "class": 1, "points": [[-50, -50]], "width": 3}, "nothing is drawn inside"),
        ("stroke", {"image": 0, "class": 1, "points": POINTS}, "width 0: a number"),
        ("nothing", {}, "there is nothing here"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(call, given, line, page):
    page.tell("open", image=0)
    before = page.plane("labels", (20, 30)).copy()
    assert line in page.tell(call, **given)
    assert np.array_equal(page.plane("labels", (20, 30)), before)


@pytest.mark.parametrize("box", ["1", "0,99,0,1", "5,2,0,1", "a,b,c,d"])
def test_a_box_that_is_none(box, page):
    page.tell("open", image=0)
    assert "expected rows and columns of 20 x 30 pixels" in page.get(f"labels?image=0&box={box}")


def test_an_unexpected_error_is_a_line_and_the_page_goes_on(page, monkeypatch):
    page.tell("open", image=0)

    def breaks(*_):
        raise ValueError("first line\nsecond")

    with monkeypatch.context() as patch:
        patch.setattr(page.drawings, "save", breaks)
        assert page.tell("save", image=0) == "first line"
    assert page.tell("save", image=0)["strokes"] == 0


def test_after_an_error_the_same_connection_goes_on(page):
    browser = http.client.HTTPConnection(page.where, timeout=60)
    for name, status in (("nothing", 404), ("stroke", 400), ("open", 200)):
        browser.request("POST", f"/{page.path}{name}", '{"image": 0}', {"Content-Type": "application/json"})
        answer = browser.getresponse()
        answer.read()
        assert (answer.status, answer.getheader("Connection")) == (status, None)


def test_after_the_end_nothing_is_drawn_that_nobody_would_write(page):
    page.tell("open", image=0)
    page.server._calls.end()
    assert page.tell("stroke", image=0, **{"class": 1}, points=POINTS, width=2) == "retint has ended, and this is not done: start it again"
    page.server.stop()
    page.thread.join(60)
    page.server.close()
    with pytest.raises(RetintError, match="retint has ended"):
        page.server._compute(page.drawings.keep)


def test_what_cannot_be_written_at_the_end_is_there_still(page, tmp_path):
    page.tell("open", image=0)
    page.tell("stroke", image=0, **{"class": 1}, points=POINTS, width=2)
    (tmp_path / "out").write_text("in the way")
    assert "cannot be written" in page.tell("finish")
    page.server.stop()
    page.thread.join(60)
    assert "cannot be written" in str(page.failed[0])
    (tmp_path / "out").unlink()
    page.start()
    assert page.tell("finish") == {"written": 1}
    assert (np.array(Image.open(tmp_path / "out" / "0.hints.png")) == 1).any()


def test_finishing_writes_what_changed_and_ends(page, tmp_path):
    page.tell("open", image=1)
    page.tell("stroke", image=1, **{"class": 1}, points=POINTS, width=2)
    assert page.tell("finish") == {"written": 1}
    page.thread.join(60)
    assert not page.thread.is_alive()
    assert (np.array(Image.open(tmp_path / "out" / "1.hints.png")) == 1).any()


def test_a_port_that_is_taken(page, model):
    taken = int(page.where.split(":")[1])
    with pytest.raises(RetintError, match=f"--port {taken}: .*; choose another"):
        Server(page.drawings, taken)
    with pytest.raises(RetintError, match="--port 70000: found no such port"):
        Server(page.drawings, 70000)
