"""Exported graphs, run by their own runtimes with nothing of Retint, against the Python result."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import torch
from PIL import Image

from made import fresh, make_model, scene
from retint.errors import RetintError
from retint.export import FORMATS
from retint.images import read_image
from retint.labeling import Model, load
from retint.network import CATALOGUE, Layer

EXAMPLES = Path(__file__).parents[2] / "examples"
FITTING = [name for name, arch in CATALOGUE.items() if arch.feedback and not arch.instances]
PACKAGES = {"onnx": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}


def made(arch):
    return make_model(arch, channels=3 if CATALOGUE[arch].dims == 2 else 1, seed=5)


def picture(model, size, seed=0):
    size = size if model.dims == 2 else (3, *size)
    return np.random.default_rng(seed).integers(0, 256, (*size, model.card.channels), dtype=np.uint8)


@pytest.fixture
def example(monkeypatch):
    """The example program of a format, and the format's runtime."""

    def program(format):
        for package in PACKAGES[format]:
            pytest.importorskip(package, reason=f"pip install 'retint[{format}]'")
        monkeypatch.syspath_prepend(EXAMPLES)
        return importlib.import_module({"onnx": "onnx_loop", "openvino": "openvino_loop"}[format])

    return program


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("arch", FITTING)
def test_graphs_equal_the_network_at_any_size_and_batch(arch, format, example, tmp_path):
    program, model = example(format), made(arch)
    model.export(tmp_path, format)
    network = model._folded
    to_context, first, step_on = program.graphs(tmp_path, program.description(tmp_path, *program.KINDS))
    periods = np.array([g.period for g in network.geometry])
    rng = np.random.default_rng(0)
    for batch, times in ((1, (3, 2, 5)), (2, (1, 4, 2))):
        x = rng.normal(size=(batch, network.channels, *(periods * times[: len(periods)]))).astype(np.float32)
        with torch.inference_mode():
            expected = list(network.refinements(torch.from_numpy(x), 3))
        context = to_context(x)
        estimate = first(context)
        for step, y in enumerate(expected):
            estimate = step_on(context, estimate) if step else estimate
            assert estimate.shape == y.shape
            assert np.abs(estimate - y.numpy()).max() < 1e-4


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("arch", "size"), [("small-8-4", (37, 50)), ("slices-2", (13, 22)), ("small-1", (9, 1))])
def test_the_example_labels_as_retint_does(arch, size, format, example, tmp_path):
    program, model = example(format), made(arch)
    image = picture(model, size)
    files = model.export(tmp_path / "graphs", format)
    assert all(file.is_file() for file in files)
    assert files[-1].name == "model.json"
    np.save(tmp_path / "image.npy", image)
    program.main(tmp_path / "graphs", tmp_path / "image.npy", tmp_path / "labels.npy", 5)
    labels, ours = np.load(tmp_path / "labels.npy"), model.label(image, 5, precision="float32")
    best = np.sort(ours.probabilities, 0)
    tied = best[-1] - best[-2] < 1e-4
    assert np.array_equal(labels[~tied], ours.labels[~tied])
    assert tied.mean() < 0.02


def test_the_example_writes_a_picture_in_the_colours_of_the_classes(example, tmp_path):
    program, model = example("onnx"), made("small-4")
    model.export(tmp_path, "onnx")
    image = picture(model, (20, 30))
    Image.fromarray(image).save(tmp_path / "image.png")
    program.main(tmp_path, tmp_path / "image.png", tmp_path / "labels.png", 2)
    colours = np.asarray(Image.open(tmp_path / "labels.png").convert("RGB"))
    assert {tuple(c) for c in colours.reshape(-1, 3)} <= set(model.card.colours)


def write_pictures(folder):
    """Of a scene: in colour and in grey, of 8 and of 16 bits, with opacity or a palette, lying on their side."""
    colour = Image.fromarray(scene(np.random.default_rng(0), (41, 58))[0])
    grey, aside = colour.convert("L"), Image.Exif()
    aside[0x0112] = 6
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257 + np.arange(58, dtype=np.uint16))
    colour.save(folder / "colour.png")
    colour.save(folder / "aside.jpg", exif=aside)
    colour.quantize(16).save(folder / "palette.png")
    grey.save(folder / "grey.jpg")
    grey.save(folder / "grey-aside.png", exif=aside)
    deep.save(folder / "deep-aside.png", exif=aside)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["street", "membrane", "vessel"])
def test_the_example_labels_pictures_as_retint_does(name, format, example, tmp_path):
    program, model, out = example(format), load(name, "cpu", "float32"), tmp_path / "out.png"
    model.export(tmp_path / "graphs", format)
    (tmp_path / "pictures").mkdir()
    for file in write_pictures(tmp_path / "pictures"):
        program.main(tmp_path / "graphs", file, out, 3)
        ours = model.label(read_image(file), 3, where=file)
        with Image.open(out) as picture:
            labels = np.asarray(picture)
        best = np.sort(ours.probabilities, 0)
        untied = best[-1] - best[-2] > 1e-4
        assert np.array_equal(labels[untied], ours.labels[untied]), file.name
        assert untied.mean() > 0.98


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), "usage: python loop.py FOLDER IMAGE OUT STEPS"),
        (("graphs", "nothing.png", "out.png", "1"), "nothing.png: no such file"),
        (("graphs", "image.png", "out.jpg", "1"), "out.jpg: expected a name that ends in .png or .npy"),
        (("graphs", "image.png", "nothing/out.png", "1"), "nothing/out.png: expected .* in a folder that is there"),
        (("graphs", "image.png", "out.png", "0"), "0 steps: expected a whole number, 1 at least"),
        (("graphs", "image.png", "out.png", "x"), "x steps: expected a whole number"),
    ],
)
def test_the_examples_refuse_misuse_in_one_line(given, told, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["loop.py", *given])
    Image.new("L", (4, 4)).save("image.png")
    with pytest.raises(SystemExit, match=f"^{told}"):
        importlib.import_module("loop").asked()


def test_the_examples_refuse_what_they_cannot_read_in_one_line(example, tmp_path):
    program, image, out = example("onnx"), tmp_path / "image.png", tmp_path / "labels.png"
    made("small-4").export(tmp_path, "onnx")
    deep = np.zeros((6, 8, 3), np.uint16)
    for content, told in ((b"no picture", "cannot be read"), (imagecodecs.png_encode(deep), "more than 8 bits")):
        image.write_bytes(content)
        with pytest.raises(SystemExit, match=f"image.png: .*{told}"):
            program.main(tmp_path, image, out, 1)
    with pytest.raises(SystemExit, match=r"model\.json: no such file; expected the folder that `retint export` wrote"):
        program.main(tmp_path / "nothing", image, out, 1)
    with pytest.raises(SystemExit, match=r"holds context\.onnx; expected \.xml"):
        program.description(tmp_path, ".xml")


def test_cells_several_to_a_hidden_one_unlike_along_the_axes(example, tmp_path):
    program = example("onnx")
    arch = replace(
        CATALOGUE["volume-2"], context=(Layer((1, 2, 4), 6, stride=(1, 2, 4)), Layer((1, 1, 2), 6, stride=(1, 1, 2))),
        feedback=(Layer((1, 1, 2), 6, stride=(1, 1, 2), activation="none"),), readout=(Layer(1, None, up=(1, 1, 2)),),
        pool=(1, 1, 1),
    )  # fmt: skip
    card = replace(made("volume-2").card, architecture=arch.to_dict())
    model = Model(fresh(card), card, device="cpu")
    model.export(tmp_path, "onnx")
    x = np.random.default_rng(0).normal(size=(2, 1, 3, 4, 24)).astype(np.float32)
    with torch.inference_mode():
        expected = model._folded(torch.from_numpy(x), 2).numpy()
    found = program.refined(*program.graphs(tmp_path, program.description(tmp_path, *program.KINDS)), x, 2)
    assert np.abs(found - expected[0]).max() < 1e-5


def test_the_description_says_what_a_host_must_know(tmp_path):
    pytest.importorskip("onnx")
    model = made("small-8-4")
    said = json.loads(model.export(tmp_path, "onnx")[-1].read_text())
    assert said["classes"] == list(model.classes)
    assert [tuple(c) for c in said["colours"]] == list(model.card.colours)
    assert (said["stride"], said["period"], said["channels"], said["steps"]) == ([4, 4], [8, 8], 3, 4)
    assert said["receptive_field"]["2"] == [g.receptive_field(2) for g in model._folded.geometry]
    assert said["graphs"] == {part: f"{part}.onnx" for part in ("context", "first", "step")}


@pytest.mark.parametrize("arch", ["rcnn2", "rcnn3", "plain-cnn1"])
def test_systems_of_another_form_are_refused_in_one_line(arch, tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(RetintError, match=f"^{arch}: found an architecture that .* expected .*$"):
        made(arch).export(tmp_path / "out", "onnx")
    assert not (tmp_path / "out").exists()


def test_nothing_is_replaced_unasked_and_nothing_is_left_half_written(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    model = made("small-4")
    (tmp_path / "step.onnx").write_text("mine")
    with pytest.raises(RetintError, match=r"step.onnx: exists already; --overwrite"):
        model.export(tmp_path, "onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["step.onnx"]

    def full(self, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", full)
        with pytest.raises(RetintError, match="No space left"):
            model.export(tmp_path, "onnx", overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["step.onnx"]
    assert (tmp_path / "step.onnx").read_text() == "mine"
    model.export(tmp_path, "onnx", overwrite=True)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_missing_package_is_one_line_that_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(RetintError, match=r"onnx: .*pip install 'retint\[onnx\]'"):
        made("small-4").export(tmp_path / "out", "onnx")
    assert not (tmp_path / "out").exists()


def test_the_description_tells_how_probabilities_are_calibrated(tmp_path):
    model = made("small-4")
    model.card = replace(model.card, temperature=1.7)
    model.export(tmp_path, "onnx")
    description = json.loads((tmp_path / "model.json").read_text())
    assert description["temperature"] == 1.7
    assert "temperature" in description["how"]["at pixels"]
