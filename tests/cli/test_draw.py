"""`retint draw`: what it prints, and how it is stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from PIL import Image

from retint.cli.main import main
from retint.data import check_dataset, first_classes, open_dataset
from retint.errors import RetintError


def told(address, name, **given):
    call = urllib.request.Request(address + name, json.dumps(given).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=60) as answer:
        return json.load(answer)


@pytest.fixture(autouse=True)
def heard():
    """What is begun here hears signals, though whoever runs the tests may ignore them (under nohup, in the background of a script)."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_or_a_closed_terminal_writes_what_changed_and_tells_it(ends, file, photograph, tmp_path):
    command = [sys.executable, "-m", "retint", "draw", photograph, "--model", file, "--out", tmp_path / "out", "--json", "--no-browser"]
    with subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        line = process.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", line)[0]
        told(address, "open", image=0)
        assert told(address, "stroke", image=0, **{"class": "class1"}, points=[[3, 3], [9, 12]], width=3)["strokes"] == 1
        process.send_signal(ends)
        printed, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    row = json.loads(printed)["images"][0]
    assert (row["strokes"], row["labels"]) == (1, str(tmp_path / "out" / "pic.png"))
    assert (np.array(Image.open(row["hints"])) == 1).any()


@pytest.mark.parametrize("mended", [True, False])
def test_what_cannot_be_written_at_ctrl_c_can_be_mended(mended, photograph, tmp_path):
    labels = tmp_path / "set" / "labels"
    command = [sys.executable, "-m", "retint", "draw", photograph, "--classes", "a,b", "--out", labels, "--json", "--no-browser"]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", process.stderr.readline())[0]
        told(address, "open", image=0)
        told(address, "stroke", image=0, **{"class": 1}, points=[[3, 3], [3, 12]], width=3)
        labels.parent.mkdir()
        labels.write_text("in the way")
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert "cannot be written" in process.stderr.readline()
        assert "your strokes are there still" in process.stderr.readline()
        if mended:
            labels.unlink()
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=120)
    outcome = json.loads(printed)
    assert (process.returncode, len(outcome["images"]), len(outcome["failed"])) == ((0, 1, 0) if mended else (1, 0, 1))
    assert "Traceback" not in said
    assert mended or "1 of 1 images were not labelled" in said


def test_nohup_is_heeded(photograph, tmp_path):
    begin = f"import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); from retint.cli.main import main; sys.exit(main({['draw', str(photograph), '--classes', 'a,b', '--out', str(tmp_path / 'set' / 'labels'), '--no-browser']}))"
    with subprocess.Popen([sys.executable, "-c", begin], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", process.stderr.readline())[0]
        told(address, "open", image=0)
        process.send_signal(signal.SIGHUP)
        assert told(address, "state")["open"] == 0
        told(address, "finish")
        process.communicate(timeout=120)
    assert process.returncode == 0


def test_a_part_of_a_set_has_the_classes_of_the_whole(photograph, tmp_path):
    (tmp_path / "classes.json").write_text('{"classes": ["a", "b"], "colours": [[1, 2, 3], [4, 5, 6]]}')
    assert first_classes(tmp_path / "train" / "labels", None) == (("a", "b"), ((1, 2, 3), (4, 5, 6)))
    with pytest.raises(RetintError, match=r"other.classes\.json: missing"):
        first_classes(tmp_path / "other" / "labels", None)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["--port", "70000"], "--port 70000: found no such port"),
        (["--start", "nothere.png"], "--start nothere.png: found no such file or folder"),
        (["--hints", "nothere"], "--hints nothere: found no such file or folder"),
    ],
)
def test_what_cannot_be_begun_is_one_line(given, line, file, photograph, tmp_path, capsys):
    assert main(["draw", str(photograph), "--model", str(file), "--out", str(tmp_path / "out"), "--no-browser", *given]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"retint: {line}")
    assert said.count("\n") == 1


def test_first_labels_can_be_learned_from(photograph, tmp_path):
    (tmp_path / "set" / "images").mkdir(parents=True)
    photograph.rename(tmp_path / "set" / "images" / "pic.png")
    command = [sys.executable, "-m", "retint", "draw", tmp_path / "set" / "images", "--classes", "ground, disc", "--out", tmp_path / "set" / "labels", "--no-browser"]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", process.stderr.readline())[0]
        told(address, "open", image=0)
        for n, row in enumerate((3, 9)):
            told(address, "stroke", image=0, **{"class": n}, points=[[row, 3], [row, 12]], width=3)
        told(address, "finish")
        printed, _ = process.communicate(timeout=120)
    assert "pic.png: 2 strokes" in printed
    data = open_dataset(tmp_path / "set")
    assert data.classes == ("ground", "disc")
    (pair,) = data.splits["all"].pairs
    assert {*np.unique(pair.read()[1])} == {0, 1, 255}
    assert not check_dataset(data).problems


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["--steps", "3", "--overwrite"], "--steps and --overwrite: of what a model labels; add --model"),
        (["--classes", "one"], "--classes: found 1 classes; expected 2 to 255"),
        (["--classes", "a,b,a"], "--classes: found the class a more than once"),
        ([], "classes.json: missing; name the classes, such as --classes background,object"),
        (["--model", "vessel", "--classes", "a,b"], "--classes a,b: the model has its own"),
    ],
)
def test_what_does_not_go_together(given, line, photograph, tmp_path, capsys):
    assert main(["draw", str(photograph), "--out", str(tmp_path / "out"), "--no-browser", *given]) == 1
    assert line in capsys.readouterr().err
    assert not (tmp_path / "classes.json").exists()


def test_other_classes_than_those_that_are_there(photograph, tmp_path, capsys):
    (tmp_path / "classes.json").write_text('{"classes": ["a", "b"]}')
    assert main(["draw", str(photograph), "--out", str(tmp_path / "labels"), "--classes", "a,c", "--no-browser"]) == 1
    assert "classes.json has a,b; leave it out" in capsys.readouterr().err


def test_the_folder_of_images_is_not_written_to(file, photograph, capsys):
    folder = photograph.parent / "in"
    folder.mkdir()
    photograph.rename(folder / "pic.png")
    assert main(["draw", str(folder), "--model", str(file), "--out", str(folder)]) == 1
    assert "is the folder whose images are labelled" in capsys.readouterr().err


def test_what_is_wrong_with_the_only_image_is_said_at_once(file, tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert main(["draw", str(tmp_path / "broken.png"), "--model", str(file), "--out", str(tmp_path / "out"), "--no-browser"]) == 1
    assert "broken.png: found no image" in capsys.readouterr().err


def test_a_models_labels_are_not_written_into_a_set_of_other_classes(file, photograph, tmp_path, capsys):
    (tmp_path / "classes.json").write_text('{"classes": ["class0", "class2", "class1"]}')
    given = ["draw", str(photograph), "--model", str(file), "--no-browser", "--port", "70000"]
    assert main([*given, "--out", str(tmp_path / "labels")]) == 1
    assert "classes.json has class0,class2,class1, made has class0,class1,class2; names and their order must agree" in capsys.readouterr().err
    assert main([*given, "--out", str(tmp_path / "out")]) == 1  # no labels/ of a set: it comes as far as the port
    assert "--port 70000" in capsys.readouterr().err
