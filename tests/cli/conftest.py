"""What tests of the command line label, and with what."""

import numpy as np
import pytest
from PIL import Image

from made import model_file


@pytest.fixture
def file(tmp_path):
    """A model file with random weights."""
    return model_file(tmp_path / "made.safetensors")


@pytest.fixture
def photograph(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "pic.png")
    return tmp_path / "pic.png"
