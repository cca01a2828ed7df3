"""`retint label` and `retint refine`: what they print, write and refuse."""

import json
import os
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

import retint
from made import model_file
from retint.cli.main import main


def run(*arguments):
    return main([str(a) for a in arguments])


def test_label_prints_one_object(file, photograph, tmp_path, capsys):
    assert run("label", photograph, "--model", file, "--out", tmp_path / "out", "--steps", 3, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["model", "images", "failed", "skipped", "warnings"]
    row = printed["images"][0]
    assert list(row) == ["image", "labels", "steps", "change", "settled", "fractions"]
    assert (row["image"], row["steps"], printed["failed"]) == (str(photograph), 3, [])
    assert set(row["fractions"]) == {"class0", "class1", "class2"}


@pytest.mark.parametrize(
    ("length", "ended"),
    [
        (["--steps", "2"], lambda row: row["steps"] == 2),
        (["--until-settled"], lambda row: row["settled"] and row["steps"] > 2),
        (["--tolerance", "0.5"], lambda row: row["drift"] < 0.5),
        (["--budget", "50ms"], lambda row: row["steps"] >= 1),
    ],
)
def test_label_ends_as_it_is_told(length, ended, file, photograph, tmp_path, capsys):
    assert run("label", photograph, "--model", file, "--out", tmp_path / "out", "--json", *length) == 0
    assert ended(json.loads(capsys.readouterr().out)["images"][0])


def test_several_scales_are_labelled_and_put_together(file, photograph, tmp_path):
    given = ["label", photograph, "--model", file, "--precision", "float32", "--steps", "2"]
    assert run(*given, "--out", tmp_path / "out", "--scale", "1,1.5m", "--strip", "--probabilities") == 0
    expected = retint.load(file, precision="float32").label(np.array(Image.open(photograph)), 2, scale=(1, "1.5m"))
    assert np.array_equal(np.array(Image.open(tmp_path / "out" / "pic.png")), expected.labels)
    written = tifffile.imread(tmp_path / "out" / "pic.probabilities.tif")
    assert np.abs(written - expected.probabilities).max() < 1e-3
    assert (tmp_path / "out" / "pic.steps.png").is_file()
    assert run(*given, "--out", tmp_path / "again", "--scale", "1,1.5m", "--start", tmp_path / "out") == 0


def test_a_start_that_does_not_fit_is_told_with_its_image(file, photograph, tmp_path, capsys):
    Image.fromarray(np.array([[0, 255] * 3] * 5, np.uint8)).save(tmp_path / "small.png")
    given = ["label", photograph, "--model", file, "--out", tmp_path / "out"]
    assert run(*given, "--hints", tmp_path / "small.png") == 1
    assert capsys.readouterr().err.startswith(f"retint: {photograph}: --hints {tmp_path / 'small.png'}: shape (5, 6), the image has (20, 30)")
    np.save(tmp_path / "soft.npy", np.full((5, 10, 15), 0.2, np.float32))
    assert run(*given, "--start", tmp_path / "soft.npy") == 1
    assert capsys.readouterr().err.startswith(f"retint: {photograph}: --start {tmp_path / 'soft.npy'}: float32 of shape (5, 10, 15)")
    assert not (tmp_path / "out").exists()


def test_a_bad_file_is_told_at_the_end(file, photograph, tmp_path, capsys):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    assert run("label", bad, photograph, "--model", file, "--out", tmp_path / "out") == 1
    told = capsys.readouterr()
    assert "pic.png: 4 steps" in told.out
    assert str(bad) in told.err
    assert "1 of 2 images were not labelled" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--steps", "0"], "argument --steps"),
        (["--steps", "x"], "argument --steps"),
        (["--budget", "soon"], "argument --budget: 'soon': expected a time"),
        (["--tile", "-4"], "argument --tile"),
        (["--scale", "0"], "argument --scale: 0: expected a number from 0.01 to 100"),
        (["--scale", "1,2x"], "argument --scale: 2x: expected a number such as 1.25"),
        (["--steps", "2", "--until-settled"], "argument --until-settled: not allowed with argument --steps"),
    ],
)
def test_misuse_is_refused_by_the_parser(arguments, told, file, photograph, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run("label", photograph, "--model", file, "--out", tmp_path / "out", *arguments)
    assert stop.value.code == 2
    line = capsys.readouterr().err
    assert told in line
    assert "Traceback" not in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--way", "stitch", "--tile", "64"], "--tile 64: not possible with --way stitch; leave one of them out"),
        (["--way", "unit", "--tile", "64"], "--tile 64: not possible with --way unit; leave one of them out"),
        (["--resolution", "2"], "--resolution 2: goes with --way stitch alone; found --way upsample"),
        (["--way", "unit", "--resolution", "2"], "--resolution 2: goes with --way stitch alone; found --way unit"),
    ],
)
def test_options_that_a_way_does_not_take_are_refused_once(arguments, told, file, photograph, tmp_path, capsys):
    """Before the first image, whatever their number."""
    other = shutil.copy(photograph, tmp_path / "other.png")
    assert run("label", photograph, other, "--model", file, "--out", tmp_path / "out", *arguments) == 1
    assert capsys.readouterr().err == f"retint: {told}\n"
    assert not (tmp_path / "out").exists()


def test_refine_is_label_from_a_start(tmp_path, file):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(rng.integers(0, 3, (20, 25), dtype=np.uint8)).save(tmp_path / "labels.png")
    photo, labels = str(tmp_path / "photo.png"), str(tmp_path / "labels.png")
    assert run("refine", labels, photo, "--model", str(file), "--steps", "2", "--out", str(tmp_path / "a")) == 0
    assert (
        run("label", photo, "--start", labels, "--model", str(file), "--steps", "2", "--out", str(tmp_path / "b")) == 0
    )
    a, b = (np.asarray(Image.open(tmp_path / part / "photo.png")) for part in ("a", "b"))
    assert np.array_equal(a, b)


def test_options_that_contradict_each_other_are_refused(file, photograph, tmp_path, capsys):
    assert run("label", photograph, "--model", file, "--out", tmp_path / "out", "--overwrite", "--skip-existing") != 0
    assert run("train", tmp_path, "--out", tmp_path / "m.safetensors", "--resume", "--overwrite") != 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all("leave one of them out" in line for line in told)


def test_names_that_the_terminal_has_no_code_for_are_told_all_the_same(tmp_path):
    model_file(tmp_path / "m.safetensors")
    for name in ("日本", "a"):
        Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(tmp_path / f"{name}.png")
    command = [sys.executable, "-m", "retint", "label", str(tmp_path), "--model", str(tmp_path / "m.safetensors"), "--out", str(tmp_path / "out")]
    found = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "ascii:strict"}, capture_output=True, timeout=200, check=False)
    assert found.returncode == 0, found.stderr
    assert rb"\u65e5\u672c.png" in found.stdout
    assert b"a.png" in found.stdout


def test_a_folder_in_the_place_of_a_file_is_told_before_the_work(photograph, tmp_path, capsys):
    model_file(tmp_path / "m.safetensors")
    (tmp_path / "out" / "pic.png").mkdir(parents=True)
    assert run("label", photograph, "--model", tmp_path / "m.safetensors", "--out", tmp_path / "out", "--overwrite") == 1
    assert "pic.png: found a folder; expected a place for a file" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pic.png"]


def test_a_model_that_may_not_be_read_is_told(photograph, tmp_path, capsys, monkeypatch):
    model_file(tmp_path / "m.safetensors")
    monkeypatch.setattr("retint.modelfile.os.access", lambda path, how: False)  # root, as whom tests may run, may read everything
    assert run("label", photograph, "--model", tmp_path / "m.safetensors", "--out", tmp_path / "out") == 1
    assert "may not be read" in capsys.readouterr().err


def test_a_folder_is_not_labelled_into_itself(photograph, tmp_path, capsys):
    folder = tmp_path / "photographs"
    folder.mkdir()
    shutil.move(photograph, folder)
    model_file(tmp_path / "m.safetensors")
    assert run("label", folder, "--model", tmp_path / "m.safetensors", "--out", tmp_path / "photographs" / ".") == 1
    assert "is the folder whose images are labelled" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["pic.png"]


def test_one_step_is_the_first_estimate(photograph, tmp_path, capsys):
    model_file(tmp_path / "m.safetensors")
    assert run("label", photograph, "--model", tmp_path / "m.safetensors", "--out", tmp_path / "out", "--steps", 1) == 0
    assert "pic.png: 1 step, the first estimate; " in capsys.readouterr().out


def test_a_file_is_no_sequence(photograph, tmp_path, capsys):
    assert run("label", photograph, "--sequence", "--model", "street", "--out", tmp_path / "out") == 1
    assert "--sequence takes folders of numbered frames" in capsys.readouterr().err


def test_long_work_shows_that_it_goes_on():
    from retint.cli.values import alive

    shown = []
    bar = SimpleNamespace(disable=False, refresh=lambda: shown.append(None))
    with alive(bar):
        time.sleep(2.3)
    assert len(shown) == 2
    with alive(SimpleNamespace(disable=True)):
        pass
