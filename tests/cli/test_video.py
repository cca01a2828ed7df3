"""Films on the command line."""

import json
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from made import model_file
from retint.cli.main import main
from retint.images import film_writer
from retint.labeling.files import clips
from retint.labeling.files.clips import ClipOutcome, ClipWish
from retint.labeling.files.images import Wish

pytest.importorskip("av")


@pytest.fixture
def given(tmp_path):
    """A model, a clip, and a folder for results."""
    model_file(tmp_path / "made.safetensors")
    with film_writer(tmp_path / "clip.mp4", Fraction(10)) as put:
        for k in range(3):
            put(np.full((32, 48, 3), 90 + k, np.uint8))
    return ["--model", str(tmp_path / "made.safetensors"), "--out", str(tmp_path / "out")], tmp_path


def test_a_clip_is_labelled(given, capsys):
    options, folder = given
    assert main(["label", str(folder / "clip.mp4"), *options, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["model", "clips", "failed", "skipped", "warnings"]
    (row,) = printed["clips"]
    assert (row["frames"], row["frame_steps"], row["cuts"]) == (3, None, [])
    assert row["flicker_where_still"] is not None
    assert (folder / "out" / "clip.overlay.mp4").exists()
    assert main(["label", str(folder / "clip.mp4"), *options]) == 1
    assert "exists already" in capsys.readouterr().err


def test_frames_that_took_more_than_one_step_are_told(given, capsys, monkeypatch):
    monkeypatch.setattr("retint.labeling.video.MOVED", -1.0)
    options, folder = given
    assert main(["label", str(folder / "clip.mp4"), *options]) == 0
    assert "3 frames, 0 cuts, 2 took more than one step," in capsys.readouterr().out


def test_folders_are_images_unless_they_are_a_sequence(given, capsys):
    options, folder = given
    frames = folder / "frames"
    frames.mkdir()
    for k in range(2):
        Image.new("RGB", (48, 32), (90 + k,) * 3).save(frames / f"{k}.png")
    assert (
        main(["label", str(frames), *options, "--sequence", "--frame-steps", "1", "--rate", "5", "--no-overlay"]) == 0
    )
    assert "2 frames, 0 cuts" in capsys.readouterr().out
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["frames.json", "frames.labels"]
    (frames / "1.png").unlink()
    again = ["--sequence", "--frame-steps", "1", "--rate", "0.0001", "--no-overlay", "--overwrite"]
    assert main(["label", str(frames), *options, *again]) == 0
    assert [p.name for p in (folder / "out" / "frames.labels").iterdir()] == ["0.png"]  # none of the film before
    Image.new("RGB", (48, 32), (91,) * 3).save(frames / "1.png")
    assert main(["label", str(frames), *options]) == 0
    assert (folder / "out" / "0.png").exists()


def test_films_and_images_apart(given, capsys):
    options, folder = given
    Image.new("RGB", (48, 32)).save(folder / "one.png")
    assert main(["label", str(folder / "clip.mp4"), str(folder / "one.png"), *options]) == 1
    assert "label them in two calls" in capsys.readouterr().err
    assert main(["label", str(folder / "one.png"), "--sequence", *options]) == 1
    assert "one.png: is no film" in capsys.readouterr().err


def test_a_time_for_every_frame(given, capsys):
    options, folder = given
    clip = str(folder / "clip.mp4")
    assert main(["label", clip, *options, "--budget", "50ms", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["clips"]
    assert (row["frames"], row["steps"], row["frame_steps"], row["budget"]) == (3, None, None, 0.05)
    least, most = row["steps_taken"]
    assert 1 <= least <= most <= 256
    assert main(["label", clip, *options, "--budget", "0.001ms", "--overwrite"]) == 0
    assert "3 frames, 0 cuts, 1 step a frame," in capsys.readouterr().out  # it cannot be less
    assert main(["label", clip, *options, "--budget", "50ms", "--frame-steps", "2", "--overwrite"]) == 1
    assert capsys.readouterr().err == "retint: --budget 0.05: says how many steps a frame takes; leave it out, or the numbers of steps\n"
    with pytest.raises(SystemExit):
        main(["label", clip, *options, "--budget", "50ms", "--steps", "2"])
    assert "argument --steps: not allowed with argument --budget" in capsys.readouterr().err


def test_a_bad_film_is_told_at_the_end(given, capsys):
    options, folder = given
    (folder / "bad.mp4").write_text("no film")
    assert main(["label", str(folder / "bad.mp4"), str(folder / "clip.mp4"), *options, "--steps", "1"]) == 1
    told = capsys.readouterr()
    assert "clip.overlay.mp4: 3 frames" in told.out
    assert "bad.mp4: found a file that cannot be read" in told.err
    assert told.err.endswith("retint: 1 of 2 films were not labelled\n")


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (["--frame-steps", "3"], "frame_steps", 3),
        (["--no-labels"], "labels", False),
        (["--rate", "5"], "rate", 5.0),
        (["--still"], "still", True),
        (["--budget", "50ms"], "image", Wish(budget=0.05, precision="auto")),
        (["--steps", "3", "--no-overlay"], "image", Wish(3, overlay=False, precision="auto")),
    ],
)
def test_an_option_is_wished_for(given, options, name, value, monkeypatch):
    of_all, folder = given
    seen = []

    def taken(model, films, out, wish, *_):
        seen.append(wish)
        return ClipOutcome("made")

    monkeypatch.setattr(clips, "label_clips", taken)
    for wanted in ([], options):
        assert main(["label", str(folder / "clip.mp4"), *of_all, *wanted]) == 0
    assert seen[0] == ClipWish(Wish(precision="auto"))
    assert seen[1] == replace(seen[0], **{name: value})


def test_no_wish_of_films_is_left_untried():
    tried = {row[1] for row in test_an_option_is_wished_for.pytestmark[0].args[1]}
    assert {field.name for field in fields(ClipWish)} == tried
