"""Large files: labelled by region, stopped and gone on with."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import retint.images.regions as regions
from made import make_model, model_file
from retint.errors import RetintError
from retint.hardware import threads_of
from retint.images import HeldLabels, open_regions
from retint.images.tiff_regions import TiffRegions
from retint.labeling.files import images as files
from retint.labeling.files.images import Wish, label_files
from retint.labeling.large import partial
from retint.labeling.large.image import LargeWish, label_large, sampled, thumbnail
from retint.labeling.large.partial import Journal, PartialLabels, begun_with, partial_folder

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (200, 150, 3), dtype=np.uint8)


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A TIFF that counts as large."""
    monkeypatch.setattr(regions, "LARGE", 100)
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, tile=(32, 32))
    return tmp_path / "a.tif"


def test_a_large_tiff_is_labelled_as_one_in_memory(model, large, tmp_path):
    outcome = label_files(model, [large], tmp_path / "out", Wish(3, tile=64))
    assert not outcome.failed
    expected = model.label(IMAGE, 3)
    assert np.array_equal(tifffile.imread(tmp_path / "out" / "a.tif"), expected.labels)
    row = outcome.images[0]
    assert row["fractions"] == {name: round(share, 6) for name, share in expected.fractions.items()}
    assert row["change"] == round(expected.change, 6)
    assert sorted(os.listdir(tmp_path / "out")) == ["a.overlay.png", "a.tif"]
    # what needs the whole image gives the same file
    label_files(model, [large], tmp_path / "again", Wish(3, strip=True))
    assert np.array_equal(tifffile.imread(tmp_path / "again" / "a.tif"), expected.labels)
    assert "exists already" in label_files(model, [large], tmp_path / "out", Wish(3)).failed[0]["error"]


def test_a_zarr_image_has_labels_in_zarr(model, tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.save_array(tmp_path / "a.zarr", IMAGE)
    outcome = label_files(model, [tmp_path / "a.zarr"], tmp_path / "out", Wish(2))
    assert not outcome.failed
    labels = open_regions(tmp_path / "out" / "a.zarr", 2).read(((0, 200), (0, 150)))[..., 0]
    assert np.array_equal(labels, model.label(IMAGE, 2).labels)


SCRIPT = """
import os, sys
import retint.images.regions, retint.labeling.large.image as large
retint.images.regions.LARGE = 100
note = large.Journal.note
def slow(self, piece, **row):
    note(self, piece, **row)
    os.write(1, f"piece {piece}\\n".encode())  # in one go: two lanes note, and what two threads print runs together
    if piece == int(sys.argv[1]):
        sys.stdin.read()  # until killed
large.Journal.note = slow
from retint.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(model, large, tmp_path):
    model_file(tmp_path / "m.safetensors", model.card)
    command = [
        "label",
        str(large),
        "--model",
        str(tmp_path / "m.safetensors"),
        "--steps",
        "3",
        "--tile",
        "64",
        "--no-overlay",
    ]

    def run(stop, out):
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(stop), *command, "--out", str(tmp_path / out)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    killed = run(4, "killed")
    while killed.stdout.readline() != "piece 4\n":
        assert killed.poll() is None, killed.stderr.read()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "a.tif").exists()
    journal = (tmp_path / "killed" / "a.tif.partial" / "journal").read_text().splitlines()
    done = {json.loads(line)["piece"] for line in journal[1:]}
    assert 4 in done
    assert not done & {5, 6, 7}  # of the same lane
    through, again = run(-1, "through"), run(-1, "killed")
    _, told = again.communicate()
    through.communicate()
    assert (again.returncode, through.returncode) == (0, 0), told
    assert f"a.tif: goes on after {len(done)} of 12 pieces" in told
    assert (tmp_path / "killed" / "a.tif").read_bytes() == (tmp_path / "through" / "a.tif").read_bytes()
    assert os.listdir(tmp_path / "killed") == ["a.tif"]


def test_work_with_other_settings_is_not_gone_on_with(model, large, tmp_path, monkeypatch):
    def stop(self, piece, **row):
        if self.done:
            raise KeyboardInterrupt
        note(self, piece, **row)

    note = Journal.note
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "note", stop)
        with pytest.raises(KeyboardInterrupt):
            label_files(model, [large], tmp_path / "out", Wish(3, tile=32, overlay=False))
    for other, wish, word in (
        (model, Wish(2, tile=32, overlay=False), "steps"), (make_model(seed=1), Wish(3, tile=32, overlay=False), "model"),
    ):  # fmt: skip
        error = label_files(other, [large], tmp_path / "out", wish).failed[0]["error"]
        assert f"another {word}" in error
        assert "--overwrite" in error
    time.sleep(0.01)
    os.utime(large)
    (failed,) = label_files(model, [large], tmp_path / "out", Wish(3, tile=32)).failed
    assert re.search(r"another image \({'stored': [^}]*}; now {'stored': [^}]*}\)", failed["error"])  # what differs, and no more
    assert not label_files(model, [large], tmp_path / "out", Wish(2, overwrite=True)).failed


def test_two_lanes_are_gone_through_at_a_time_each_by_its_share_of_the_threads(model, large, tmp_path, monkeypatch):
    import retint.labeling.large.image as module

    both, seen, before = threading.Barrier(2, timeout=60), [], torch.get_num_threads()

    class Watched(module.Stream):
        def __iter__(self):
            seen.append((threading.get_ident(), torch.get_num_threads()))
            both.wait()  # for the other lane: each is in a thread of its own
            return super().__iter__()

    monkeypatch.setattr(module, "Stream", Watched)
    with threads_of(4):
        label_large(model, open_regions(large, 2), tmp_path / "out.tif", LargeWish(2, tile=(32, 80)))
        assert torch.get_num_threads() == 4
    assert len({thread for thread, _ in seen} - {threading.get_ident()}) == 2
    assert [threads for _, threads in seen] == [2, 2]
    assert torch.get_num_threads() == before
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), model.label(IMAGE, 2).labels)


def test_a_lane_that_fails_ends_the_other_one_too(model, large, tmp_path, monkeypatch):
    import retint.labeling.large.image as module

    done, failed = [], threading.Event()

    class Failing(module.Stream):
        def __iter__(self):
            for number, (rows, band) in enumerate(super().__iter__()):
                second = self._box[1][0] > 0
                if second and number == 1:
                    failed.set()
                    raise RetintError("a.tif: the disk is gone")
                if not second and number:
                    assert failed.wait(60)
                    time.sleep(0.2)
                    done.append(rows)
                yield rows, band

    monkeypatch.setattr(module, "Stream", Failing)
    with threads_of(2), pytest.raises(RetintError, match="the disk is gone"):
        label_large(model, open_regions(large, 2), tmp_path / "out.tif", LargeWish(2, tile=(16, 80)))
    assert len(done) < 10  # of 25 bands
    assert not (tmp_path / "out.tif").exists()
    assert not partial_folder(tmp_path / "out.tif").exists()  # nothing was done


def test_work_of_which_nothing_was_done_stands_in_no_way(model, large, tmp_path, monkeypatch):
    def fail(self, box, labels):
        raise RetintError("a.tif: found NaN")

    with monkeypatch.context() as patch:
        patch.setattr(PartialLabels, "write", fail)
        assert label_files(model, [large], tmp_path / "out", Wish(3)).failed
    assert not list((tmp_path / "out").iterdir())
    target = tmp_path / "a.tif"
    partial_folder(target).mkdir()
    (partial_folder(target) / "journal").write_text('{"image": 1}\n')  # of a run that was killed at its beginning
    with Journal(target, {"image": 2}) as journal:
        journal.note(0)
    assert begun_with(target) == {"image": 2}
    for damaged in ("{", "[1]\n", "\xff\n"):
        (partial_folder(target) / "journal").write_text(damaged, encoding="latin-1")
        assert begun_with(target) == {}
    assert begun_with(tmp_path / ("a" * 250)) is None


def test_a_thumbnail_is_the_reduced_image(large, monkeypatch):
    import sys

    import retint.labeling.large.image as module

    pictures = sys.modules["retint.pictures.overlay"]  # the package has a function of that name
    monkeypatch.setattr(module, "_LONGEST", 64)
    monkeypatch.setattr(pictures, "LONGEST", 64)
    small = thumbnail(open_regions(large, 2))
    assert np.abs(small.astype(int) - pictures.reduced(IMAGE)).max() <= 1
    labels = IMAGE[..., 0]
    assert sampled(HeldLabels(labels), small.shape[:2]).shape == small.shape[:2]


class Breaking:
    """A reader that takes its time, and fails beyond a row."""

    def __init__(self, reader, row):
        self._reader, self._row = reader, row

    def __getattr__(self, name):
        return getattr(self._reader, name)

    def read(self, box):
        time.sleep(0.01)
        if box[0][1] > self._row and box[0][1] - box[0][0] > 1:
            raise ValueError("the disk is gone")
        return self._reader.read(box)


def test_a_reader_that_fails_is_told_in_a_line_and_nothing_done_is_lost(model, large, tmp_path, monkeypatch):
    import retint.labeling.large.image as module

    monkeypatch.setattr(module, "identity", lambda reader: {"name": "a"})
    reader, wish, target = open_regions(large, 2), LargeWish(1, tile=(32, 150)), tmp_path / "a.tif"
    with pytest.raises(RetintError, match=r"a\.tif.*the disk is gone") as error:
        label_large(model, Breaking(reader, 190), target, wish)
    assert "\n" not in str(error.value)
    told = []
    label_large(model, Breaking(reader, 1000), target, wish, say=told.append)
    assert re.fullmatch(r".*a\.tif: goes on after [1-5] of 7 pieces", "".join(told))
    assert np.array_equal(tifffile.imread(target), model.label(IMAGE, 1).labels)


@settings(max_examples=8)
@given(rows=st.integers(1, 90), columns=st.integers(1, 70), tile=st.sampled_from([None, 16, (32, 48)]), data=st.data())
def test_by_region_equals_in_memory_at_any_size(tmp_path_factory, rows, columns, tile, data):
    folder, model = tmp_path_factory.mktemp("any"), make_model()
    steps = data.draw(st.integers(1, 3))
    tifffile.imwrite(folder / "a.tif", IMAGE[:rows, :columns], tile=(32, 32))
    reader = TiffRegions.open(folder / "a.tif", 0)
    found = label_large(model, reader, folder / "out.tif", LargeWish(steps, tile=tile))
    expected = model.label(IMAGE[:rows, :columns], steps)
    assert np.array_equal(tifffile.imread(folder / "out.tif"), expected.labels)
    assert found.changes == pytest.approx(expected.changes)


def test_a_run_that_ends_while_its_work_is_removed_is_not_taken_for_one_that_goes_on(model, large, tmp_path, monkeypatch):
    """The labels may be gone before the journal that tells of them."""
    def interrupted(folder, **_):
        (folder / "labels").unlink()
        raise KeyboardInterrupt

    target = tmp_path / "out" / "a.tif"
    with monkeypatch.context() as patch:
        patch.setattr(partial.shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            label_files(model, [large], target.parent, Wish(2, tile=64))
    expected = model.label(IMAGE, 2).labels
    assert np.array_equal(tifffile.imread(target), expected)
    assert "exists already" in label_files(model, [large], target.parent, Wish(2, tile=64)).failed[0]["error"]
    assert not label_files(model, [large], target.parent, Wish(2, tile=64, overwrite=True)).failed
    assert np.array_equal(tifffile.imread(target), expected)
    assert not partial_folder(target).exists()


def test_work_whose_labels_are_lost_begins_anew(model, large, tmp_path, monkeypatch):
    def full(*_):
        raise RetintError("full")

    target = tmp_path / "a.labels.tif"
    with monkeypatch.context() as patch:
        patch.setattr(TiffRegions, "write_labels", full)
        with pytest.raises(RetintError, match="full"):
            label_large(model, open_regions(large, 2), target, LargeWish(2, tile=64))
    (partial_folder(target) / "labels").unlink()
    label_large(model, open_regions(large, 2), target, LargeWish(2, tile=64))
    assert np.array_equal(tifffile.imread(target), model.label(IMAGE, 2).labels)


def test_too_little_memory_is_told_of_one_image_and_the_others_are_labelled(model, tmp_path, monkeypatch):
    for name in "abc":
        Image.fromarray(IMAGE).save(tmp_path / f"{name}.png")
    before = files._finish

    def short(model, begun, labeling, wish):
        if begun.path.stem == "b":
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")
        return before(model, begun, labeling, wish)

    monkeypatch.setattr(files, "_finish", short)
    outcome = label_files(model, [tmp_path / f"{name}.png" for name in "abc"], tmp_path / "out", Wish(1))
    assert [row["error"] for row in outcome.failed] == [f"{tmp_path / 'b.png'}: not enough memory"]
    assert len(outcome.images) == 2
