"""Motion of small pictures, and planes moved along with it."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from retint.labeling.motion import motion, moved, small_picture


def textured(size=(60, 80), seed=0):
    picture = gaussian_filter(np.random.default_rng(seed).random(size), 2).astype(np.float32)
    return (picture - picture.min()) / np.ptp(picture)


@pytest.mark.parametrize("shift", [(0, 2), (-3, 1), (2, -2)])
def test_a_shift_is_found(shift):
    before = textured()
    after = np.roll(before, shift, (0, 1))
    inside = motion(before, after)[:, 12:-12, 12:-12]
    for found, pixels, side in zip(inside, shift, before.shape, strict=True):
        assert np.median(found * side) == pytest.approx(-pixels, abs=0.1)


def test_no_motion_is_none():
    before = textured()
    assert motion(before, before) is None
    noisy = [before + np.random.default_rng(k).normal(0, 0.02, before.shape).astype(np.float32) for k in range(2)]
    assert motion(*noisy) is None
    assert motion(before[:10], np.roll(before[:10], 1, 1)) is None  # too small to tell
    assert motion(np.zeros_like(before), np.ones_like(before)) is None


def test_planes_are_moved_by_whole_cells_exactly():
    planes = np.random.default_rng(0).random((3, 6, 8)).astype(np.float32)
    back = np.stack([np.full((4, 5), 1 / 5.5), np.full((4, 5), -2 / 8)]).astype(np.float32)  # a row up, two columns left
    found = moved(planes, back, (5.5, 8))
    assert found[:, :-1, 2:] == pytest.approx(planes[:, 1:, :-2], abs=1e-5)
    assert found[:, :-1, :2] == pytest.approx(planes[:, 1:, :1].repeat(2, 2), abs=1e-5)  # what comes in is the edge's


def test_nothing_moves_where_the_motion_is_none():
    planes = np.random.default_rng(0).random((2, 5, 7)).astype(np.float32)
    assert moved(planes, np.zeros((2, 3, 3), np.float32), (4.5, 7)) == pytest.approx(planes, abs=1e-6)


@pytest.mark.parametrize("size", [(20, 30), (480, 640), (2000, 10), (1, 9000)])
def test_small_pictures_are_small(size):
    rows, columns = small_picture(torch.rand(3, *size)).shape
    assert rows * columns <= 4096
    assert (rows, columns) == size or rows * columns > 2048
