"""Shift and stitch and unit stride: the same labels, which are those of the label grid where it has a cell."""

import pytest
import torch

from retint.hardware import laid_out
from retint.network import CATALOGUE, build
from retint.network.dense import coarse, margin, shift_and_stitch, unit_stride
from retint.network.layers import convolution, tanh_


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


@pytest.mark.parametrize("planes", [3, 11, 16, 25])
@pytest.mark.parametrize("dilation", [1, 4])
def test_planes_that_are_no_whole_registers_give_the_same_in_bfloat16(planes, dilation):
    torch.manual_seed(0)
    x, kernel, bias = torch.randn(1, planes, 60, 50), torch.randn(25, planes, 4, 4) / planes, torch.randn(25)
    exact = torch.nn.functional.conv2d(x, kernel, bias, dilation=dilation)
    found = convolution(*(t.bfloat16() for t in (x, kernel, bias)), (dilation, dilation))
    assert found.shape == exact.shape
    assert torch.allclose(found.float(), exact, atol=0.06, rtol=0.02)


@pytest.mark.parametrize("shape", [(7,), (2, 5, 60, 50), (1, 3, 900, 700)])
def test_tanh_in_pieces_is_tanh_however_the_planes_lie(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).bfloat16()
    exact = torch.tanh(x.float())
    for y in (x.clone(), laid_out(x.clone()), x.clone().movedim(0, -1)):
        other = exact.movedim(0, -1) if y.shape != exact.shape else exact
        assert torch.allclose(tanh_(y).float(), other, atol=0.01)
        assert torch.allclose(y.float(), other, atol=0.01)
