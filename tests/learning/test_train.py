"""Training, end to end on small scenes."""

import os
import signal
from dataclasses import replace
from importlib import import_module
from shutil import rmtree
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from made import write_set
from retint.data import hold_out, open_dataset
from retint.errors import DataProblems, RetintError
from retint.labeling import load
from retint.learning import Settings, train
from retint.learning.begin import take_weights
from retint.learning.settings import checkpoint_path, log_paths
from retint.modelfile import load_model
from retint.network import architecture, build

LOOP = import_module("retint.learning.train")  # the function of that name hides it
QUICK = Settings(arch="small-4", epochs=0.06, batch=2, crop=(32, 32))


def weights(path):
    return load_model(path)[0]


def damage(path):
    """Put zeros into the middle of a file."""
    held = bytearray(path.read_bytes())
    middle = len(held) // 2
    held[middle : middle + 2000] = bytes(2000)
    path.write_bytes(held)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(discs, tmp_path):
    one, two, other = (tmp_path / f"{name}.safetensors" for name in ("one", "two", "other"))
    train(discs, one, QUICK)
    train(discs, two, QUICK)
    train(discs, other, Settings(**{**vars(QUICK), "seed": 1}))
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))


def test_a_stopped_run_ends_bit_for_bit_like_one_that_never_stopped(discs, tmp_path):
    through, stopped = tmp_path / "through.safetensors", tmp_path / "stopped.safetensors"
    before = signal.getsignal(signal.SIGINT)
    settings = Settings(**{**vars(QUICK), "epochs": 1.06})
    train(discs, through, settings)

    def press_ctrl_c(progress, share):
        if progress.iteration in (2, 103):
            os.kill(os.getpid(), signal.SIGINT)

    first = train(discs, stopped, settings, report=press_ctrl_c)
    assert not first.finished
    assert checkpoint_path(stopped).is_file()
    assert load(stopped).label(np.zeros((8, 8, 3), np.uint8)).labels.shape == (8, 8)  # usable
    second = train(discs, stopped, resume=True, report=press_ctrl_c)  # the settings are the checkpoint's
    assert not second.finished
    third = train(discs, stopped, resume=True)
    assert third.finished
    assert third.epochs == 1
    assert not checkpoint_path(stopped).exists()
    assert same(weights(through), weights(stopped))
    assert signal.getsignal(signal.SIGINT) is before


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


def test_resume_needs_a_checkpoint_of_the_same_data(discs, tmp_path):
    with pytest.raises(RetintError, match="nothing to continue"):
        train(discs, tmp_path / "m.safetensors", QUICK, resume=True)
    checkpoint_path(tmp_path / "m.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(RetintError, match="not a readable checkpoint"):
        train(discs, tmp_path / "m.safetensors", QUICK, resume=True)
    with pytest.raises(RetintError, match=r"ends in \.safetensors"):
        train(discs, tmp_path / "m.pt", QUICK)


def stopped(data, out, **more):
    """A run that Ctrl-C stopped after its second iteration."""

    def press_ctrl_c(progress, share):
        if progress.iteration == 2:
            os.kill(os.getpid(), signal.SIGINT)

    assert not train(data, out, QUICK, report=press_ctrl_c, **more).finished


def test_ctrl_c_while_the_model_is_scored_loses_nothing(discs, tmp_path, monkeypatch):
    out = tmp_path / "m.safetensors"

    def pressed(*args, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LOOP, "validate", pressed)
        found = train(discs, out, QUICK)
    assert not found.finished
    assert load(out).card.scores == {}
    unscored = weights(out)
    assert train(discs, out, resume=True).finished
    assert same(unscored, weights(out))
    assert load(out).card.scores["images"] == 2
    assert not checkpoint_path(out).exists()


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(discs, tmp_path, monkeypatch):
    real, notes = torch.save, []

    def full(state, file):
        if state["progress"]["iteration"] < 4:
            raise RuntimeError("unexpected pos 64 vs 0\nmore")
        real(state, file)

    monkeypatch.setattr(LOOP, "_CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(LOOP.torch, "save", full)
    assert train(discs, tmp_path / "m.safetensors", QUICK, note=notes.append).finished
    assert any("cannot be written (unexpected pos 64 vs 0)" in line and "goes on" in line for line in notes)


def test_a_run_that_begins_anew_leaves_nothing_of_the_one_before(discs, tmp_path):
    out = tmp_path / "m.safetensors"
    stopped(discs, out)
    log_paths(out)[0].write_text("an older log")

    def killed(progress, share):
        raise MemoryError

    with pytest.raises(RetintError, match="a stopped run; --resume continues it, --overwrite begins anew"):
        train(discs, out, QUICK)
    with pytest.raises(RetintError, match="leave one of them out"):
        train(discs, out, resume=True, overwrite=True)
    with pytest.raises(MemoryError):
        train(discs, out, QUICK, overwrite=True, report=killed)
    assert not checkpoint_path(out).exists()
    assert not log_paths(out)[0].exists()


def test_a_run_of_some_of_the_images_goes_on_with_them(discs, tmp_path):
    out = tmp_path / "m.safetensors"
    stopped(discs, out, limit=3, exclude=["scene0"])
    assert train(discs, out, resume=True).finished
    assert load(out).card.trained_on["images"] == 3


def test_a_run_does_not_go_on_with_other_data_or_settings(discs, tmp_path):
    out = tmp_path / "m.safetensors"
    stopped(discs, out)
    with pytest.raises(RetintError, match=r"another --seed \(0, not 7\)"):
        train(discs, out, Settings(seed=7), resume=True)
    with pytest.raises(RetintError, match="another --no-rare"):
        train(discs, out, Settings(rare=0.0), resume=True)
    with pytest.raises(RetintError, match=r"another --images \(none, not 2\)"):
        train(discs, out, resume=True, limit=2)
    with pytest.raises(RetintError, match=r"another --exclude \(none, not scene0\)"):
        train(discs, out, resume=True, exclude=["scene0"])
    kept = sorted((discs / "val").rglob("*.png"))
    moved = [path.rename(path.with_name(f"other-{path.name}")) for path in kept]
    with pytest.raises(RetintError, match="other images, labels"):
        train(discs, out, resume=True)
    for path, before in zip(moved, kept, strict=True):
        path.rename(before)
    path = discs / "train" / "labels" / "scene1.png"
    Image.fromarray(1 - np.asarray(Image.open(path))).save(path)
    with pytest.raises(RetintError, match="other images, labels"):
        train(discs, out, resume=True)


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


def test_a_run_goes_on_in_its_own_precision(discs, tmp_path):
    out = tmp_path / "m.safetensors"

    def stop(progress, share):
        os.kill(os.getpid(), signal.SIGINT)

    train(discs, out, QUICK, precision="float32", report=stop)
    assert torch.load(checkpoint_path(out), weights_only=False)["chosen"]["precision"] == "float32"
    with pytest.raises(RetintError, match=r"another --precision \(float32, not bfloat16\)"):
        train(discs, out, QUICK, precision="bfloat16", resume=True)
    with pytest.raises(RetintError, match="another --devices"):
        train(discs, out, QUICK, devices=2, device="cpu", resume=True)
    assert train(discs, out, QUICK, resume=True).finished


def test_a_log_that_cannot_be_written_loses_no_model(discs, tmp_path):
    out, lines = tmp_path / "m.safetensors", []

    def in_the_way(progress, share):
        log_paths(out)[0].mkdir(exist_ok=True)

    assert train(discs, out, QUICK, report=in_the_way, note=lines.append).finished
    assert weights(out)
    assert any("found a folder" in line for line in lines)


def test_a_stopped_run_of_an_earlier_version_goes_on_as_it_is_told(discs, tmp_path):
    out = tmp_path / "m.safetensors"
    stopped(discs, out)
    state = torch.load(checkpoint_path(out), weights_only=False)
    state["chosen"] = {"exclude": [], "limit": None}
    torch.save(state, checkpoint_path(out))
    assert train(discs, out, QUICK, precision="float32", resume=True).finished


def test_a_checkpoint_that_cannot_be_written_at_the_end_loses_no_model(discs, tmp_path, monkeypatch):
    def full(self):
        raise RetintError("no room")

    monkeypatch.setattr(LOOP.Run, "_save_checkpoint", full)
    out, lines = tmp_path / "m.safetensors", []
    assert train(discs, out, QUICK, note=lines.append).finished
    assert weights(out)


def test_a_model_that_is_there_is_replaced_only_if_that_is_said(discs, tmp_path):
    out = tmp_path / "m.safetensors"
    train(discs, out, QUICK)
    before = out.read_bytes()
    with pytest.raises(RetintError, match="exists already; --overwrite replaces it"):
        train(discs, out, replace(QUICK, seed=1))
    assert out.read_bytes() == before
    train(discs, out, replace(QUICK, seed=1), overwrite=True)
    assert out.read_bytes() != before


def test_a_second_press_gives_the_iteration_up_and_loses_nothing(discs, tmp_path, monkeypatch):
    through, out = tmp_path / "through.safetensors", tmp_path / "m.safetensors"
    train(discs, through, QUICK)
    forward, calls = LOOP.Mixed.forward, []

    def pressed_twice(self, *given):
        loss = forward(self, *given)
        calls.append(None)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)  # both are there at once, which is one press
            monkeypatch.setattr(LOOP, "_ONE_PRESS", 0.0)
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the second press ends it")
        return loss

    monkeypatch.setattr(LOOP.Mixed, "forward", pressed_twice)
    assert not train(discs, out, QUICK).finished
    assert len(calls) == 3
    assert load(out).label(np.zeros((8, 8, 3), np.uint8)).labels.shape == (8, 8)
    assert torch.load(checkpoint_path(out), weights_only=True)["progress"]["iteration"] == 2
    assert train(discs, out, resume=True).finished
    assert same(weights(through), weights(out))


@pytest.mark.parametrize("name", ["save_model", "plot_log"])
def test_presses_while_files_are_written_leave_them_whole(discs, tmp_path, monkeypatch, name):
    out, module = tmp_path / "m.safetensors", LOOP if name == "save_model" else import_module("retint.learning.progress")
    real = getattr(module, name)

    def pressed(*given, **more):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
        return real(*given, **more)

    monkeypatch.setattr(module, name, pressed)
    found = train(discs, out, QUICK)
    assert load(out).label(np.zeros((8, 8, 3), np.uint8)).labels.shape == (8, 8)
    assert found.finished == (name == "plot_log")
    assert checkpoint_path(out).exists() != found.finished


def test_a_damaged_checkpoint_is_not_gone_on_with(discs, tmp_path):
    out = tmp_path / "m.safetensors"
    stopped(discs, out)
    whole = checkpoint_path(out).read_bytes()
    damage(checkpoint_path(out))
    with pytest.raises(RetintError, match=r"not a readable checkpoint .*is damaged.* --overwrite begins anew"):
        train(discs, out, resume=True)
    checkpoint_path(out).write_bytes(whole)
    state = torch.load(checkpoint_path(out), weights_only=True)
    for change in ({"settings": 1}, {"settings": {}}, {"chosen": {}}):
        torch.save(state | change, checkpoint_path(out))
        with pytest.raises(RetintError, match="not a readable checkpoint"):
            train(discs, out, resume=True)
    for missing in state:
        torch.save({name: value for name, value in state.items() if name != missing}, checkpoint_path(out))
        with pytest.raises(RetintError, match="not a readable checkpoint"):
            train(discs, out, resume=True)
    for change in ({"network": {}}, {"optimizer": {}}, {"progress": {"new": 1}}):
        torch.save(state | change, checkpoint_path(out))
        with pytest.raises(RetintError, match="does not fit this version"):
            train(discs, out, resume=True)


@pytest.mark.parametrize("place", ["train/labels", "val/labels", "val/images"])
def test_a_run_does_not_go_on_when_pixels_were_moved(discs, tmp_path, place):
    out = tmp_path / "m.safetensors"
    stopped(discs, out)
    path = sorted((discs / place).iterdir())[0]
    Image.fromarray(np.rot90(np.asarray(Image.open(path)), 2)).save(path)
    with pytest.raises(RetintError, match="other images, labels"):
        train(discs, out, resume=True)


def test_a_checkpoint_of_before_there_were_sums_is_gone_on_with(discs, tmp_path):
    out = tmp_path / "m.safetensors"
    stopped(discs, out)
    state = torch.load(checkpoint_path(out), weights_only=True)
    del state["data"]["sums"]
    torch.save(state, checkpoint_path(out))
    assert train(discs, out, resume=True).finished


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
