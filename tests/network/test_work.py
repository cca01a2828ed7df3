"""The counted arithmetic against what torch counts while the network runs; finer cells in their place."""

import itertools
from math import prod

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from retint.network import CATALOGUE, build
from retint.network.layers import finer
from retint.network.work import work


def counted(call):
    """Multiply-adds of a call."""
    with FlopCounterMode(display=False) as counter:
        result = call()
    return counter.get_total_flops() / 2, result


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_work_is_what_runs(name):
    arch = CATALOGUE[name]
    with torch.device("meta"):
        network = build(arch, 3, 5, "same").eval()
        sides = [2 * g.period**2 if arch.rescales else 4 * g.period for g in network.geometry]
        pixels, image = torch.Size(sides).numel(), torch.zeros(1, 3, *sides)
    found = work(network)
    first, estimate = counted(lambda: network.step(network.context(image), None))
    assert first == found.first * pixels
    if arch.rescales:
        return
    again, _ = counted(lambda: network.step(network.context(image), estimate))
    context, _ = counted(lambda: network.context(image))
    assert context == found.context * pixels
    if arch.feedback:
        assert again - context == found.step * pixels
    assert found.operations(10, 3) == 20 * (found.first + 2 * found.step)


def test_planes_are_the_widest():
    network = build(CATALOGUE["small-4"], 3, 5, "same").eval()
    widest = []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda _, __, out: widest.append(out.numel()))
    network(torch.zeros(1, 3, 32, 32), 2)
    assert max(widest) == work(network).planes * 32 * 32


@pytest.mark.parametrize("up", [(2, 2), (3, 3), (2, 3), (1, 2, 2)])
def test_finer_puts_each_plane_in_its_place(up):
    x = torch.randn(2, 3 * prod(up), *(4, 5, 6)[: len(up)])
    y = finer(x.to(memory_format=torch.channels_last if len(up) == 2 else torch.channels_last_3d), up)
    for channel in range(3):
        for number, offset in enumerate(itertools.product(*map(range, up))):
            fine = y[(slice(None), channel, *(slice(o, None, u) for o, u in zip(offset, up, strict=True)))]
            assert torch.equal(fine, x[:, channel * prod(up) + number])
