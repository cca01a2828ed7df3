"""Label maps and probabilities in HDF5, as ilastik and others write them."""

import errno
import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from made import values
from retint.errors import RetintError
from retint.images import is_hdf5, read_hdf5

SIZES = {"t": 1, "z": 4, "y": 5, "x": 7, "c": 3}


def tags(keys):
    """As vigra writes them."""
    flags = {"c": 1, "t": 8}
    axes = [{"key": key, "typeFlags": flags.get(key, 2), "resolution": 0, "description": ""} for key in keys]
    return json.dumps({"axes": axes}, indent=2)


def write(path, stored, keys=None, name="exported_data", **how):
    with h5py.File(path, "a") as file:
        file.create_dataset(name, data=stored, **how)
        if keys is not None:
            file[name].attrs["axistags"] = tags(keys)
    return path


def brought(stored, keys, order):
    """What is expected of axes in another order, by numpy's own words for it."""
    return np.einsum(f"{keys}->{order}", stored)


@pytest.mark.parametrize("keys", ["yxc", "cyx", "xyc", "tzyxc", "txyzc", "cxzty"])
@pytest.mark.parametrize("how", [{}, {"compression": "gzip", "chunks": True}])
def test_named_axes_are_brought_into_order(tmp_path, keys, how):
    stored = values(*({**SIZES, "z": 1}[key] for key in keys), dtype=np.float32)
    found, named = read_hdf5(write(tmp_path / "a.h5", stored, keys, **how), 2)
    assert named
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, brought(stored, keys, "cyx"))


@pytest.mark.parametrize("keys", ["zyxc", "czyx", "tzyxc", "xyzct"])
def test_a_volume_keeps_its_slices(tmp_path, keys):
    stored = values(*(SIZES[key] for key in keys), dtype=np.float32)
    found, named = read_hdf5(write(tmp_path / "a.h5", stored, keys), 3)
    assert named
    np.testing.assert_array_equal(found, brought(stored, keys, "czyx"))


def test_a_single_channel_is_dropped_and_a_single_slice_is_a_volume(tmp_path):
    stored = values(5, 7, 1)
    path = write(tmp_path / "a.h5", stored, "yxc")
    np.testing.assert_array_equal(read_hdf5(path, 2)[0], stored[..., 0])
    np.testing.assert_array_equal(read_hdf5(path, 3)[0], stored[None, ..., 0])
    stored = values(5, 7)
    np.testing.assert_array_equal(read_hdf5(write(tmp_path / "b.h5", stored, "xy"), 2)[0], stored.T)


@pytest.mark.parametrize("dtype", ["bool", "uint8", ">u2", ">i4", "int64", "float16", ">f4", "float64"])
def test_values_come_as_stored_in_native_order(tmp_path, dtype):
    stored = (values(5, 7) % 2).astype(dtype)
    found, named = read_hdf5(write(tmp_path / "a.h5", stored), 2)
    assert not named
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, stored)


@pytest.mark.parametrize("kind", [str, np.bytes_])
def test_axistags_may_be_text_or_bytes(tmp_path, kind):
    stored = values(5, 7)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["exported_data"] = stored
        file["exported_data"].attrs["axistags"] = kind(tags("xy"))
    np.testing.assert_array_equal(read_hdf5(tmp_path / "a.h5", 2)[0], stored.T)


def test_the_only_map_is_found_wherever_it_is(tmp_path):
    stored = values(5, 7)
    path = write(tmp_path / "a.h5", stored, name="volume/data")
    write(path, np.arange(3), name="volume/scale")  # no map
    for given in (path, path / "volume", path / "volume" / "data"):
        np.testing.assert_array_equal(read_hdf5(given, 2)[0], stored)


def test_of_several_datasets_one_is_named(tmp_path):
    one, other = values(5, 7), values(5, 7)
    path = write(write(tmp_path / "a.h5", one), other, name="volume/data")
    with pytest.raises(
        RetintError,
        match=r"a\.h5: found 2 datasets, exported_data, volume/data; expected one: name it, as in .*a\.h5/exported_data$",
    ):
        read_hdf5(path, 2)
    np.testing.assert_array_equal(read_hdf5(path / "exported_data", 2)[0], one)
    np.testing.assert_array_equal(read_hdf5(path / "volume" / "data", 2)[0], other)
    for k in range(8):
        write(path, one, name=f"more/{k}")
    with pytest.raises(RetintError, match=r"found 8 datasets, 0, 1, 2, 3, 4 and 3 more; .* as in .*a\.h5/more/0$"):
        read_hdf5(path / "more", 2)


@pytest.mark.parametrize("inner", ["data", "exported_data/more", "none/at/all"])
def test_a_path_that_is_not_in_the_file_is_told_with_those_that_are(tmp_path, inner):
    path = write(tmp_path / "a.h5", values(5, 7))
    with pytest.raises(
        RetintError,
        match=rf"a\.h5/{inner}: found no {inner} in the file, which has exported_data; expected a dataset: name it, as in .*a\.h5/exported_data$",
    ):
        read_hdf5(path / inner, 2)


@pytest.mark.parametrize(
    ("shape", "keys", "dims", "found"),
    [
        ((4, 5, 7), "tyx", 2, r"4 \(t\) x 5 \(y\) x 7 \(x\); expected the axes y, x and c, and others of length 1 at most: export one image"),
        ((4, 5, 7), "zyx", 2, r"4 \(z\) x 5 \(y\) x 7 \(x\); expected the axes y, x and c"),
        ((2, 4, 5, 7), "tzyx", 3, r"2 \(t\) x 4 \(z\) x .*; expected the axes z, y, x and c, .*: export one volume"),
        ((5, 7), "yc", 2, r"5 \(y\) x 7 \(c\); expected the axes y, x and c"),
        ((5, 7, 3), "yyx", 2, r"5 \(y\) x 7 \(y\) x 3 \(x\); expected the axes y, x and c"),
        ((5, 7, 3), "yx?", 2, r"5 \(y\) x 7 \(x\) x 3 \(\?\); expected the axes y, x and c"),
        ((5, 7, 3), "yx", 2, r"axistags of 2 axes, and 3 axes; expected as many"),
        ((0, 7), "yx", 2, r"an image of 0 x 7; expected at least 1 x 1 pixel"),
    ],
)  # fmt: skip
def test_other_axes_are_told(tmp_path, shape, keys, dims, found):
    path = write(tmp_path / "a.h5", np.zeros(shape, np.uint8), keys)
    with pytest.raises(RetintError, match=rf"a\.h5: found {found}"):
        read_hdf5(path, dims)


@pytest.mark.parametrize("text", ["yx", "{}", "[]", "3", '{"axes": [{}]}', '{"axes": 3}', ""])
def test_axistags_that_are_none_are_told(tmp_path, text):
    path = write(tmp_path / "a.h5", values(5, 7))
    with h5py.File(path, "a") as file:
        file["exported_data"].attrs["axistags"] = text
    with pytest.raises(RetintError, match=r"a\.h5: found axistags that cannot be read; expected vigra's JSON: export it again$"):
        read_hdf5(path, 2)


def test_what_holds_no_map_is_told(tmp_path):
    path = write(tmp_path / "a.h5", np.arange(3))
    with pytest.raises(RetintError, match=r"a\.h5: found HDF5 without a dataset of two or more axes; expected a label map"):
        read_hdf5(path, 2)
    with pytest.raises(RetintError, match=r"found no such file"):
        read_hdf5(tmp_path / "none.h5", 2)
    path = write(tmp_path / "b.h5", np.full((5, 7), b"word"))
    with pytest.raises(RetintError, match=r"b\.h5: found values of type \|S4; expected integers or floats"):
        read_hdf5(path, 2)
    path = write(tmp_path / "c.h5", np.ones((5, 7), np.complex64))
    with pytest.raises(RetintError, match=r"c\.h5: found values of type complex64; expected integers or floats"):
        read_hdf5(path, 2)


def test_a_damaged_file_is_told_in_a_line(tmp_path):
    sound = write(tmp_path / "a.h5", values(50, 70), "yx", compression="gzip", chunks=(25, 35)).read_bytes()
    bad = tmp_path / "b.h5"
    for stored in (b"", b"no HDF5 at all", sound[:8], sound[:1000], sound[: len(sound) // 2], sound[:-1]):
        bad.write_bytes(stored)
        with pytest.raises(RetintError, match=r"b\.h5: found a file that cannot be read \(.+\); expected a whole HDF5 file: copy or save it again$"):
            read_hdf5(bad, 2)
    told = []
    for place in range(0, len(sound), 97):
        damaged = bytearray(sound)
        damaged[place : place + 9] = bytes(b ^ 0x5A for b in damaged[place : place + 9])
        bad.write_bytes(damaged)
        try:  # what is changed may be pixels, or nothing that counts
            read_hdf5(bad, 2)
        except RetintError as error:
            told.append(str(error))
    assert len(told) > 10
    assert all("b.h5" in line and "\n" not in line for line in told)


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5", values(5, 7))

    def refused(*_):  # as the system does, but not to root
        raise PermissionError(errno.EACCES, "Unable to synchronously open file")

    monkeypatch.setattr(h5py, "File", refused)
    with pytest.raises(RetintError, match=r"a\.h5: found that it may not be read"):
        read_hdf5(path, 2)


def test_a_file_is_known_by_its_name_or_its_first_bytes(tmp_path):
    path = write(tmp_path / "a.h5", values(5, 7))
    other = tmp_path / "map.ilp"
    other.write_bytes(path.read_bytes())
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "broken.HDF5").touch()
    for given in (path, path / "exported_data", path / "no" / "such", other, other / "exported_data", tmp_path / "broken.HDF5"):
        assert is_hdf5(given)
    for given in (tmp_path, tmp_path / "none.h5", tmp_path / "a.png", tmp_path / "a.png" / "data", tmp_path / "folder.h5"):
        assert not is_hdf5(given)


def test_without_h5py_it_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5", values(5, 7))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(RetintError, match=r"a\.h5: found HDF5; expected the h5py package: pip install 'retint\[hdf5\]'$"):
        read_hdf5(path / "exported_data", 2)


def test_h5py_is_not_loaded_before_it_is_needed():
    code = "import retint.images, retint.labeling.files.images, sys; sys.exit('h5py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
