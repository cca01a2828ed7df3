"""Shift and stitch and unit stride: the same labels, which are those of the label grid where it has a cell."""

import pytest
import torch

from retint.network import CATALOGUE, build
from retint.network.dense import coarse, margin, shift_and_stitch, unit_stride


def part_of_an_image(name, steps, seed=0):
    """A network, a part of an image with its margin, and the part's size."""
    torch.manual_seed(seed)
    net = build(CATALOGUE[name], 2, 3, "same").double().eval().requires_grad_(False)
    size = tuple(stride * n for n, stride in zip((1, 2, 1), net.strides_at(steps), strict=False))
    before, after = margin(net, steps)
    sides = (b + n + a for b, n, a in zip(before, size, after, strict=True))
    return net, torch.randn(1, 2, *sides, dtype=torch.float64), size


CASES = [("rcnn3", 1), ("rcnn3", 2), ("rcnn2", 1), ("small-4", 1), ("small-2", 2), ("fig-9-17", 2), ("slices-2", 1)]


@pytest.mark.parametrize(("name", "steps"), CASES)
@pytest.mark.parametrize("every", [1, 2])
def test_unit_stride_equals_shift_and_stitch(name, steps, every):
    net, image, size = part_of_an_image(name, steps)
    if every > min(net.strides):
        pytest.skip("finer already")
    stitched = list(shift_and_stitch(net, image, steps, every, size))
    dense = list(unit_stride(net, image, steps, size))
    assert len(stitched) == len(dense) == steps
    for step, (y, full) in enumerate(zip(stitched, dense, strict=True), start=1):
        assert full.shape[2:] == torch.Size(size)
        spaced = full[(..., *(slice(None, None, min(every, s)) for s in net.strides_at(step)))]
        assert torch.allclose(spaced, y, atol=1e-12)


@pytest.mark.parametrize(("name", "steps"), CASES)
def test_at_the_label_cells_they_are_the_networks_own(name, steps):
    net, image, size = part_of_an_image(name, steps)
    strides = net.strides_at(steps)
    *_, full = unit_stride(net, image, steps, size)
    *_, own = coarse(net, image, steps, size)
    assert torch.allclose(own, full[(..., *(slice(None, None, s) for s in strides))], atol=1e-12)


def test_a_readout_of_several_cells_has_no_unit_stride():
    net = build(CATALOGUE["small-8-4"], 1, 2)
    with pytest.raises(ValueError, match="use stitch"):
        next(unit_stride(net, torch.zeros(1, 1, 800, 800), 1, (8, 8)))
