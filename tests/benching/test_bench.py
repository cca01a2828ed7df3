"""The measuring: what is computed from times, not the times."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from made import make_model, model_file
from retint.benching import Options, Report, bench, labelling, peers
from retint.benching.limits import Limits
from retint.benching.report import TRAINED, TUNED, UNET, Task, row_of, share
from retint.benching.scene import scene
from retint.benching.show import plot, table
from retint.benching.training import Iterations
from retint.benching.turns import Times
from retint.cli.main import main
from retint.errors import RetintError
from retint.hardware import compute_dtype, threads_of
from retint.network import build
from retint.network.catalogue import CATALOGUE
from retint.network.work import work

TINY = Options(
    size=(32, 48),
    rounds=1,
    threads=1,
    steps=(1, 3),
    models=(),
    architectures=("small-8",),
    peers=False,
    view=0,
    least=0,
)


def _times(**taken):
    times = Times()
    times.taken = taken
    return times


@pytest.fixture
def cheap(monkeypatch):
    """Limits that take no time."""

    def measure(self, threads, least, device):
        self.convolution = {"float32": {threads: 100.0}, "bfloat16": {threads: 100.0}}
        self.memory = {threads: 10.0}

    monkeypatch.setattr(Limits, "measure", measure)


def test_rows_are_what_the_network_computes(cheap):
    notes = []
    report = bench(TINY, notes.append)
    assert [row["name"] for row in report.rows] == [
        f"small-8, {what}" for what in ("context", "first pass", "a further step", "1 step", "3 steps")
    ]
    needs, rows = work(build(CATALOGUE["small-8"], 3, labelling.CLASSES, "same")), report.rows
    for row, each in zip(
        rows, (needs.context, needs.first, needs.step, needs.first, needs.first + 2 * needs.step), strict=True
    ):
        assert row["GFLOP"] == pytest.approx(2e-9 * 32 * 48 * each)
        assert row["GFLOP/s"] == pytest.approx(row["GFLOP"] / row["seconds"])
        assert row["share of the limit"] == pytest.approx(row["GFLOP/s"] / 100)
        assert row["seconds per megapixel"] * row["megapixels per second"] == pytest.approx(1)
    ratio = report.ratios()["small-8: a further step / the first pass"]
    assert ratio == pytest.approx(rows[2]["seconds"] / rows[1]["seconds"], abs=1e-3)
    assert any("round 1 of 1" in line for line in notes)
    assert json.loads(json.dumps(report.to_dict()))["stopped"] is False


def test_several_images_at_a_time_where_one_does_not_fill_the_device(cheap, monkeypatch):
    monkeypatch.setattr(labelling, "TOGETHER", {"cpu": 3})
    settled = []
    monkeypatch.setattr("retint.benching.measure.settle", settled.append)
    report = bench(TINY)
    one, many = (
        next(r for r in report.rows if r["what"] == what) for what in ("3 steps", "3 steps, 3 images at a time")
    )
    assert many["GFLOP"] == pytest.approx(3 * one["GFLOP"])
    assert many["seconds per megapixel"] == pytest.approx(1e6 * many["seconds"] / (3 * 32 * 48))
    assert len(settled) == 2 * len(report.rows)  # warming up, and one round


def test_no_gpu_is_said_in_one_line(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["bench", "--device", "cuda", "--quick"]) == 1
    assert "--device cuda: no CUDA device here; use --device cpu" in capsys.readouterr().err


@pytest.fixture
def nothing_measured(monkeypatch):
    """Where measuring would begin, the test ends."""

    def measure(*_):
        pytest.fail("measured before it was refused")

    monkeypatch.setattr(Limits, "measure", measure)


@pytest.mark.parametrize(
    ("arch", "told"),
    [
        ("rcnn2", "takes a fixed number of steps at once"),
        ("plain-cnn1", "takes a fixed number of steps at once"),
        ("slices-2", "labels volumes"),
        (None, "no such file, and the bundled models are"),
    ],
)
def test_models_that_are_not_measured_are_refused_in_one_line_before_anything_is(
    arch, told, nothing_measured, tmp_path, capsys
):
    file = tmp_path / "mine.safetensors"
    if arch:
        model_file(file, make_model(arch).card)
    assert main(["bench", "--model", "street", "--model", str(file)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"retint: --model {file}: {told}")
    assert error.count("\n") == 1


def test_architectures_are_refused_too(nothing_measured):
    with pytest.raises(RetintError, match=r"^rcnn3: takes a fixed number of steps at once; expected"):
        bench(replace(TINY, architectures=("rcnn3",)))
    with pytest.raises(RetintError, match="architecture nothing: there is none"):
        bench(replace(TINY, architectures=("nothing",)))


@pytest.mark.parametrize(("channels", "dtype"), [(1, "uint8"), (5, "uint16"), (4, "float32")])
def test_a_model_is_given_an_image_of_its_own_kind(channels, dtype, cheap, tmp_path):
    file = str(model_file(tmp_path / "mine.safetensors", make_model(channels=channels, dtype=dtype).card))
    report = bench(replace(TINY, models=(file,), architectures=()))
    assert [row["name"] for row in report.rows][-1] == f"{file}, 3 steps"


def test_nothing_is_replaced_unasked(nothing_measured, tmp_path, capsys):
    (tmp_path / "bench.png").write_text("mine")
    assert main(["bench", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"retint: {tmp_path / 'bench.png'}: exists already; --overwrite replaces it, or choose another --out\n"
    )
    assert (tmp_path / "bench.png").read_text() == "mine"
    assert main(["bench", "--overwrite"]) == 1
    assert "--overwrite: goes with --out alone" in capsys.readouterr().err


def test_what_is_there_is_replaced_when_asked(cheap, tmp_path, capsys):
    (tmp_path / "bench.json").write_text("mine")
    given = ["--quick", "--size", "32x32", "--rounds", "1", "--no-peers", "--no-training", "--model", "vessel"]
    assert main(["bench", *given, "--out", str(tmp_path), "--overwrite", "--json"]) == 0
    assert json.loads((tmp_path / "bench.json").read_text()) == json.loads(capsys.readouterr().out)
    assert (tmp_path / "bench.png").exists()


def test_ctrl_c_keeps_what_was_measured(cheap, monkeypatch, tmp_path):
    real = labelling.labelling

    def then_stop(models, options, report, note):
        def stop():
            stop.calls += 1
            if stop.calls > 2:
                raise KeyboardInterrupt

        stop.calls = 0
        return [*real(models, options, report, note), Task("other", "", stop, 1)]

    monkeypatch.setattr("retint.benching.measure.labelling", then_stop)
    report = bench(Options(**{**vars(TINY), "rounds": 5}))
    assert report.stopped
    assert {len(report.rows), len({row["name"] for row in report.rows})} == {6}
    assert list(table(report))[-1].startswith("stopped")
    plot(report, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").stat().st_size > 1000


def test_times_come_in_turn():
    order, times = [], Times()
    times.in_turn({name: lambda name=name: order.append(name) for name in "ab"}, 3)
    assert order == list("abababab")
    assert [len(taken) for taken in times.taken.values()] == [3, 3]
    times.taken["a"] = [3.0, 1.0, 2.0]
    assert (times.median("a"), times.best("a")) == (2.0, 1.0)


def test_limits_keep_the_better_figure():
    limits = Limits({"float32": {1: 1e9}}, {1: 1e-9})
    with threads_of(1):
        limits.measure(1, 0)
    assert limits.convolution["float32"][1] == 1e9
    assert limits.memory[1] > 0.01
    assert 0 < limits.convolution["bfloat16"][1] < 1e9
    assert limits.share(5e17, 1.0, torch.float32, 1) == 0.5


def test_a_share_is_that_of_the_best_rate_of_so_many_threads_or_fewer():
    limits = Limits({"float32": {1: 4.0, 2: 2.0, 4: 8.0}}, {})
    shares = [limits.share(4e9, 1.0, torch.float32, threads) for threads in (1, 2, 3, 4, 99)]
    assert shares == [1, 1, 1, 0.5, 0.5]
    assert limits.share(4e9, 1.0, torch.float32, 0) is None
    assert limits.share(4e9, 1.0, torch.bfloat16, 1) is None


def test_shares_follow_a_limit_that_was_seen_to_be_higher():
    row = row_of(Task("x", "", lambda: None, 10**6, 1e9), _times(x=[1.0, 2.0, 6.0]))
    for rate in (10.0, 20.0):
        share(row, Limits({"float32": {2: rate}}, {}), 2)
        assert (row["share of the limit"], row["share at its best"]) == (0.5 / rate, 1 / rate)


def test_ratios_against_the_peers():
    tasks = [
        Task(UNET, "", lambda: None, 1), Task(TUNED, "", lambda: None, 1), Task("street", "8 steps", lambda: None, 1, steps=8),
        Task("U-Net", "training", lambda: None, 1, images=4), Task(TRAINED, "training", lambda: None, 1, images=4),
    ]  # fmt: skip
    times = _times(**{task.name: [t] for task, t in zip(tasks, (8.0, 3.0, 2.0, 6.0, 2.0), strict=True)})
    found = Report({}, Limits({}, {}), [row_of(task, times) for task in tasks]).ratios()
    assert found == {
        f"{UNET} / street, 8 steps": 4.0, f"{TUNED} / street, 8 steps": 1.5,
        f"images a second in training: {TRAINED} / U-Net": 3.0,
    }  # fmt: skip


def test_an_iteration_learns_and_its_memory_is_counted():
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(3, 2, 1)
    losses = []

    def loss(images, labels, seed):
        value = torch.nn.functional.cross_entropy(layer(images), labels)
        losses.append(float(value.detach()))
        return value

    iteration = Iterations(layer, loss, 2, side=16)
    assert iteration.operations(1) == 2 * 3 * 2 * 2  # forward, and the gradient of the kernel; the image has none
    for _ in range(30):
        iteration()
    assert losses[-1] < losses[0]
    each = compute_dtype("auto", torch.device("cpu")).itemsize
    assert iteration.kept() >= 4 * 16 * 16 * (3 * each + 2 * 4 + 8)  # the image, the scores' logarithms, the labels


def test_a_scene_has_its_classes_and_repeats():
    image, labels = scene((64, 80), 4)
    assert (image.shape, labels.shape, image.dtype) == ((64, 80, 3), (64, 80), np.uint8)
    assert labels.max() < 4
    assert np.array_equal(image, scene((64, 80), 4)[0])


def test_a_missing_peer_is_one_line(monkeypatch, cheap):
    def missing(classes):
        raise RetintError("U-Net: skipped")

    def no_forest(*_):
        raise RetintError("forest: skipped")

    monkeypatch.setattr(peers, "unet", missing)
    monkeypatch.setattr(peers, "forest", no_forest)
    report = bench(Options(**{**vars(TINY), "peers": True, "architectures": (), "view": 0}))
    assert report.skipped == ["U-Net: skipped", "forest: skipped"]
    assert report.rows == []


def test_the_forest_learns_the_scene():
    pytest.importorskip("sklearn")
    image, labels = scene((48, 48), 3)
    found = peers.forest(image, labels, 1)(image)
    assert found.shape == labels.shape
    assert (found == labels).mean() > 0.8


def test_the_tuned_u_net_gives_the_same_labels():
    try:
        network = peers.unet(3)
    except RetintError as error:
        pytest.skip(str(error))
    image, _ = scene((64, 64), 3)
    tuned, dtype = peers.tuned(network, False)
    least = 0.99 if dtype is torch.float32 else 0.95  # rounding decides where two classes are nearly alike
    assert (tuned(image) == peers.documented(network)(image)).mean() > least


def test_nothing_is_plotted_where_nothing_was_timed(tmp_path):
    plot(Report({}, Limits({}, {}), [], stopped=True), tmp_path / "bench.png")
    assert not list(tmp_path.iterdir())
