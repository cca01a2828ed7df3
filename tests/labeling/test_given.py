"""What Python programs hand over: arrays and tensors of every kind, and values that are none."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from made import make_model, values
from retint import load
from retint.errors import RetintError
from retint.labeling.video import VideoLabeler

MODEL = make_model("small-4", seed=3)
IMAGE = values(40, 52, 3)
FLOATS = IMAGE.astype(np.float32) / 255
DEEP = IMAGE.astype(np.uint16) * 257


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def assert_like(found, expected):
    assert np.abs(found.probabilities - expected.probabilities).max() < 1e-5


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (FLOATS[..., ::-1], np.ascontiguousarray(FLOATS[..., ::-1])),
        (FLOATS[::-1], np.ascontiguousarray(FLOATS[::-1])),
        (np.rot90(FLOATS), np.ascontiguousarray(np.rot90(FLOATS))),
        (IMAGE[:1][::-1], IMAGE[:1]),
        (FLOATS[:, :1, ::-1][:, ::-1], np.ascontiguousarray(FLOATS[:, :1, ::-1])),
        (np.asfortranarray(FLOATS), FLOATS),
        (read_only(FLOATS), FLOATS),
        (DEEP.astype(">u2"), DEEP),
        (FLOATS.astype(">f4"), FLOATS),
        (FLOATS.astype(np.float64), FLOATS),
        (torch.from_numpy(IMAGE).movedim(-1, 0), IMAGE),
        (torch.from_numpy(FLOATS).movedim(-1, 0).bfloat16(), torch.from_numpy(FLOATS).bfloat16().float().numpy()),
    ],
    ids=["colours back", "upside down", "turned", "a row", "a column", "fortran", "read-only", "u2", "f4", "f8", "tensor", "bfloat16"],
)
def test_images_of_any_layout(given, plain):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_like(MODEL.label(given, 2), MODEL.label(plain, 2))


@pytest.mark.parametrize("kind", ["read-only", "bfloat16", "tiny", "large"])
def test_starts_of_any_kind(kind):
    y = MODEL.label(IMAGE, 1).estimate
    given = {
        "read-only": read_only(y), "bfloat16": torch.from_numpy(y.copy()).bfloat16(), "tiny": y.astype(np.float64) * 1e-20,
        "large": y * 1e6,
    }[kind]  # fmt: skip
    expected = torch.from_numpy(y.copy()).bfloat16().float().numpy() if kind == "bfloat16" else y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_like(MODEL.label(IMAGE, 1, start=given), MODEL.label(IMAGE, 1, start=expected))


def test_tiles_by_numpys_integers():
    assert_like(MODEL.label(IMAGE, 2, tile=np.int64(16)), MODEL.label(IMAGE, 2))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"tile": 2.5}, "--tile 2.5"),
        ({"tile": (8, 8, 8)}, "for all 2 axes"),
        ({"tile": 0}, "at least 1"),
        ({"precision": "fp16"}, "--precision fp16"),
        ({"way": "foo"}, "upsample, stitch, unit"),
        ({"resolution": "2", "way": "stitch"}, "^--resolution 2: expected a whole number"),
        ({"scale": "x"}, "^--scale x: expected a number"),
        ({"budget": "50ms"}, "^--budget 50ms: expected a number"),
        ({"tolerance": "x"}, "^--tolerance x: expected a number"),
        ({"record": 5}, "^record 5: expected whole numbers"),
        ({"record": (0,)}, "^record 0: at least 1 is needed"),
    ],
)
def test_values_that_are_none_are_told(options, word):
    with pytest.raises(RetintError, match=word):
        MODEL.label(IMAGE, **options)


@pytest.mark.parametrize("steps", [2.5, 2.0, "3", float("nan")])
def test_steps_that_are_no_whole_number_are_told_by_whoever_is_given_them(steps):
    asks = [
        lambda: MODEL.label(IMAGE, steps), lambda: MODEL.session(IMAGE, steps=steps), lambda: MODEL.session_bytes(IMAGE.shape, steps),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(RetintError, match=f"^--steps {steps}: expected a whole number"):
            ask()


@pytest.mark.parametrize(
    ("at", "word"),
    [
        ((1.5,), "at 1.5: expected a whole number"),
        ("x", "at x: expected whole numbers"),
        (5, "at 5: expected whole numbers"),
    ],
)
def test_steps_to_yield_at_that_are_none_are_told(at, word):
    with pytest.raises(RetintError, match=f"^{word}"):
        list(MODEL.refinements(IMAGE, at=at))


@pytest.mark.parametrize("shape", [(9,), (), (9, 9, 3, 3), (9.0, 9), 9])
def test_shapes_that_no_image_has_are_told(shape):
    with pytest.raises(RetintError, match=r"^shape "):
        MODEL.session_bytes(shape)


@pytest.mark.parametrize(("at", "where"), [(None, "None"), ((float("nan"), 0), "nan")])
def test_places_of_a_part_that_are_none_are_told(at, where):
    session = MODEL.session(IMAGE, steps=1)
    with pytest.raises(RetintError, match=f"part at .*{where}.*: expected whole pixels"):
        session.change(IMAGE[:4, :4], at)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"frame_steps": "x"}, "--frame-steps x: expected a whole number"), ({"cut": "x"}, "cut x: expected a number")],
)
def test_what_is_none_is_told_before_the_first_frame(options, word):
    with pytest.raises(RetintError, match=f"^{word}"):
        VideoLabeler(MODEL, **options)


@pytest.mark.parametrize("size", [(40, 52), (10, 13)], ids=["pixels", "cells"])
@pytest.mark.parametrize("value", [1e300, 1e38, float("inf"), float("nan")])
def test_probabilities_whose_sum_is_none_are_told(value, size):
    with pytest.raises(RetintError, match=r"^start: probabilities must be finite"):
        MODEL.label(IMAGE, 1, start=np.full((3, *size), value))


@pytest.mark.filterwarnings("error")
def test_probabilities_in_half_precision_are_taken_without_a_word():
    planes = np.random.default_rng(1).random((3, 40, 52)).astype(np.float16)
    np.testing.assert_allclose(
        MODEL.label(IMAGE, 1, start=planes).probabilities, MODEL.label(IMAGE, 1, start=planes.astype(np.float32)).probabilities, atol=1e-6
    )


def test_a_label_above_255_is_no_unknown_one():
    for what in ("start", "hints"):
        with pytest.raises(RetintError, match=f"^{what}: label 300 found"):
            MODEL.label(IMAGE, 1, **{what: np.full((40, 52), 300, np.uint16)})


@pytest.mark.parametrize(
    ("options", "word"),
    [({"precision": "fp8"}, "float32"), ({"device": "tpu"}, "auto, cpu or cuda"), ({"device": None}, "auto, cpu or cuda")],
)
def test_a_model_is_not_loaded_for_what_there_is_not(options, word):
    with pytest.raises(RetintError, match=word):
        load("vessel", **options)


@pytest.mark.parametrize("name", [None, 5])
def test_what_is_no_name_names_no_model(name):
    with pytest.raises(RetintError, match=f"^--model {name}: expected the name of a model"):
        load(name)


def test_what_is_no_dask_array_is_told():
    array = pytest.importorskip("dask.array")
    from retint import label_array

    with pytest.raises(RetintError, match=r"found ndarray.*model\.label"):
        label_array(IMAGE, MODEL)
    given = array.from_array(IMAGE, chunks=IMAGE.shape)
    with pytest.raises(RetintError, match=r"^model: found NoneType; expected a model"):
        label_array(given, None)
    for steps in (2.0, "3", float("nan")):
        with pytest.raises(RetintError, match=f"^--steps {steps}: expected a whole number"):
            label_array(given, MODEL, steps)


@pytest.mark.parametrize("backend", ["torch", "onnxruntime", "openvino"])
def test_models_travel(backend):
    if backend != "torch":
        pytest.importorskip(backend)
        pytest.importorskip("onnx")
    model = load("vessel", "cpu", backend=backend)
    expected = model.label(IMAGE, 2)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_like(other.label(IMAGE, 2), expected)


@pytest.mark.parametrize("backend", ["torch", "onnxruntime", "openvino"])
def test_threads_share_a_model(backend):
    """Each image's own planes, though all threads use one engine."""
    if backend != "torch":
        pytest.importorskip(backend)
        pytest.importorskip("onnx")
    model = load("street", "cpu", "float32", backend)
    images = [values(32 + 8 * n, 40, 3) for n in range(4)]
    expected = [model.label(image, 4) for image in images]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda image: model.label(image, 4), images * 5))
    for one, other in zip(found, expected * 5, strict=True):
        assert_like(one, other)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_other_processes_label_too(method, tmp_path):
    """Those that are forked, though their parent computed with several threads, of which they have none."""
    (tmp_path / "labels_too.py").write_text(f"""
import multiprocessing, numpy, retint
def label(model):
    return model.label(numpy.zeros((96, 128, 3), numpy.uint8), 2).labels
if __name__ == "__main__":
    model = retint.load("street", "cpu", "float32")
    expected = label(model)
    with multiprocessing.get_context("{method}").Pool(1) as pool:
        assert (pool.map_async(label, [model]).get(100) == expected).all()
""")
    several = os.environ | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, tmp_path / "labels_too.py"], check=True, env=several, timeout=200)


def test_the_scale_of_a_session_is_checked_before_it_is_counted_with(model):
    for ask in (lambda: model.session(IMAGE, scale=float("nan")), lambda: model.session_bytes(IMAGE.shape, scale=0)):
        with pytest.raises(RetintError, match=r"expected a number from 0\.01 to 100"):
            ask()


def test_rows_of_other_lengths_are_no_array(model):
    with pytest.raises(RetintError, match="start: found neither an array nor a tensor"):
        model.label(IMAGE, 1, start=[[1], [1, 2]])


def test_hints_may_be_a_tensor(model):
    hints = np.full(IMAGE.shape[:2], 255, np.uint8)
    hints[3, 4:9] = 2
    expected = model.label(IMAGE, 2, hints=hints)
    assert np.array_equal(model.label(IMAGE, 2, hints=torch.from_numpy(hints)).labels, expected.labels)
    session = model.session(IMAGE, steps=2)
    session.add(torch.from_numpy(hints))
    assert np.array_equal(session.labels, expected.labels)


def test_with_256_classes_pixels_without_a_hint_keep_their_probabilities():
    model = make_model("small-4", classes=256)
    hints = np.full(IMAGE.shape[:2], 255, np.uint8)
    hints[3, 4] = 2
    y = model.label(IMAGE, 1, hints=hints).probabilities
    assert y[2, 3, 4] == 1
    assert y[255].max() < 1


def test_no_steps_are_asked_for_and_none_come():
    for arch in ("small-4", "rcnn2"):
        assert list(make_model(arch).refinements(IMAGE, at=[])) == []


def test_a_part_of_a_volume_may_have_three_columns():
    model = make_model("volume-2", channels=1)
    volume = values(20, 20, 20)
    session = model.session(volume, steps=2)
    other = values(20, 20, 3)
    session.change(other, (0, 0, 5))
    volume[:, :, 5:8] = other
    assert np.array_equal(session.labels, model.label(volume, 2).labels)


@pytest.mark.parametrize("given", ["photo.jpg", None])
def test_a_path_is_no_image(given):
    with pytest.raises(RetintError, match=r"expected an array: open the file"):
        MODEL.label(given)


def test_one_array_is_no_list_of_images():
    with pytest.raises(RetintError, match="expected a list of images"):
        MODEL.label_batch(IMAGE)


def test_what_is_no_number_is_told():
    session = MODEL.session(IMAGE, steps=1)
    for ask in (lambda: session.stroke(0, [(1, 1)], width="a"), lambda: session.remove("a"), lambda: session.advance("x")):
        with pytest.raises(RetintError):
            ask()


def test_a_start_that_was_turned_is_told(model):
    image = values(40, 24, 3)
    for start in (np.zeros((24, 40), np.uint8), np.full((3, 24, 40), 0.3), np.zeros((80, 30), np.uint8)):
        with pytest.raises(RetintError, match=r"start: found \d+ x \d+ cells, the image has 40 x 24; expected its proportions"):
            model.label(image, 1, start=start)
    for size in ((40, 24), (80, 48), (5, 3), (6, 3), (3, 2), (1, 1), (41, 25), (13, 8)):
        model.label(image, 1, start=np.zeros(size, np.uint8))
    wide = values(75, 248, 3)
    model.label(wide, 1, start=np.zeros((75, 248), np.uint8), scale=0.1)  # what rounding does to a scale is no matter
    for start in (np.zeros(5, np.uint8), np.uint8(0), "abc", np.full((40, 24, 3), 0.3)):
        with pytest.raises(RetintError, match=r"start: .*; expected integer labels"):
            model.label(image, 1, start=start)


def test_a_labeling_is_shown_in_one_line(model):
    assert repr(model.label(values(20, 30, 3), 1)) == "Labeling(20 x 30, 3 classes, 1 step, 100.00% still changed)"
