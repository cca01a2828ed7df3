"""Every region of a file equals that region of the whole."""

import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

import retint.images.regions as regions
from by_region import IMAGE, LABELS, PALETTE, RNG, check, write_zarr
from retint.errors import RetintError
from retint.images import read_image
from retint.images.regions import HeldLabels, identity, open_regions, read_whole


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(regions, "LARGE", 100)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (IMAGE, {"tile": (64, 48), "compression": "zlib"}),
        (IMAGE, {"tile": (64, 48), "planarconfig": "separate", "photometric": "rgb"}),
        (IMAGE, {"rowsperstrip": 7, "compression": "lzw", "predictor": True}),
        (IMAGE, {"rowsperstrip": 16, "bigtiff": True, "byteorder": ">"}),
        (IMAGE, {}),
        (IMAGE[..., 0].astype(np.uint16) * 200, {"tile": (32, 32), "compression": "zstd", "byteorder": ">"}),
        (IMAGE[..., 0].astype(np.float32), {"rowsperstrip": 3}),
        (IMAGE.transpose(2, 0, 1), {"metadata": {"axes": "CYX"}, "photometric": "minisblack", "tile": (16, 16)}),
        (LABELS, {"photometric": "palette", "colormap": RNG.integers(0, 65536, (3, 256), dtype=np.uint16)}),
    ],
)
def test_regions_of_a_tiff_are_those_of_the_whole(tmp_path, values, options):
    values = values.transpose(2, 0, 1) if options.get("planarconfig") == "separate" else values
    tifffile.imwrite(
        tmp_path / "a.tif", values, **({"photometric": "minisblack"} if values.ndim == 2 else {}) | options
    )
    reader = open_regions(tmp_path / "a.tif", 2)
    assert reader is not None
    check(reader, read_image(tmp_path / "a.tif"))


def test_jpeg_strips_of_a_tiff(tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / "a.tif", compression="jpeg", quality=95)
    check(open_regions(tmp_path / "a.tif", 2), read_image(tmp_path / "a.tif"))


def test_a_single_large_strip_is_read_whole(tmp_path, monkeypatch):
    import retint.images.tiff_regions as module

    tifffile.imwrite(tmp_path / "a.tif", IMAGE, rowsperstrip=150)
    monkeypatch.setattr(module, "_LARGEST_PART", 1000)
    assert open_regions(tmp_path / "a.tif", 2) is None
    monkeypatch.setattr(module, "_LARGEST_PART", 1 << 20)
    assert open_regions(tmp_path / "a.tif", 2) is not None


def test_a_tiff_or_a_volume_of_just_so_many_pixels_is_read_whole(tmp_path, monkeypatch):
    pytest.importorskip("zarr")
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, tile=(64, 48))
    write_zarr(tmp_path / "a.zarr", np.zeros((3, 15, 21, 100), np.uint8), "czyx")
    for pixels, there in ((150 * 210, False), (150 * 210 - 1, True)):
        monkeypatch.setattr(regions, "LARGE", pixels)
        assert (open_regions(tmp_path / "a.tif", 2) is not None) is there
        assert (open_regions(tmp_path / "a.zarr", 3) is not None) is there


def test_tiles_that_a_tiff_leaves_out_are_zeros(tmp_path):
    image = IMAGE[:128, :192].copy()
    image[64:, 96:] = 0
    tiles = (image[r : r + 32, c : c + 48] for r in range(0, 128, 32) for c in range(0, 192, 48))
    tifffile.imwrite(
        tmp_path / "a.tif", (tile if tile.any() else None for tile in tiles), shape=image.shape, dtype=np.uint8, tile=(32, 48),
        photometric="rgb", compression="zlib",
    )  # fmt: skip
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert 0 in file.pages.first.databytecounts
    assert np.array_equal(read_whole(open_regions(tmp_path / "a.tif", 2)), image)


def test_a_large_tiff_in_cmyk_is_refused(tmp_path):
    inks = RNG.integers(0, 256, (40, 50, 4), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", tile=(32, 32))
    with pytest.raises(RetintError, match="CMYK"):
        assert open_regions(tmp_path / "a.tif", 2) or read_image(tmp_path / "a.tif")


def test_a_cache_of_few_bytes_changes_nothing(tmp_path, monkeypatch):
    import retint.images.tiff_regions as module

    tifffile.imwrite(tmp_path / "a.tif", IMAGE, tile=(16, 16), compression="zlib")
    monkeypatch.setattr(module, "KEPT", 2000)
    check(open_regions(tmp_path / "a.tif", 2), IMAGE)


def test_decoded_tiles_are_let_go_of_one_by_one(tmp_path, monkeypatch):
    import retint.images.tiff_regions as module

    tifffile.imwrite(tmp_path / "a.tif", IMAGE, tile=(16, 16), compression="zlib")
    monkeypatch.setattr(module, "KEPT", 10 * 16 * 16 * 3)
    reader = open_regions(tmp_path / "a.tif", 2)
    reader.read(((0, 150), (0, 210)))
    assert len(reader._decoded) == 10
    assert reader._held == sum(part.nbytes for part in reader._decoded.values()) <= module.KEPT


def pyramid(path):
    with tifffile.TiffWriter(path) as file:
        file.write(IMAGE, tile=(32, 32), subifds=2)
        file.write(IMAGE[::2, ::2], tile=(32, 32), subfiletype=1)
        file.write(IMAGE[::4, ::4], tile=(32, 32), subfiletype=1)


def test_scale_picks_the_nearest_finer_level_of_a_pyramid(tmp_path):
    pyramid(tmp_path / "a.tif")
    reader = open_regions(tmp_path / "a.tif", 2)
    for scale, step in ((1.0, 1), (0.6, 1), (0.5, 2), (0.3, 2), (0.2, 4), (0.01, 4)):
        assert np.array_equal(read_whole(reader.at(scale)), IMAGE[::step, ::step])


def test_labels_of_a_tiff_are_a_tiled_bigtiff_in_the_colours_of_the_classes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, tile=(64, 48), resolution=(300, 200), resolutionunit=3)
    reader = open_regions(tmp_path / "a.tif", 2)
    labels = np.tile(LABELS, (4, 4))  # several tiles
    reader.write_labels(tmp_path / "b.tif", HeldLabels(labels), PALETTE)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        page = file.pages.first
        assert file.is_bigtiff
        assert page.is_tiled
        assert np.array_equal(page.asarray(), labels)
        assert (page.colormap.T[:3] // 257).tolist() == [list(colour) for colour in PALETTE]
        assert page.get_resolution() == (300, 200)
    first = (tmp_path / "b.tif").read_bytes()
    reader.write_labels(tmp_path / "b.tif", HeldLabels(labels), PALETTE)
    assert (tmp_path / "b.tif").read_bytes() == first


@pytest.mark.parametrize("unit", [1, 2, 3])
def test_the_unit_of_a_tiffs_resolution_is_kept(tmp_path, unit):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, tile=(64, 48), resolution=(300, 200), resolutionunit=unit)
    open_regions(tmp_path / "a.tif", 2).write_labels(tmp_path / "b.tif", HeldLabels(LABELS), PALETTE)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages.first.tags.valueof("ResolutionUnit") == unit


def test_a_volume_is_no_image_and_an_image_no_volume(tmp_path):
    zarr = pytest.importorskip("zarr")
    write_zarr(tmp_path / "a.zarr", np.zeros((4, 20, 20), np.uint8), "zyx")
    with pytest.raises(RetintError, match="is a volume"):
        open_regions(tmp_path / "a.zarr", 2)
    assert open_regions(tmp_path / "a.zarr", 3).shape == (4, 20, 20, 1)
    zarr.create_array(tmp_path / "b.zarr", data=LABELS[None])
    with pytest.raises(RetintError, match="is a 2-D image"):
        open_regions(tmp_path / "b.zarr", 3)


def test_identity_tells_images_apart(tmp_path):
    zarr = pytest.importorskip("zarr")
    seen = []
    for values in (
        IMAGE,
        IMAGE,
        IMAGE[:100],
        np.where(np.arange(210)[None, :, None] == 209, 0, IMAGE).astype(np.uint8),
    ):
        shutil.rmtree(tmp_path / "a.zarr", ignore_errors=True)
        zarr.save_array(tmp_path / "a.zarr", values)
        seen.append(identity(open_regions(tmp_path / "a.zarr", 2)))
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
    assert seen[0] != seen[3]


def test_identity_tells_another_version_of_an_image_apart(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.save_array(tmp_path / "a.zarr", IMAGE)
    first = identity(open_regions(tmp_path / "a.zarr", 2))
    zarr.open_array(tmp_path / "a.zarr", mode="r+").attrs["stain"] = "other"
    assert identity(open_regions(tmp_path / "a.zarr", 2)) != first
    middle = IMAGE.copy()
    middle[76, 106] ^= 255
    for name, values in (("b", IMAGE), ("c", middle)):
        tifffile.imwrite(tmp_path / f"{name}.tif", values, tile=(32, 32))
    one, other = (identity(open_regions(tmp_path / f"{name}.tif", 2)) for name in "bc")
    assert one["pixels"] != other["pixels"]


def test_a_damaged_file_is_told_in_one_line(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, tile=(16, 16))
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: len(data) // 2])
    with pytest.raises(RetintError, match=r"a\.tif: found") as caught:
        open_regions(tmp_path / "a.tif", 2)
    assert "\n" not in str(caught.value)
