"""Several images a batch: the labels of each alone, from fewer calls of the network."""

import numpy as np
import pytest
import torch
from PIL import Image

from made import make_model
from retint.errors import RetintError
from retint.images import image_size, read_labels
from retint.labeling.asking import Ask, alone, together
from retint.labeling.backends.replayed import Replayed
from retint.labeling.files.images import Wish, label_files

ARCHS = ["small-4", "small-8-4", "jain-2007-2d", "fig-9-17"]


def pictures(*sizes):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def watched(model, monkeypatch):
    """The batch of every call of the model's network from now on."""
    engine, batches = model.engine(), []
    for name in ("context", "logits"):
        call = getattr(engine, name)

        def counted(given, *rest, call=call, name=name):
            batches.append((name, len(given[0] if isinstance(given, tuple) else given)))
            return call(given, *rest)

        monkeypatch.setattr(engine, name, counted)
    return batches


@pytest.mark.parametrize("arch", ARCHS)
def test_a_batch_labels_as_each_alone(arch):
    model = make_model(arch, classes=3)
    images = pictures((40, 48), (24, 30), (40, 48), (40, 48))
    hints = np.full((40, 48), 255, np.uint8)
    hints[4:11, 9:30] = 2
    starts = [None, None, np.ones((40, 48), np.uint8), None]
    found = model.label_batch(images, 5, starts=starts, hints=[hints, None, None, None], record=(2,))
    for labeling, image, start, fixed in zip(found, images, starts, [hints, None, None, None], strict=True):
        expected = model.label(image, 5, start=start, hints=fixed, record=(2,))
        assert np.abs(labeling.probabilities - expected.probabilities).max() < 1e-5
        assert np.allclose(labeling.changes, expected.changes)
        assert labeling.recorded[2].shape == expected.recorded[2].shape
        assert (labeling.labels == expected.labels).mean() > 0.999


def test_images_of_a_batch_stop_each_for_itself_and_calls_are_made_together(monkeypatch):
    model = make_model("small-4", classes=3)
    images = pictures((32, 32), (32, 32), (32, 32))
    starts = [None, model.label(images[1], 20), None]  # settled already
    expected = [model.label(image, start=start, until_settled=True).steps for image, start in zip(images, starts, strict=True)]
    batches = watched(model, monkeypatch)
    found = model.label_batch(images, starts=starts, until_settled=True)
    assert [labeling.steps for labeling in found] == expected
    assert len(set(expected)) > 1
    assert batches[0] == ("context", 3)
    steps = [count for name, count in batches if name == "logits"]
    assert steps[:2] == [2, 1]  # the first step of two has no estimate, that of the third has
    assert steps[2:] == [sum(own >= step for own in expected) for step in range(2, max(expected) + 1)]


def test_one_that_fails_does_not_hold_up_the_others():
    class Engine:
        def context(self, image):
            if len(image) > 1:
                raise MemoryError("too many")
            return image + 1

        def logits(self, context, estimate):
            return context

    def one(size, count):
        image = torch.zeros(1, 1, size)
        for _ in range(count):
            image = yield Ask(Engine(), "context", (image,))
        if count == 2:
            raise RetintError("no more")
        return float(image.sum())

    engine = Engine()

    def alike(size, count):
        image = torch.zeros(1, 1, size)
        for _ in range(count):
            image = yield Ask(engine, "context", (image,))
        return float(image.sum())

    found = together([one(4, 1), one(4, 2), one(4, 3)])
    assert found[0] == 4
    assert isinstance(found[1], RetintError)
    assert found[2] == 12
    assert alone(one(4, 3)) == 12
    assert [type(result) for result in together([alike(4, 1), alike(4, 1), alike(5, 1)])] == [MemoryError, MemoryError, float]
    assert together([]) == []


def test_wrong_batches_are_told():
    model, images = make_model("small-4"), pictures((16, 16), (16, 16))
    with pytest.raises(RetintError, match=r"starts: found 1 for 2 images"):
        model.label_batch(images, starts=[None])
    with pytest.raises(RetintError, match=r"^image 2: .*shape"):
        model.label_batch([images[0], np.zeros((4, 4, 4, 4), np.uint8)])
    with pytest.raises(RetintError, match=r"^image 2: hints: shape \(4, 4\)"):
        model.label_batch(images, hints=[None, np.zeros((4, 4), np.uint8)])
    with pytest.raises(RetintError, match=r"^image 2: hints: label 7 found"):
        model.label_batch(images, hints=[None, np.full((16, 16), 7, np.uint8)])
    with pytest.raises(RetintError, match=r"^image 1: start: label 7 found"):
        model.label_batch(images, starts=[np.full((16, 16), 7, np.uint8), None])
    for given in ({"images": 5}, {"images": images, "starts": 5}, {"images": images, "hints": 5}):
        with pytest.raises(RetintError, match=r"found int; expected a list"):
            model.label_batch(**given)
    with pytest.raises(RetintError, match="budget"):
        model.label_batch(images, budget=1.0)


def test_small_files_are_labelled_together_and_a_bad_one_alone_fails(tmp_path, monkeypatch):
    model, folder = make_model("small-4"), tmp_path / "images"
    folder.mkdir()
    for number, image in enumerate(pictures((20, 30), (20, 30), (20, 30), (20, 30))):
        Image.fromarray(image).save(folder / f"{number}.png")
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:200])
    files = sorted(folder.iterdir())
    one_by_one = label_files(model, files, tmp_path / "alone", Wish(steps=3, batch=1))
    batches, seen = watched(model, monkeypatch), []
    outcome = label_files(model, files, tmp_path / "out", Wish(steps=3), lambda done, of: seen.append((done, of)))
    assert batches[0] == ("context", 3)
    assert seen == [(n, 4) for n in range(5)]
    assert [row["image"] for row in outcome.images] == [row["image"] for row in one_by_one.images]
    assert [row["image"] for row in outcome.failed] == [str(files[1])]
    for name in ("0.png", "2.png", "3.png"):
        assert np.array_equal(read_labels(tmp_path / "out" / name), read_labels(tmp_path / "alone" / name))
    batches.clear()
    label_files(model, files[2:], tmp_path / "two", Wish(steps=3, batch=2))
    assert batches[0] == ("context", 2)
    monkeypatch.setattr("retint.labeling.files.images._TOGETHER", {"cpu": 1000})  # pixels: one image has 600
    batches.clear()
    label_files(model, files[2:], tmp_path / "room", Wish(steps=3))
    assert batches[0] == ("context", 1)
    with pytest.raises(RetintError, match="--batch 2: does not go with --budget"):
        label_files(model, files, tmp_path / "budget", Wish(budget=1.0, batch=2))


def test_sizes_are_told_from_the_head(tmp_path):
    Image.fromarray(pictures((20, 30))[0]).save(tmp_path / "a.png")
    assert image_size(tmp_path / "a.png") == (20, 30)
    (tmp_path / "b.png").write_bytes(b"no image")
    assert image_size(tmp_path / "b.png") is None
    assert image_size(tmp_path / "none.png") is None


def test_a_size_that_comes_again_is_recorded_once_and_replayed():
    network, recorded = make_model("small-4").network("float32"), []

    def record(function, sample):
        recorded.append(tuple(len(part) for part in sample))
        if sample[1].shape[0] == 3:
            raise RuntimeError("cannot be captured")
        return lambda *given: function(*given) + 0

    engine = Replayed(network, record)
    with torch.inference_mode():
        for count in (1, 2, 3):
            context = engine.context(torch.randn(count, 3, 16, 16))
            estimate = torch.softmax(engine.logits(context, None), 1)
            for _ in range(5):
                assert torch.equal(engine.logits(context, estimate), network.logits(context, estimate))
    assert recorded == [(1, 1), (2, 2), (3, 3)]
