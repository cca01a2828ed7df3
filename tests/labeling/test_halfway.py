"""The planes inside W that sessions keep: what they hold, and where a change of Y has a part in them."""

import numpy as np
import pytest
import torch

from made import make_model
from retint.labeling.session import local
from retint.labeling.session.halfway import Halfway

TWO = "small-8-4", "small-4"  # architectures whose W has layers before its last wide one


def begun(arch, size, tile):
    """A network, its context, Y(1), and W's halves fed with it at the second step."""
    network = make_model(arch, seed=5).network("float32")
    with torch.inference_mode():
        context = network.context(torch.rand(1, 3, *size))
        y = network.step(context, None)
        inside = Halfway(network, y.shape[2:], tile)
        inside.extend(None, context)
        inside.extend(of(y), context)
    return network, context, y, inside


def of(plane):
    return lambda box: local.cut(plane, box)


def covered(boxes, size):
    mask = torch.zeros(tuple(size), dtype=torch.bool)
    for box in boxes:
        mask[tuple(slice(a, b) for a, b in box)] = True
    return mask


@pytest.mark.parametrize("tile", [None, [7, 10]])
@pytest.mark.parametrize("arch", TWO)
def test_a_step_from_the_planes_inside_w_is_the_step(arch, tile):
    network, context, y, inside = begun(arch, (88, 72), tile)
    chance, each = np.random.default_rng(0), [g.per_period for g in network.geometry]
    assert inside.planes[0] is None
    assert inside.planes[1].numel() == inside.values > 0
    with torch.inference_mode():
        whole = network.logits(context, y)
        for _ in range(6):
            ends = [np.sort(chance.choice(n // e + 1, 2, replace=False)) * e for n, e in zip(y.shape[2:], each, strict=True)]
            box = tuple((int(a), int(b)) for a, b in ends)
            found = local.step(network, context, of(inside.planes[1]), box, inside.size, None, inside.rest)
            assert torch.allclose(found, local.cut(whole, box), atol=1e-4)


@pytest.mark.parametrize("arch", TWO)
def test_a_change_is_found_where_it_reaches_and_nowhere_else(arch):
    network, context, y, inside = begun(arch, (240, 240), None)
    changed = tuple((a, a + 2) for a in np.random.default_rng(1).integers(20, 30, 2).tolist())
    with torch.inference_mode():
        scores = network.logits(context, y)
        local.cut(y, changed).copy_(torch.softmax(3 * torch.randn(1, 3, 2, 2), 1))
        found = covered(inside.follow(2, [changed], of(y), 0.0), y.shape[2:])
        after = network.logits(context, y)
        differs = (after - scores).abs().amax(1)[0] > 1e-6
        assert differs.any()
        assert not (differs & ~found).any()
        geometry = network.geometry
        most = [g.reached_by_estimate(a, b) for g, (a, b) in zip(geometry, changed, strict=True)]
        assert not (found & ~covered([most], y.shape[2:])).any()
        again = local.step(network, context, of(inside.planes[1]), ((0, y.shape[2]), (0, y.shape[3])), inside.size, None, inside.rest)
        assert torch.allclose(again, after, atol=1e-4)


def test_small_changes_leave_what_was_kept():
    _, _, y, inside = begun("small-8-4", (80, 80), None)
    before, whole = inside.planes[1].clone(), ((0, y.shape[2]), (0, y.shape[3]))
    other = torch.softmax(y.log() + 0.1 * torch.randn_like(y), 1)
    with torch.inference_mode():
        assert inside.follow(2, [whole], of(other), 1e6) == []
        assert torch.equal(inside.planes[1], before)
        assert inside.follow(2, [whole], of(other), 0.0) == [whole]
        assert not torch.equal(inside.planes[1], before)


@pytest.mark.parametrize("arch", ["fig-9-17", "rcnn2"])
def test_where_no_layer_lies_before_the_last_wide_one_nothing_is_kept(arch):
    network = make_model(arch, seed=5).network("float32")
    inside = Halfway(network, [16, 16])
    assert inside.values == 0
    inside.extend(lambda box: torch.zeros(1, 3, *(b - a for a, b in box)), torch.zeros(1))
    assert inside.planes == [None]
