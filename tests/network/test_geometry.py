"""The geometry against the network itself: what a cell sees, by experiment."""

import pytest
import torch

from retint.network import CATALOGUE, Geometry, Layer, RecurrentNetwork
from retint.network.catalogue import Architecture

NAMES = sorted(CATALOGUE)


def seen_by_experiment(name, steps):
    """First and last image pixel, relative to the cell's own first pixel, on which one label cell depends.

    Weights of one sign and no nonlinearity that could hide a pixel: what can flow, flows.
    """
    net = RecurrentNetwork(CATALOGUE[name], 1, 2).double().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.bias, 1.0)
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
            module.weight.data /= module.weight[0].numel()
    geometry = net.geometry[1]
    reach = max(-geometry.span(steps).low, geometry.span(steps).high)
    cells = -(-reach // geometry.stride) + 1
    image = torch.rand(
        1, 1, geometry.stride, (2 * cells + 1) * geometry.stride, dtype=torch.float64, requires_grad=True
    )
    context = net.context(image)
    last, estimate = None, None
    for _ in range(steps):
        last = net.logits(context, estimate)
        estimate = last  # no softmax: of two equal classes it would pass no gradient
    last[0, 0, 0, cells].backward()
    touched = torch.nonzero(image.grad[0, 0].abs().sum(0)).flatten()
    own = cells * geometry.stride
    return int(touched.min()) - own, int(touched.max()) - own


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_receptive_field_is_what_a_cell_depends_on(name, steps):
    span = Geometry(CATALOGUE[name]).span(steps)
    assert seen_by_experiment(name, steps) == (span.low, span.high)
    assert Geometry(CATALOGUE[name]).receptive_field(steps) == span.high - span.low + 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_plane_sizes(name, padding):
    net = RecurrentNetwork(CATALOGUE[name], 1, 2, padding).eval()
    geometry = net.geometry[0]
    for extent in (geometry.receptive_field(2), geometry.receptive_field(2) + 13):
        image = torch.rand(1, 1, extent, extent)
        context = net.context(image)
        assert context.shape[2] == geometry.context_size(extent)
        for step, estimate in enumerate(net.refinements(image, 2), start=1):
            assert estimate.shape[2] == geometry.output_size(extent, step)


def test_the_figure_by_hand():
    """U, W: 9x9, V: 5x5: one step sees 9 + 4 pixels; each further one 4 + 8 more."""
    geometry = Geometry(CATALOGUE["fig-9-17"])
    assert [geometry.receptive_field(n) for n in (1, 2, 3)] == [13, 25, 37]
    assert geometry.speaks_for(7) == (7, 7)


def test_even_kernels_and_strides_by_hand():
    """Two layers of kernel 4, stride 2: cell i sees pixels 4 i - 3 to 4 i + 6, ten of them about its four."""
    tables = (Layer(4, 3, stride=2), Layer(4, 3, stride=2)), (Layer(1, 3),), (Layer(1, None),)
    geometry = Geometry(Architecture("hand", *tables, activation="relu", source="this test"))
    assert (geometry.stride, geometry.span(1).low, geometry.span(1).high) == (4, -3, 6)
    valid = Geometry(Architecture("hand", *tables, activation="relu", source="this test", padding="valid"))
    assert [valid.output_size(n) for n in (9, 10, 13, 14)] == [0, 1, 1, 2]
    assert valid.speaks_for(0) == (3, 6)


def test_a_step_count_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Geometry(CATALOGUE["small-4"]).receptive_field(0)
