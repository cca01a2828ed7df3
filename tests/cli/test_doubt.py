"""The command line of doubt: calibration, and what to label next."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import retint
from made import disc_card, make_model, model_file
from retint.cli.main import main
from retint.images import read_image
from retint.modelfile import Card, load_model


def run(*arguments):
    return main([str(a) for a in arguments])


@pytest.fixture
def file(tmp_path):
    """A model file with random weights, for discs on the ground."""
    return model_file(tmp_path / "made.safetensors", disc_card())


def test_eval_calibrates_a_copy_of_the_model(file, discs, tmp_path, capsys):
    out = tmp_path / "calibrated.safetensors"
    before = file.read_bytes()
    arguments = ("eval", discs, "--model", file, "--calibrate", out, "--steps", "1,4", "--doubt", "--json")
    assert run(*arguments, "--plots", tmp_path / "plots") == 0
    figures = json.loads(capsys.readouterr().out)
    tensors, card = load_model(out)
    assert card.temperature == pytest.approx(figures["fitted"]["temperature"], abs=1e-4)
    assert file.read_bytes() == before
    old, old_card = load_model(file)
    assert replace(card, temperature=1.0) == old_card
    assert all((tensors[name] == old[name]).all() for name in old)
    assert sorted(p.name for p in (tmp_path / "plots").iterdir()) == sorted(
        ["confusion.png", "reliability.png", "risk.png", "steps.png"]
    )
    assert run(*arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert run("eval", discs, "--model", out, "--steps", "4", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["temperature"] == card.temperature
    assert again["steps"]["4"]["ece"] == pytest.approx(figures["fitted"]["ece"], abs=1e-4)
    assert run("eval", discs, "--model", file, "--calibrate", tmp_path / "model.bin") == 1
    assert ".safetensors" in capsys.readouterr().err


def test_eval_tells_people(file, discs, capsys, tmp_path):
    assert run("eval", discs, "--model", file, "--steps", 2, "--doubt", "--calibrate", tmp_path / "c.safetensors") == 0
    told = capsys.readouterr().out
    for word in ("ECE", "entropy", "late", "at best", "Temperature 1 to"):
        assert word in told


@pytest.mark.parametrize("before", [1.0, 1.7])
def test_a_few_right_labels_do_not_sharpen_a_model(discs, tmp_path, capsys, before):
    file = model_file(tmp_path / "made.safetensors", disc_card(temperature=before))
    model = retint.load(file, precision="float32")
    for path in (discs / "val" / "images").iterdir():
        labeling, labels = model.label(read_image(path)), np.full((48, 64), 255, np.uint8)
        surest = np.unravel_index(labeling.probabilities.max(0).argmax(), labels.shape)
        labels[surest] = labeling.labels[surest]
        Image.fromarray(labels).save(discs / "val" / "labels" / path.name)
    out = tmp_path / "calibrated.safetensors"
    arguments = ("eval", discs, "--model", file, "--precision", "float32", "--calibrate", out, "--overwrite")
    assert run(*arguments) == 0
    told = capsys.readouterr().out
    assert f"Temperature {before:g} to {before:g}: ECE" in told
    assert "2 of 2 sampled labels are right, which says nothing of how sure to be" in told
    assert "more labelled pixels are needed" in told
    assert load_model(out)[1].temperature == before
    assert run(*arguments, "--json") == 0
    found, noted = capsys.readouterr()
    assert json.loads(found)["fitted"]["wrong"] == 0
    assert "2 of 2 sampled labels are right" in noted


def test_the_other_end_of_the_range_says_what_it_means(file, discs, tmp_path, capsys):
    model = retint.load(file, precision="float32")
    for path in (discs / "val" / "images").iterdir():
        wrong = 1 - model.label(read_image(path)).labels.astype(np.uint8)
        Image.fromarray(wrong).save(discs / "val" / "labels" / path.name)
    out = tmp_path / "calibrated.safetensors"
    assert run("eval", discs, "--model", file, "--precision", "float32", "--calibrate", out) == 0
    assert (
        "the end of its range, 0.02 to 50: as yet the model's probabilities say next to nothing"
        in capsys.readouterr().out
    )
    assert load_model(out)[1].temperature == pytest.approx(50, rel=1e-3)


def test_training_on_what_it_cannot_miss_leaves_the_temperature(discs, tmp_path, capsys):
    for path in discs.glob("*/labels/*.png"):
        Image.fromarray(np.zeros((48, 64), np.uint8)).save(path)
    out = tmp_path / "m.safetensors"
    assert run("train", discs, "--out", out, "--epochs", 0.2, "--arch", "small-4", "--seed", 0) == 0
    _, card = load_model(out)
    assert card.scores["fitted"]["wrong"] == 0
    assert card.temperature == card.scores["fitted"]["temperature"] == 1
    assert "temperature 1: 6144 of 6144 sampled labels are right" in "".join(capsys.readouterr())


def test_training_leaves_a_temperature_in_the_card(discs, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert run("train", discs, "--out", out, "--epochs", 0.1, "--arch", "small-4") == 0
    _, card = load_model(out)
    assert card.scores["fitted"]["temperature"] == pytest.approx(card.temperature, abs=1e-4)
    assert card.temperature != 1
    capsys.readouterr()
    assert (
        run("eval", discs, "--model", out, "--steps", card.steps, "--calibrate", tmp_path / "c.safetensors", "--json")
        == 0
    )
    fitted = json.loads(capsys.readouterr().out)["fitted"]
    assert fitted["temperature"] == pytest.approx(card.temperature, rel=0.02)  # weights were rounded when stored


def test_cards_without_a_temperature_have_one_of_one_and_others_are_above_zero():
    card = make_model().card
    old = json.loads(card.to_json())
    del old["temperature"]
    assert Card.from_json(json.dumps(old)) == card
    assert card.temperature == 1
    for wrong in (0, -1, float("inf")):
        with pytest.raises(ValueError, match="temperature"):
            Card.from_json(json.dumps(old | {"temperature": wrong}))


def test_label_writes_doubt_and_stops_at_a_tolerance(file, discs, tmp_path, capsys):
    image = discs / "val" / "images" / "scene0.png"
    arguments = ("label", image, "--model", file, "--out", tmp_path / "out", "--json")
    assert run(*arguments, "--doubt", "--measure", "change", "--tolerance", "0.001") == 0
    row = json.loads(capsys.readouterr().out)["images"][0]
    assert row["drift"] < 0.001
    assert row["doubt"]["measure"] == "change"
    assert (tmp_path / "out" / "scene0.doubt.png").is_file()
    assert run(*arguments, "--doubt", "--measure", "late", "--way", "stitch", "--overwrite") == 1
    assert "record of doubt: not possible with --way stitch" in capsys.readouterr().err
