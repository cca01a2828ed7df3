"""The command line, as a person and as a program use it."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import retint
from made import disc_card, model_file, write_set
from retint.cli.main import main
from retint.network import CATALOGUE


def run(*arguments):
    return main([str(a) for a in arguments])


@pytest.mark.parametrize(
    "verb", ["label", "train", "eval", "next", "models", "archs", "demo", "convert", "export", "bench"]
)
def test_every_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        run(verb, "--help")
    assert stop.value.code == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["label", "nowhere.png", "--model", "made.safetensors", "--out", "out"], "nowhere.png"),
        (["label", "pic.png", "--model", "nonesuch", "--out", "out"], "bundled models"),
        (["label", "pic.png", "--model", "pic.png", "--out", "out"], "not a readable model file"),
        (["eval", "nowhere", "--model", "made.safetensors"], "nowhere"),
        (["train", "nowhere", "--out", "m.safetensors"], "nowhere"),
        (["archs", "nonesuch"], "fig-9-17"),
        (["convert", "nowhere", "--map", "255=1"], "nowhere"),
        (["label", "pic.png", "--model", ".", "--out", "out"], "--model .: a folder, not a model file"),
        (
            ["label", "pic.png", "pic.png", "--model", "made.safetensors", "--out", "out", "--start", "nowhere"],
            "--start nowhere: found no such file or folder",
        ),
        (
            ["label", "pic.png", "--model", "made.safetensors", "--out", "out", "--hints", "no.png"],
            "--hints no.png: found no",
        ),
        (
            ["label", "pic.png", "--model", "made.safetensors", "--out", "pic.png/x"],
            "--out pic.png/x: pic.png is a file; expected a folder",
        ),
        (
            ["label", "pic.png", "--model", "made.safetensors", "--out", "out", "--measure", "late"],
            "--measure late: goes with --doubt alone",
        ),
        (
            ["label", "pic.png", "--model", "made.safetensors", "--out", "out", "--frame-steps", "2", "--no-labels"],
            "--frame-steps and --no-labels: for films alone, and pic.png is none",
        ),
        (["train", "discs", "--out", "pic.png/m.safetensors"], "pic.png: is a file; expected a folder"),
        (
            ["eval", "discs", "--model", "discs.safetensors", "--split", "test"],
            "--split test: no such part; discs has train and val",
        ),
        (
            ["eval", "flat", "--model", "discs.safetensors", "--split", "val"],
            "--split val: no such part; flat has no parts; leave --split out",
        ),
        (
            ["eval", "discs", "--model", "discs.safetensors", "--plots", "pic.png"],
            "--plots pic.png: is a file; expected a folder",
        ),
        (
            ["eval", "discs", "--model", "discs.safetensors", "--calibrate", "pic.png/c.safetensors"],
            "pic.png: is a file; expected a folder",
        ),
        (["next", "flat", "--model", "discs.safetensors", "--pictures", "pic.png"], "--pictures pic.png: is a file"),
        (["next", "flat", "--model", "discs.safetensors", "--split", "val"], "flat has no parts; leave --split out"),
        (["bench", "--out", "pic.png"], "--out pic.png: is a file; expected a folder"),
    ],
)
def test_errors_are_one_line_and_a_code(arguments, told, file, photograph, discs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "flat", 1)
    model_file(tmp_path / "discs.safetensors", disc_card())
    assert run(*arguments) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("retint: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["train", "discs", "--out", "m.safetensors", "--from"], "--from"),
        (["label", "pic.png", "--out", "out", "--model"], "--model"),
    ],
)
def test_a_model_that_there_is_not_is_told_with_the_option_that_named_it(
    arguments, option, photograph, discs, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # as if it were not installed
    for name, told in (("nobody/nothing", "looks like a hub id"), ("nothing", "no such file")):
        assert run(*arguments, name) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"retint: {option} {name}: {told}")
        assert error.count("\n") == 1


def test_train_then_eval_then_label(discs, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert run("train", discs, "--out", out, "--epochs", 0.1, "--arch", "small-4", "--json") == 0
    assert json.loads(capsys.readouterr().out)["finished"]
    assert run("train", discs, "--out", out) == 1
    assert "--overwrite" in capsys.readouterr().err
    plots = tmp_path / "plots"
    assert run("eval", discs, "--model", out, "--steps", "1,2", "--plots", plots, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert list(figures["steps"]) == ["1", "2"]
    assert 0 <= figures["steps"]["2"]["miou"] <= 1
    assert sorted(p.name for p in plots.iterdir()) == ["confusion.png", "reliability.png", "steps.png"]
    assert run("eval", discs, "--model", out) == 0
    assert "Worst images" in capsys.readouterr().out
    assert run("label", discs / "val" / "images", "--model", out, "--out", tmp_path / "labelled") == 0


def test_the_data_check_lists_all_problems(discs, tmp_path, capsys):
    for k in (0, 1):
        (discs / "train" / "labels" / f"scene{k}.png").unlink()
    assert run("train", discs, "--out", tmp_path / "m.safetensors") == 1
    assert capsys.readouterr().err.count("retint: ") == 2


@pytest.mark.parametrize("verb", ["eval", "next"])
def test_what_is_read_is_checked_first(verb, discs, tmp_path, capsys):
    model_file(tmp_path / "discs.safetensors", disc_card())
    part, option = ("val", "--plots") if verb == "eval" else ("train", "--pictures")
    given = [verb, discs, "--model", tmp_path / "discs.safetensors", "--steps", "1", option, tmp_path / "out", "--json"]
    if verb == "next":
        (discs / part / "labels" / "scene5.png").unlink()
    shutil.copytree(discs / "val", discs / "validation")
    assert run(*given) == 0
    out, err = capsys.readouterr()
    (line,) = json.loads(out)["warnings"]
    assert f"retint: warning: {line}\n" in err
    assert "validation: found images that are not used" in line
    shutil.rmtree(tmp_path / "out")
    for k in (0, 1):
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(discs / part / "labels" / f"scene{k}.png")
    assert run(*given) == 1
    out, err = capsys.readouterr()
    assert not out
    assert err.count("retint: ") == 3  # two masks in colours, and their palette
    assert not (tmp_path / "out").exists()


def test_archs_for_programs(capsys):
    assert run("archs", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert set(rows) == set(CATALOGUE)
    for row in rows.values():
        assert list(row) == ["parameters", "stride", "receptive_field", "dims", "source"]
        assert list(row["receptive_field"]) == ["1", "2", "3"]
        assert row["parameters"] <= 2_000_000
    assert {row["stride"] for name, row in rows.items() if name.startswith("standard")} >= {1, 2, 4}
    assert run("archs", "small-4") == 0
    assert "V, readout" in capsys.readouterr().out


def test_models_for_programs(capsys):
    assert run("models", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert set(rows) == {"street", "membrane", "vessel"}
    assert run("models") == 0


def test_the_demo_labels_a_real_photograph(tmp_path, capsys):
    assert run("demo", "--out", tmp_path / "demo", "--json") == 0
    row = json.loads(capsys.readouterr().out)["images"][0]
    assert 0.03 < row["fractions"]["vessel"] < 0.2
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == [
        "retina.overlay.png",
        "retina.png",
        "retina.steps.png",
    ]
    assert run("demo", "--out", tmp_path / "demo") == 0
    assert "is vessel" in capsys.readouterr().out


def test_convert(discs, capsys):
    for label in (discs / "train" / "labels").iterdir():
        mask = np.array(Image.open(label)) * 255
        Image.fromarray(mask).save(label)
    shutil.rmtree(discs / "val")
    assert run("train", discs, "--out", discs / "m.safetensors") == 1
    assert "--map 255=1" in capsys.readouterr().err
    assert run("convert", discs, "--map", "255=1") == 0
    assert set(np.unique(np.array(Image.open(next((discs / "train" / "labels").iterdir()))))) <= {0, 1}


def test_convert_imports_stanford_background(tmp_path, capsys):
    for kind in ("images", "labels"):
        (tmp_path / "original" / kind).mkdir(parents=True)
    Image.new("RGB", (2, 1)).save(tmp_path / "original/images/a.jpg")
    (tmp_path / "original/labels/a.regions.txt").write_text("7 -1\n")
    assert run("convert", tmp_path / "original", "--stanford", "--out", tmp_path / "out") == 0
    assert "1 images" in capsys.readouterr().out
    assert np.array(Image.open(tmp_path / "out/labels/a.png")).tolist() == [[7, 255]]
    assert run("convert", tmp_path / "original", "--stanford", "--out", tmp_path / "out") == 1
    assert "not empty" in capsys.readouterr().err
    for misuse in (["--stanford"], ["--map", "255=1", "--out", tmp_path / "other"]):
        with pytest.raises(SystemExit) as stop:
            run("convert", tmp_path / "original", *misuse)
        assert stop.value.code == 2


def test_the_installed_command_answers():
    done = subprocess.run([sys.executable, "-m", "retint.cli.main", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "retint 0.1.0\n")


def test_two_processes_train_one_model(tmp_path):
    """Two processes on the CPU, by the clock: they stop together, and one of them speaks."""
    data = write_set(tmp_path / "discs", 4)
    out = tmp_path / "m.safetensors"
    command = [sys.executable, "-m", "retint.cli.main", "train", str(data), "--out", str(out), "--arch", "small-4"]
    done = subprocess.run(
        [*command, "--minutes", "0.03", "--devices", "2", "--device", "cpu"], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(out)) == 1
    assert retint.load(out).card.trained_on["iterations"] > 0


def test_bench_prints_one_object_and_writes_its_files(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("retint.benching.limits._convolution", lambda *_: 100.0)
    monkeypatch.setattr("retint.benching.limits._memory", lambda *_: 10.0)
    given = ["--quick", "--size", "32x32", "--rounds", 1, "--threads", 1, "--no-peers", "--no-training"]
    assert run("bench", *given, "--out", tmp_path / "out", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["machine", "limits", "rows", "ratios", "skipped", "stopped"]
    assert json.loads((tmp_path / "out" / "bench.json").read_text()) == printed
    assert (tmp_path / "out" / "bench.png").exists()
    assert any(row["name"] == "street, 8 steps" for row in printed["rows"])


def test_bench_refuses_a_size_that_is_none(capsys):
    with pytest.raises(SystemExit) as stop:
        run("bench", "--size", "12")
    assert stop.value.code == 2
    assert "1024x768" in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["-1", "1" + 30 * "0", "half"])
def test_a_seed_is_a_whole_number(seed, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", str(tmp_path), "--out", str(tmp_path / "m.safetensors"), "--seed", seed])
    assert stop.value.code == 2
    assert "expected a whole number from 0" in capsys.readouterr().err


def test_convert_prints_one_object(tmp_path, capsys):
    root = write_set(tmp_path / "set", 2)
    assert run("convert", root, "--map", "1=0", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"converted": 2, "dataset": str(root)}


def test_convert_says_where_the_old_masks_are(tmp_path, capsys):
    root = write_set(tmp_path / "set", 2)
    for mapping, kept in (("1=0", "labels.original"), ("0=1", "labels.original-2")):
        assert run("convert", root, "--map", mapping) == 0
        assert capsys.readouterr().out == f"2 masks converted; the old ones are in {kept}/\n"
        assert (root / kept).is_dir()


def test_a_folder_inside_a_set_is_told_which_to_name(tmp_path, capsys):
    root = write_set(tmp_path / "set", 2)
    assert run("train", root / "images", "--out", tmp_path / "m.safetensors") == 1
    assert f"is a folder of the data set {root}; name that one" in capsys.readouterr().err
