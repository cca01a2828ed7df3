"""Blocks on several workers equal the whole; a worker that is lost loses nothing."""

import os
import signal
import threading
from contextlib import nullcontext

import numpy as np
import pytest

from made import fresh, make_model
from retint.errors import RetintError
from retint.images import open_regions
from retint.labeling import load
from retint.labeling.files.images import Wish, label_files
from retint.labeling.large import cluster
from retint.labeling.large.cluster import _sides, label_on_cluster
from retint.labeling.large.dask_array import label_array
from retint.labeling.large.image import LargeWish
from retint.labeling.large.partial import Journal
from retint.modelfile import save_model

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (200, 150, 3), dtype=np.uint8)


@pytest.mark.parametrize("chunks", [(64, 64, 3), ((50, 7, 143), (149, 1), (1, 2)), (200, 150, 3)])
def test_a_dask_array_is_labelled_as_the_whole(model, chunks):
    array = pytest.importorskip("dask.array")
    given = array.from_array(IMAGE, chunks)
    labels = label_array(given, model, steps=3)
    assert labels.chunks == given.chunks[:2]
    assert labels.dtype == np.uint8
    assert np.array_equal(labels.compute(scheduler="synchronous"), model.label(IMAGE, 3).labels)


def test_grey_arrays_and_volumes():
    array = pytest.importorskip("dask.array")
    flat, deep = make_model(channels=1), make_model("slices-2", channels=1)
    grey, volume = IMAGE[..., 0], RNG.integers(0, 256, (20, 40, 36), dtype=np.uint8)
    for model, pixels, chunks in ((flat, grey, (70, 90)), (deep, volume, (7, 40, 20))):
        labels = label_array(array.from_array(pixels, chunks), model, 2).compute(scheduler="synchronous")
        assert np.array_equal(labels, model.label(pixels, 2).labels)
    with pytest.raises(RetintError, match="expected 3 axes"):
        label_array(array.from_array(grey, (70, 90)), deep)


def test_blocks_have_little_halo_and_are_enough_for_all_threads():
    assert _sides((99_000, 50_000), 512, 2) == (7168, 7168)
    assert (1 + 512 / 7168) ** 2 < 1.15
    assert _sides((4096, 4096), 512, 2) == (2048, 2048)
    assert max(_sides((600, 600), 512, 8)) <= 1024


@pytest.fixture
def stored(model, tmp_path):
    zarr, _ = pytest.importorskip("zarr"), pytest.importorskip("distributed")
    save_model(tmp_path / "m.safetensors", fresh(model.card).state_dict(), model.card)
    zarr.save_array(tmp_path / "a.zarr", IMAGE)
    return load(tmp_path / "m.safetensors"), tmp_path / "a.zarr"


def test_an_address_that_is_none_is_told(stored, tmp_path):
    model, image = stored
    error = label_files(model, [image], tmp_path / "out", Wish(cluster="somewhere")).failed[0]["error"]
    assert "local:N" in error
    error = label_files(model, [image], tmp_path / "out", Wish(cluster="local:0")).failed[0]["error"]
    assert "local:N" in error
    error = label_files(model, [image], tmp_path / "out", Wish(cluster="local", strip=True)).failed[0]["error"]
    assert "--cluster labels Zarr" in error


@pytest.mark.timeout(900)  # two processes are started, and a third
def test_a_lost_worker_loses_no_result(stored, tmp_path):
    from distributed import Client, LocalCluster

    model, image = stored
    expected = model.label(IMAGE, 3)
    target, killed = tmp_path / "out" / "a.zarr", threading.Event()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        victim = next(iter(client.run(os.getpid).values()))

        def progress(done, _):
            if done == 2 and not killed.is_set():
                killed.set()
                os.kill(victim, signal.SIGKILL)

        found = label_on_cluster(
            model, open_regions(image, 2), target, LargeWish(3, tile=64), cluster.scheduler_address, progress=progress
        )
    assert killed.is_set()
    labels = open_regions(target, 2).read(((0, 200), (0, 150)))[..., 0]
    assert np.array_equal(labels, expected.labels)
    assert found.changes == pytest.approx(expected.changes)
    assert sum(found.fractions.values()) == pytest.approx(1)
    assert os.listdir(tmp_path / "out") == ["a.zarr"]


def test_labels_that_were_moved_away_when_a_run_was_stopped_are_made_again(stored, tmp_path, monkeypatch):
    model, image = stored
    target = tmp_path / "out.zarr"

    def stopped(self):
        raise KeyboardInterrupt

    class Client:
        def nthreads(self):
            return {"one": 1}

    def here(_, client, job, journal, threads, progress):
        for number in range(job.plan.count):
            if number not in journal.done:
                journal.note(number, **cluster._label_block(job, number)[1])

    monkeypatch.setattr(cluster, "_client", lambda *_: nullcontext(Client()))
    monkeypatch.setattr(cluster, "_run", here)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "remove", stopped)
        with pytest.raises(KeyboardInterrupt):
            label_on_cluster(model, open_regions(image, 2), target, LargeWish(2), "local")
    label_on_cluster(model, open_regions(image, 2), target, LargeWish(2), "local")
    zarr = pytest.importorskip("zarr")
    assert np.array_equal(zarr.open_group(target, mode="r")["0"][:], model.label(IMAGE, 2).labels)


def test_workers_tell_models_apart_by_the_name_of_their_copy(stored, tmp_path, monkeypatch):
    model, image = stored
    names = []
    monkeypatch.setattr(cluster, "_run", lambda _, client, job, *rest: names.append(job.model.name))
    with pytest.raises(RetintError, match="never labelled"):
        label_on_cluster(model, open_regions(image, 2), tmp_path / "out.zarr", LargeWish(2), "local:1")
    assert names == [f"model-{model.digest}.safetensors"]


def test_a_run_goes_on_with_the_blocks_that_it_was_begun_with_on_a_larger_cluster(stored, tmp_path, monkeypatch):
    model, image = stored
    target, workers, labelled = tmp_path / "out.zarr", [1], []

    class Client:
        def nthreads(self):
            return {"one": workers[0]}

    def here(_, client, job, journal, threads, progress):
        for number in range(job.plan.count):
            if number not in journal.done:
                labelled.append(number)
                journal.note(number, **cluster._label_block(job, number)[1])
                if workers[0] == 1:
                    raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "_client", lambda *_: nullcontext(Client()))
    monkeypatch.setattr(cluster, "_run", here)
    monkeypatch.setattr(cluster, "_sides", lambda size, halo, threads: (64 // threads,) * 2)
    with pytest.raises(KeyboardInterrupt):
        label_on_cluster(model, open_regions(image, 2), target, LargeWish(2), "local")
    workers[0] = 2
    label_on_cluster(model, open_regions(image, 2), target, LargeWish(2), "local")
    assert labelled == list(range(12))  # of 64 pixels, where two workers would have begun with 32
    zarr = pytest.importorskip("zarr")
    assert np.array_equal(zarr.open_group(target, mode="r")["0"][:], model.label(IMAGE, 2).labels)
