"""Work that is stopped and gone on with: its journal."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retint.errors import RetintError
from retint.labeling.large import partial
from retint.labeling.large.partial import Journal, PartialLabels, partial_folder

RNG = np.random.default_rng(0)


def test_a_line_that_was_not_written_whole_does_not_count(tmp_path):
    target = tmp_path / "a.tif"
    with Journal(target, {"image": 1}) as journal:
        journal.note(0, pixels=[1])
        journal.note(1, pixels=[2])
    file = partial_folder(target) / "journal"
    file.write_bytes(file.read_bytes()[:-3])
    with Journal(target, {"image": 1}) as journal:
        assert list(journal.done) == [0]
        with pytest.raises(RetintError, match="another process"):
            Journal(target, {"image": 1})
        journal.note(1, pixels=[3])
    with Journal(target, {"image": 1}) as journal:
        assert journal.done[1]["pixels"] == [3]


def test_nothing_is_done_twice_by_threads_that_note_at_once(tmp_path):
    target = tmp_path / "a.tif"
    with Journal(target, {"image": 1}) as journal, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda piece: journal.note(piece, pixels=list(range(400))), range(300)))
    with Journal(target, {"image": 1}) as journal:
        assert sorted(journal.done) == list(range(300))


def test_two_threads_never_write_a_line_at_once(tmp_path, monkeypatch):
    inside, most, append = [], [], Journal._append

    def slow(self, row):
        inside.append(row)
        most.append(len(inside))
        time.sleep(0.01)
        append(self, row)
        inside.pop()

    monkeypatch.setattr(Journal, "_append", slow)
    with Journal(tmp_path / "a.tif", {}) as journal, ThreadPoolExecutor(4) as pool:
        list(pool.map(journal.note, range(8)))
    assert max(most) == 1


def test_a_folder_that_could_not_be_gone_on_with_is_free_again(tmp_path):
    target = tmp_path / "a.tif"
    with Journal(target, {"image": 1, "steps": 2}) as journal:
        journal.note(0)
    with pytest.raises(RetintError, match="another steps") as held:  # noqa: F841, keeps the traceback, and all in it
        Journal(target, {"image": 1, "steps": 3})
    with Journal(target, {"image": 1, "steps": 2}):
        pass


def test_labels_of_another_length_are_not_gone_on_with(tmp_path):
    target = tmp_path / "a.tif"
    with Journal(target, {}) as journal:
        PartialLabels(journal, (6, 7))
        journal.note(0)
    file = partial_folder(target) / "labels"
    file.write_bytes(file.read_bytes()[:20])
    with Journal(target, {}) as journal:
        labels = PartialLabels(journal, (6, 7))
        assert not journal.done
        assert labels.read(((0, 6), (0, 7))).shape == (6, 7)


def test_labels_in_a_file_are_written_and_read_by_region(tmp_path):
    expected = np.zeros((6, 20, 30), np.uint8)
    with Journal(tmp_path / "a.zarr", {}) as journal:
        labels = PartialLabels(journal, expected.shape)
        for box in (((0, 6), (3, 9), (5, 30)), ((2, 3), (0, 20), (0, 30)), ((5, 6), (19, 20), (29, 30))):
            part = RNG.integers(1, 9, tuple(b - a for a, b in box), dtype=np.uint8)
            labels.write(box, part)
            expected[tuple(slice(*span) for span in box)] = part
        assert np.array_equal(labels.read(((0, 6), (0, 20), (0, 30))), expected)
        assert np.array_equal(labels.read(((1, 4), (2, 7), (3, 8))), expected[1:4, 2:7, 3:8])


def test_nobody_begins_anew_what_another_is_at(tmp_path):
    target = tmp_path / "a.tif"
    with Journal(target, {"image": 1}) as journal:
        journal.note(0)
        (journal.folder / "labels").write_bytes(b"12")
        with pytest.raises(RetintError, match="another process"):
            Journal(target, {"image": 2}, anew=True)
        assert (journal.folder / "labels").exists()
    with Journal(target, {"image": 2}, anew=True) as journal:
        assert not journal.done
        assert os.listdir(journal.folder) == ["journal"]


def test_a_run_that_ends_while_earlier_work_is_removed_leaves_nothing_to_go_on_with(tmp_path, monkeypatch):
    def interrupted(folder, **_):
        raise KeyboardInterrupt

    target = tmp_path / "a.tif"
    with Journal(target, {"image": 1}) as journal:
        (journal.folder / "labels.zarr").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(partial.shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Journal(target, {"image": 2}, anew=True)
    with Journal(target, {"image": 2}) as journal:
        assert os.listdir(journal.folder) == ["journal"]
