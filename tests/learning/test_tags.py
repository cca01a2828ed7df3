"""Learning from tags of images."""

from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import retint
from made import write_set
from retint.data import open_dataset, write_tags
from retint.errors import DataProblems, RetintError
from retint.learning import Settings, train
from retint.learning.augment import Augmentation
from retint.learning.tags import TaggedBatches, TagObjective
from retint.network import CATALOGUE, build
from retint.network.aggregation import aggregate, merged


def test_aggregation_lies_between_the_mean_and_the_largest():
    scores = torch.randn(2, 3, 5, 6)
    mean, largest = scores.mean((2, 3)), scores.amax((2, 3))
    assert torch.allclose(aggregate(scores, sharpness=1e-3), mean, atol=1e-2)
    assert torch.allclose(aggregate(scores, sharpness=200.0), largest, atol=0.05)
    between = aggregate(scores)
    assert ((between > mean) & (between < largest)).all()


def test_cells_outside_the_image_do_not_count():
    scores = torch.randn(1, 2, 4, 4)
    inside = torch.zeros(1, 1, 4, 4)
    inside[..., :2, :] = 1
    assert torch.allclose(aggregate(scores, inside), aggregate(scores[..., :2, :]))


def test_parts_merge_to_the_whole():
    scores = torch.randn(1, 3, 6, 8)
    parts = [(aggregate(scores[..., :5]), 30), (aggregate(scores[..., 5:]), 18)]
    assert torch.allclose(merged(parts), aggregate(scores), atol=1e-6)


def test_own_labels_are_among_the_tags_and_sure():
    logits = 8 * torch.randn(1, 4, 9, 9)
    tags = torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    labels = TagObjective.own_labels(logits, tags, torch.ones(1, 1, 9, 9))
    assert set(labels.unique().tolist()) <= {1, 3, 255}
    alone = TagObjective.own_labels(logits, torch.tensor([[0.0, 0.0, 1.0, 0.0]]), torch.ones(1, 1, 9, 9))
    assert (alone == 2).all()


def test_own_labels_are_none_outside_the_image_and_where_no_class_is_sure():
    logits, inside = torch.zeros(1, 3, 9, 15), torch.ones(1, 1, 9, 15)
    logits[:, 1, :, :5], logits[:, 2, :, 10:] = 20.0, 20.0
    inside[..., :2, :] = 0
    labels = TagObjective.own_labels(logits, torch.ones(1, 3), inside)[0]
    assert (labels[:2] == 255).all()
    assert (labels[2:, 7] == 255).all()  # three are as likely there
    assert (labels[2:, 0] == 1).all()
    assert (labels[2:, -1] == 2).all()


def test_what_lies_outside_the_image_has_no_part_in_its_scores(monkeypatch):
    module, seen = import_module("retint.learning.tags"), []
    monkeypatch.setattr(module, "aggregate", lambda scores, cells: seen.append(cells) or aggregate(scores, cells))
    inside = torch.ones(1, 1, 32, 32)
    inside[..., 16:] = 0
    objective = TagObjective(build(CATALOGUE["small-4"], 3, 3), False, 3)
    objective(torch.randn(1, 3, 32, 32), torch.tensor([[1.0, 0.0, 1.0]]), inside)
    assert len(seen) == 3
    assert all(cells[0, 0].tolist() == [[1.0] * 4 + [0.0] * 4] * 8 for cells in seen)


@pytest.mark.parametrize("single", [True, False])
def test_the_loss_reaches_every_weight(single):
    torch.manual_seed(0)
    net = build(CATALOGUE["small-2"], 3, 2)
    loss = TagObjective(net, single)(
        torch.randn(2, 3, 24, 24), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.ones(2, 1, 24, 24)
    )
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def tagged_set(folder, labelled):
    """The discs with labels for some images and tags for the others."""
    write_set(folder, 6, 0, "train")
    write_set(folder, 2, 1, "val")
    data = open_dataset(folder)
    for pair in data.splits["train"].pairs[labelled:]:
        pair.labels.unlink()
    if not labelled:
        (folder / "train" / "labels").rmdir()
    stems = [pair.stem for pair in data.splits["train"].pairs]
    write_tags(folder / "train" / "tags.csv", {stem: data.classes for stem in stems})
    return folder


@pytest.mark.parametrize("labelled", [0, 2])
def test_a_set_of_tags_trains_alone_and_with_labels(tmp_path, labelled):
    data, out = tagged_set(tmp_path / "discs", labelled), tmp_path / "m.safetensors"
    trained = train(data, out, Settings(arch="small-4", epochs=0.02, batch=2, crop=(32, 32), labels="tags"))
    assert trained.finished
    assert retint.load(out).card.trained_on["tagged_images"] == 6 - labelled


def test_without_the_option_images_without_labels_are_problems(tmp_path):
    data = tagged_set(tmp_path / "discs", 2)
    with pytest.raises(DataProblems):
        train(data, tmp_path / "m.safetensors", Settings(epochs=0.02))


def test_networks_of_a_fixed_number_of_steps_do_not_learn_from_tags(tmp_path):
    data = tagged_set(tmp_path / "discs", 2)
    with pytest.raises(RetintError, match="give another --arch"):
        train(data, tmp_path / "m.safetensors", Settings(arch="rcnn3", epochs=0.02, labels="tags"))


def test_an_unknown_tag_is_told(tmp_path):
    data = tagged_set(tmp_path / "discs", 2)
    stem = open_dataset(data).splits["train"].pairs[0].stem
    write_tags(data / "train" / "tags.csv", {stem: ["nothing of the kind"]})
    with pytest.raises(DataProblems, match="nothing of the kind"):
        train(data, tmp_path / "m.safetensors", Settings(epochs=0.02, labels="tags"))


def test_batches_show_whole_images_with_their_own_tags(tmp_path):
    tagged = []
    for k, value in enumerate((20, 230)):
        Image.fromarray(np.full((48, 64, 3), value, np.uint8)).save(tmp_path / f"{k}.png")
        tagged.append(SimpleNamespace(stem=str(k), image=tmp_path / f"{k}.png", tags=(k, 2)))
    still = Augmentation(turn=0.0, light=0.0, colour=0.0, noise=0.0, blur=0.0)
    batches = TaggedBatches(tagged, 8, (32, 40), 3, 3, (0.5,) * 3, (0.2,) * 3, still, seed=0)
    images, tags, inside = batches(0)
    assert images.shape == (8, 3, 32, 40)
    seen = set()
    for image, tag, there in zip(images, tags, inside, strict=True):
        bright = bool(image.sum() > 0)
        assert tag.tolist() == [not bright, bright, 1]
        assert there.sum() == 30 * 40  # 48 x 64, made as small as fits
        seen.add(bright)
    assert seen == {True, False}
    assert all(torch.equal(a, b) for a, b in zip(batches(1), batches(1), strict=True))


def test_beginning_from_a_model_takes_what_fits(tmp_path):
    data = write_set(tmp_path / "discs", 4, 0, "train")
    first = tmp_path / "first.safetensors"
    train(data, first, Settings(arch="small-2", epochs=0.02, batch=2, crop=(32, 32)))
    lines = []
    settings = Settings(start=str(first), epochs=0.02, batch=2, crop=(32, 32), rate=1e-9, average=0.0)
    train(data, tmp_path / "second.safetensors", settings, note=lines.append)
    assert any("100% of the weights taken" in line for line in lines)
    one, two = (retint.load(f)._folded for f in (first, tmp_path / "second.safetensors"))
    kernels = [(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True) if a.dim() > 1]
    assert kernels
    assert all(torch.allclose(a, b, atol=0.05) for a, b in kernels)
    with pytest.raises(RetintError, match="next to nothing of"):
        train(data, tmp_path / "third.safetensors", Settings(arch="jain-2007-2d", start=str(first), epochs=0.02))


def test_classes_are_taken_by_name(tmp_path):
    """Two classes in another order: their planes change places."""
    from retint.learning.begin import take_weights
    from retint.modelfile import load_model

    data = write_set(tmp_path / "discs", 4, 0, "train")
    first = tmp_path / "first.safetensors"
    train(data, first, Settings(arch="small-2", epochs=0.02, batch=2, crop=(32, 32)))
    tensors, card = load_model(first)
    net = build(CATALOGUE["small-2"], 3, 2)
    take_weights(net, str(first), card.classes[::-1])
    weight = next(t for name, t in net.state_dict().items() if name.startswith("V.1") and name.endswith("weight"))
    stored = next(t for name, t in tensors.items() if name.startswith("V.1") and name.endswith("weight"))
    assert torch.allclose(weight, stored.flip(0))
