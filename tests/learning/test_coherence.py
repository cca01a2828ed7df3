"""Labels that agree where the image does: the loss itself, and where training uses it."""

import numpy as np
import pytest
import torch
from PIL import Image

from made import write_set
from retint.learning import Settings, train
from retint.learning.coherence import Incoherence
from retint.modelfile import load_model


def by_hand(y, x, radius):
    """Pair after pair."""
    _, _, *size = y.shape
    total = weight = 0.0
    cells = [(r, c) for r in range(size[0]) for c in range(size[1])]
    for n in range(len(y)):
        for a in cells:
            for b in cells:
                apart = [abs(i - j) for i, j in zip(a, b, strict=True)]
                if a < b and max(apart) <= radius:
                    difference = float((x[n, :, *a] - x[n, :, *b]).square().sum())
                    alike = np.exp(-difference / 0.5 - sum(d * d for d in apart) / 8)
                    total += alike * (1 - float((y[n, :, *a] * y[n, :, *b]).sum()))
                    weight += alike
    return total / weight


@pytest.mark.parametrize("size", [(5, 7), (2, 9)])
def test_it_is_the_mean_over_pairs(size):
    torch.manual_seed(0)
    y, x = torch.softmax(torch.randn(2, 3, *size), 1), 0.5 * torch.randn(2, 3, *size)
    assert float(Incoherence(x, 2)(y)) == pytest.approx(by_hand(y, x, 2), rel=1e-5)


def test_one_class_everywhere_costs_nothing_and_a_border_where_the_image_has_one_next_to_nothing():
    x = torch.zeros(1, 1, 12, 12)
    x[..., 6:] = 3.0
    y = torch.zeros(1, 2, 12, 12)
    y[:, 0] = 1.0
    assert float(Incoherence(x)(y)) == 0
    along, across = y.clone(), y.clone()
    along[:, 0, :, 6:], along[:, 1, :, 6:] = 0, 1
    across[:, 0, 6:], across[:, 1, 6:] = 0, 1
    assert float(Incoherence(x)(along)) < 1e-6
    assert float(Incoherence(x)(across)) > 0.05


def test_its_gradient_makes_cells_that_look_alike_agree():
    torch.manual_seed(0)
    x = torch.zeros(1, 1, 6, 6)
    scores = torch.randn(1, 2, 6, 6, requires_grad=True)
    before = float(Incoherence(x)(torch.softmax(scores, 1)).detach())
    for _ in range(50):
        (gradient,) = torch.autograd.grad(Incoherence(x)(torch.softmax(scores, 1)), scores)
        scores = (scores - 20 * gradient).detach().requires_grad_()
    assert float(Incoherence(x)(torch.softmax(scores, 1)).detach()) < 0.2 * before


def test_a_volume_has_three_axes():
    torch.manual_seed(0)
    y, x = torch.softmax(torch.randn(1, 2, 3, 4, 5), 1), torch.randn(1, 1, 3, 4, 5)
    assert 0 < float(Incoherence(x)(y)) < 1


@pytest.mark.parametrize(
    ("strokes", "grey", "given", "taken"),
    [(True, False, None, 1.0), (True, True, None, 0.0), (False, False, None, 0.0), (True, False, 0.0, 0.0), (False, True, 1.5, 1.5)],
)
def test_training_uses_it_where_few_pixels_of_colour_images_are_labelled(strokes, grey, given, taken, tmp_path):
    write_set(tmp_path / "set", 5)
    for file in (tmp_path / "set" / "images").iterdir() if grey else ():
        Image.open(file).convert("L").save(file)
    for file in (tmp_path / "set" / "labels").iterdir() if strokes else ():
        labels = np.array(Image.open(file))
        labels[np.random.default_rng(0).random(labels.shape) < 0.9] = 255
        Image.fromarray(labels).save(file)
    settings = Settings(arch="small-4", epochs=0.02, batch=2, crop=(32, 32), coherent=given)
    done = train(tmp_path / "set", tmp_path / "a.safetensors", settings)
    assert load_model(done.model)[1].trained_on["settings"]["coherent"] == taken


@pytest.mark.parametrize(("strokes", "taken"), [(True, "small-4"), (False, "small-8")])
def test_strokes_do_not_show_how_thin_things_get_so_the_grid_is_fine(strokes, taken, tmp_path):
    write_set(tmp_path / "set", 3, size=(64, 64))
    for file in (tmp_path / "set" / "labels").iterdir():
        labels = np.repeat([[0, 1]], 32, 1).repeat(64, 0).astype(np.uint8)
        if strokes:
            labels[:, 3:-3] = 255
        Image.fromarray(labels).save(file)
    done = train(tmp_path / "set", tmp_path / "a.safetensors", Settings(epochs=0.02, batch=2, crop=(32, 32)))
    assert load_model(done.model)[1].trained_on["settings"]["arch"] == taken
