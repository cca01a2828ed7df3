"""`retint models` of one model."""

import json

from made import model_file
from retint.cli.main import main


def test_one_model_is_shown_alone(tmp_path, capsys):
    assert main(["models", "vessel"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("vessel: small-2-1, ")
    assert "street" not in shown
    assert main(["models"]) == 0
    assert shown in capsys.readouterr().out
    file = model_file(tmp_path / "mine.safetensors")
    for name, key in (("vessel", "vessel"), (str(file), "mine")):
        assert main(["models", name, "--json"]) == 0
        assert list(json.loads(capsys.readouterr().out)) == [key]


def test_a_model_that_there_is_not_is_one_line(capsys):
    assert main(["models", "nothere"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("retint: model nothere: no such file, and the bundled models are ")
    assert error.count("\n") == 1
