"""The planes inside W that sessions keep: what they hold, and where a change of Y has a part in them."""

import numpy as np
import pytest
import torch

from made import make_model
from retint.labeling import local
from retint.labeling.halfway import Halfway

TWO = "small-8-4", "small-4"  # architectures whose W has layers before its last wide one


def box_of(chance, size):
    firsts = [int(chance.integers(0, n)) for n in size]
    return tuple((a, int(chance.integers(a + 1, n + 1))) for a, n in zip(firsts, size, strict=True))


@pytest.mark.parametrize("arch", TWO)
def test_a_step_from_the_planes_inside_w_is_the_step(arch):
    network, chance = make_model(arch, seed=5).network("float32"), np.random.default_rng(0)
    with torch.inference_mode():
        context = network.context(torch.rand(1, 3, 88, 72))
        first = network.step(context, None)
        whole = network.logits(context, first)
        inside = Halfway(network, first.shape[2:])
        inside.extend(None, context, [40, 40])
        inside.extend(lambda box: local.cut(first, box), context, [7, 5])
        assert inside.planes[0] is None
        plane = inside.planes[1]
        assert plane is not None
        assert plane.numel() == inside.values > 0
        for _ in range(6):
            each = [g.per_period for g in network.geometry]
            box = box_of(chance, [n // e for n, e in zip(first.shape[2:], each, strict=True)])
            box = tuple((a * e, b * e) for (a, b), e in zip(box, each, strict=True))
            found = local.step(
                network, context, lambda box: local.cut(plane, box), box, inside.size, None, inside.rest
            )
            assert torch.allclose(found, local.cut(whole, box), atol=1e-4)


@pytest.mark.parametrize("arch", TWO)
def test_a_change_is_found_where_it_reaches_and_nowhere_else(arch):
    network, chance = make_model(arch, seed=5).network("float32"), np.random.default_rng(1)
    with torch.inference_mode():
        context = network.context(torch.rand(1, 3, 160, 160))
        y = network.step(context, None)
        inside = Halfway(network, y.shape[2:])
        inside.extend(lambda box: local.cut(y, box), context, [99, 99])
        before, scores = inside.planes[0].clone(), network.logits(context, y)
        changed = tuple((a, a + 2) for a in chance.integers(8, 20, 2).tolist())
        local.cut(y, changed).copy_(torch.softmax(3 * torch.randn(1, 3, 2, 2), 1))
        fed, whole = (lambda box: local.cut(y, box)), tuple((0, n) for n in inside.size)
        found = inside.compare(1, whole, fed, 0.0)
        reached, after = inside.reached(changed), inside.planes[0]
        assert found
        for part in found:
            assert all(a >= c and b <= d for (a, b), (c, d) in zip(part, reached, strict=True))
        differs = (network.logits(context, y) - scores).abs().amax(1)[0] > 1e-6
        for part in map(inside.reaches, found):
            differs[tuple(slice(a, b) for a, b in part)] = False
        assert not differs.any()
        assert not torch.equal(before, after)


def test_small_changes_leave_what_was_kept():
    network = make_model("small-8-4", seed=5).network("float32")
    with torch.inference_mode():
        context = network.context(torch.rand(1, 3, 80, 80))
        y = network.step(context, None)
        inside = Halfway(network, y.shape[2:])
        inside.extend(lambda box: local.cut(y, box), context, [99, 99])
        before, whole = inside.planes[0].clone(), tuple((0, n) for n in inside.size)
        other = torch.softmax(y.log() + 0.1 * torch.randn_like(y), 1)
        assert inside.compare(1, whole, lambda box: local.cut(other, box), 1e6) == []
        assert torch.equal(inside.planes[0], before)
        assert inside.compare(1, whole, lambda box: local.cut(other, box), 0.0) == [whole]
        assert not torch.equal(inside.planes[0], before)


@pytest.mark.parametrize("arch", ["fig-9-17", "rcnn2"])
def test_where_no_layer_lies_before_the_last_wide_one_nothing_is_kept(arch):
    network = make_model(arch, seed=5).network("float32")
    inside = Halfway(network, [16, 16])
    assert inside.values == 0
    inside.extend(lambda box: torch.zeros(1, 3, *(b - a for a, b in box)), torch.zeros(1), [8, 8])
    assert inside.planes == [None]
