"""The rules of the design that the network itself must keep, on random sizes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retint.network import CATALOGUE, RecurrentNetwork, architecture, build
from retint.network.layers import Layer, Unit

NAMES = sorted(CATALOGUE)
STEADY = [name for name in NAMES if not CATALOGUE[name].rescales]
REFINING = [name for name in NAMES if CATALOGUE[name].feedback]
MODERATE = [name for name in NAMES if not name.startswith(("jain-2007", "volume")) or name == "jain-2007-2d"]


def image_for(name, *sizes, channels=3, count=1, dtype=torch.float32):
    """A random image; volumes have few slices."""
    slices = (7,) if CATALOGUE[name].dims == 3 else ()
    return torch.randn(count, channels, *slices, *sizes, dtype=dtype)


def network(name, channels=3, classes=4, padding=None, seed=0):
    """A network with weights and running statistics that are not the initial ones."""
    torch.manual_seed(seed)
    net = build(architecture(name), channels, classes, padding or "same")
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    return net.eval().requires_grad_(False)


@pytest.mark.parametrize("name", NAMES)
def test_every_estimate_is_a_distribution(name):
    net = network(name, channels=2, classes=5)
    for estimate in net.refinements(image_for(name, 37, 50, channels=2, count=2), 3):
        assert torch.allclose(estimate.sum(1), torch.ones_like(estimate[:, 0]), atol=1e-5)
        assert estimate.min() >= 0


@pytest.mark.parametrize("name", NAMES)
def test_at_most_two_million_parameters_whatever_the_steps(name):
    net = network(name)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    net(image_for(name, 32, 32), steps=5)
    assert sum(p.numel() for p in net.parameters()) <= 2_000_000
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


@pytest.mark.parametrize("name", REFINING)
def test_the_feedback_term_is_exactly_zero_at_the_first_step(name):
    net = network(name)
    image = image_for(name, 40, 40)
    alone = net(image, steps=1)
    for parameter in net.W.parameters():
        parameter.add_(torch.randn_like(parameter))
    assert torch.equal(alone, net(image, steps=1))
    assert not torch.equal(alone, net(image, steps=2))


@pytest.mark.parametrize("name", STEADY)
def test_the_context_is_computed_once(name):
    net, calls = network(name), []
    net.U[0].register_forward_hook(lambda *_: calls.append(1))
    net(image_for(name, 24, 24), steps=6)
    assert len(calls) == 1


@given(
    name=st.sampled_from(NAMES),
    before=st.integers(1, 4),
    after=st.integers(1, 4),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
)
def test_a_run_continues_from_its_labels_alone(name, before, after, size):
    net, image = network(name), image_for(name, *size)
    saved = net(image, steps=before).clone()
    assert torch.equal(net(image, steps=after, start=saved), net(image, steps=before + after))


@given(
    name=st.sampled_from(STEADY), steps=st.integers(1, 2),
    shift=st.tuples(st.integers(0, 3), st.integers(0, 3)), seed=st.integers(0, 99),
)  # fmt: skip
def test_shifting_the_image_by_label_cells_shifts_the_labels(name, steps, shift, seed):
    """Compared where neither image's edge is in sight. Where a hidden cell makes several label cells, by whole ones."""
    net = network(name).double()
    along = net.geometry[-1]
    period, stride = along.period, along.stride
    before, after = along.halo(steps)
    extent = before + after + 3 * period
    torch.manual_seed(seed)
    scene = image_for(name, 4 * period, extent + 3 * period, dtype=torch.float64)
    columns = shift[1] * period
    still = net(scene[..., :extent], steps)
    moved = net(scene[..., columns : columns + extent], steps)
    a, b, by = before // stride, (before + 3 * period) // stride, columns // stride
    assert torch.allclose(still[..., a + by : b], moved[..., a : b - by], atol=1e-9)


@pytest.mark.parametrize("name", STEADY)
def test_valid_is_the_inside_of_same(name):
    """With `valid`, every label cell equals the cell that `same` has at the pixels it speaks for."""
    same, valid = network(name).double(), network(name, padding="valid").double()
    steps = 2
    extents, phases = [], []
    for geometry in valid.geometry:
        period, seen = geometry.period, geometry.span(steps)
        phase = seen.low % period
        phases.append(slice(phase, None))
        extents.append(-(-(seen.size + period + phase) // period) * period)
    image = torch.randn(1, 3, *extents, dtype=torch.float64)
    inner = valid(image[(..., *phases)], steps)
    full = same(image, steps)
    for axis, (geometry, phase) in enumerate(zip(valid.geometry, phases, strict=True), start=2):
        cells = inner.shape[axis]
        assert cells == geometry.output_size(image.shape[axis] - phase.start, steps) > 0
        first, rest = divmod(geometry.speaks_for(0, steps)[0] + phase.start, geometry.stride)
        assert rest == 0
        full = full.narrow(axis, first, cells)
    assert torch.allclose(inner, full, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_folding_the_normalisation_changes_nothing(name):
    net, image = network(name), image_for(name, 48, 40)
    expected = net(image, steps=3)
    assert torch.allclose(net.fold()(image, steps=3), expected, atol=1e-4)


@pytest.mark.parametrize("classes", [1, 257])
def test_two_to_256_classes(classes):
    with pytest.raises(ValueError, match="2 to 256"):
        RecurrentNetwork(architecture("small-8"), 3, classes)


def test_256_classes_and_seven_channels():
    net = network("small-4", channels=7, classes=256)
    assert net(torch.randn(1, 7, 9, 5), steps=2).shape == (1, 256, 3, 2)


def test_a_deep_chain_of_sigmoid_units_begins_able_to_see():
    network = build(CATALOGUE["jain-2007-2d"], 1, 2).eval()
    one, other = torch.randn(2, 1, 1, 80, 80, generator=torch.Generator().manual_seed(1))
    apart = (network.logits(network.context(one), None) - network.logits(network.context(other), None)).std()
    assert apart > 0.2  # as torch begins them: 1e-4


@pytest.mark.parametrize("planes", [(16, 24), (24, 16)])
def test_pointwise_layers_of_volumes_have_the_values_and_gradients_of_their_convolution(planes):
    """As images, where there are gradients: those that oneDNN has for volumes in bfloat16 break the process."""
    torch.manual_seed(0)
    unit = Unit(Layer(1, planes[1], activation="none"), planes[0], 2, 3, "same")
    x = torch.randn(2, planes[0], 3, 9, 8, requires_grad=True)
    plain = torch.nn.functional.conv3d(x, unit.conv.weight, unit.conv.bias)
    assert torch.allclose(unit(x), plain, atol=1e-5)
    given = unit.conv.weight, unit.conv.bias, x
    for own, other in zip(
        torch.autograd.grad(unit(x).square().sum(), given),
        torch.autograd.grad(plain.square().sum(), given),
        strict=True,
    ):
        assert torch.allclose(own, other, rtol=1e-4, atol=1e-4)
    large = torch.randn(1, planes[0], 8, 80, 80)
    with torch.autocast("cpu", torch.bfloat16):
        unit(large).float().sum().backward()
    assert torch.allclose(unit.conv.bias.grad, torch.full_like(unit.conv.bias, large[0, 0].numel()), rtol=0.02)
