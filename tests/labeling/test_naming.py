"""Which of several maps of a folder an image begins from, and which are hints."""

import os

import numpy as np
import pytest
import tifffile

from made import values
from retint.errors import RetintError
from retint.images import write_labels
from retint.labeling.files.maps import Maps


def map_for(image, given, option, dims=2, classes="abc"):
    maps = Maps(given, option, dims, classes)
    maps.check([image])
    return maps.of(image)


@pytest.fixture
def maps(tmp_path):
    """An estimate, and labels beside it; the photograph that they are for."""
    labels = values(12, 16) % 3
    write_labels(tmp_path / "street.png", labels, [(0, 0, 0), (9, 9, 9), (200, 0, 0)])
    tifffile.imwrite(tmp_path / "street.estimate.tif", np.zeros((3, 3, 4), np.float32), metadata={"axes": "CYX"})
    return tmp_path, tmp_path / "photographs" / "street.jpg", labels


def test_a_start_is_the_estimate_unless_the_labels_were_changed_since(maps):
    folder, image, labels = maps
    assert map_for(image, folder, "--start", 2).shape == (3, 3, 4)
    later = (folder / "street.estimate.tif").stat().st_mtime + 3600
    os.utime(folder / "street.png", (later, later))
    assert np.array_equal(map_for(image, folder, "--start", 2), labels)


def test_hints_are_labels(maps):
    folder, image, labels = maps
    assert np.array_equal(map_for(image, folder, "--hints", 2), labels)
    (folder / "street.png").unlink()
    with pytest.raises(RetintError, match=r"expected street\.png for street\.jpg$"):
        map_for(image, folder, "--hints", 2)


def test_a_damaged_numpy_file_is_told_in_a_line(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 5), np.uint8))
    whole = bytearray((tmp_path / "a.npy").read_bytes())
    told = []
    for place in range(0, 80, 3):
        damaged = whole.copy()
        damaged[place] ^= 0x5A
        (tmp_path / "b.npy").write_bytes(damaged)
        try:  # a blank of the header may be anything
            map_for(tmp_path / "pic.png", tmp_path / "b.npy", "--start", 2)
        except RetintError as error:
            told.append(str(error))
    assert len(told) > 15
    assert all("b.npy" in line and "\n" not in line for line in told)
