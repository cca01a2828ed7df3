"""Films: the loop over frames, and the files that come of it."""

import json
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from made import make_model, scene
from retint.errors import RetintError
from retint.images import film_writer, open_film, read_labels
from retint.labeling.files.clips import ClipWish, label_clips
from retint.labeling.files.images import Wish
from retint.labeling.refinement import Refinement
from retint.labeling.video import VideoLabeler, carried, look_of, unchanged


def frames(count=4, seed=0):
    """A scene that moves a little."""
    image, _ = scene(np.random.default_rng(seed))
    return [np.roll(image, k, axis=1) for k in range(count)]


def film(folder, images):
    """A film as a folder of numbered frames."""
    folder.mkdir()
    for k, frame in enumerate(images):
        Image.fromarray(frame).save(folder / f"{k}.png")
    return folder


@pytest.mark.parametrize("still", [False, True])
def test_each_frame_begins_from_the_one_before(model, still):
    images = frames()
    found = list(model.label_video(iter(images), 3, 1, still=still))
    expected = [model.label(images[0], 3)]
    for before, image in pairwise(images):
        start = expected[-1] if still else carried(expected[-1], look_of(before, "a"), look_of(image, "b"))
        assert still or not np.array_equal(start.estimate, expected[-1].estimate)
        expected.append(model.label(image, 1, start=start))
    assert [labeling.steps for labeling in found] == [3, 1, 1, 1]
    for ours, theirs in zip(found, expected, strict=True):
        assert np.array_equal(ours.labels, theirs.labels)
        assert np.array_equal(ours.estimate, theirs.estimate)


def test_frames_are_taken_one_at_a_time(model):
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield frames(1)[0]

    labelings = model.label_video(endless())
    next(labelings)
    next(labelings)
    assert taken == [0, 1]


def test_a_reader_may_write_into_the_same_memory(model):
    images, buffer = frames(), np.empty_like(frames()[0])

    def shared():
        for image in images:
            buffer[:] = image
            yield buffer

    video = VideoLabeler(model)
    for frame in shared():
        video.label(frame)
    apart = VideoLabeler(model)
    for frame in images:
        apart.label(frame)
    assert video.flicker.share == apart.flicker.share
    assert video.flicker.still_share == apart.flicker.still_share


def test_a_cut_begins_from_nothing(model):
    images = [*frames(3), *(255 - image for image in frames(2))]
    video = VideoLabeler(model, 3, 1)
    found = [video.label(image) for image in images]
    assert video.cuts == [3]
    assert [labeling.steps for labeling in found] == [3, 1, 1, 3, 1]
    assert np.array_equal(found[3].labels, model.label(images[3], 3).labels)
    never = VideoLabeler(model, 3, 1, cut=1)
    for image in images:
        never.label(image)
    assert never.cuts == []


def test_every_frame_has_a_time_of_its_own(model, monkeypatch):
    """By a clock that a step takes a second of, and in the end the look at a frame, before its steps, too."""
    ticks = [0.0]
    advancing = Refinement.advancing

    def slow(self, steps, **options):
        ticks[0] += steps
        return advancing(self, steps, **options)

    monkeypatch.setattr(Refinement, "advancing", slow)
    monkeypatch.setattr("retint.labeling.stopping.time.perf_counter", lambda: ticks[0])
    images = frames(3)
    assert [labeling.steps for labeling in model.label_video(images, budget=3.5, cut=1)] == [3, 3, 3]
    assert [labeling.steps for labeling in model.label_video(images, budget=0.1)] == [1, 1, 1]
    looked = look_of

    def slow_look(*given):
        ticks[0] += 0.6
        return looked(*given)

    monkeypatch.setattr("retint.labeling.video.look_of", slow_look)
    video = VideoLabeler(model, budget=3.5, still=True)
    found = [video.label(image) for image in images]
    assert [labeling.steps for labeling in found] == [3, 2, 2]
    assert np.array_equal(found[1].labels, model.label(images[1], 2, start=found[0]).labels)
    assert video.further == []


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"until_settled": True}, "until_settled: not for films; expected budget, .*tile, precision, scale, prior: leave it out"),
        ({"tolerance": 0.1, "record": (1,), "keep": True}, "tolerance and record and keep: not for films"),
        ({"speed": 3}, "speed: not for films"),
        ({"budget": 1.0, "frame_steps": 2}, r"--budget 1.0: .*leave it out, or the numbers of steps"),
        ({"budget": 1.0, "steps": 2}, r"--budget 1.0: .*leave it out, or the numbers of steps"),
        ({"budget": 0}, "--budget 0: expected a time above 0"),
        ({"budget": "50ms"}, "--budget 50ms: expected a number"),
    ],
)
def test_what_does_not_go_with_films_is_told_before_the_first_frame(model, options, word):
    taken = iter(frames(2))
    with pytest.raises(RetintError, match=f"^{word}"):
        model.label_video(taken, **options)
    assert len(list(taken)) == 2


def test_labels_of_frames_that_do_not_move_stay(model):
    image = frames(1)[0]
    labeling, look = model.label(image), look_of(image, "a")
    assert carried(labeling, look, look) is labeling
    noise = np.random.default_rng(0).integers(-9, 9, image.shape)
    other = look_of((image.astype(int) + noise).clip(0, 255).astype(np.uint8), "b")
    assert carried(labeling, look, other) is labeling  # no motion explains it


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_labels_move_with_the_picture(model, scale):
    """A textured picture shifted by whole label cells: so are its labels, at any scale, but at the edges."""
    picture = gaussian_filter(np.random.default_rng(1).random((96, 128, 3)), (3, 3, 0))
    picture = np.uint8(255 * (picture - picture.min()) / np.ptp(picture))
    before, after = picture[8:, 8:], picture[:-8, :-8]
    last = model.label(before, scale=scale)
    moved = carried(last, look_of(before, "a"), look_of(after, "b"))
    cells = round(8 * scale / model.strides[0])
    there, was = moved.estimate[:, cells + 3 : -3, cells + 3 : -3], last.estimate[:, 3 : -3 - cells, 3 : -3 - cells]
    stayed = last.estimate[:, cells + 3 : -3, cells + 3 : -3]
    assert np.abs(there - was).mean() < 0.3 * np.abs(stayed - was).mean()
    assert moved.estimate.sum(0) == pytest.approx(1, abs=1e-5)


def test_where_one_step_moves_much_the_others_are_taken_too(model, monkeypatch):
    images = frames(3)
    moves = [model.label(image, 1, start=model.label(before, 4)).drifts[0] for before, image in pairwise(images)]
    for limit, further in ((max(moves) + 0.01, []), (0.0, [1, 2])):
        monkeypatch.setattr("retint.labeling.video.MOVED", limit)
        video = VideoLabeler(model, 4, still=True)
        found = [video.label(image) for image in images]
        assert video.further == further
        assert [labeling.steps for labeling in found] == [4, *[4 if further else 1] * 2]
        last = model.label(images[1], found[1].steps, start=found[0])
        assert np.array_equal(found[1].labels, last.labels)
    video = VideoLabeler(model, 1)
    assert [video.label(image).steps for image in images] == [1, 1, 1]


def test_flicker_is_what_changed_from_frame_to_frame(model):
    images = frames(3)
    images[1][:20] = images[0][:20]
    video = VideoLabeler(model)
    found = [video.label(image).labels for image in images]
    pairs = list(zip(range(2), range(1, 3), strict=True))
    assert video.flicker.share == np.mean([found[a] != found[b] for a, b in pairs])
    far = [np.abs(images[a].astype(int) - images[b]).max(-1) > 0.02 * 255 for a, b in pairs]
    assert all(np.array_equal(unchanged(images[a], images[b]), ~f) for (a, b), f in zip(pairs, far, strict=True))
    still = np.concatenate([(found[a] != found[b])[~f] for (a, b), f in zip(pairs, far, strict=True)])
    assert video.flicker.still_share == still.mean()


def test_tensors_and_grey_frames(model):
    rgb = frames(2)
    tensors = [torch.from_numpy(image).movedim(-1, 0) for image in rgb]
    for a, b in zip(model.label_video(rgb), model.label_video(tensors), strict=True):
        assert np.array_equal(a.labels, b.labels)
    grey = make_model(channels=1)
    assert [labeling.labels.shape for labeling in grey.label_video(image[..., 0] for image in rgb)] == [(48, 64)] * 2


def test_a_frame_of_another_size_is_refused(model):
    labelings = model.label_video([frames(1)[0], frames(1)[0][:-1]])
    next(labelings)
    with pytest.raises(RetintError, match=r"frame 1: has shape \(47, 64, 3\).*one size"):
        next(labelings)
    with pytest.raises(RetintError, match="--frame-steps 0"):
        VideoLabeler(model, frame_steps=0)


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
    {"strip": True}, {"until_settled": True}, {"budget": 1.0}, {"probabilities": True}, {"tolerance": 0.1}, {"doubt": "top"},
    {"cluster": "local"},
])  # fmt: skip
def test_options_that_films_do_not_have(model, clip, tmp_path, wish):
    with pytest.raises(RetintError, match="not for films"):
        label_clips(model, [clip], tmp_path / "out", ClipWish(Wish(**wish)))


def test_models_of_volumes_do_not_label_films(clip, tmp_path):
    with pytest.raises(RetintError, match="labels volumes"):
        label_clips(make_model("volume-2", channels=1), [clip], tmp_path / "out")


@pytest.mark.parametrize("arch", ["rcnn2", "plain-cnn1"])
def test_networks_that_begin_from_no_labels_label_no_films(arch, tmp_path):
    model = make_model(arch)
    with pytest.raises(RetintError, match="fixed number of steps at once"):
        VideoLabeler(model)
    with pytest.raises(RetintError, match="label the frames as images"):
        label_clips(model, [film(tmp_path / "film", frames(2))], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_frames_may_be_tensors_of_any_type(model):
    several = [torch.from_numpy(frame).movedim(-1, 0).to(torch.bfloat16) / 255 for frame in frames(2)]
    model = make_model(dtype="float32")
    arrays = [frame.float().movedim(0, -1).numpy() for frame in several]
    for tensor, array in zip(model.label_video(several, 1), model.label_video(arrays, 1), strict=True):
        assert np.array_equal(tensor.labels, array.labels)


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
