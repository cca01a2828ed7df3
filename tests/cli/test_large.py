"""`retint label` on images that are read by region."""

import json

import numpy as np
import pytest

from made import model_file
from retint.cli.main import main
from retint.images import open_regions


def test_a_zarr_image_from_the_command_line(model, tmp_path, capsys):
    zarr = pytest.importorskip("zarr")
    image = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    zarr.save_array(tmp_path / "a.zarr", image)
    model_file(tmp_path / "m.safetensors", model.card)
    command = [
        "label",
        str(tmp_path / "a.zarr"),
        "--model",
        str(tmp_path / "m.safetensors"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*command, "--tile", "32", "--steps", "2", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["images"][0]
    assert row["steps"] == 2
    assert sum(row["fractions"].values()) == pytest.approx(1, abs=1e-5)
    assert open_regions(tmp_path / "out" / "a.zarr", 2).shape == (90, 70, 1)
    assert (tmp_path / "out" / "a.overlay.png").exists()
    assert main(command) == 1
    assert "exists already" in capsys.readouterr().err
    assert main([*command, "--cluster", "nowhere", "--overwrite"]) == 1
    assert "--cluster nowhere: expected local" in capsys.readouterr().err
