"""What all tests share."""

import os

import hypothesis
import pytest
import torch

from made import make_model, write_set
from retint.labeling import model as labeling_model
from retint.labeling.plan import Plan

hypothesis.settings.register_profile("retint", deadline=None, max_examples=12, derandomize=True)
hypothesis.settings.load_profile("retint")
if "OMP_NUM_THREADS" not in os.environ:
    torch.set_num_threads(2)


@pytest.fixture
def discs(tmp_path):
    """Six labelled images to learn from and two to validate on."""
    write_set(tmp_path / "discs", 6, 0, "train")
    return write_set(tmp_path / "discs", 2, 1, "val")


@pytest.fixture
def model():
    return make_model()


@pytest.fixture
def long_sweeps(monkeypatch):
    """Tiles that are visited for eight steps at a time, four where it may end at any of them, as those of larger images are."""
    plan = labeling_model.plan
    monkeypatch.setattr(labeling_model, "plan", lambda *given: Plan(plan(*given).tile, 8))
