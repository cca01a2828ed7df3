"""Every option of `retint label` reaches what labels."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made import model_file
from retint.cli.main import main
from retint.labeling.files import images as files
from retint.labeling.files.images import Outcome, Wish


@pytest.fixture
def wished(tmp_path, monkeypatch):
    """Give `retint label` options; get what it wishes for."""
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "pic.png")
    model = model_file(tmp_path / "made.safetensors")
    seen = []

    def taken(model, images, out, wish, *_):
        seen.append(wish)
        return Outcome("made")

    monkeypatch.setattr(files, "label_files", taken)

    def give(*options):
        assert main(["label", str(tmp_path / "pic.png"), "--model", str(model), "--out", str(tmp_path / "out"), *options]) == 0
        return seen.pop()

    return give


def test_nothing_given_is_what_python_does(wished):
    assert wished() == Wish(precision="auto")


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (["--steps", "3"], "steps", 3),
        (["--until-settled"], "until_settled", True),
        (["--budget", "50ms"], "budget", 0.05),
        (["--tolerance", "0.01"], "tolerance", 0.01),
        (["--scale", "0.5"], "scale", 0.5),
        (["--tile", "16"], "tile", 16),
        (["--precision", "float32"], "precision", "float32"),
        (["--way", "unit"], "way", "unit"),
        (["--way", "stitch", "--resolution", "2"], "resolution", 2),
        (["--prior"], "prior", True),
        (["--start", "a.png"], "start", Path("a.png")),
        (["--hints", "b.png"], "hints", Path("b.png")),
        (["--no-overlay"], "overlay", False),
        (["--probabilities"], "probabilities", True),
        (["--strip"], "strip", True),
        (["--doubt"], "doubt", "entropy"),
        (["--doubt", "--measure", "late"], "doubt", "late"),
        (["--overwrite"], "overwrite", True),
        (["--skip-existing"], "skip_existing", True),
        (["--cluster", "local:2"], "cluster", "local:2"),
        (["--batch", "5"], "batch", 5),
    ],
)
def test_an_option_is_wished_for(options, name, value, wished):
    assert getattr(wished(*options), name) == value


def test_no_wish_is_left_untried():
    """`record`, `keep` and `trace` follow from what is to be written."""
    tried = {row[1] for row in test_an_option_is_wished_for.pytestmark[0].args[1]}
    assert {field.name for field in fields(Wish)} - tried == {"record", "keep", "trace"}
