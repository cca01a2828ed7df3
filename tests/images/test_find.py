import pytest

from retint.errors import RetintError
from retint.images import find_images


def test_folders_are_expanded_in_natural_order(tmp_path):
    names = ["a10.png", "a2.png", "A1.JPG", "b.tif", "10.png", "9.png", "notes.txt", "._a2.png", ".hidden.png"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "inside.png").touch()
    found = [path.name for path in find_images([tmp_path])]
    assert found == ["9.png", "10.png", "A1.JPG", "a2.png", "a10.png", "b.tif"]


def test_files_stay_as_they_are_and_come_once(tmp_path):
    for name in ("b.png", "a.png", "strange.dat"):
        (tmp_path / name).touch()
    files = [str(tmp_path / "strange.dat"), tmp_path / "b.png", tmp_path]
    assert [path.name for path in find_images(files)] == ["strange.dat", "b.png", "a.png"]


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(RetintError, match=r"none\.png: found no such file"):
        find_images([tmp_path / "none.png"])
    with pytest.raises(RetintError, match="found no images in this folder"):
        find_images([tmp_path])


def test_volumes_are_found_and_a_zarr_folder_is_one_image(tmp_path):
    for name in ("b.nii.gz", "a.NII", "c.gz", "d.nii.txt"):
        (tmp_path / name).touch()
    for name in ("e.ome.zarr", "f.zarr", ".g.zarr", "h"):
        (tmp_path / name).mkdir()
    (tmp_path / "h" / "zarr.json").touch()
    assert [path.name for path in find_images([tmp_path])] == ["a.NII", "b.nii.gz", "e.ome.zarr", "f.zarr"]
    inside = [tmp_path / "e.ome.zarr", tmp_path / "h"]
    assert find_images(inside) == inside
