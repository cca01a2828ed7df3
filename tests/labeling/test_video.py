"""Films: the loop over frames."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from films import film, frames
from made import make_model
from retint.errors import RetintError
from retint.labeling.files.clips import label_clips
from retint.labeling.refinement import Refinement
from retint.labeling.video import VideoLabeler, carried, look_of, unchanged


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
