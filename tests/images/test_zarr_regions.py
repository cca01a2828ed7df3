"""Zarr by region."""

import numpy as np
import pytest

import retint.images.regions as regions
from by_region import IMAGE, LABELS, PALETTE, check, write_zarr
from retint.errors import RetintError
from retint.images.regions import HeldLabels, open_regions, read_whole
from retint.images.zarr_regions import ZarrRegions


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(regions, "LARGE", 100)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("values", "axes"),
    [(IMAGE[..., 0], "yx"), (IMAGE.transpose(2, 0, 1), "cyx"), (IMAGE.transpose(2, 0, 1)[None, :, None], "tczyx")],
)
def test_regions_of_an_omezarr_image(tmp_path, values, axes, version):
    write_zarr(tmp_path / "a.ome.zarr", values, axes, version)
    reader = open_regions(tmp_path / "a.ome.zarr", 2)
    image = IMAGE[..., :1] if axes == "yx" else IMAGE
    check(reader, image)
    assert np.array_equal(read_whole(reader.at(0.5)), image[::2, ::2])
    reader.write_labels(tmp_path / "b.ome.zarr", HeldLabels(LABELS), PALETTE)
    written = open_regions(tmp_path / "b.ome.zarr", 2)
    assert np.array_equal(read_whole(written)[..., 0], LABELS)
    assert written._layout.letters == axes.replace("c", "")
    assert written._layout.version == version


@pytest.mark.parametrize("coarser", "yx")
def test_a_level_must_be_fine_enough_along_both_axes(tmp_path, coarser):
    write_zarr(tmp_path / "a.zarr", IMAGE, "yxc", coarser=coarser)
    reader = open_regions(tmp_path / "a.zarr", 2)
    assert reader.at(0.6).shape == IMAGE.shape
    second = ZarrRegions(reader.path, 2, reader._layout, reader._levels, 1)
    assert second.shape == ((75, 210, 3) if coarser == "y" else (150, 105, 3))


def test_rows_of_zarr_chunks_are_read_once_for_the_bands_of_two_lanes_in_turn(tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "a.zarr", shape=IMAGE.shape, chunks=(50, 50, 3), dtype=np.uint8)
    array[:] = IMAGE
    reader, loads = open_regions(tmp_path / "a.zarr", 2), []
    load = reader._load
    monkeypatch.setattr(reader, "_load", lambda box: loads.append(box) or load(box))
    for first in range(0, 150, 25):
        for columns in ((0, 120), (90, 210)):
            band = reader.read(((first, first + 25), columns))
            assert np.array_equal(band, IMAGE[first : first + 25, slice(*columns)])
            assert band.base is None  # it does not hold the rest of the rows
    assert loads == [((top, top + 50), columns) for top in (0, 50, 100) for columns in ((0, 120), (90, 210))]
    assert np.array_equal(read_whole(reader), IMAGE)
    assert ((0, 210),) not in reader._kept  # nobody will ask for them again


def test_of_wide_rows_of_zarr_chunks_as_much_is_kept_as_there_is_room_for(tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "a.zarr", shape=IMAGE.shape, chunks=(60, 50, 3), dtype=np.uint8)
    array[:] = IMAGE
    reader, loads = open_regions(tmp_path / "a.zarr", 2), []
    load, columns = reader._load, ((0, 120), (100, 210))
    monkeypatch.setattr(reader, "_load", lambda box: loads.append(box) or load(box))
    monkeypatch.setattr("retint.images.zarr_regions.KEPT", 2 * 40 * 120 * 3)  # 40 rows of each lane
    for first in range(0, 120, 10):
        for lane in columns:
            band = reader.read(((first, first + 10), lane))
            assert np.array_equal(band, IMAGE[first : first + 10, slice(*lane)])
    rows = [span for span, lane in loads if lane == (0, 120)]
    assert rows == [(0, 40), (40, 60), (60, 100), (100, 120)]
    assert sum(other.nbytes for *_, other in reader._kept.values()) <= 2 * 40 * 120 * 3


def test_plain_zarr_arrays(tmp_path):
    zarr = pytest.importorskip("zarr")
    for name, values in (("a", IMAGE), ("b", IMAGE.transpose(2, 0, 1)), ("c", IMAGE[..., 1])):
        zarr.save_array(tmp_path / f"{name}.zarr", values)
        reader = open_regions(tmp_path / f"{name}.zarr", 2)
        check(reader, IMAGE[..., 1:2] if name == "c" else IMAGE)
        reader.write_labels(tmp_path / "labels.zarr", HeldLabels(LABELS), PALETTE)
        assert np.array_equal(read_whole(open_regions(tmp_path / "labels.zarr", 2))[..., 0], LABELS)
    zarr.save_array(tmp_path / "d.zarr", np.zeros((2, 2, 20, 20, 20, 3), np.uint8))
    with pytest.raises(RetintError, match=r"d\.zarr: found a Zarr array of 2 x 2 x 20"):
        open_regions(tmp_path / "d.zarr", 2)


def test_zarr_of_the_other_byte_order(tmp_path):
    zarr = pytest.importorskip("zarr")
    values = (IMAGE[..., 0].astype(np.uint16) * 200).astype(">u2")
    array = zarr.create_array(tmp_path / "a.zarr", shape=values.shape, chunks=(50, 50), dtype=">u2", zarr_format=2)
    array[:] = values
    reader = open_regions(tmp_path / "a.zarr", 2)
    found = read_whole(reader)
    assert found.dtype == reader.dtype == np.uint16
    assert found.dtype.isnative
    assert np.array_equal(found[..., 0], values)
