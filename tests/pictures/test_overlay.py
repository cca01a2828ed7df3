import numpy as np
import pytest

from retint.pictures import displayable, overlay
from retint.pictures.overlay import reduced, sampled

RNG = np.random.default_rng(0)
PALETTE = [(100, 0, 0), (0, 200, 0), (0, 0, 250)]


@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16, np.int32, np.float16, np.float32, np.float64])
def test_any_image_can_be_shown(channels, dtype):
    shape = (9, 11) if channels is None else (9, 11, channels)
    image = (RNG.random(shape) * 200).astype(dtype)
    shown = displayable(image)
    assert shown.shape == (9, 11, 3)
    assert shown.dtype == np.uint8
    if channels in (None, 1, 2):
        assert (shown == shown[..., :1]).all()


def test_8_bits_are_kept_and_others_stretched():
    image = RNG.integers(0, 9, (20, 20, 3), np.uint8)
    np.testing.assert_array_equal(displayable(image), image)
    ramp = np.linspace(1000, 3000, 10_000).reshape(100, 100)
    for deep in (ramp.astype(np.uint16), ramp.astype(np.float32) / 1e6 - 7):
        shown = displayable(deep)[..., 0].ravel()
        assert (shown[0], shown[-1]) == (0, 255)
        assert (np.diff(shown.astype(int)) >= 0).all()
        assert abs(int(shown[5000]) - 128) < 3
    spiked = ramp.astype(np.uint16)
    spiked[50, 50] = 65535  # one hot pixel does not darken the rest
    assert abs(displayable(spiked)[50, 0, 0].astype(int) - 128) < 3


def test_images_without_range_or_numbers_can_be_shown():
    assert (displayable(np.full((3, 3), 7.5)) == 0).all()
    odd = np.array([[np.nan, 0.0, 1.0, np.inf]], np.float32)
    assert displayable(odd)[0, :, 0].tolist() == [0, 0, 255, 255]
    assert (displayable(np.full((2, 2), np.nan)) == 0).all()


def test_tint_borders_background_and_ignore():
    image = np.full((8, 8, 3), 100, np.uint8)
    labels = np.zeros((8, 8), np.uint8)
    labels[:, 4:], labels[7] = 1, 255
    drawn = overlay(image, labels, PALETTE, opacity=0.5)
    assert drawn[2, 1].tolist() == [100, 50, 50]  # halfway between 100 and the class's colour
    assert drawn[2, 6].tolist() == [50, 150, 50]
    assert drawn[2, 3].tolist() == [100, 0, 0]  # the border, one pixel wide
    assert drawn[2, 4].tolist() == [50, 150, 50]
    assert drawn[7, 6].tolist() == [100, 100, 100]  # no label, no tint
    drawn = overlay(image, labels, PALETTE, opacity=0.5, background=0)
    assert drawn[2, 1].tolist() == drawn[2, 3].tolist() == [100, 100, 100]
    assert drawn[2, 4].tolist() == [0, 200, 0]  # the border lies in the class, not in the background
    assert drawn[2, 5].tolist() == [50, 150, 50]


def test_256_classes_have_no_ignore():
    palette = [(k, 0, 0) for k in range(256)]
    drawn = overlay(np.zeros((3, 3), np.uint8), np.full((3, 3), 255, np.uint8), palette, opacity=1)
    assert (drawn == (255, 0, 0)).all()


def test_opacity_of_none_and_all():
    image, labels = RNG.integers(0, 255, (5, 5, 3), np.uint8), np.ones((5, 5), np.uint8)
    np.testing.assert_array_equal(overlay(image, labels, PALETTE, opacity=0), image)
    assert (overlay(image, labels, PALETTE, opacity=1) == (0, 200, 0)).all()


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="one size"):
        overlay(np.zeros((5, 5)), np.zeros((5, 6), np.uint8), PALETTE)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (4096, 2)])
def test_small_and_narrow_images_keep_their_size(shape):
    assert overlay(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), PALETTE).shape == (*shape, 3)


@pytest.mark.parametrize(("shape", "small"), [((8193, 3), (2731, 1)), ((5, 4097), (3, 2049))])
def test_long_images_are_reduced_by_a_whole_number(shape, small):
    assert overlay(np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8), PALETTE).shape == (*small, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_reduction_takes_means_of_pixels_and_middles_of_labels(dtype):
    image = (RNG.random((5, 5000, 2)) * 250).astype(dtype)
    small = reduced(image)
    assert small.dtype == dtype
    assert small.shape == (3, 2500, 2)
    np.testing.assert_allclose(small[0, 7], image[:2, 14:16].mean((0, 1)), atol=0.51 if dtype != np.float32 else 1e-3)
    np.testing.assert_allclose(small[2, 7], image[4, 14:16].mean(0), atol=0.51 if dtype != np.float32 else 1e-3)
    labels = np.arange(5 * 5000).reshape(5, 5000)
    assert sampled(labels)[:, 7].tolist() == [5000 + 15, 15_000 + 15, 20_000 + 15]
