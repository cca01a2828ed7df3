"""Training, end to end on small scenes."""

from dataclasses import replace
from importlib import import_module
from shutil import rmtree
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from made import make_model, model_file, write_set
from retint.data import hold_out, open_dataset
from retint.errors import DataProblems, RetintError
from retint.labeling import load
from retint.learning import Settings, train
from retint.learning.begin import take_weights
from retint.learning.settings import log_paths
from retint.network import architecture, build
from trained import QUICK, same, weights

LOOP = import_module("retint.learning.train")  # the function of that name hides it


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(discs, tmp_path):
    one, two, other = (tmp_path / f"{name}.safetensors" for name in ("one", "two", "other"))
    train(discs, one, QUICK)
    train(discs, two, QUICK)
    train(discs, other, Settings(**{**vars(QUICK), "seed": 1}))
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))


def test_it_learns_and_steps_do_not_hurt(discs, tmp_path):
    out = tmp_path / "discs.safetensors"
    trained = train(discs, out, Settings(arch="small-4", epochs=1, crop=(48, 64)))
    assert trained.score > 0.85
    scores = load(out).card.scores["steps"]
    assert scores["8"]["miou"] > scores["1"]["miou"] - 0.02
    table, picture = log_paths(out)
    assert table.read_text().startswith("epoch,iteration,seconds,loss,score\n1,50,")
    assert Image.open(picture).size[0] > 200


def test_the_card_says_what_the_model_is(discs, tmp_path):
    train(discs, tmp_path / "m.safetensors", QUICK)
    card = load(tmp_path / "m.safetensors").card
    assert (card.classes, card.channels, card.dtype, card.image_size) == (("ground", "disc"), 3, "uint8", (48, 64))
    assert card.trained_on["images"] == 6
    assert card.trained_on["settings"]["arch"] == "small-4"
    assert 0.2 < card.mean[0] < 0.5
    assert (tmp_path / "m.safetensors").stat().st_size < 4e6


def test_a_few_strokes_are_enough_to_begin(tmp_path):
    """Five images, a few labelled pixels each, no parts, no setting but the time."""
    root = write_set(tmp_path / "strokes", 5)
    for file in (root / "labels").iterdir():
        labels = np.array(Image.open(file))
        keep = np.zeros(labels.shape, bool)
        keep[::16, :] = True
        Image.fromarray(np.where(keep, labels, 255).astype(np.uint8)).save(file)
    trained = train(root, tmp_path / "m.safetensors", Settings(epochs=1))
    assert trained.score > 0.7


def test_sixteen_bit_images_of_five_channels(tmp_path):
    import tifffile

    root = write_set(tmp_path / "deep", 3)
    for k, file in enumerate(sorted((root / "images").iterdir())):
        pixels = np.array(Image.open(file)).astype(np.uint16) * 200
        file.unlink()
        tifffile.imwrite(
            root / "images" / f"scene{k}.tif", np.concatenate([pixels, pixels[..., :2]], -1), photometric="minisblack"
        )
    train(root, tmp_path / "m.safetensors", QUICK)
    model = load(tmp_path / "m.safetensors")
    assert (model.card.channels, model.card.dtype) == (5, "uint16")
    with pytest.raises(RetintError, match="3 channels"):
        model.label(np.zeros((8, 8, 3), np.uint8))


def test_the_one_step_control_says_one_step(discs, tmp_path):
    train(discs, tmp_path / "m.safetensors", Settings(**{**vars(QUICK), "window": 0}))
    model = load(tmp_path / "m.safetensors")
    assert model.card.steps == 1
    assert list(model.card.scores["steps"]) == ["1"]


def test_images_can_be_left_out(discs, tmp_path):
    train(discs, tmp_path / "m.safetensors", QUICK, exclude=["scene0", "scene1"])
    assert load(tmp_path / "m.safetensors").card.trained_on["images"] == 4
    with pytest.raises(RetintError, match="no images are left"):
        train(discs, tmp_path / "n.safetensors", QUICK, exclude=["scene"])


def test_every_problem_is_listed_before_the_first_step(discs, tmp_path):
    (discs / "train" / "labels" / "scene0.png").unlink()
    Image.fromarray(np.full((48, 64), 9, np.uint8)).save(discs / "train" / "labels" / "scene1.png")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(discs / "val" / "labels" / "scene1.png")
    with pytest.raises(DataProblems) as caught:
        train(discs, tmp_path / "m.safetensors", QUICK)
    text = str(caught.value)
    assert all(name in text for name in ("scene0", "scene1", "9"))
    assert len(caught.value.problems) == 3
    assert not list(tmp_path.glob("m.*"))


def test_a_run_of_less_than_an_epoch_has_a_log_too(discs, tmp_path):
    out = tmp_path / "m.safetensors"
    trained = train(discs, out, QUICK)
    table, picture = log_paths(out)
    header, row = table.read_text().splitlines()
    assert header.split(",") == ["epoch", "iteration", "seconds", "loss", "score"]
    assert float(row.split(",")[-1]) == pytest.approx(trained.score, abs=1e-4)
    assert picture.exists()


def test_validation_images_without_a_labelled_pixel_give_no_score(discs, tmp_path):
    for path in (discs / "val" / "labels").iterdir():
        Image.fromarray(np.full((48, 64), 255, np.uint8)).save(path)
    out = tmp_path / "m.safetensors"
    assert train(discs, out, QUICK).score is None
    assert load(out).card.scores == {}


def test_a_folder_in_the_way_is_told_before_the_work(discs, tmp_path):
    log_paths(tmp_path / "m.safetensors")[0].mkdir()
    with pytest.raises(RetintError, match=r"m\.log\.csv: found a folder"):
        train(discs, tmp_path / "m.safetensors", QUICK)
    (tmp_path / "file").touch()
    with pytest.raises(RetintError, match=r"file/m\.safetensors: the folder .*file: is a file; expected a folder"):
        train(discs, tmp_path / "file" / "m.safetensors", QUICK)


@pytest.mark.parametrize("factor", [1e-7, 1e5])
def test_floats_of_any_size_are_normalised(tmp_path, factor):
    root = write_set(tmp_path / "discs", 3)
    for path in (root / "images").iterdir():
        tifffile.imwrite(
            path.with_suffix(".tif"), np.asarray(Image.open(path)).astype(np.float32) / 255 * factor, photometric="rgb"
        )
        path.unlink()
    train(root, tmp_path / "m.safetensors", QUICK)
    card = load(tmp_path / "m.safetensors").card
    assert all(0.1 * factor < std < 0.4 * factor for std in card.std)


def test_parts_without_labels_are_left_out_when_only_some_are_labelled(discs, tmp_path):
    write_set(discs, 2, 5, "test")
    rmtree(discs / "test" / "labels")
    with pytest.raises(DataProblems):
        train(discs, tmp_path / "m.safetensors", QUICK)
    notes = []
    train(discs, tmp_path / "m.safetensors", replace(QUICK, labels="some"), note=notes.append)
    assert any("test" in line for line in notes)


def test_a_class_that_is_only_held_out_is_told(discs, tmp_path):
    (discs / "classes.json").write_text('{"classes": ["ground", "disc", "third"]}')
    for path in sorted((discs / "train" / "labels").iterdir()):
        labels = np.asarray(Image.open(path)).copy()
        labels[:4] = 2
        Image.fromarray(labels).save(path)
    notes = []
    train(discs, tmp_path / "m.safetensors", QUICK, note=notes.append)
    assert not any("only in images that are held out" in line for line in notes)
    flat = write_set(tmp_path / "flat", 6)
    (flat / "classes.json").write_text('{"classes": ["ground", "disc", "third"]}')
    _, held = hold_out(open_dataset(flat).splits["all"].pairs)
    labels = np.asarray(Image.open(held[0].labels)).copy()
    labels[:4] = 2
    Image.fromarray(labels).save(held[0].labels)
    train(flat, tmp_path / "n.safetensors", QUICK, note=notes.append)
    assert any("third: labelled only in images that are held out" in line for line in notes)


@pytest.mark.parametrize("parts", [("val",), ("test",), ("val", "test")])
def test_a_set_without_images_to_learn_from_is_told(parts, tmp_path):
    for part in parts:
        write_set(tmp_path / "set", 6, part=part)
    with pytest.raises(RetintError, match=f"found {' and '.join(f'{part}/' for part in parts)}; expected train/"):
        train(tmp_path / "set", tmp_path / "m.safetensors", QUICK)


def test_a_class_of_one_image_among_many_counts(tmp_path, monkeypatch):
    """Mean and texture are taken from some of the images, but what is labelled from all."""
    survey = import_module("retint.learning.survey")
    monkeypatch.setattr(survey, "_LOOKED_AT", 2)
    root = write_set(tmp_path / "set", 6, part="train")
    write_set(root, 1, seed=1, part="val")
    for k in (0, 1, 2, 4, 5):
        file = root / "train" / "labels" / f"scene{k}.png"
        Image.fromarray(np.zeros_like(np.array(Image.open(file)))).save(file)
    seen, lines = [], []
    weigh = LOOP.class_weights
    monkeypatch.setattr(LOOP, "class_weights", lambda counts, **more: seen.append(counts) or weigh(counts, **more))
    train(root, tmp_path / "m.safetensors", QUICK, note=lines.append)
    assert seen[0][1] == (np.array(Image.open(root / "train" / "labels" / "scene3.png")) == 1).sum() > 0
    assert not [line for line in lines if "held out" in line]


def test_a_log_that_cannot_be_written_loses_no_model(discs, tmp_path):
    out, lines = tmp_path / "m.safetensors", []

    def in_the_way(progress, share):
        log_paths(out)[0].mkdir(exist_ok=True)

    assert train(discs, out, QUICK, report=in_the_way, note=lines.append).finished
    assert weights(out)
    assert any("found a folder" in line for line in lines)


def test_a_model_that_is_there_is_replaced_only_if_that_is_said(discs, tmp_path):
    out = tmp_path / "m.safetensors"
    train(discs, out, QUICK)
    before = out.read_bytes()
    with pytest.raises(RetintError, match="exists already; --overwrite replaces it"):
        train(discs, out, replace(QUICK, seed=1))
    assert out.read_bytes() == before
    train(discs, out, replace(QUICK, seed=1), overwrite=True)
    assert out.read_bytes() != before


def test_a_loss_that_is_no_number_ends_the_run_and_makes_no_model(discs, tmp_path, monkeypatch):
    monkeypatch.setattr(LOOP.Mixed, "forward", lambda self, *_: sum(p.sum() for p in self.parameters()) * float("nan"))
    with pytest.raises(RetintError, match="no longer a number"):
        train(discs, tmp_path / "m.safetensors", QUICK)
    assert not (tmp_path / "m.safetensors").exists()


def test_each_process_takes_its_own_part_of_a_batch():
    images, labels = torch.arange(6.0).view(6, 1, 1, 1), torch.arange(6)
    for rank in range(3):
        fabric = SimpleNamespace(global_rank=rank, to_device=lambda batch: batch)
        mine, its = LOOP.Run._mine(SimpleNamespace(settings=SimpleNamespace(batch=2), fabric=fabric), (images, labels))
        assert mine.flatten().tolist() == its.tolist() == [2 * rank, 2 * rank + 1]


def test_settings_are_plain_data_or_refused(discs, tmp_path):
    base = tmp_path / "base.safetensors"
    train(discs, base, QUICK)
    out = tmp_path / "m.safetensors"
    found = train(discs, out, replace(QUICK, arch=None, start=base, seed=np.int64(3), crop=[32, np.int32(32)]), exclude="scene0")
    assert found.finished
    assert load(out).card.trained_on["settings"] | {"start": str(base), "seed": 3, "crop": [32, 32]} == load(out).card.trained_on["settings"]
    assert load(out).card.trained_on["images"] == load(base).card.trained_on["images"] - 1
    for given in (
        {"labels": "tag"}, {"crop": 16}, {"crop": (0, 16)}, {"seed": -1}, {"seed": 1.5}, {"epochs": "2"}, {"rate": -1}, {"batch": 0},
        {"spoilt": 2}, {"window": None, "wander": "x"},
    ):  # fmt: skip
        with pytest.raises(RetintError, match=next(reversed(given))):
            Settings(**given)


def test_beginning_from_a_model_tells_what_is_new_and_what_is_left_out(discs, tmp_path):
    base, out, lines = tmp_path / "base.safetensors", tmp_path / "m.safetensors", []
    train(discs, base, QUICK)
    grey = write_set(tmp_path / "grey", 2)
    for path in sorted((grey / "images").iterdir()):
        Image.open(path).convert("L").save(path)
    (grey / "classes.json").write_text('{"classes": ["ground", "coin"]}')
    train(grey, out, replace(QUICK, epochs=0.001, arch=None, start=str(base)), note=lines.append)
    (line,) = [line for line in lines if line.startswith("begun from")]
    assert "100%" not in line
    assert line.endswith("its kernels on 3 channels added up, shared among 1; begun anew: coin; left out: disc")


@pytest.mark.parametrize("arch", [None, "volume-2"])
def test_a_model_of_images_begins_no_training_on_volumes(tmp_path, arch):
    for kind in ("images", "labels"):
        (tmp_path / "set" / kind).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "set" / kind / "a.tif", np.eye(40, dtype=np.uint8)[None].repeat(20, 0), metadata={"axes": "ZYX"})
    (tmp_path / "set" / "classes.json").write_text('{"classes": ["membrane", "interior"]}')
    with pytest.raises(RetintError) as caught:
        train(tmp_path / "set", tmp_path / "m.safetensors", Settings(arch=arch, start="membrane", epochs=0.01))
    assert str(caught.value) == (
        f"--from membrane: is a model of images; {tmp_path / 'set'} holds volumes: save its slices as images, or train without --from"
    )


def test_a_model_of_volumes_begins_no_training_on_images(discs, tmp_path):
    base = model_file(tmp_path / "base.safetensors", make_model("volume-2").card)
    with pytest.raises(RetintError, match=r"base\.safetensors: is a model of volumes; .*discs holds images: train without --from$"):
        train(discs, tmp_path / "m.safetensors", replace(QUICK, arch=None, start=str(base)))


def test_a_grey_image_begins_as_the_same_image_in_colour_does(discs, tmp_path):
    base = tmp_path / "base.safetensors"
    train(discs, base, QUICK)
    its = weights(base)
    network = build(architecture("small-4"), 1, 2)
    take_weights(network, base, load(base).classes)
    x = torch.rand(1, 1, 20, 24, generator=torch.Generator().manual_seed(0))
    coloured = build(architecture("small-4"), 3, 2)
    coloured.load_state_dict(its)
    assert torch.allclose(network.eval()(x, 2), coloured.eval()(x.expand(-1, 3, -1, -1), 2), atol=1e-5)
