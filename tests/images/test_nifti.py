"""NIfTI volumes."""

import nibabel
import numpy as np
import pytest

from made import values
from retint.errors import RetintError
from retint.images import (
    read_volume,
    read_volume_labels,
    write_volume_labels,
)

PALETTE = [(1, 2, 3), (40, 50, 60), (200, 100, 0)]


def nifti(path, stored, kind=nibabel.Nifti1Image, unit="mm"):
    affine = np.array([[-0.7, 0.1, 0, 12], [0, 0.8, 0, -3], [0.1, 0, 2.5, 40], [0, 0, 0, 1]])
    image = kind(stored, affine)
    image.header.set_xyzt_units(unit)
    image.set_qform(np.diag([0.7, 0.8, 2.5, 1]), code=1)
    image.set_sform(affine, code=4)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_nifti_labels_lie_over_their_image(tmp_path, name, kind):
    stored = values(7, 5, 4, dtype=np.int16)
    volume = read_volume(nifti(tmp_path / name, stored, kind))
    assert volume.pixels.dtype == np.float32
    np.testing.assert_array_equal(volume.pixels, stored.transpose(2, 1, 0)[..., None])
    assert volume.unit == "millimeter"
    assert volume.spacing == (2.5, 0.8, 0.7)
    labels = values(4, 5, 7)
    write_volume_labels(tmp_path / "labels.nii.gz", labels, PALETTE, volume)
    image, written = nibabel.load(tmp_path / name), nibabel.load(tmp_path / "labels.nii.gz")
    assert type(written) is kind
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(written.dataobj, labels.transpose(2, 1, 0))
    for get in ("get_sform", "get_qform"):
        expected, code = getattr(image.header, get)(coded=True)
        np.testing.assert_array_equal(getattr(written.header, get)(), expected)
        assert getattr(written.header, get)(coded=True)[1] == code
    np.testing.assert_array_equal(written.affine, image.affine)
    assert written.header.get_xyzt_units() == image.header.get_xyzt_units()
    first = (tmp_path / "labels.nii.gz").read_bytes()
    write_volume_labels(tmp_path / "labels.nii.gz", labels, PALETTE, volume)
    assert (tmp_path / "labels.nii.gz").read_bytes() == first


def test_nifti_depths_scales_and_channels(tmp_path):
    for dtype, expected in (
        (np.uint8, np.uint8),
        (np.uint16, np.uint16),
        (np.float64, np.float32),
        (np.int32, np.float32),
    ):
        stored = values(7, 5, 4, dtype=dtype)
        read = read_volume(nifti(tmp_path / "a.nii", stored))
        assert read.pixels.dtype == expected
        np.testing.assert_array_equal(read.pixels[..., 0], stored.transpose(2, 1, 0).astype(expected))
    image = nibabel.Nifti1Image(values(7, 5, 4, dtype=np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, 1)
    image.to_filename(tmp_path / "b.nii")
    read = read_volume(tmp_path / "b.nii").pixels[..., 0]
    np.testing.assert_allclose(read, nibabel.load(tmp_path / "b.nii").get_fdata().transpose(2, 1, 0), rtol=1e-6)
    for shape in ((7, 5, 4, 2), (7, 5, 4, 1, 2)):
        stored = values(*shape)
        read = read_volume(nifti(tmp_path / "c.nii", stored)).pixels
        np.testing.assert_array_equal(read, stored.reshape(7, 5, 4, 2).transpose(2, 1, 0, 3))
    rgb = np.zeros((7, 5, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["G"] = 9
    assert read_volume(nifti(tmp_path / "d.nii", rgb)).pixels[0, 0, 0].tolist() == [0, 9, 0]
    for shape in ((7, 5, 4, 17), (7, 5, 4, 2, 2), (7, 5)):
        with pytest.raises(RetintError, match=r"c\.nii: found NIfTI of 7 x 5.*; expected x, y, z"):
            read_volume(nifti(tmp_path / "c.nii", values(*shape)))


def test_nifti_labels_of_whole_floats_are_indices(tmp_path):
    stored = values(7, 5, 4)
    read = read_volume_labels(nifti(tmp_path / "a.nii", stored.astype(np.float64)))
    assert read.pixels.dtype == np.uint8
    np.testing.assert_array_equal(read.pixels, stored.transpose(2, 1, 0))
    for bad, found in ((0.5, "labels of type float32"), (np.nan, "labels of type float32"), (-1, "label values -1 to")):
        with pytest.raises(RetintError, match=rf"b\.nii: found {found}"):
            read_volume_labels(nifti(tmp_path / "b.nii", np.full((2, 2, 2), bad, np.float32)))
