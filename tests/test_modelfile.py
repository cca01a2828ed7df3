"""A model is data: what a file holds, and what is refused."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import retint
from made import fresh, make_model
from retint.errors import RetintError
from retint.modelfile import FORMAT, Card, find_model, load_model, save_model
from retint.network import CATALOGUE, restored, weights


@pytest.mark.parametrize("arch", sorted(CATALOGUE))
def test_a_model_comes_back_as_it_was(arch, tmp_path):
    """Kernels in half precision, the rest whole; so a second round trip changes nothing at all."""
    card = make_model(arch, channels=2, classes=5).card
    torch.manual_seed(1)
    network = fresh(card)
    save_model(tmp_path / "a.safetensors", weights(network), card)
    once, its_card = load_model(tmp_path / "a.safetensors")
    assert its_card == card
    for name, value in weights(network).items():
        assert torch.equal(once[name], value.half().float() if value.dim() > 1 else value)
    save_model(tmp_path / "b.safetensors", once, its_card)
    twice, _ = load_model(tmp_path / "b.safetensors")
    image = torch.randn(1, 2, *(12,) * CATALOGUE[arch].dims)
    networks = [restored(card.architecture, 2, 5, tensors) for tensors in (once, twice)]
    assert torch.equal(networks[0](image, 2), networks[1](image, 2))
    assert (tmp_path / "a.safetensors").stat().st_size < 4e6


def test_cards_know_the_spacing_of_volumes_and_old_ones_do_not():
    card = replace(
        make_model("slices-2", channels=1).card, spacing=(0.5, 0.1, 0.1), unit="micrometer", image_size=(9, 40, 50)
    )
    assert Card.from_json(card.to_json()) == card
    old = json.loads(make_model().card.to_json())
    del old["spacing"], old["unit"]
    assert Card.from_json(json.dumps(old)) == make_model().card


def test_bad_files_are_refused_in_one_line(tmp_path):
    text = tmp_path / "text.safetensors"
    text.write_text("hello")
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, other)
    card = make_model().card
    torn = tmp_path / "torn.safetensors"
    save_model(torn, weights(fresh(card)), card)
    torn.write_bytes(torn.read_bytes()[:-100])
    unfit = tmp_path / "unfit.safetensors"
    save_file({"x": torch.zeros(2)}, unfit, metadata={"format": FORMAT, "card": card.to_json()})
    alien = tmp_path / "alien.safetensors"
    changed = {**json.loads(card.to_json()), "flavour": "sweet"}
    save_file({"x": torch.zeros(2)}, alien, metadata={"format": FORMAT, "card": json.dumps(changed)})
    for path, what in (
        (text, "not a readable"),
        (other, "not a Retint model"),
        (torn, "not a readable"),
        (unfit, "fit this version"),
        (alien, "fit this version"),
    ):
        with pytest.raises(RetintError, match=what) as caught:
            retint.load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_name_that_is_nothing_lists_what_there_is():
    with pytest.raises(RetintError, match="bundled models are"):
        find_model("nonesuch")


@pytest.mark.parametrize("name", ["membrane", "street", "vessel"])
def test_the_bundled_models(name):
    path = find_model(name)
    assert path.stat().st_size <= 4_000_000
    with safe_open(path, framework="pt") as file:
        card = Card.from_json(file.metadata()["card"])
    model = retint.load(name)
    assert model.card == card
    assert card.scores["steps"]["8"]["miou"] > 0.5
    assert card.trained_on["images"] > 0
    image = np.random.default_rng(0).integers(0, 256, (60, 90, card.channels), dtype=np.uint8)
    labeling = model.label(image)
    assert labeling.steps == 8
    assert labeling.probabilities.shape == (len(card.classes), 60, 90)


def test_importing_the_package_stays_lean():
    """`import retint` loads no torch; labelling loads no training, plotting or partition code."""
    import subprocess
    import sys

    code = "import sys, retint; assert 'torch' not in sys.modules; retint.load; import retint.labeling.files.images; print(sorted(m for m in ('lightning', 'matplotlib', 'skimage', 'torchmetrics', 'scipy', 'tifffile') if m in sys.modules))"
    began = time.monotonic()
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.strip() == "[]"
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0}, {"mean": [0.5]}, {"std": [1.0, 0.0, 1.0]}, {"mean": [0.5, float("nan"), 0.5]}, {"colours": []}, {"dtype": "nonsense"},
        {"colours": [[1, 2], [1, 2], [1, 2]]}, None,
    ],
)  # fmt: skip
def test_a_card_that_says_what_cannot_be_is_refused_in_a_line(change, tmp_path):
    card = make_model().card
    text = "[1]" if change is None else json.dumps(json.loads(card.to_json()) | change)
    save_file({"a": torch.zeros(1)}, tmp_path / "m.safetensors", {"format": FORMAT, "card": text})
    with pytest.raises(RetintError, match="its card does not fit"):
        load_model(tmp_path / "m.safetensors")
