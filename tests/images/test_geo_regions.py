"""GeoTIFF by region: the same pixels, and results that lie where the image does."""

import numpy as np
import pytest

import retint.images.regions as regions
from by_region import IMAGE, LABELS, PALETTE, RNG, write_geotiff
from retint.errors import RetintError
from retint.images import read_image
from retint.images.regions import HeldLabels, open_regions, read_whole


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(regions, "LARGE", 100)


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


@pytest.mark.parametrize("fault", ["cut", "refused"])
def test_labels_of_a_geotiff_that_a_full_disk_cut_off_are_told_and_not_there(tmp_path, monkeypatch, fault):
    rasterio = pytest.importorskip("rasterio")
    shutil = pytest.importorskip("rasterio.shutil")
    from rasterio._err import CPLE_AppDefinedError

    place = rasterio.transform.from_origin(500_000, 5_400_000, 0.5, 0.5)
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        height=150,
        width=210,
        count=3,
        dtype="uint8",
        crs="EPSG:32632",
        transform=place,
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
    with pytest.raises(
        RetintError, match=r"b\.tif: found that it cannot be written \((not all of it is there|write failed)\)"
    ):
        open_regions(tmp_path / "a.tif", 2).write_labels(
            tmp_path / "b.tif", HeldLabels(np.full(IMAGE.shape[:2], 2, np.uint8)), PALETTE
        )
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
