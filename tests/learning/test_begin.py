"""Beginning from a trained model whose classes have other names, another order or another number."""

from dataclasses import replace

import pytest
import torch

from made import make_model
from retint.errors import RetintError
from retint.learning.begin import planes_of_classes, take_weights
from retint.modelfile import load_model, save_model
from retint.network import architecture, build, restored, weights


def trained(path, arch, classes):
    """A model file of an architecture whose classes are class0, class1 ..., and its network."""
    torch.manual_seed(3)
    card = make_model(arch, classes=classes).card
    save_model(path, weights(build(architecture(arch), 3, classes, "same")), card)
    return restored(card.architecture, 3, classes, load_model(path)[0]).eval()


@pytest.mark.parametrize(
    ("arch", "classes"), [("small-2-1", 2), ("small-1", 2), ("small-2", 3), ("small-4", 8), ("fig-9-17", 4)]
)
def test_another_order_of_the_classes_is_the_same_model(tmp_path, arch, classes):
    """Also where hidden layers happen to have as many planes as there are classes, or a multiple."""
    first = trained(tmp_path / "m.safetensors", arch, classes)
    order = [*range(1, classes), 0]
    torch.manual_seed(4)
    second = build(architecture(arch), 3, classes, "same")
    line = take_weights(second, str(tmp_path / "m.safetensors"), [f"class{k}" for k in order])
    assert "100%" in line
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        before, after = first(image, 3), second.eval()(image, 3)
    assert torch.allclose(before[:, order], after, atol=1e-5)


def test_a_class_of_another_name_begins_anew_and_nothing_else_does(tmp_path):
    first = trained(tmp_path / "m.safetensors", "small-4", 8).state_dict()
    second = build(architecture("small-4"), 3, 9, "same")
    take_weights(second, str(tmp_path / "m.safetensors"), [*(f"class{k}" for k in range(7)), "other", "more"])
    each = planes_of_classes(second)
    for key, mine in second.state_dict().items():
        if not any(each[key]) and not key.endswith("num_batches_tracked"):
            assert torch.equal(mine, first[key]), key
    grown = [key for key, planes in each.items() if any(planes)]
    assert {key.split(".")[0] for key in grown} == {"W", "V"}
    bias = next(key for key in grown if key.endswith("bias"))
    assert torch.equal(second.state_dict()[bias][:7], first[bias][:7])


def test_layers_put_between_those_of_the_model_begin_as_if_they_were_not_there(tmp_path):
    """Net2Net's deeper networks: the same labels, and every layer of the model where it belongs."""
    deep = architecture("standard-8-4")
    residual = [layer for layer in deep.detail if layer.residual]
    shallow = replace(deep, detail=(residual[0], deep.detail[-1]))
    torch.manual_seed(3)
    first = build(shallow, 3, 4, "same").eval()
    card = replace(make_model("standard-8-4", classes=4).card, architecture=shallow.to_dict())
    save_model(tmp_path / "m.safetensors", weights(first), card)
    first = restored(card.architecture, 3, 4, load_model(tmp_path / "m.safetensors")[0]).eval()
    torch.manual_seed(4)
    second = build(deep, 3, 4, "same")
    line = take_weights(second, str(tmp_path / "m.safetensors"), card.classes)
    assert "100%" not in line
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(first(image, 3), second.eval()(image, 3), atol=1e-6)


def test_a_card_of_a_later_version_is_one_line(tmp_path):
    first = trained(tmp_path / "m.safetensors", "small-4", 3)
    card = make_model("small-4").card
    card = replace(card, architecture={**card.architecture, "later": 1})
    save_model(tmp_path / "later.safetensors", weights(first), card)
    with pytest.raises(RetintError, match="its card describes layers that this version does not know"):
        take_weights(build(architecture("small-4"), 3, 3, "same"), str(tmp_path / "later.safetensors"), card.classes)
