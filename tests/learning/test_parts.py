"""The parts of training on their own: starts, strokes, loss, the average."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from retint.learning.augment import Augmentation
from retint.learning.average import Average
from retint.learning.misled import _region, _thinned, misled
from retint.learning.objective import Objective
from retint.learning.overlap import lovasz_softmax
from retint.learning.progress import Progress
from retint.learning.starts import corrupted, soft_labels
from retint.learning.strokes import strokes
from retint.learning.tags import TagObjective
from retint.network import CATALOGUE, RecurrentNetwork, architecture, build
from retint.scoring import Confusion
from trained import chance

STILL = Augmentation(scale=1.0, turn=0.0, light=0.0, colour=0.0, noise=0.0, blur=0.0)


def objective(**options):
    torch.manual_seed(0)
    return Objective(RecurrentNetwork(architecture("small-4"), 3, 4), torch.ones(4), **options)


def test_soft_labels_are_shares_of_the_labelled_pixels():
    labels = torch.tensor([[[0, 0, 1, 255], [0, 2, 255, 255], [255, 255, 3, 3], [255, 255, 3, 3]]])
    y = soft_labels(labels, 4, (2, 2))[0]
    assert y[:, 0, 0].tolist() == pytest.approx([0.75, 0, 0.25, 0])
    assert y[:, 0, 1].tolist() == [0, 1, 0, 0]
    assert y[:, 1, 0].tolist() == [0.25] * 4
    assert y[:, 1, 1].tolist() == [0, 0, 0, 1]


def test_spoilt_truth_is_still_a_distribution_and_no_longer_the_truth():
    truth = soft_labels(torch.randint(4, (1, 40, 40), generator=chance()).repeat_interleave(2, 1), 4, (2, 2))
    different = 0
    for seed in range(30):
        y = corrupted(truth, chance(seed))
        assert y.shape == truth.shape
        assert y.min() >= 0
        assert torch.allclose(y.sum(1), torch.ones_like(y[:, 0]), atol=1e-5)
        different += not torch.allclose(y, truth)
    assert different > 25


def test_strokes_are_labelled_within_regions_and_mostly_about_errors(monkeypatch):
    labels = torch.zeros(2, 120, 160, dtype=torch.int64)
    labels[:, :, 80:] = 1
    labels[:, :20] = 255
    found = torch.ones_like(labels)
    found[:, :, :40] = 0  # no errors there, nor in the right half
    drawn = torch.stack([strokes(labels, found, 255, chance(seed)) for seed in range(40)])
    assert not drawn[:, labels == 255].any()
    assert drawn.flatten(2).any(2).all()
    assert drawn[..., 40:80].float().mean() > 1.5 * drawn[:, :, 20:, :40].float().mean()
    monkeypatch.setattr("retint.learning.strokes._ALONG", 0.0)
    monkeypatch.setattr("retint.learning.strokes._MOST", 0)
    for seed in range(20):
        for truth, one in zip(labels, strokes(labels, found, 255, chance(seed)), strict=True):
            assert len(truth[one].unique()) == 1


def test_lines_along_errors_keep_to_one_of_them(monkeypatch):
    labels = torch.zeros(1, 120, 160, dtype=torch.int64)
    found = labels.clone()
    found[:, 12:36, 8:120] = found[:, 80:88, 140:152] = 1
    monkeypatch.setattr("retint.learning.strokes._ALONG", 1.0)
    monkeypatch.setattr("retint.learning.strokes._MOST", 0)
    drawn = torch.stack([strokes(labels, found, 255, chance(seed))[0] for seed in range(60)])
    large, small = drawn[:, 12:36, 8:120].flatten(1).sum(1), drawn[:, 80:88, 140:152].flatten(1).sum(1)
    assert (drawn.flatten(1).sum(1) == large + small).all()  # nothing outside the errors
    assert ((large > 0) != (small > 0)).all()
    assert (large > 0).sum() > 50
    assert large.max() > 100


def test_a_line_along_an_error_stays_in_one_class(monkeypatch):
    labels = torch.zeros(1, 60, 80, dtype=torch.int64)
    labels[:, 30:] = 1
    monkeypatch.setattr("retint.learning.strokes._ALONG", 1.0)
    monkeypatch.setattr("retint.learning.strokes._MOST", 0)
    for seed in range(20):
        drawn = strokes(labels, torch.full_like(labels, 2), 255, chance(seed))
        assert len(labels[drawn].unique()) == 1


def test_strokes_in_a_volume_are_round_in_every_direction():
    labels = torch.zeros(1, 12, 40, 40, dtype=torch.int64)
    drawn = torch.stack([strokes(labels, labels + 1, 255, chance(seed))[0] for seed in range(10)])
    slices = drawn.flatten(2).any(2).sum(1)
    assert slices.min() >= 2
    assert (drawn.flatten(1).sum(1) > 10).all()


@pytest.mark.parametrize("arch", ["small-8-4", "small-2", "jain-2007-2d"])
def test_contexts_that_mislead_leave_the_other_views(arch):
    network = RecurrentNetwork(architecture(arch), 3, 4)
    image = torch.randn(3, 3, 96, 96, generator=chance())
    labels = torch.zeros(3, 96, 96, dtype=torch.int64)
    labels[:, 20:60, 30:70] = 1
    labels[:, 70:] = 255
    with torch.no_grad():
        hidden = network.parts(network.context(image))[0]
        which = torch.tensor([True, False, True])
        found = torch.stack([misled(hidden, labels, which, chance(seed)) for seed in range(8)])
    assert torch.equal(found[:, 1], hidden[1].expand_as(found[:, 1]))
    changed = (found[:, [0, 2]] != hidden[[0, 2]]).flatten(2).any(2)
    assert changed.float().mean() > 0.8  # of eight planes it may be none
    assert (found[:, 0].flatten(2) == 0).all(2).float().mean(1).max() > 0.2  # planes are gone
    assert misled(hidden, labels, torch.zeros(3, dtype=torch.bool), chance()) is hidden


def test_a_swapped_region_is_one_connected_region_of_a_class(monkeypatch):
    monkeypatch.setattr("retint.learning.misled._GONE", 0.0)
    monkeypatch.setattr("retint.learning.misled._WIDER", 0.0)
    monkeypatch.setattr("retint.learning.misled._SWAPPED", 1.0)
    context = torch.randn(2, 5, 12, 12, generator=chance())
    labels = torch.zeros(2, 96, 96, dtype=torch.int64)
    labels[:, 16:32, 16:48] = 1  # 2 x 4 cells
    labels[:, 64:88, 64:88] = 1  # 3 x 3 cells
    regions = set()
    for seed in range(30):
        found = misled(context, labels, torch.tensor([True, True]), chance(seed))
        for old, new in zip(context, found, strict=True):
            changed = torch.nonzero((old != new).any(0))
            regions.add(None if not len(changed) else (*changed.amin(0).tolist(), *changed.amax(0).tolist()))
    assert regions == {None, (2, 2, 3, 5), (8, 8, 10, 10)}  # class 0 fills more than a quarter of the view


def test_what_is_not_labelled_is_no_region_that_could_mislead():
    labels = np.zeros((12, 12), np.int64)  # more than a quarter of the view
    labels[2:5, 2:5] = 255
    for seed in range(20):
        assert not _region(labels, chance(seed)).any()
    assert not _region(np.full((4, 4), 255), chance()).any()


def test_planes_that_stay_are_as_much_larger_as_others_are_gone():
    thinned = _thinned(torch.ones(2, 40, 3, 3), torch.tensor([True, False]), chance(1))
    assert (thinned[0] == 0).any()
    assert thinned.mean((1, 2, 3)).tolist() == pytest.approx([1, 1])


def test_hinted_views_alone_are_misled_and_their_detail_is_not(monkeypatch):
    torch.manual_seed(0)
    fine, seen = Objective(RecurrentNetwork(architecture("small-8-4"), 3, 4), torch.ones(4), hinted=1.0, misled=1.0), []
    parts = fine.network.parts
    monkeypatch.setattr(fine.network, "parts", lambda context: seen.append(parts(context)) or seen[-1])
    fine(torch.randn(2, 3, 64, 64, generator=chance()), torch.zeros(2, 64, 64, dtype=torch.int64), seed=5)
    assert not torch.equal(seen[-1][0], seen[0][0])
    assert torch.equal(seen[-1][1], seen[0][1])
    batch = torch.randn(2, 3, 64, 64, generator=chance()), torch.randint(4, (2, 64, 64), generator=chance()) // 3
    plain, without, with_ = (
        float(objective(window=1, spoilt=0.0, wander=0, **options)(*batch, seed=5).detach())
        for options in ({"hinted": 0.0}, {"hinted": 0.0, "misled": 1.0}, {"hinted": 1.0, "misled": 1.0})
    )
    assert plain == without
    assert with_ != plain


def test_hints_stand_in_the_estimates_that_training_goes_on_from():
    both, seen = objective(hinted=1.0, spoilt=0.0, window=1), []
    both.network.W.register_forward_hook(lambda module, given, result: seen.append(given[0].detach()))
    labels = torch.zeros(2, 64, 64, dtype=torch.int64)
    labels[:, :, 30:] = 3
    both(torch.zeros(2, 3, 64, 64), labels, seed=3)
    emphasis = both.network.architecture.emphasis
    assert emphasis > 1
    assert all(emphasis * 0.5 < estimate.max() <= emphasis for estimate in seen[-1])
    seen.clear()
    both.hinted = 0.0
    both(torch.zeros(2, 3, 64, 64), labels, seed=3)
    assert seen[-1].max() < 1  # a network just begun is never certain


def test_pixels_that_strokes_hold_cost_nothing_afterwards(monkeypatch):
    both, seen = objective(hinted=1.0, window=2), []
    pixels_loss = both.pixels_loss
    monkeypatch.setattr(
        both, "pixels_loss", lambda logits, labels, *rest: seen.append(labels) or pixels_loss(logits, labels, *rest)
    )
    both(torch.randn(2, 3, 64, 64, generator=chance()), torch.randint(4, (2, 64, 64), generator=chance()), seed=3)
    first, *late = [int((labels == 255).sum()) for labels in seen]
    assert first == 0
    assert late[0] == late[1] > 0


def test_the_overlap_loss_of_certain_labels_is_one_minus_the_mean_iou():
    labels = torch.randint(3, (200,), generator=chance(1))
    given = torch.randint(3, (200,), generator=chance(2))
    confusion = Confusion(3)
    confusion.add(labels.numpy(), given.numpy())
    loss = lovasz_softmax(torch.nn.functional.one_hot(given, 3).float(), labels)
    assert float(loss) == pytest.approx(1 - confusion.miou(), abs=1e-6)
    assert float(lovasz_softmax(torch.nn.functional.one_hot(labels, 3).float(), labels)) == 0


def test_the_overlap_counts_late_in_a_run_alone():
    both, labels = objective(overlap=0.5, spoilt=0.0, hinted=0.0), torch.randint(4, (1, 32, 32), generator=chance())
    image = torch.rand(1, 3, 32, 32, generator=chance())
    both.eval()
    early, late = (float(both(image, labels, seed=0, share=share)) for share in (0.4, 0.6))
    assert early == pytest.approx(float(objective(spoilt=0.0, hinted=0.0).eval()(image, labels, seed=0, share=1.0)))
    assert 0.3 < late - early < 1.0


def test_unlabelled_pixels_cost_nothing():
    loss, image = objective(window=1), torch.randn(1, 3, 32, 32)
    labels = torch.full((1, 32, 32), 255)
    assert float(loss(image, labels, 3).detach()) == 0
    labels[:, :, :16] = 1
    value = loss(image, labels, 3)
    value.backward()
    assert float(value.detach()) > 0


def test_classes_weigh_as_they_are_told_and_ignored_pixels_do_not():
    weights = torch.tensor([1.0, 5.0, 0.2])
    loss = Objective(RecurrentNetwork(architecture("fig-9-17"), 3, 3), weights)
    logits, labels = torch.randn(1, 3, 20, 20, generator=chance()), torch.randint(3, (1, 20, 20), generator=chance())
    labels[:, :5] = 255
    expected = F.cross_entropy(logits[..., 5:, :], labels[:, 5:], weight=weights)
    assert float(loss.pixels_loss(logits, labels, chance())) == pytest.approx(float(expected), rel=1e-5)


def test_how_far_a_pass_wanders_is_drawn_few_steps_likelier_than_many(monkeypatch):
    loss, counts, far = objective(wander=9), [], []
    monkeypatch.setattr(loss.network, "step", lambda context, estimate: counts.append(1) or estimate)
    for seed in range(200):
        counts.clear()
        loss._wander(torch.zeros(1), torch.full((1, 4, 4, 4), 1 / 4), None, chance(seed))
        far.append(len(counts))
    assert (min(far), max(far)) == (0, 9)
    assert 2 < np.mean(far) < 3.5


def test_memory_holds_the_window_alone_however_far_it_wanders():
    """The number of tensors that wait for the backward pass."""

    def kept(wander):
        count = 0

        def pack(tensor):
            nonlocal count
            count += tensor.numel()
            return tensor

        loss = objective(window=2, wander=wander, spoilt=0.0)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            loss(torch.randn(1, 3, 32, 32), torch.zeros(1, 32, 32, dtype=torch.long), 1)
        return count

    assert kept(0) == kept(60)


def test_the_average_follows():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    average = Average(network, 0.9)
    torch.nn.init.ones_(network.weight)
    values = []
    for update in range(100):
        average.follow(network, update)
        values.append(float(average.network.weight))
    assert np.all(np.diff(values) >= 0)
    assert values[0] < 1
    assert values[-1] == pytest.approx(1, abs=1e-3)


def test_the_average_is_faster_at_the_beginning():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    average = Average(network, 0.999)
    torch.nn.init.ones_(network.weight)
    average.follow(network, 0)
    assert float(average.network.weight) == pytest.approx(0.9)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_entry_of_the_catalogue_learns(name):
    """A loss whose gradient reaches every weight, and which a few steps on one batch lower."""
    torch.manual_seed(0)
    arch = CATALOGUE[name]
    size = (48, 48) if arch.dims == 2 else (4, 16, 16)
    loss = Objective(build(arch, 1, 2, "same"), torch.ones(2), window=1, wander=0)
    image = torch.randn(2, 1, *size)
    labels = (image[:, 0] > 0).long()
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-4)
    values = []
    for _ in range(4):
        optimizer.zero_grad()
        value = loss(image, labels, seed=0, share=1.0)
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in loss.network.parameters())
    assert min(values[1:]) < values[0]


def test_the_loss_that_is_shown_when_an_epoch_has_just_ended_is_that_of_the_epoch():
    progress = Progress()
    assert progress.loss == 0
    progress.loss_sum, progress.loss_count = 3.0, 4
    progress.note_epoch(None)
    assert progress.loss == 0.75
    progress.loss_sum, progress.loss_count = 0.5, 1
    assert progress.loss == 0.5


def test_a_window_is_given_what_labelling_gives_the_first_step():
    """Hints put back once, and counted so many times as the architecture has it, whether they were drawn before wandering or after."""
    network = build(architecture("small-4"), 3, 3).eval()
    objective = Objective(network, torch.ones(3), hinted=1.0, spoilt=0.0, wander=0)
    image, labels = torch.randn(2, 3, 32, 32), torch.randint(3, (2, 32, 32))
    with torch.no_grad():
        context = network.context(image)
        logits = network.logits(context, None)
        for seed in range(8):
            generator = torch.Generator().manual_seed(seed)
            fed, hints, drawn = objective._begun(context, logits, labels, torch.tensor([True, True]), generator)
            assert drawn.any()
            fixed, rest = hints
            expected = rest * torch.softmax(logits, 1) + network.architecture.emphasis * fixed
            assert torch.allclose(fed, expected, atol=1e-6)


@pytest.mark.parametrize("spoilt", [0.0, 1.0])
def test_spoilt_windows_begin_from_the_truth_spoilt_and_others_from_the_estimate(spoilt):
    network = build(architecture("small-4"), 3, 3).eval()
    objective = Objective(network, torch.ones(3), spoilt=spoilt, hinted=0.0, wander=0)
    image, labels = torch.randn(2, 3, 32, 32), torch.randint(3, (2, 32, 32))
    with torch.no_grad():
        context = network.context(image)
        logits = network.logits(context, None)
        for seed in range(6):
            fed, hints, drawn = objective._begun(context, logits, labels, torch.tensor([False, False]), chance(seed))
            assert (hints, drawn) == (None, None)
            same = [torch.allclose(a, b, atol=1e-6) for a, b in zip(fed, torch.softmax(logits, 1), strict=True)]
            assert same == [not spoilt] * 2


def test_a_view_of_tags_may_be_no_whole_number_of_periods():
    network = build(architecture("small-8-4"), 3, 3)
    loss = TagObjective(network, False, 2)(torch.randn(1, 3, 36, 36), torch.tensor([[1.0, 0.0, 1.0]]), torch.ones(1, 1, 36, 36))
    assert torch.isfinite(loss)
