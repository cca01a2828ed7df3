"""Runs that are stopped, and go on."""

import os
import signal
from importlib import import_module

import numpy as np
import pytest
import torch
from PIL import Image

from retint.errors import RetintError
from retint.labeling import load
from retint.learning import Settings, train
from retint.learning.settings import checkpoint_path, log_paths
from trained import QUICK, same, weights

LOOP = import_module("retint.learning.train")  # the function of that name hides it


def damage(path):
    """Put zeros into the middle of a file."""
    held = bytearray(path.read_bytes())
    middle = len(held) // 2
    held[middle : middle + 2000] = bytes(2000)
    path.write_bytes(held)


def stopped(data, out, **more):
    """A run that Ctrl-C stopped after its second iteration."""

    def press_ctrl_c(progress, share):
        if progress.iteration == 2:
            os.kill(os.getpid(), signal.SIGINT)

    assert not train(data, out, QUICK, report=press_ctrl_c, **more).finished


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


def test_resume_needs_a_checkpoint_of_the_same_data(discs, tmp_path):
    with pytest.raises(RetintError, match="nothing to continue"):
        train(discs, tmp_path / "m.safetensors", QUICK, resume=True)
    checkpoint_path(tmp_path / "m.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(RetintError, match="not a readable checkpoint"):
        train(discs, tmp_path / "m.safetensors", QUICK, resume=True)
    with pytest.raises(RetintError, match=r"ends in \.safetensors"):
        train(discs, tmp_path / "m.pt", QUICK)


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
            monkeypatch.setattr("retint.learning.presses._ONE_PRESS", 0.0)
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
