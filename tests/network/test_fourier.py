"""Convolution by Fourier transform equals torch's own, for any sizes, and whole labellings are the same by either way."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from made import make_model
from retint.network import fourier
from retint.network.layers import tanh_

sides = st.tuples(st.integers(1, 12), st.integers(1, 12))


@settings(max_examples=25, deadline=None)
@given(
    out=st.tuples(st.integers(1, 60), st.integers(1, 60)), kernel=sides,
    dilation=st.tuples(st.integers(1, 4), st.integers(1, 4)), planes=st.integers(1, 5), channels=st.integers(1, 5),
    images=st.integers(1, 3), bias=st.booleans(), last=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_it_equals_the_direct_way(out, kernel, dilation, planes, channels, images, bias, last, seed):
    torch.manual_seed(seed)
    rows, columns = (n + d * (k - 1) for n, k, d in zip(out, kernel, dilation, strict=True))
    x = torch.randn(images, planes, rows + 1, columns + 2, dtype=torch.float64)[:, :, 1:, 2:]
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    w, b = torch.randn(channels, planes, *kernel).double(), torch.randn(channels).double() if bias else None
    found = fourier.convolved(x, w, b, dilation)
    assert torch.allclose(found, F.conv2d(x, w, b, dilation=dilation), atol=1e-10)


@pytest.mark.parametrize("images", [1, 40])
def test_many_groups_of_tiles_and_what_follows_each(images, monkeypatch):
    monkeypatch.setattr(fourier, "_GROUP", 20)
    x, w, mix = torch.randn(images, 2, 90, 70).double(), torch.randn(4, 2, 8, 8).double(), torch.randn(3, 4).double()
    found = fourier.convolved(x, w, None, (2, 1), lambda y: mix @ y.tanh_())
    assert torch.allclose(found, F.conv2d(F.conv2d(x, w, dilation=(2, 1)).tanh(), mix[:, :, None, None]), atol=1e-10)


def test_in_single_precision_it_is_no_less_exact_than_the_direct_way():
    torch.manual_seed(0)
    x, w = torch.randn(1, 25, 80, 80), torch.randn(50, 25, 8, 8)
    true, scale = F.conv2d(x.double(), w.double()), (25 * 64) ** 0.5
    assert float((fourier.convolved(x, w, None, (1, 1)) - true).abs().max()) < 1e-5 * scale


def test_it_is_used_for_large_kernels_and_planes_and_never_with_gradients():
    x = torch.zeros(1, 25, 200, 200)
    large, small = torch.zeros(50, 25, 8, 8), torch.zeros(50, 25, 3, 3)
    assert fourier.pays(x, large, (1, 1))
    assert fourier.pays(x, large, (8, 8))
    assert not fourier.pays(x, small, (1, 1))
    assert not fourier.pays(x[:, :, :8, :8], large, (1, 1))
    assert not fourier.pays(x[:, :, :7], large, (1, 1))
    assert not fourier.pays(x.bfloat16(), large.bfloat16(), (1, 1))
    assert not fourier.pays(x, large.requires_grad_(), (1, 1))
    with torch.no_grad():
        assert fourier.pays(x, large, (1, 1))


@pytest.mark.parametrize("arch", ["rcnn3", "rcnn2"])
@pytest.mark.parametrize("way", ["stitch", "unit"])
def test_whole_labellings_are_the_same(arch, way, monkeypatch):
    model, steps, x = make_model(arch), 2, np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    quick, used = model.label(x, steps, way=way), []
    pays = fourier.pays
    monkeypatch.setattr(fourier, "pays", lambda *given: bool(used.append(pays(*given))))  # notes what it finds, says no
    direct = model.label(x, steps, way=way)
    assert any(used)
    assert np.abs(quick.estimate - direct.estimate).max() < 1e-5


def test_the_quick_tangent():
    x = torch.linspace(-20, 20, 10_001)
    assert float((tanh_(x.clone()) - x.tanh()).abs().max()) < 3e-7
    x = torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True)
    tanh_(x * 1).sum().backward()
    assert torch.allclose(x.grad, 1 - x.detach().tanh() ** 2)
