"""Each backend gives what plain torch gives: any size, tiles, starts, hints, stopping."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from made import make_model
from retint.errors import RetintError
from retint.hardware import channels_last, laid_out
from retint.labeling import Model
from retint.labeling.backends import FLOAT32, engine
from retint.labeling.backends.fused import FinerReadout, Fused, possible
from retint.network import CATALOGUE, architecture, build

GRAPHS = list(FLOAT32)


def installed(backend):
    """Skips with a line where a package, or the compiler, is missing."""
    if backend == "compile":
        if shutil.which("g++") is None:
            pytest.skip("--backend compile needs a C++ compiler")
        return
    pytest.importorskip("onnx", reason="pip install 'retint[onnx]'")
    pytest.importorskip(backend, reason=f"pip install 'retint[{backend}]'")


def pair(arch, backend, channels=3):
    """The same model in torch and in a backend."""
    installed(backend)
    model = make_model(arch, channels=channels, seed=4)
    return with_backend(model, "torch"), with_backend(model, backend)


def with_backend(model, backend):
    return Model(model._folded, model.card, "cpu", "float32", "made", backend)


def picture(size, channels=3):
    return np.random.default_rng(0).integers(0, 256, (*size, channels), dtype=np.uint8)


def assert_same(ours, theirs):
    most = 5e-4  # these networks are so lively that they multiply what is rounded
    assert np.abs(ours.probabilities - theirs.probabilities).max() < most
    best = np.sort(ours.probabilities, 0)
    clear = best[-1] - best[-2] > most
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
    installed("compile")
    plain = with_backend(make_model("fig-9-17", seed=4), "torch")
    compiled = torch.compile  # the compiler itself takes minutes on a busy machine: what it is given is run as it is
    monkeypatch.setattr(
        torch, "compile", lambda function, dynamic: compiled(function, dynamic=dynamic, backend="eager")
    )
    other = with_backend(plain, "compile")
    for size in ((24, 30), (17, 40)):
        assert_same(*(m.label(picture(size), 3, precision="float32") for m in (plain, other)))


def test_without_a_compiler_one_line_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RetintError, match=r"--backend compile: found no C\+\+ compiler .* use --backend torch"):
        with_backend(make_model("small-4"), "compile")


@pytest.mark.parametrize("arch", [name for name, arch in CATALOGUE.items() if not arch.instances])
def test_layers_in_one_pass_give_what_layers_one_by_one_give(arch):
    dims = CATALOGUE[arch].dims
    network = make_model(arch, channels=3 if dims == 2 else 1, seed=3).network("float32")
    if not possible(network):
        pytest.skip("this torch has no convolutions in one pass")
    x = torch.randn(2, network.channels, *((37, 50) if dims == 2 else (5, 13, 18)))
    fused = engine("torch", network)
    assert isinstance(fused, Fused)
    with torch.inference_mode():
        context, estimate = network.context(x), network(x, 1)
        own = fused.context(x)
        for before in (None, estimate):
            assert (fused.logits(own, before) - network.logits(context, before)).abs().max() < 1e-5


def test_one_pass_is_for_float32_and_bfloat16_alone():
    network = make_model("small-4")._folded
    assert engine("auto", network.to(torch.float64)) is network


def test_where_the_processor_lacks_bfloat16_layers_are_taken_one_after_another(monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    network = make_model("small-8-4")._folded
    assert isinstance(engine("auto", network), Fused) == possible(network)
    assert engine("auto", network.to(torch.bfloat16)) is network
    labels = make_model("small-8-4").label(picture((24, 32)), precision="bfloat16").labels
    assert labels.shape == (24, 32)


def test_one_pass_gives_the_same_in_bfloat16_as_layers_one_after_another():
    """To the rounding of bfloat16, which keeps eight bits of every value between layers."""
    network = channels_last(make_model("standard-8-4")._folded.to(torch.bfloat16))
    if not possible(network):
        pytest.skip("torch has not these operations here")
    image = laid_out(torch.randn(1, 3, 64, 96).bfloat16())
    with torch.inference_mode():
        fused, context = engine("auto", network), network.context(image)
        given = torch.softmax(network.logits(context, None), 1)
        for estimate in (None, given):
            both = ((fused, fused.context(image)), (network, context))
            one, other = (torch.softmax(e.logits(c, estimate).float(), 1) for e, c in both)
            assert float((one - other).abs().max()) < 0.03


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


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_backend_leaves_ctrl_c_as_it_was(backend):
    installed(backend)
    program = f"""
import os, signal, numpy, retint
signal.signal(signal.SIGINT, signal.default_int_handler)
retint.load("membrane", backend={backend!r}).label(numpy.zeros((32, 32), numpy.uint8), 2)
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("stopped")
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "stopped\n")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("up", [2, 3, 4])
def test_finer_cells_of_a_readout_lie_where_its_layers_put_them(up, bias, dtype):
    small = architecture("small-8-4")
    first, *between, last = small.readout
    readout = (replace(first, up=up), *between, replace(last, bias=bias))
    torch.manual_seed(up)
    network = build(replace(small, readout=readout, detail=(), branch=0), 3, 4, "same").eval().fold().to(dtype)
    if not possible(network):
        pytest.skip("torch has not these operations here")
    finer = FinerReadout.of(channels_last(network))
    for size in ((1, 5, 7), (3, 4, 1), (2, 1, 1)):
        hidden = laid_out(torch.rand(size[0], network.V[0].conv.in_channels, *size[1:]).to(dtype))
        with torch.inference_mode():
            found, expected = finer(hidden, None), network.V(hidden)
        assert found.shape == expected.shape == (size[0], 4, up * size[1], up * size[2])
        assert (found - expected).abs().max() <= (1e-5 if dtype == torch.float32 else 0.02) * (1 + expected.abs().max())
