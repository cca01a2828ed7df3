"""The optimiser against torch's own, against the decomposition that it approximates, and on what it is for."""

import pytest
import torch

from retint.learning.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (6, 30), (30, 6), (1, 9), (9, 1)])
def test_singular_values_are_drawn_to_one_and_directions_kept(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = u.mT @ orthogonal(matrix) @ v.mT
    values = found.diagonal()
    assert torch.allclose(found, torch.diag(values), atol=1e-9)
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.25


def test_nothing_stays_nothing():
    assert not orthogonal(torch.zeros(3, 5)).any()


def test_matrices_change_as_under_torchs_muon():
    """torch's computes in bfloat16, so to a few per cent."""
    ours, theirs = (torch.nn.Parameter(torch.ones(12, 20)) for _ in range(2))
    one = Muon([ours], lr=1e-2, weight_decay=0.1)
    other = torch.optim.Muon([theirs], lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    chance = torch.Generator().manual_seed(1)
    for _ in range(5):
        ours.grad = torch.randn(12, 20, generator=chance)
        theirs.grad = ours.grad.clone()
        one.step()
        other.step()
    change = theirs.detach() - 1
    assert float((ours.detach() - 1 - change).norm() / change.norm()) < 0.05


def test_what_has_one_axis_changes_as_under_adam():
    ours, theirs = (torch.nn.Parameter(torch.ones(7)) for _ in range(2))
    one, other = Muon([ours], lr=1e-2), torch.optim.Adam([theirs], lr=1e-2)
    chance = torch.Generator().manual_seed(1)
    for _ in range(5):
        ours.grad = torch.randn(7, generator=chance)
        theirs.grad = ours.grad.clone()
        one.step()
        other.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 8, 3, 3), (8, 16, 1, 1), (4, 2, 3, 3, 3)])
def test_a_kernel_changes_by_the_learning_rate_whatever_its_layout(shape):
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    gradient = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    changes = []
    for layout in (torch.contiguous_format, layouts[len(shape)]):
        kernel = torch.nn.Parameter(torch.zeros(shape).contiguous(memory_format=layout))
        kernel.grad = gradient.contiguous(memory_format=layout)
        Muon([kernel], lr=1e-2).step()
        assert kernel.is_contiguous(memory_format=layout)
        changes.append(-kernel.detach())
    assert torch.allclose(*changes, atol=1e-7)
    size = float(changes[0].square().mean().sqrt())
    assert 0.5 * 0.2e-2 < size < 1.25 * 0.2e-2
    assert float((changes[0] * gradient).sum()) > 0


def test_a_closure_gives_gradients_and_its_loss_is_returned():
    layer = torch.nn.Parameter(torch.ones(2, 2))

    def closure() -> float:
        loss = layer.square().sum()
        loss.backward()
        return float(loss.detach())

    assert Muon([layer], lr=0.1).step(closure) == 4.0
    assert float(layer.detach().square().sum()) < 4.0
