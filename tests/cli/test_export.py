"""`retint export`, as a person and as a program use it."""

import json

import numpy as np
import pytest

from made import make_model, model_file
from retint.cli.main import main


@pytest.fixture
def file(tmp_path):
    """Writes a model file with random weights."""

    def write(arch):
        return str(model_file(tmp_path / f"{arch}.safetensors", make_model(arch).card))

    return write


@pytest.mark.parametrize(("format", "count"), [("onnx", 4), ("openvino", 7)])
def test_export_writes_the_graphs_and_their_description(format, count, file, tmp_path, capsys):
    pytest.importorskip("onnx")
    pytest.importorskip("openvino" if format == "openvino" else "onnx")
    out = tmp_path / "out"
    command = ["export", file("small-4"), "--format", format, "--out", str(out)]
    assert main([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["model"], said["format"]) == ("small-4", format)
    assert sorted(said["files"]) == sorted(map(str, out.iterdir()))
    assert len(said["files"]) == count
    assert json.loads((out / "model.json").read_text())["model"] == "small-4"
    assert main(command) == 1
    assert "exists already; --overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


def test_export_refuses_what_has_no_such_graphs_in_one_line(file, tmp_path, capsys):
    pytest.importorskip("onnx")
    assert main(["export", file("rcnn3"), "--format", "onnx", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(
        "retint: rcnn3: found an architecture that takes a fixed number of steps at once; expected"
    )
    (tmp_path / "a file").write_bytes(np.zeros(3).tobytes())
    assert main(["export", file("small-4"), "--format", "onnx", "--out", str(tmp_path / "a file")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
