"""Images, and files of them, that are read by region."""

import numpy as np
import pytest

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (150, 210, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 3, (150, 210), dtype=np.uint8)
PALETTE = [(10, 20, 30), (200, 100, 0), (0, 0, 255)]
BOXES = [((0, 150), (0, 210)), ((3, 5), (7, 200)), ((63, 130), (60, 129)), ((149, 150), (209, 210))]


def check(reader, image):
    assert reader.shape == image.shape
    assert reader.dtype == image.dtype
    for box in BOXES:
        (a, b), (c, d) = box
        assert np.array_equal(reader.read(box), image[a:b, c:d])


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
