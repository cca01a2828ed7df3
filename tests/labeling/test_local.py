"""A step in a box equals the same box of a step everywhere, for every architecture that goes step by step."""

import numpy as np
import pytest
import torch

from made import make_model
from retint.labeling.session import local
from retint.network import CATALOGUE

NAMES = [name for name, entry in CATALOGUE.items() if not entry.rescales and not name.startswith("standard")]


@pytest.mark.parametrize("name", NAMES)
def test_a_box_equals_the_whole(name):
    model = make_model(name, channels=2, classes=3)
    network, chance = model.network("float32"), np.random.default_rng(0)
    periods = [int(chance.integers(4, 12 if model.dims == 2 else 6)) for _ in range(model.dims)]
    image = torch.randn(1, 2, *(n * g.period for n, g in zip(periods, network.geometry, strict=True)))

    def box_of(sizes, each):
        firsts = [int(chance.integers(0, n)) for n in sizes]
        return tuple(
            (a * e, int(chance.integers(a + 1, n + 1)) * e) for a, n, e in zip(firsts, sizes, each, strict=True)
        )

    with torch.inference_mode():
        context = network.context(image)
        first = network.step(context, None)
        for estimate in (None, first):
            whole = network.logits(context, estimate)
            for _ in range(6):
                box = box_of(periods, [g.per_period for g in network.geometry])
                before = None if estimate is None else lambda part: local.cut(first, part)
                found = local.step(network, context, before, box, first.shape[2:])
                assert torch.allclose(found, local.cut(whole, box), atol=1e-4)
        for _ in range(6):
            box = box_of(context.shape[2:], [1] * model.dims)
            found = local.context(network, lambda part: local.cut(image, part), box, image.shape[2:])
            assert torch.allclose(found, local.cut(context, box), atol=1e-4)
