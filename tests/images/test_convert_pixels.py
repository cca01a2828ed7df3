import numpy as np
import pytest
from PIL import Image

from retint.errors import RetintError
from retint.images import fit_channels, to_unit

RNG = np.random.default_rng(0)


def test_the_same_count_is_unchanged():
    for channels in (1, 2, 3, 4, 7):
        pixels = RNG.integers(0, 255, (5, 4, channels), np.uint8)
        assert fit_channels(pixels, channels, "a.png") is pixels


def test_alpha_is_dropped_and_grey_repeated():
    pixels = RNG.integers(0, 65535, (5, 4, 4), np.uint16)
    np.testing.assert_array_equal(fit_channels(pixels, 3, "a"), pixels[..., :3])
    np.testing.assert_array_equal(fit_channels(pixels[..., :2], 1, "a"), pixels[..., :1])
    assert fit_channels(pixels[..., 0], 1, "a").shape == (5, 4, 1)
    grey = fit_channels(pixels[..., :1], 3, "a")
    assert grey.dtype == np.uint16
    assert grey.shape == (5, 4, 3)
    assert (grey == pixels[..., :1]).all()


def test_luma_agrees_with_pillow_and_keeps_the_type():
    pixels = RNG.integers(0, 256, (600, 7, 3), np.uint8)  # more rows than are converted at once
    grey = fit_channels(pixels, 1, "a")
    np.testing.assert_array_equal(grey[..., 0], np.asarray(Image.fromarray(pixels).convert("L")))
    for dtype, white in ((np.uint8, 255), (np.uint16, 65535), (np.float32, 1.0)):
        grey = fit_channels(np.full((2, 2, 3), white, dtype), 1, "a")
        assert grey.dtype == dtype
        np.testing.assert_allclose(grey, white, rtol=1e-6)
    np.testing.assert_allclose(fit_channels(np.eye(3, dtype=np.float32)[None], 1, "a").ravel(), [0.299, 0.587, 0.114])


@pytest.mark.parametrize(("found", "wanted"), [(4, 1), (2, 3), (1, 4), (3, 4), (5, 3), (3, 5)])
def test_anything_else_is_an_error(found, wanted):
    with pytest.raises(RetintError, match=rf"^a\.tif: found {found} channels?.*; expected {wanted} channels?"):
        fit_channels(np.zeros((2, 2, found), np.uint8), wanted, "a.tif")


def test_stacks_are_an_error():
    with pytest.raises(RetintError, match="a: found 4 dimensions"):
        fit_channels(np.zeros((2, 2, 2, 3)), 3, "a")


def test_the_unit_scale():
    for pixels, expected in (
        (np.array([0, 51, 255], np.uint8), [0, 0.2, 1]),
        (np.array([0, 13107, 65535], np.uint16), [0, 0.2, 1]),
        (np.array([False, True]), [0, 1]),
        (np.array([-3, 0.5, 7e4], np.float64), [-3, 0.5, 7e4]),
    ):
        unit = to_unit(pixels, "a")
        assert unit.dtype == np.float32
        np.testing.assert_allclose(unit, expected, rtol=1e-6)
        assert unit.max() == expected[-1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_floats_must_be_numbers(bad):
    with pytest.raises(RetintError, match=r"a\.tif: found 1 values that are NaN or infinite"):
        to_unit(np.array([[0.0, bad]]), "a.tif")


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.complex64])
def test_other_types_have_no_scale(dtype):
    with pytest.raises(RetintError, match=r"a\.tif: found .* values; expected uint8, uint16 or float32"):
        to_unit(np.zeros(3, dtype), "a.tif")
