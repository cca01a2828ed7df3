"""The geometry against the network itself: what a cell sees, by experiment."""

import pytest
import torch

from retint.network import CATALOGUE, Geometry, Layer, build
from retint.network.catalogue import Architecture

NAMES = sorted(CATALOGUE)


def seen_by_experiment(name, steps):
    """First and last image pixel, relative to the cell's own period, on which the cells of one period depend.

    Weights of one sign and no nonlinearity that could hide a pixel: what can flow, flows. Along columns.
    """
    net = build(CATALOGUE[name], 1, 2, "same").double().eval()
    net.g = lambda x: x
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            torch.nn.init.constant_(module.bias, 1.0)
        if isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
            module.weight.data /= module.weight[0].numel()
    geometry = net.geometry[-1]
    span = geometry.span(steps)
    periods = -(-max(-span.low, span.high) // span.stride) + 1
    rows = [g.span(steps).stride for g in net.geometry[:-1]]
    image = torch.rand(1, 1, *rows, (2 * periods + 1) * span.stride, dtype=torch.float64, requires_grad=True)
    context = net.context(image)
    estimate = None
    for _ in range(steps):
        estimate = net.logits(context, estimate)  # no softmax: of two equal classes it would pass no gradient
    own = periods * span.cells
    estimate[0, 0, ..., own : own + span.cells].sum().backward()
    touched = torch.nonzero(image.grad.abs().sum(tuple(range(image.dim() - 1)))).flatten()
    return int(touched.min()) - periods * span.stride, int(touched.max()) - periods * span.stride


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_receptive_field_is_what_a_cell_depends_on(name, steps, monkeypatch):
    if name == "rcnn2" and steps == 3:
        pytest.skip("64 pixels a cell: the plane is too large for a quick test")
    monkeypatch.setattr("retint.network.layers.max_pool", mean_pool)
    monkeypatch.setattr("retint.network.recurrence.max_pool", mean_pool)
    span = Geometry(CATALOGUE[name]).span(steps)
    assert seen_by_experiment(name, steps) == (span.low, span.high)
    assert Geometry(CATALOGUE[name]).receptive_field(steps) == span.high - span.low + 1


def mean_pool(x, size, gap=None):
    """In place of the largest, through which one cell alone passes a gradient."""
    return torch.nn.functional.avg_pool2d(x, size)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_plane_sizes(name, padding):
    net = build(CATALOGUE[name], 1, 2, padding).eval().requires_grad_(False)
    for more in (0, 13):
        extents = [g.receptive_field(2) + more for g in net.geometry]
        if len(extents) == 3:
            extents = [n - more for n in extents[:1]] + [n - more + more % 3 for n in extents[1:]]
        for step, estimate in enumerate(net.refinements(torch.rand(1, 1, *extents), 2), start=1):
            for axis, (n, geometry) in enumerate(zip(extents, net.geometry, strict=True), start=2):
                assert estimate.shape[axis] == geometry.output_size(
                    -(-n // geometry.period) * geometry.period if padding == "same" and not geometry.rescales else n,
                    step,
                )
                if padding == "same":
                    assert estimate.shape[axis] == geometry.cells(n, step)


PATCHES = {"plain-cnn1": [133], "rcnn2": [25, 121], "rcnn3": [23, 67, 155]}


@pytest.mark.parametrize("name", PATCHES)
def test_patches_are_those_of_the_paper(name):
    """Pinheiro and Collobert 2014: the patch that gives one label, after one, two, three instances; eq. 1."""
    geometry = Geometry(CATALOGUE[name])
    for steps, patch in enumerate(PATCHES[name], start=1):
        assert geometry.receptive_field(steps) == patch
        assert geometry.output_size(patch, steps) == 1
        assert geometry.output_size(patch - 1, steps) == 0
        assert geometry.output_size(patch + geometry.stride_at(steps), steps) == 2


def test_jain_has_the_papers_parameters():
    """Jain et al. 2007: one output and no feedback, over 34,000 parameters."""
    net = build(CATALOGUE["jain-2007"], 1, 2)
    output = net.V[-1].conv
    both = sum(p.numel() for part in (net.U, net.V) for p in part.parameters())
    one = sum(p.numel() for p in output.parameters()) // 2
    assert both - one == 34_041


def test_volumes_have_a_geometry_along_each_axis():
    flat = [Geometry(CATALOGUE["slices-2"], axis=axis) for axis in range(3)]
    assert [g.stride for g in flat] == [1, 2, 2]
    assert flat[0].receptive_field(1) < flat[1].receptive_field(1) == flat[2].receptive_field(1)


def test_several_label_cells_of_a_hidden_one():
    """Hidden cells of 8 pixels, each read out as 2 x 2 labels: moved by 8, labelled at 4."""
    geometry = Geometry(CATALOGUE["small-8-4"])
    coarse = Geometry(CATALOGUE["small-8"])
    assert (geometry.stride, geometry.period, geometry.per_period) == (4, 8, 2)
    assert geometry.receptive_field(1) == coarse.receptive_field(1) - 16  # the coarse one's readout sees its neighbours
    assert geometry.cells(9) == 4
    before, after = geometry.tile_halo(3, started=True)
    assert before % 2 == after % 2 == 0


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


@pytest.mark.parametrize("name", [name for name in NAMES if CATALOGUE[name].dims == 2 and not CATALOGUE[name].rescales])
def test_what_a_change_reaches_is_what_sees_it(name):
    """Exactly the cells whose span meets the changed ones, one by one, wherever these lie."""
    geometry = Geometry(CATALOGUE[name], "same")
    each = geometry.per_period
    chains = [(geometry.reached_by_context, geometry._v), (geometry.context_reached, geometry._u)]
    if geometry._back is not None:
        chains.append((geometry.reached_by_estimate, geometry._back))
    else:
        assert geometry.reached_by_estimate(3, 9) == (3, 3)
    for reached, span in chains:
        for first, last in ((0, 1), (40, 41), (37, 95)):
            seeing = [
                cell for cell in range(-600, 1200)
                if (low := cell // span.cells * span.stride + span.low) < last and low + span.size > first
            ]  # fmt: skip
            assert reached(first, last) == (seeing[0], seeing[-1] + 1)
            assert each % span.cells == 0
