"""How many pixels have each label, and which labels count as changed."""

import numpy as np
import pytest
import torch

from retint.labeling.counting import ROUNDING, followed, likeliest, pixels_of


def test_pixels_are_counted_of_any_array_of_labels():
    labels = np.random.default_rng(0).integers(0, 4, (7, 12), np.uint8)
    expected = [int((labels == k).sum()) for k in range(5)]
    assert pixels_of(labels, 5).tolist() == expected
    labels.flags.writeable = False
    assert pixels_of(labels.T, 5).tolist() == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("shape", "axis"), [((11, 6, 7), 0), ((4, 256, 5), 1), ((2, 3), 0), ((3, 0), 0)])
def test_the_likeliest_is_the_first_of_the_largest(shape, axis, dtype):
    y = torch.randint(0, 5, shape, generator=torch.Generator().manual_seed(0)).to(dtype)  # many are equal
    before = y.clone()
    assert torch.equal(likeliest(y, axis), y.max(axis).indices.to(torch.uint8))
    assert torch.equal(y, before)


def test_a_label_changes_when_another_leads_it_by_more_than_rounding():
    before = torch.tensor([[0, 0], [1, 2]], dtype=torch.uint8)
    y = torch.tensor([[[0.40, 0.10], [0.10, 0.2]], [[0.44, 0.60], [0.70, 0.2]], [[0.16, 0.30], [0.20, 0.6]]])
    labels, changed = followed(y, before, ROUNDING[torch.bfloat16])
    assert labels.tolist() == [[0, 1], [1, 2]]
    assert changed.tolist() == [1]
    labels, changed = followed(y, before, 0.0)
    assert labels.tolist() == [[1, 1], [1, 2]]
    assert changed.tolist() == [0, 1]
    assert torch.equal(labels, y.argmax(0))


def test_slow_changes_add_up():
    labels = torch.zeros(1, dtype=torch.uint8)
    counts = []
    for share in (0.50, 0.52, 0.53, 0.54, 0.56):
        labels, changed = followed(torch.tensor([[1 - share], [share]]), labels, 1 / 16)
        counts.append(len(changed))
    assert counts == [0, 0, 0, 1, 0]  # 0.54 leads 0.46 by more
    assert labels.tolist() == [1]
