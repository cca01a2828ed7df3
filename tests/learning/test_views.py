"""Views of images and labels, and batches of them."""

import numpy as np
import pytest
import torch
from PIL import Image

from made import write_set
from retint.data import open_dataset
from retint.learning import examples
from retint.learning.augment import Augmentation, view
from retint.learning.examples import Batches, Examples
from trained import chance

STILL = Augmentation(scale=1.0, turn=0.0, light=0.0, colour=0.0, noise=0.0, blur=0.0)


def batches(root, count, crop, aimed=0.5):
    """Batches of two from a set of so many scenes."""
    shown = Examples(open_dataset(write_set(root, count)).splits["all"].pairs, 3, 2)
    return Batches(shown, 2, crop, (0.4,) * 3, (0.2,) * 3, Augmentation(), aimed, 0)


@pytest.mark.parametrize("size", [(24, 32), (5, 24, 32)])
def test_views_are_made_where_they_are_wanted_and_nothing_comes_back(size):
    """Tensors on the meta device have no values: to ask for one, or to mix them with others, is an error."""
    image, labels = torch.randint(256, (3, *size), dtype=torch.uint8), torch.randint(3, size, dtype=torch.uint8)
    for seed in range(12):
        seen, truth, inside = view(image, labels, size, None, Augmentation(blur=0.5), chance(seed), "meta")
        assert {part.device.type for part in (seen, truth, inside)} == {"meta"}
        assert seen.shape == (3, *size)


def test_a_view_keeps_image_and_labels_together():
    labels = torch.randint(4, (40, 60), generator=chance())
    image = labels[None].float().repeat(3, 1, 1)
    seen, truth, inside = view(
        image, labels, (40, 60), None, Augmentation(**{**vars(STILL), "any_way_up": False}), chance(5)
    )
    assert torch.equal(seen[0].round().long(), truth)
    assert bool(inside.all())
    assert torch.equal(truth, labels) or torch.equal(truth, labels.flip(1))


def test_quarter_turns_keep_image_and_labels_together():
    labels = torch.randint(4, (32, 32), generator=chance())
    image = labels[None].float()
    turned = set()
    for seed in range(12):
        seen, truth, _ = view(
            image, labels, (32, 32), None, Augmentation(**{**vars(STILL), "any_way_up": True}), chance(seed)
        )
        assert torch.equal(seen[0].round().long(), truth)
        turned.add(tuple(truth[0].tolist()))
    assert len(turned) > 4


def test_beyond_the_image_nothing_is_labelled():
    _, truth, inside = view(
        torch.ones(1, 10, 10), torch.zeros(10, 10, dtype=torch.long), (20, 20), None, STILL, chance()
    )
    assert torch.equal(truth == 255, inside[0] == 0)
    assert int((truth == 0).sum()) == 100


def test_beyond_the_image_batches_are_zero(tmp_path):
    shown = batches(tmp_path / "set", 2, (80, 90))
    for number in range(3):
        images, labels = shown(number)
        outside = (labels == 255)[:, None].expand_as(images)
        assert outside.any()
        assert not images[outside].any()
        assert images[~outside].any()


def test_every_lap_shows_every_image_once_in_another_order(tmp_path):
    shown = batches(tmp_path / "set", 6, (16, 16))
    orders = [shown._permutation(lap).tolist() for lap in range(4)]
    assert all(sorted(order) == list(range(6)) for order in orders)
    assert len({tuple(order) for order in orders}) > 2
    assert examples.chance(0, -1) != examples.chance(0, (1 << 32) - 1)


@pytest.mark.parametrize("aimed", [0.0, 0.2, 1.0])
def test_so_many_views_are_aimed_as_was_asked_for(tmp_path, aimed):
    shown = batches(tmp_path / "set", 1, (16, 16), aimed)
    found = [shown._aim(0, chance(seed)) is not None for seed in range(200)]
    assert np.mean(found) == pytest.approx(aimed, abs=0.08)


def test_views_are_never_aimed_at_unlabelled_pixels(tmp_path):
    root = write_set(tmp_path / "set", 1)
    (file,) = (root / "labels").iterdir()
    with Image.open(file) as image:
        labels = np.array(image)
    labels[:20] = 255
    Image.fromarray(labels).save(file)
    points = Examples(open_dataset(root).splits["all"].pairs, 3, 2).points(0)
    assert set(points) == set(np.unique(labels[20:]).tolist())
    assert all((labels[tuple(places.T)] == value).all() for value, places in points.items())


def test_a_signed_image_keeps_its_negative_values_in_another_light():
    image = torch.rand(1, 40, 40, generator=chance()) * 2 - 1
    light = Augmentation(**{**vars(STILL), "light": 0.5})
    for seed in range(6):
        seen, *_ = view(image, torch.zeros(40, 40, dtype=torch.long), (40, 40), None, light, chance(seed))
        same = max(abs(np.corrcoef(seen[0].flatten(), one.flatten())[0, 1]) for one in (image[0], image[0].flip(1)))
        assert same > 0.9999  # contrast and gain alone


def test_views_in_another_light_stay_finite():
    image = torch.rand(5, 30, 30, generator=chance())
    for seed in range(20):
        seen, _, _ = view(
            image,
            torch.zeros(30, 30, dtype=torch.long),
            (16, 16),
            (15.0, 15.0),
            Augmentation(light=0.8, noise=0.2),
            chance(seed),
        )
        assert torch.isfinite(seen).all()


def test_a_turned_view_that_fits_lies_inside():
    image, labels = torch.zeros(3, 300, 400, dtype=torch.uint8), torch.zeros(300, 400, dtype=torch.uint8)
    still = Augmentation(scale=1.0, turn=0.0, any_way_up=True)
    for seed in range(30):
        *_, inside = view(image, labels, (288, 192), None, still, torch.Generator().manual_seed(seed))
        assert inside.all()
