"""Every region of a file equals that region of the whole."""

import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

import retint.images.regions as regions
from retint.errors import RetintError
from retint.images import read_image
from retint.images.regions import HeldLabels, identity, open_regions, read_whole
from retint.images.zarr_regions import ZarrRegions

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (150, 210, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 3, (150, 210), dtype=np.uint8)
PALETTE = [(10, 20, 30), (200, 100, 0), (0, 0, 255)]
BOXES = [((0, 150), (0, 210)), ((3, 5), (7, 200)), ((63, 130), (60, 129)), ((149, 150), (209, 210))]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(regions, "LARGE", 100)


def check(reader, image):
    assert reader.shape == image.shape
    assert reader.dtype == image.dtype
    for box in BOXES:
        (a, b), (c, d) = box
        assert np.array_equal(reader.read(box), image[a:b, c:d])


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


def write_zarr(path, values, axes, version="0.5", coarser="zyx"):
    """OME-Zarr of two levels, the second twice as coarse along some axes."""
    zarr = pytest.importorskip("zarr")
    listed = [{"name": axis, "type": "channel" if axis == "c" else "space"} for axis in axes]
    levels = [
        {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": [2.0**k] * len(axes)}]}
        for k in (0, 1)
    ]
    entry = {"axes": listed, "datasets": levels, "name": "a"}
    attributes = {"ome": {"version": "0.5", "multiscales": [entry]}}
    if version == "0.4":
        attributes = {"multiscales": [entry | {"version": "0.4"}]}
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3, attributes=attributes)
    coarse = values[tuple(slice(None, None, 2 if axis in coarser else 1) for axis in axes)]
    for name, level in (("0", values), ("1", coarse)):
        array = group.create_array(
            name, shape=level.shape, dtype=level.dtype, chunks=tuple(min(n, 50) for n in level.shape)
        )
        array[...] = level


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


def test_a_volume_is_no_image_and_an_image_no_volume(tmp_path):
    zarr = pytest.importorskip("zarr")
    write_zarr(tmp_path / "a.zarr", np.zeros((4, 20, 20), np.uint8), "zyx")
    with pytest.raises(RetintError, match="is a volume"):
        open_regions(tmp_path / "a.zarr", 2)
    assert open_regions(tmp_path / "a.zarr", 3).shape == (4, 20, 20, 1)
    zarr.create_array(tmp_path / "b.zarr", data=LABELS[None])
    with pytest.raises(RetintError, match="is a 2-D image"):
        open_regions(tmp_path / "b.zarr", 3)


def write_geotiff(path, values, driver="GTiff", **options):
    rasterio = pytest.importorskip("rasterio")
    from rasterio.shutil import copy

    transform = rasterio.transform.from_origin(500_000, 5_400_000, 0.5, 0.5)
    part = path.with_suffix(".plain.tif")
    with rasterio.open(
        part, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=values.shape[2], dtype=values.dtype,
        **{"crs": "EPSG:32631", "transform": transform} | options,
    ) as file:  # fmt: skip
        file.write(np.moveaxis(values, -1, 0))
    copy(part, path, driver=driver)
    part.unlink()
    return transform


@pytest.mark.parametrize("driver", ["GTiff", "COG"])
def test_labels_of_a_geotiff_lie_on_the_same_piece_of_earth(tmp_path, driver):
    rasterio = pytest.importorskip("rasterio")
    image = np.tile(IMAGE, (4, 4, 1))  # large enough for a COG's overview
    transform = write_geotiff(tmp_path / "a.tif", image, driver)
    reader = open_regions(tmp_path / "a.tif", 2)
    check_image = reader.read(((10, 300), (20, 600)))
    assert np.array_equal(check_image, image[10:300, 20:600])
    if driver == "COG":
        assert reader.at(0.5).shape[0] == 300
    labels = np.tile(LABELS, (4, 4))
    reader.write_labels(tmp_path / "b.tif", HeldLabels(labels), PALETTE)
    with rasterio.open(tmp_path / "b.tif") as file:
        assert file.crs.to_epsg() == 32631
        assert file.transform == transform
        assert file.profile["tiled"]
        assert file.compression.value == "DEFLATE"
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert [file.colormap(1)[k][:3] for k in range(3)] == PALETTE
        assert np.array_equal(file.read(1), labels)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tif", "b.tif"]


def test_pixels_of_a_geotiff_without_data_are_labelled_as_others_are(tmp_path):
    values = RNG.random((40, 50, 2)).astype(np.float32)
    values[3:9, 4:20] = np.nan
    write_geotiff(tmp_path / "a.tif", values, nodata=np.nan)
    assert np.array_equal(read_whole(open_regions(tmp_path / "a.tif", 2)), np.nan_to_num(values))
    write_geotiff(tmp_path / "b.tif", values)  # a value that is none, and not said to be
    assert np.isnan(read_whole(open_regions(tmp_path / "b.tif", 2))).any()


def test_a_geotiff_with_ground_control_points_keeps_them(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    from rasterio.control import GroundControlPoint

    points = [
        GroundControlPoint(row=r, col=c, x=2 + c / 100, y=48 - r / 100)
        for r, c in ((0, 0), (0, 200), (140, 0), (140, 200))
    ]
    write_geotiff(tmp_path / "a.tif", IMAGE, transform=None, crs="EPSG:4326", gcps=points)
    open_regions(tmp_path / "a.tif", 2).write_labels(tmp_path / "b.tif", HeldLabels(LABELS), PALETTE)
    with rasterio.open(tmp_path / "b.tif") as file:
        found, crs = file.gcps
        assert crs.to_epsg() == 4326
        assert [(p.row, p.col, p.x, p.y) for p in found] == [(p.row, p.col, p.x, p.y) for p in points]
        assert np.array_equal(file.read(1), LABELS)


def test_overviews_of_labels_hold_no_classes_that_are_not_there(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    write_geotiff(tmp_path / "a.tif", IMAGE)
    labels = np.where(np.indices((1200, 1300)).sum(0) % 2, 0, 2).astype(np.uint8)
    greys = [(0, 0, 0), (100, 100, 100), (200, 200, 200)]  # between the first and the third lies the second
    open_regions(tmp_path / "a.tif", 2).write_labels(tmp_path / "b.tif", HeldLabels(labels), greys)
    with rasterio.open(tmp_path / "b.tif", overview_level=0) as file:
        assert set(np.unique(file.read(1))) <= {0, 2}


def test_colours_of_a_geotiff_with_a_colour_table(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    write_geotiff(tmp_path / "a.tif", LABELS[..., None])
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.write_colormap(1, {k: (*colour, 255) for k, colour in enumerate(PALETTE)})
    reader = open_regions(tmp_path / "a.tif", 2)
    assert reader.shape == (150, 210, 3)
    assert np.array_equal(read_whole(reader), np.array(PALETTE, np.uint8)[LABELS])


def test_scale_picks_the_coarsest_overview_of_a_geotiff_that_is_fine_enough(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    write_geotiff(tmp_path / "a.tif", np.tile(IMAGE, (4, 4, 1)))
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.build_overviews([2, 4, 8], rasterio.enums.Resampling.nearest)
    reader = open_regions(tmp_path / "a.tif", 2)
    for scale, rows in ((1.0, 600), (0.6, 600), (0.5, 300), (0.3, 300), (0.25, 150), (0.01, 75)):
        assert reader.at(scale).shape[0] == rows


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


@pytest.mark.parametrize("fault", ["cut", "refused"])
def test_labels_of_a_geotiff_that_a_full_disk_cut_off_are_told_and_not_there(tmp_path, monkeypatch, fault):
    rasterio = pytest.importorskip("rasterio")
    shutil = pytest.importorskip("rasterio.shutil")
    from rasterio._err import CPLE_AppDefinedError

    place = rasterio.transform.from_origin(500_000, 5_400_000, 0.5, 0.5)
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", height=150, width=210, count=3, dtype="uint8", crs="EPSG:32632", transform=place
    ) as file:
        file.write(np.moveaxis(IMAGE, -1, 0))
    copy = shutil.copy

    def full(source, target, **options):
        if fault == "refused":
            raise CPLE_AppDefinedError(3, 1, "write failed")
        with rasterio.open(source, "r+") as file:
            file.write(np.zeros((20, 20), np.uint8), 1, window=((120, 140), (180, 200)))
        copy(source, target, **options)

    monkeypatch.setattr(shutil, "copy", full)
    with pytest.raises(RetintError, match=r"b\.tif: found that it cannot be written \((not all of it is there|write failed)\)"):
        open_regions(tmp_path / "a.tif", 2).write_labels(tmp_path / "b.tif", HeldLabels(np.full(IMAGE.shape[:2], 2, np.uint8)), PALETTE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("size", [(150, 210), (1, 30), (1100, 530)])
def test_probabilities_of_a_geotiff_are_its_bands(tmp_path, size):
    rasterio = pytest.importorskip("rasterio")
    transform = write_geotiff(tmp_path / "a.tif", np.zeros((*size, 3), np.uint8))
    planes = RNG.random((5, *size)).astype(np.float32)
    reader = open_regions(tmp_path / "a.tif", 2)
    reader.write_probabilities(tmp_path / "b.tif", planes, "vwxyz")
    with rasterio.open(tmp_path / "b.tif") as file:
        assert (file.descriptions, file.transform, file.crs.to_epsg()) == (tuple("vwxyz"), transform, 32631)
        assert np.array_equal(file.read(), planes)
    assert np.array_equal(read_image(tmp_path / "b.tif"), np.moveaxis(planes, 0, -1))
    assert np.array_equal(read_whole(open_regions(tmp_path / "b.tif", 2)), np.moveaxis(planes, 0, -1))
    assert reader.elsewhere(tmp_path / "b.tif") is None


def test_probabilities_of_a_geotiff_that_a_full_disk_cut_off_are_told_and_not_there(tmp_path, monkeypatch):
    pytest.importorskip("rasterio")
    write_geotiff(tmp_path / "a.tif", IMAGE)
    reader, planes = open_regions(tmp_path / "a.tif", 2), RNG.random((2, 150, 210)).astype(np.float32)
    created = reader._created

    class Full:
        """Keeps nothing of what is written to it."""

        def __init__(self, *given, **options):
            self.file = created(*given, **options)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, values, **where):
            self.file.write(0 * values, **where)

    monkeypatch.setattr(reader, "_created", Full)
    with pytest.raises(RetintError, match=r"b\.tif: found that it cannot be written \(not all of it is there\)"):
        reader.write_probabilities(tmp_path / "b.tif", planes, "vw")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
