"""What may be given to a model, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from made import fresh, make_model
from retint.errors import RetintError
from retint.labeling.source import Source
from retint.labeling.starts import start_map

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_arrays_tensors_and_depths_of_one_picture_give_the_same_labels(model):
    expected = model.label(IMAGE, 2).probabilities
    for same in (
        torch.from_numpy(IMAGE).movedim(-1, 0),
        IMAGE.astype(np.uint16) * 257,
        IMAGE.astype(np.float32) / 255,
        np.concatenate([IMAGE, np.full((20, 30, 1), 255, np.uint8)], -1),
    ):
        assert np.allclose(model.label(same, 2).probabilities, expected, atol=1e-5)


def test_grey_is_repeated_for_a_colour_model_and_colour_is_weighed_for_a_grey_one(model):
    grey = IMAGE[..., 0]
    assert np.array_equal(model.label(grey, 2).labels, model.label(grey[..., None].repeat(3, 2), 2).labels)
    one = make_model(channels=1)
    assert np.array_equal(one.label(grey[..., None].repeat(3, 2), 2).labels, one.label(grey, 2).labels)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 7), np.uint8), "7 channels"),
        (np.zeros((4, 4, 3), np.float32) + 300, "between 0 and 1"),
        (np.full((4, 4, 3), np.nan, np.float32), "pic.png"),
        (np.zeros((0, 4, 3), np.uint8), "at least 1 x 1"),
        (np.zeros((2, 3, 4, 4), np.uint8), r"shape \(2, 3, 4, 4\)"),
        (np.zeros((4, 4), "U3"), "expected uint8"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(model, image, message):
    with pytest.raises(RetintError, match=message) as caught:
        model.label(image, where="pic.png")
    assert "pic.png" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arch", "shape", "message"),
    [
        ("small-4", (5, 20, 30, 3), "one by one, or use a 3-D model"),
        ("small-4", (5, 20, 30), "one by one, or use a 3-D model"),
        ("slices-2", (20, 30), "is a 2-D image"),
        ("slices-2", (20, 30, 3), "is a 2-D image"),
        ("slices-2", (0, 20, 30), "0 x 20 x 30 pixels; at least 1 x 1 x 1"),
        ("slices-2", (2, 5, 20, 30, 3), r"expected \(slices, rows, columns\)"),
    ],
)
def test_images_and_volumes_are_told_apart(arch, shape, message):
    with pytest.raises(RetintError, match=message) as caught:
        make_model(arch).label(np.zeros(shape, np.uint8), where="pic.png")
    assert "pic.png" in str(caught.value)


@pytest.mark.parametrize(
    ("arch", "image", "message"),
    [
        ("small-4", torch.zeros(40, 52, 3), r"a tensor of shape \(40, 52, 3\) .* channels first: give x\.permute\(2, 0, 1\)"),
        ("small-4", torch.zeros(40, 52, 1), r"a tensor of shape \(40, 52, 1\) .* channels first: give x\.permute\(2, 0, 1\)"),
        ("small-4", np.zeros((3, 40, 52)), r"an array of shape \(3, 40, 52\) .* channels last: give x\.transpose\(1, 2, 0\)"),
        ("small-4", torch.zeros(50, 40, 52), r"a tensor of shape \(50, 40, 52\) is a volume;"),
        ("small-4", np.zeros((1, 40, 52, 3)), r"an array of shape \(1, 40, 52, 3\) is a batch of one; .*x\[0\], or label_batch"),
        ("small-4", torch.zeros(1, 3, 40, 52), r"a tensor of shape \(1, 3, 40, 52\) is a batch of one; .*x\[0\], or label_batch"),
        ("small-4", torch.zeros(2, 3, 40, 52), r"shape \(2, 3, 40, 52\) is a volume or a batch; .* label_batch\(list\(x\)\)"),
        ("slices-2", torch.zeros(20, 24, 28, 1), r"channels first: give x\.permute\(3, 0, 1, 2\)"),
        ("slices-2", np.zeros((3, 20, 24, 28)), r"channels last: give x\.transpose\(1, 2, 3, 0\)"),
        ("slices-2", np.zeros((1, 20, 24, 28, 1)), r"is a batch of one; expected one image: give x\[0\]"),
    ],
)
def test_axes_in_another_order_are_told_with_what_to_give(arch, image, message):
    with pytest.raises(RetintError, match=f"^image: .*{message}"):
        make_model(arch).label(image)


def test_volumes_of_every_kind_give_the_same_labels():
    model, voxels = make_model("slices-2", channels=1), RNG.integers(0, 256, (4, 12, 14), dtype=np.uint8)
    expected = model.label(voxels, 2).probabilities
    assert expected.shape == (3, 4, 12, 14)
    for same in (
        voxels[..., None],
        torch.from_numpy(voxels),
        torch.from_numpy(voxels)[None],
        voxels.astype(np.uint16) * 257,
        np.stack([voxels, voxels], -1),  # grey + alpha
    ):
        assert np.allclose(model.label(same, 2).probabilities, expected, atol=1e-5)


def test_integers_do_not_fit_a_model_of_floats():
    with pytest.raises(RetintError, match="float32"):
        make_model(dtype="float32").label(IMAGE)


@pytest.mark.parametrize(
    ("dtype", "mean", "std"), [("uint8", 0.4, 0.25), ("uint16", 0.4, 0.25), ("float32", 1e4, 0.5), ("float32", -3.0, 200.0)]
)
def test_pixels_are_normalised_whatever_their_mean(dtype, mean, std):
    image = np.random.default_rng(0).normal(mean, std, (9, 12, 1))
    if dtype != "float32":
        image = (image.clip(0, 1) * np.iinfo(dtype).max).round()
    image = image.astype(dtype)
    card = replace(make_model(channels=1).card, dtype=dtype, mean=(mean,), std=(std,))
    exact = image.astype(np.float64) / (1 if dtype == "float32" else np.iinfo(dtype).max)
    expected = (exact[..., 0] - mean) / std
    source, before = Source(image, card, 2), image.copy()
    found = source.region(((-2, 9), (0, 13)))[0, 0].numpy()
    assert np.allclose(found[2:, :12], expected, atol=2e-6)
    assert not found[:2].any()
    assert not found[:, 12:].any()
    assert np.array_equal(image, before)
    assert torch.equal(source.region(((0, 9), (0, 12)), torch.bfloat16), source.region(((0, 9), (0, 12))).bfloat16())


def test_starts_of_every_kind(model):
    labels = RNG.integers(0, 3, (20, 30)).astype(np.uint8)
    unknown = np.full((20, 30), 255, np.uint8)
    soft = RNG.random((3, 20, 30)).astype(np.float32)
    free = model.label(IMAGE, 1)
    for start in (
        labels,
        labels.astype(np.int64),
        labels[::2, ::2],
        unknown,
        soft,
        soft[:, ::2, ::2],
        free,
        free.estimate,
    ):
        assert model.label(IMAGE, 1, start=start).labels.shape == (20, 30)
    again = model.label(IMAGE, 2).probabilities
    assert np.allclose(model.label(IMAGE, 1, start=free).probabilities, again, atol=1e-6)
    assert not np.allclose(model.label(IMAGE, 1, start=labels).probabilities, free.probabilities, atol=1e-4)


def test_starts_of_a_volume():
    model, size = make_model("volume-2", channels=1), (5, 12, 14)
    voxels = RNG.integers(0, 256, size, dtype=np.uint8)
    labels, soft = RNG.integers(0, 3, size, dtype=np.uint8), RNG.random((3, *size)).astype(np.float32)
    free = model.label(voxels, 1)
    for start in (labels, labels[:, ::2, ::3], soft, soft[:, :, ::2], free, free.estimate, free.probabilities):
        assert model.label(voxels, 1, start=start).labels.shape == size
    again = model.label(voxels, 2).probabilities
    assert np.allclose(model.label(voxels, 1, start=free).probabilities, again, atol=1e-6)
    with pytest.raises(RetintError, match=r"\(3, slices, rows, columns\)"):
        model.label(voxels, 1, start=soft[0, 0])


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (np.full((20, 30), 3, np.uint8), "label 3 found"),
        (np.full((20, 30), -1), "label -1 found"),
        (np.zeros((4, 20, 30), np.float32), r"\(3, rows, columns\)"),
        (np.full((3, 20, 30), np.nan, np.float32), "finite"),
        (np.zeros((20, 30), np.float32), "integer labels"),
    ],
)
def test_starts_that_do_not_fit(model, start, message):
    with pytest.raises(RetintError, match=message):
        model.label(IMAGE, 1, start=start)


def test_contradictions_are_refused(model):
    with pytest.raises(RetintError, match="one of them"):
        model.label(IMAGE, 3, until_settled=True)
    with pytest.raises(RetintError, match="at least 1"):
        model.label(IMAGE, 0)
    with pytest.raises(RetintError, match="hints"):
        model.label(IMAGE, hints=np.zeros((3, 3), np.uint8))
    for tile in (0, (8,), (8, 0), (8, 8, 8)):
        with pytest.raises(RetintError, match="at least 1"):
            model.label(IMAGE, tile=tile)
    with pytest.raises(RetintError, match=r"0\.01 to 100"):
        model.label(IMAGE, scale=0.0)


def test_probabilities_of_a_large_image_are_kept_only_when_asked(model, monkeypatch):
    import retint.labeling.model as module

    monkeypatch.setattr(module, "_KEEP_VALUES", 10)
    labeling = model.label(IMAGE, 2)
    with pytest.raises(RetintError, match="keep=True"):
        _ = labeling.probabilities
    assert model.label(IMAGE, 2, keep=True).probabilities.shape == (3, 20, 30)


def test_an_image_of_another_scale_is_noticed():
    from dataclasses import replace

    from retint.images.detail import detail
    from retint.labeling import Model

    smooth = np.add.outer(np.sin(np.arange(256) / 9), np.cos(np.arange(256) / 7))[..., None].repeat(3, 2)
    smooth = ((smooth + 2) / 4).astype(np.float32)
    fine = RNG.random((256, 256, 3)).astype(np.float32)
    assert detail(smooth) < 0.5 < detail(fine)
    card = replace(make_model().card, detail=(detail(fine), 0.02), image_size=(256, 256))
    model = Model(fresh(card), card, "cpu", "float32", "made")
    assert model.scale_warning(fine) is None
    warning = model.scale_warning(smooth, "pic.png")
    assert "coarser" in warning
    assert "--scale 0.5" in warning


def test_bfloat16_is_close_to_float32(model):
    exact, rough = (model.label(IMAGE, 3, precision=p).probabilities for p in ("float32", "bfloat16"))
    assert np.abs(exact - rough).max() < 0.1
    assert not np.array_equal(exact, rough)


def test_an_estimate_goes_on_at_another_scale_where_it_was():
    """The last cells of an estimate reach beyond the image; at another size they still do."""
    model = make_model("small-8-4")
    hints = np.zeros((36, 36), np.uint8)
    hints[:, 18:] = 1
    small = model.label(np.zeros((36, 36, 3), np.uint8), 1, hints=hints)
    assert small.estimate.shape[-1] * 4 > 36
    covered = [36 / 4] * 2
    start = start_map(small.estimate, 3, (72, 72), (4, 4), (18, 18), covered=covered).estimate(((0, 18), (0, 18)))
    right = start[0, 1].numpy()
    assert (right[:, :9] < 0.5).all()
    assert (right[:, 9:] > 0.5).all()
    again = model.label(np.zeros((72, 72, 3), np.uint8), 1, start=small)
    assert again.steps == 1
