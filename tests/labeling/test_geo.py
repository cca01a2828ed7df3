"""GeoTIFFs: all that is written of one lies where it does, and maps that do not are warned of."""

import numpy as np
import pytest

from made import make_model, values
from retint.images import open_regions, read_image, read_labels, read_whole
from retint.labeling.files.images import Wish, label_files
from retint.labeling.files.maps import Maps
from retint.pictures import doubt_palette

rasterio = pytest.importorskip("rasterio")

IMAGE = values(50, 70, 3)
HERE = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_600_000)


def write(path, bands, **options):
    bands = bands[..., None] if bands.ndim == 2 else bands
    rows, columns, count = bands.shape
    place = {"crs": "EPSG:32633", "transform": HERE} | options
    with rasterio.open(
        path, "w", driver="GTiff", height=rows, width=columns, count=count, dtype=bands.dtype, **place
    ) as file:
        file.write(np.moveaxis(bands, -1, 0))
    return path


@pytest.mark.parametrize("classes", [2, 3, 4, 20])
def test_probabilities_and_doubt_of_a_geotiff_lie_where_it_does(tmp_path, classes):
    model, out = make_model(classes=classes), tmp_path / "out"
    image = write(tmp_path / "a.tif", IMAGE)
    wish = Wish(3, probabilities=True, doubt="entropy", overlay=False)
    assert not label_files(model, [image], out, wish).failed
    assert sorted(file.name for file in out.iterdir()) == [
        "a.doubt.tif",
        "a.estimate.tif",
        "a.probabilities.tif",
        "a.tif",
    ]
    expected = model.label(IMAGE, 3)
    for name, planes, cell in (("probabilities", expected.probabilities, 1), ("estimate", expected.estimate, 4)):
        with rasterio.open(out / f"a.{name}.tif") as file:
            assert (file.count, file.dtypes[0], file.descriptions) == (classes, "float32", model.classes)
            assert file.crs.to_epsg() == 32633
            assert file.transform == rasterio.Affine(0.5 * cell, 0, 500_000, 0, -0.5 * cell, 5_600_000)
            assert np.allclose(file.read(), planes, atol=1e-6)
    with rasterio.open(out / "a.doubt.tif") as file:
        assert (file.count, file.crs.to_epsg(), file.transform) == (1, 32633, HERE)
        assert np.abs(file.read(1) - 255 * expected.doubt("entropy")).max() <= 0.51
        assert [file.colormap(1)[k][:3] for k in range(256)] == doubt_palette()


def test_what_was_written_of_a_geotiff_is_a_start_and_is_read_by_region(model, tmp_path):
    image = write(tmp_path / "a.tif", IMAGE)
    label_files(model, [image], tmp_path / "out", Wish(2, probabilities=True))
    expected, two = model.label(IMAGE, 3), model.label(IMAGE, 2)
    for start in (tmp_path / "out", tmp_path / "out" / "a.estimate.tif"):
        outcome = label_files(model, [image], tmp_path / "on", Wish(1, start=start, probabilities=True, overwrite=True))
        assert not outcome.warnings
        assert (
            np.abs(np.moveaxis(read_image(tmp_path / "on" / "a.estimate.tif"), -1, 0) - expected.estimate).max() < 1e-6
        )
    start = tmp_path / "out" / "a.probabilities.tif"
    outcome = label_files(model, [image], tmp_path / "on", Wish(1, start=start, overwrite=True))
    assert not outcome.warnings
    assert np.array_equal(read_labels(tmp_path / "on" / "a.tif"), model.label(IMAGE, 1, start=two.probabilities).labels)
    reader = open_regions(start, 2)
    assert np.allclose(reader.read(((3, 40), (8, 60))), np.moveaxis(two.probabilities, 0, -1)[3:40, 8:60], atol=1e-6)
    assert np.array_equal(read_whole(reader), read_image(start))


def test_an_estimate_that_reaches_far_beyond_the_image_lies_on_it(tmp_path):
    model, image = make_model("small-8-4"), write(tmp_path / "a.tif", IMAGE[:49, :65])
    label_files(model, [image], tmp_path / "out", Wish(1, probabilities=True, overlay=False))
    assert read_image(tmp_path / "out" / "a.estimate.tif").shape == (14, 18, 3)
    assert label_files(model, [image], tmp_path / "on", Wish(1, start=tmp_path / "out", overlay=False)).warnings == []


def test_the_estimate_at_another_scale_covers_the_image_too(model, tmp_path):
    image = write(tmp_path / "a.tif", IMAGE)
    label_files(model, [image], tmp_path / "out", Wish(1, scale=0.5, probabilities=True, overlay=False))
    with rasterio.open(tmp_path / "out" / "a.estimate.tif") as file:
        assert file.transform == rasterio.Affine(4, 0, 500_000, 0, -4, 5_600_000)


@pytest.mark.parametrize(
    ("place", "word"),
    [
        ({"crs": "EPSG:4326"}, "its coordinate system is EPSG:4326, the image's EPSG:32633"),
        ({"transform": rasterio.Affine(0.5, 0, 500_009, 0, -0.5, 5_600_000)}, "its bounds are 500009, 5599975, 500044, 5600000, the image's 500000,"),
        ({"transform": rasterio.Affine(0.6, 0, 500_000, 0, -0.6, 5_600_000)}, "its bounds are 500000, 5599970, 500042, 5600000, the image's"),
        ({"transform": rasterio.Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_600_000)}, "its bounds are 500000, 5599980, 500043, 5600021, the"),
    ],
)  # fmt: skip
def test_maps_that_lie_elsewhere_are_warned_of(model, tmp_path, place, word):
    image, labels = write(tmp_path / "a.tif", IMAGE), values(50, 70) % 3
    labels[0, 0] = 255
    there = write(tmp_path / "there.tif", labels, **place)
    for option in ("start", "hints"):
        wish = Wish(1, overlay=False, overwrite=True, **{option: there})
        outcome = label_files(model, [image], tmp_path / "out", wish)
        assert not outcome.failed
        (line,) = outcome.warnings
        assert line.startswith(f"{image}: --{option} {there}: {word}")
        assert line.endswith("it is taken as if it lay on the image: reproject it if it does not")


def test_maps_that_lie_on_the_image_at_any_resolution_or_say_nothing_are_not(model, tmp_path):
    image, labels = write(tmp_path / "a.tif", IMAGE), values(50, 70) % 3
    plain, coarse = {"crs": None, "transform": None}, {"transform": rasterio.Affine(1, 0, 500_000, 0, -1, 5_600_000)}
    for given, place in ((labels, {}), (labels[::2, ::2], coarse), (labels, plain), (labels, {"crs": None})):
        maps = Maps(write(tmp_path / "b.tif", given, **place), "--start", 2, "abc")
        assert np.array_equal(maps.of(image, open_regions(image, 2)), given)
        assert maps.warnings == []
    off = write(tmp_path / "off.tif", IMAGE, **plain)
    maps = Maps(write(tmp_path / "b.tif", labels), "--start", 2, "abc")
    maps.of(off, open_regions(off, 2))  # an image that does not say where it lies
    assert maps.warnings == []


def test_no_data_of_a_map_is_unknown(tmp_path):
    labels = (values(50, 70) % 3).astype(np.int16)
    labels[:9] = -9999
    found = Maps(write(tmp_path / "a.tif", labels, nodata=-9999), "--hints", 2, "abc").of(tmp_path / "a.tif")
    assert np.array_equal(found, np.where(labels < 0, 255, labels))


def test_ground_control_points_are_those_of_the_cells(model, tmp_path):
    from rasterio.control import GroundControlPoint

    points = [
        GroundControlPoint(row=r, col=c, x=2 + c / 100, y=48 - r / 100) for r, c in ((0, 0), (0, 64), (48, 0), (48, 64))
    ]
    image = write(tmp_path / "a.tif", IMAGE, transform=None, crs="EPSG:4326", gcps=points)
    label_files(model, [image], tmp_path / "out", Wish(1, probabilities=True, overlay=False))
    for name, cell in (("probabilities", 1), ("estimate", 4)):
        with rasterio.open(tmp_path / "out" / f"a.{name}.tif") as file:
            found, crs = file.gcps
            assert crs.to_epsg() == 4326
            assert [(p.row, p.col, p.x, p.y) for p in found] == [(p.row / cell, p.col / cell, p.x, p.y) for p in points]
