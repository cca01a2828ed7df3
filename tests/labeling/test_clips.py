"""Films as files: what is written of each, and what is refused."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from films import film, frames
from made import make_model, scene
from retint.errors import RetintError
from retint.images import film_writer, open_film, read_labels
from retint.labeling.files.clips import ClipWish, label_clips
from retint.labeling.files.images import Wish, label_files
from retint.labeling.refinement import Refinement
from retint.labeling.video import VideoLabeler


@pytest.fixture
def clip(tmp_path):
    pytest.importorskip("av")
    with film_writer(tmp_path / "clip.mp4", Fraction(15)) as put:
        for frame in frames():
            put(frame)
    return tmp_path / "clip.mp4"


def test_a_clip_becomes_an_overlay_labels_and_a_summary(model, clip, tmp_path):
    outcome = label_clips(model, [clip], tmp_path / "out", ClipWish(Wish(steps=3), frame_steps=1))
    assert not outcome.failed
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["clip.json", "clip.labels", "clip.overlay.mp4"]
    film = open_film(tmp_path / "out" / "clip.overlay.mp4")
    assert (film.rate, film.count) == (15, 4)
    assert [frame.shape for frame in film.frames()] == [(48, 64, 3)] * 4
    names = [f"{k:06d}.png" for k in range(4)]
    assert sorted(p.name for p in (tmp_path / "out" / "clip.labels").iterdir()) == names
    video = VideoLabeler(model, 3, 1)
    for name, frame in zip(names, open_film(clip).frames(), strict=True):
        assert np.array_equal(read_labels(tmp_path / "out" / "clip.labels" / name), video.label(frame).labels)
    row = json.loads((tmp_path / "out" / "clip.json").read_text())
    assert row == outcome.clips[0]
    assert (row["frames"], row["size"], row["rate"], row["steps"], row["frame_steps"]) == (4, [48, 64], 15, 3, 1)
    assert row["flicker"] == round(video.flicker.share, 6)
    assert sum(row["fractions"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("options", [{"scale": 0.5}, {"prior": True}, {"still": True}, {"frame_steps": 3}])
def test_what_is_wished_of_a_film_is_done_at_every_frame(model, tmp_path, options):
    of_images = {name: value for name, value in options.items() if name in ("scale", "prior")}
    of_films = {name: value for name, value in options.items() if name not in of_images}
    wish = ClipWish(Wish(steps=2, overlay=False, **of_images), **of_films)
    label_clips(model, [film(tmp_path / "film", frames(3))], tmp_path / "out", wish)
    video, plain = VideoLabeler(model, 2, **options), VideoLabeler(model, 2)
    differs = False
    for k, frame in enumerate(frames(3)):
        expected = video.label(frame).labels
        assert np.array_equal(read_labels(tmp_path / "out" / "film.labels" / f"{k}.png"), expected)
        differs |= not np.array_equal(plain.label(frame).labels, expected)
    assert differs


def test_the_summary_tells_flicker_where_still_apart(model, tmp_path):
    images = [frames(1)[0], frames(1)[0]]
    images[1][:, 20:] = np.roll(images[0], 3, 1)[:, 20:]
    folder = film(tmp_path / "film", images)
    row = label_clips(model, [folder], tmp_path / "out", ClipWish(Wish(overlay=False))).clips[0]
    video = VideoLabeler(model)
    for frame in images:
        video.label(frame)
    flicker = video.flicker
    assert flicker.share != flicker.still_share
    assert (row["flicker"], row["flicker_where_still"]) == (round(flicker.share, 6), round(flicker.still_share, 6))


def test_a_shorter_film_of_the_same_name_leaves_no_labels_of_the_longer_one(model, tmp_path):
    folder, wish = film(tmp_path / "film", frames(4)), ClipWish(Wish(steps=1, overlay=False, overwrite=True))
    label_clips(model, [folder], tmp_path / "out", wish)
    for k in (2, 3):
        (folder / f"{k}.png").unlink()
    row = label_clips(model, [folder], tmp_path / "out", wish).clips[0]
    assert sorted(path.name for path in (tmp_path / "out" / "film.labels").iterdir()) == ["0.png", "1.png"]
    assert row["frames"] == 2
    assert sum(row["fractions"].values()) == pytest.approx(1, abs=1e-5)


def test_a_film_that_fails_has_no_summary_of_an_earlier_time(model, tmp_path):
    folder, wish = film(tmp_path / "film", frames(2)), ClipWish(Wish(steps=1, overlay=False, overwrite=True))
    assert label_clips(model, [folder], tmp_path / "out", wish).clips
    Image.fromarray(frames(1)[0][:-2]).save(folder / "2.png")
    assert label_clips(model, [folder], tmp_path / "out", wish).failed
    assert not (tmp_path / "out" / "film.json").exists()


def test_numbered_frames_keep_their_names(model, tmp_path):
    folder = tmp_path / "drive"
    folder.mkdir()
    for k, frame in zip((8, 9, 10), frames(3), strict=True):
        Image.fromarray(frame).save(folder / f"f{k}.png")
    outcome = label_clips(model, [folder], tmp_path / "out", ClipWish(Wish(overlay=False)))
    assert outcome.clips[0]["frames"] == 3
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"drive.json", "drive.labels"}
    assert {p.name for p in (tmp_path / "out" / "drive.labels").iterdir()} == {"f8.png", "f9.png", "f10.png"}


def test_nothing_is_replaced_unasked(model, clip, tmp_path):
    out, wish = tmp_path / "out", ClipWish(labels=False)
    assert label_clips(model, [clip], out, wish).clips
    assert "--overwrite" in label_clips(model, [clip], out, wish).failed[0]["error"]
    assert label_clips(model, [clip], out, ClipWish(Wish(skip_existing=True), labels=False)).skipped == [str(clip)]
    assert label_clips(model, [clip], out, ClipWish(Wish(overwrite=True), labels=False)).clips


def test_an_interrupt_keeps_what_was_done(model, clip, tmp_path):
    def stop(name, done, frames):
        if done == 2:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        label_clips(model, [clip], out, progress=stop)
    assert len(list(open_film(out / "clip.overlay.mp4").frames())) == 2
    assert len(list((out / "clip.labels").iterdir())) == 2
    assert not (out / "clip.json").exists()
    again = label_clips(model, [clip], out, ClipWish(Wish(skip_existing=True)))  # to go on after a stop
    assert again.clips[0]["frames"] == 4


def test_one_bad_clip_does_not_stop_the_others(model, clip, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no film")
    outcome = label_clips(model, [bad, clip], tmp_path / "out")
    assert [row["clip"] for row in outcome.clips] == [str(clip)]
    assert "bad.mp4" in outcome.failed[0]["error"]


def test_frames_of_two_sizes_keep_those_before(model, tmp_path):
    pytest.importorskip("av")
    outcome = label_clips(model, [film(tmp_path / "drive", [frames(1)[0], frames(1)[0][:-2]])], tmp_path / "out")
    assert "drive: frame 1: has shape (46, 64, 3)" in outcome.failed[0]["error"]
    assert len(list(open_film(tmp_path / "out" / "drive.overlay.mp4").frames())) == 1


def test_the_first_frame_may_begin_from_labels(model, clip, tmp_path):
    start = np.full((48, 64), 2, np.uint8)
    Image.fromarray(start).save(tmp_path / "start.png")
    label_clips(model, [clip], tmp_path / "out", ClipWish(Wish(steps=1, start=tmp_path / "start.png", overlay=False)))
    first = next(open_film(clip).frames())
    found = read_labels(tmp_path / "out" / "clip.labels" / "000000.png")
    assert np.array_equal(found, model.label(first, 1, start=start).labels)


@pytest.mark.parametrize("wish", [
    {"strip": True}, {"until_settled": True}, {"probabilities": True}, {"tolerance": 0.1}, {"doubt": "top"},
    {"cluster": "local"},
])  # fmt: skip
def test_options_that_films_do_not_have(model, clip, tmp_path, wish):
    with pytest.raises(RetintError, match="not for films"):
        label_clips(model, [clip], tmp_path / "out", ClipWish(Wish(**wish)))


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        (ClipWish(Wish(budget=0.05), frame_steps=2), "--budget 0.05: .*leave it out, or the numbers of steps"),
        (ClipWish(Wish(2, budget=0.05)), "--budget 0.05: .*leave it out, or the numbers of steps"),
        (ClipWish(Wish(budget=-1)), "--budget -1: expected a time above 0"),
        (ClipWish(frame_steps=0), "--frame-steps 0"),
        (ClipWish(Wish(scale="1,1.5m")), "films are labelled at one scale"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_the_first_film(model, tmp_path, wish, word):
    clips = [film(tmp_path / name, frames(2)) for name in ("a", "b")]
    label_clips(model, clips, tmp_path / "out", ClipWish(Wish(1, overlay=False)))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    again = replace(wish, image=replace(wish.image, overlay=False, overwrite=True))
    with pytest.raises(RetintError, match=word):
        label_clips(model, clips, tmp_path / "out", again)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}  # summaries too


def test_a_budget_is_every_frames(model, tmp_path, monkeypatch):
    """By a clock that a step takes a second of."""
    ticks, advancing = [0.0], Refinement.advancing

    def slow(self, steps, **options):
        ticks[0] += steps
        return advancing(self, steps, **options)

    monkeypatch.setattr(Refinement, "advancing", slow)
    monkeypatch.setattr("retint.labeling.stopping.time.perf_counter", lambda: ticks[0])
    folder = film(tmp_path / "film", frames(3))
    row = label_clips(model, [folder], tmp_path / "out", ClipWish(Wish(budget=3.5, overlay=False), still=True)).clips[0]
    assert (row["steps"], row["frame_steps"], row["budget"], row["steps_taken"]) == (None, None, 3.5, [3, 3])
    assert row == json.loads((tmp_path / "out" / "film.json").read_text())
    for k, labeling in enumerate(model.label_video(frames(3), 3, 3, still=True)):
        assert np.array_equal(read_labels(tmp_path / "out" / "film.labels" / f"{k}.png"), labeling.labels)
    row = label_clips(model, [folder], tmp_path / "counted", ClipWish(Wish(2, overlay=False), frame_steps=1)).clips[0]
    assert (row["steps"], row["frame_steps"], row["budget"], row["steps_taken"]) == (2, 1, None, [1, 2])


def test_models_of_volumes_do_not_label_films(clip, tmp_path):
    with pytest.raises(RetintError, match="labels volumes"):
        label_clips(make_model("volume-2", channels=1), [clip], tmp_path / "out")


def test_several_frames_at_a_time_are_refused(model, tmp_path):
    with pytest.raises(RetintError, match="--batch"):
        label_clips(model, [tmp_path], tmp_path / "out", ClipWish(Wish(batch=2)))


def test_a_film_that_was_cut_off_is_told_and_has_no_summary(model, tmp_path):
    images = [np.random.default_rng(k).integers(0, 256, (48, 64, 3), dtype=np.uint8) for k in range(12)]
    with film_writer(tmp_path / "a.avi", Fraction(5)) as put:
        for image in images:
            put(image)
    Image.fromarray(images[0]).save(tmp_path / "b.gif", save_all=True, append_images=[Image.fromarray(one) for one in images[1:4]])
    for name in ("a.avi", "b.gif"):
        assert not label_clips(model, [tmp_path / name], tmp_path / "whole", ClipWish(Wish(1))).failed
        data = (tmp_path / name).read_bytes()
        (tmp_path / "cut").mkdir(exist_ok=True)
        (tmp_path / "cut" / name).write_bytes(data[: len(data) // 2])
        outcome = label_clips(model, [tmp_path / "cut" / name], tmp_path / "out", ClipWish(Wish(1)))
        assert "where the file ends" in outcome.failed[0]["error"] or "cannot be read" in outcome.failed[0]["error"]
        assert not (tmp_path / "out" / name).with_suffix(".json").exists()


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: not enough memory"), MemoryError(), OSError("gone")]
)
def test_a_film_that_there_is_no_room_for_does_not_stop_the_others(model, tmp_path, monkeypatch, error):
    clips = [film(tmp_path / name, frames(count)) for name, count in (("a", 3), ("b", 2))]
    label = VideoLabeler.label

    def short(self, *given):
        if self.frames == 2:
            raise error
        return label(self, *given)

    monkeypatch.setattr(VideoLabeler, "label", short)
    outcome = label_clips(model, clips, tmp_path / "out", ClipWish(Wish(1, overlay=False)))
    why = "gone" if isinstance(error, OSError) else "not enough memory"
    assert outcome.failed == [{"clip": str(clips[0]), "error": f"{clips[0]}: {why}"}]
    assert [row["clip"] for row in outcome.clips] == [str(clips[1])]


def test_an_error_of_the_program_itself_is_not_taken_for_a_films(model, tmp_path, monkeypatch):
    monkeypatch.setattr(VideoLabeler, "label", lambda *given: [][0])
    with pytest.raises(IndexError):
        label_clips(model, [film(tmp_path / "film", frames(2))], tmp_path / "out", ClipWish(Wish(1, overlay=False)))


def test_alpha_of_frames_changes_nothing(model, tmp_path):
    """Neither the labels, nor what is compared from frame to frame: cuts, motion, and what is still."""
    alphas = [np.full((48, 64, 1), 255 * (k % 2), np.uint8) for k in range(3)]
    images = frames(3)
    clips = [film(tmp_path / "rgb", images), film(tmp_path / "rgba", [np.concatenate(pair, -1) for pair in zip(images, alphas, strict=True)])]
    Image.fromarray(images[1]).save(clips[1] / "1.png")  # one without, among them
    rows = label_clips(model, clips, tmp_path / "out", ClipWish(Wish(3, overlay=False))).clips
    told = [{name: row[name] for name in ("cuts", "further", "flicker", "flicker_where_still", "fractions")} for row in rows]
    assert told[0] == told[1]
    for k in range(3):
        one, other = (read_labels(tmp_path / "out" / f"{name}.labels" / f"{k}.png") for name in ("rgb", "rgba"))
        assert np.array_equal(one, other)


def _tiff(path, pixels, **options):
    tifffile.imwrite(path, pixels, photometric="rgb", **options)


def _geotiff(path, pixels, last):
    rasterio = pytest.importorskip("rasterio")
    kinds = rasterio.enums.ColorInterp
    with rasterio.open(path, "w", driver="GTiff", height=48, width=64, count=4, dtype="uint8", crs="EPSG:32633") as file:
        file.colorinterp = kinds.red, kinds.green, kinds.blue, kinds[last]  # leaves ExtraSamples at alpha
        file.write(pixels.transpose(2, 0, 1))


def _zarr(path, pixels):
    pytest.importorskip("zarr").save_array(str(path), pixels)


@pytest.mark.parametrize(
    ("name", "write", "options", "labelled"),
    [
        ("0.png", lambda path, pixels: Image.fromarray(pixels).save(path), {}, True),
        ("0.tif", _tiff, {"extrasamples": ["unassalpha"]}, True),
        ("0.tif", _tiff, {"extrasamples": ["unspecified"]}, False),
        ("0.tif", _geotiff, {"last": "alpha"}, True),
        ("0.tif", _geotiff, {"last": "undefined"}, False),
        ("0.zarr", _zarr, {}, False),
    ],
)
def test_a_fourth_channel_of_a_frame_is_what_it_is_of_an_image(model, tmp_path, name, write, options, labelled):
    """Alpha, which is dropped, if the file says so; else it is no image for the model."""
    folder = tmp_path / "film"
    folder.mkdir()
    write(folder / name, np.concatenate([frames(1)[0], np.full((48, 64, 1), 90, np.uint8)], -1), **options)
    alone = label_files(model, [folder / name], tmp_path / "alone", Wish(2, overlay=False))
    clip = label_clips(model, [folder], tmp_path / "out", ClipWish(Wish(2, overlay=False)))
    assert bool(alone.images) == bool(clip.clips) == labelled
    assert [row["error"] for row in alone.failed] == [row["error"] for row in clip.failed]
    if labelled:
        labels = read_labels(tmp_path / "alone" / f"0{'.tif' if write is _geotiff else '.png'}")
        assert np.array_equal(read_labels(tmp_path / "out" / "film.labels" / "0.png"), labels)
    else:
        assert clip.failed[0]["error"].startswith(f"{folder / name}: found 4 channels; expected 3 channels (RGB)")


def test_frames_in_zarr_are_labelled_as_those_in_png(model, tmp_path):
    clips = [film(tmp_path / "png", frames(2)), tmp_path / "zarr"]
    clips[1].mkdir()
    for k, frame in enumerate(frames(2)):
        _zarr(clips[1] / f"{k}.ome.zarr", frame)
    assert not label_clips(model, clips, tmp_path / "out", ClipWish(Wish(2, overlay=False))).failed
    for k in range(2):
        one, other = (read_labels(tmp_path / "out" / f"{name}.labels" / f"{k}.png") for name in ("png", "zarr"))
        assert np.array_equal(one, other)


@pytest.mark.parametrize(("films", "word"), [(("x", "x.labels"), "labels"), (("x", "x.overlay.mp4"), "overlay")])
def test_a_film_that_was_named_is_never_replaced(model, tmp_path, films, word):
    frame, _ = scene(np.random.default_rng(0))
    for name in films:
        if name.endswith(".mp4"):
            with film_writer(tmp_path / name, Fraction(5)) as put:
                put(frame)
            continue
        (tmp_path / name).mkdir()
        Image.fromarray(frame).save(tmp_path / name / "0.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    wish = ClipWish(Wish(1, overlay=word == "overlay", overwrite=True), labels=word == "labels")
    with pytest.raises(RetintError, match=f"the {word} of .*x would replace the film .*{films[1]}; choose another folder"):
        label_clips(model, [tmp_path / name for name in films], tmp_path, wish)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
