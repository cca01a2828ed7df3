"""Each backend gives what plain torch gives: any size, tiles, starts, hints, stopping."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from made import make_model
from retint.errors import RetintError
from retint.labeling import Model, backends
from retint.labeling.backends import BACKENDS, WORTH, chosen

OTHERS = [name for name in BACKENDS if name not in ("auto", "torch")]
GRAPHS = ["onnxruntime", "openvino"]


def installed(backend):
    """Skips with a line where a package, or the compiler, is missing."""
    if backend == "compile":
        if shutil.which("g++") is None:
            pytest.skip("--backend compile needs a C++ compiler")
        return
    pytest.importorskip("onnx", reason="pip install 'retint[onnx]'")
    pytest.importorskip(backend, reason=f"pip install 'retint[{backend}]'")


def pair(arch, backend, channels=3):
    """The same model in plain torch and in a backend."""
    installed(backend)
    plain, other = (make_model(arch, channels=channels, seed=4) for _ in range(2))
    return with_backend(plain, "torch"), with_backend(other, backend)


def with_backend(model, backend):
    return Model(model._folded, model.card, device="cpu", name="made", backend=backend)


def picture(size, channels=3):
    return np.random.default_rng(0).integers(0, 256, (*size, channels), dtype=np.uint8)


def assert_same(ours, theirs):
    assert np.abs(ours.probabilities - theirs.probabilities).max() < 1e-4
    best = np.sort(ours.probabilities, 0)
    clear = best[-1] - best[-2] > 1e-4
    assert np.array_equal(ours.labels[clear], theirs.labels[clear])
    assert clear.mean() > 0.98
    assert ours.steps == theirs.steps


@pytest.mark.parametrize("backend", GRAPHS)
@pytest.mark.parametrize("arch", ["fig-9-17", "small-8-4", "small-2", "jain-2007-2d"])
def test_a_backend_labels_as_plain_torch_does(arch, backend):
    plain, other = pair(arch, backend)
    for size in ((41, 70), (16, 9)):
        assert_same(*(m.label(picture(size), 3, precision="float32") for m in (plain, other)))


@pytest.mark.parametrize("backend", GRAPHS)
@pytest.mark.parametrize("arch", ["volume-2", "slices-2"])
def test_a_backend_labels_volumes_as_plain_torch_does(arch, backend):
    plain, other = pair(arch, backend, channels=1)
    image = picture((5, 18, 23), 1)
    assert_same(*(m.label(image, 3, precision="float32") for m in (plain, other)))


@pytest.mark.parametrize("backend", GRAPHS)
def test_tiles_starts_hints_priors_and_stopping_go_with_a_backend(backend):
    plain, other = pair("small-4", backend)
    image = picture((60, 90))
    rng = np.random.default_rng(1)
    start = rng.integers(0, 3, (60, 90), dtype=np.uint8)
    hints = np.where(rng.random((60, 90)) < 0.01, start, 255).astype(np.uint8)
    for given in (
        {"steps": 3, "start": start, "hints": hints}, {"steps": 5, "tile": 40}, {"steps": 2, "prior": True},
        {"until_settled": True, "tile": 48}, {"steps": 2, "scale": 0.7}, {},
    ):  # fmt: skip
        assert_same(*(m.label(image, precision="float32", **given) for m in (plain, other)))
    both = [[y.change for y in m.refinements(image, at=(1, 2, 4))] for m in (plain, other)]
    assert both[0] == pytest.approx(both[1], abs=2e-3)


def test_the_compiled_network_labels_as_plain_torch_does(monkeypatch):
    plain, other = pair("fig-9-17", "compile")
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: torch._dynamo.optimize("eager")(function))
    other = with_backend(plain, "compile")
    for size in ((24, 30), (17, 40)):
        assert_same(*(m.label(picture(size), 3, precision="float32") for m in (plain, other)))


def test_without_a_compiler_one_line_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RetintError, match=r"--backend compile: found no C\+\+ compiler .* use --backend torch"):
        with_backend(make_model("small-4"), "compile")


def test_auto_depends_on_the_size_and_on_what_is_installed(monkeypatch):
    network = make_model("small-4")._folded
    large, small = (WORTH // 1000, 1000), (480, 360)
    there = {"onnx", "onnxruntime", "openvino"}
    monkeypatch.setattr(backends, "find_spec", lambda name: name in there or None)
    assert chosen("auto", network, large) == "openvino"
    there.remove("openvino")
    assert chosen("auto", network, large) == "onnxruntime"
    assert chosen("auto", network, small) == "torch"
    there.remove("onnx")
    assert chosen("auto", network, large) == "torch"
    there |= {"onnx", "openvino"}
    assert chosen("auto", network.to(torch.bfloat16), large) == "torch"
    assert chosen("auto", make_model("rcnn3")._folded, large) == "torch"
    assert chosen("auto", make_model("volume-2", channels=1)._folded, (100, 1000, 1000)) == "torch"
    assert chosen("openvino", network, small) == "openvino"


def test_auto_labels_a_large_image_as_plain_torch_does(monkeypatch):
    plain, other = pair("small-8", "openvino")
    monkeypatch.setattr(backends, "WORTH", 60 * 60)
    auto = with_backend(other, "auto")
    assert_same(*(m.label(picture((64, 64)), 2, precision="float32") for m in (plain, auto)))
    assert set(auto._engines) == {("openvino", torch.float32)}


@pytest.mark.parametrize("backend", GRAPHS)
def test_what_does_not_go_with_a_backend_is_one_line(backend):
    installed(backend)
    with pytest.raises(RetintError, match="rcnn3: found an architecture that"):
        with_backend(make_model("rcnn3"), backend)
    model = with_backend(make_model("small-4"), backend)
    with pytest.raises(RetintError, match=f"--backend {backend}: not possible with --way stitch"):
        model.label(picture((16, 16)), way="stitch")
    with pytest.raises(RetintError, match=f"--backend {backend}: found bfloat16 on cpu; .* --precision float32"):
        model.label(picture((16, 16)), precision="bfloat16")
    with pytest.raises(RetintError, match="--backend tvm: expected one of"):
        with_backend(make_model("small-4"), "tvm")


def test_a_missing_runtime_is_told_before_an_image_is_read(monkeypatch):
    pytest.importorskip("onnx")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(RetintError, match=r"openvino: .*pip install 'retint\[openvino\]'"):
        with_backend(make_model("small-4"), "openvino")


def test_plain_labelling_loads_no_other_runtime():
    code = (
        "import sys, numpy as np, retint; retint.load('membrane').label(np.zeros((32, 32), np.uint8), 1); "
        "assert not {'onnx', 'onnxruntime', 'openvino', 'torch._dynamo'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
