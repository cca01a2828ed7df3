"""TIFFs that are damaged or incomplete, that lie on their side, or whose intensities are stored in other ways."""

import logging
import os
import struct
import warnings
from fractions import Fraction

import numpy as np
import pytest
import tifffile

import retint.images.regions as regions
from made import SIZE, values
from retint.errors import RetintError
from retint.images import (
    HeldLabels,
    find_images,
    is_volume,
    is_zarr,
    open_regions,
    read_image,
    read_labels,
    read_volume,
    read_volume_labels,
    read_whole,
)
from retint.images.orientation import upright

IMAGE = values(20, 30, 3)
GREY = values(20, 30)
PALETTE = [(10, 20, 30), (200, 100, 0)]


@pytest.fixture
def by_region(monkeypatch):
    monkeypatch.setattr(regions, "LARGE", 100)


def damaged(path):
    return pytest.raises(RetintError, match=rf"{path.name}: found a file that cannot be read \(.*\); expected a whole ")


@pytest.mark.parametrize("kind", [{"imagej": True}, {"ome": True}, {"metadata": None}, {}])
def test_a_stack_that_was_cut_is_not_taken_for_a_shorter_one(tmp_path, kind, capfd):
    path = tmp_path / "cut.tif"
    axes = {"metadata": {"axes": "ZYX"}} if "metadata" not in kind else {}
    tifffile.imwrite(path, values(*SIZE), photometric="minisblack", **axes | kind)
    data = path.read_bytes()
    for size in range(400, len(data) - 30, 97):
        path.write_bytes(data[:size])
        for read in (read_volume, read_image, read_volume_labels, read_labels):
            if read in (read_volume, read_volume_labels) or not is_volume(path):  # else refused as a volume
                with damaged(path):
                    read(path)
    assert capfd.readouterr().err == ""


def test_pages_one_by_one_that_were_cut(tmp_path, by_region):
    path = tmp_path / "cut.tif"
    with tifffile.TiffWriter(path) as file:
        for page in values(20, 16, 16):
            file.write(page, contiguous=False, metadata=None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with damaged(path):
        read_volume(path)
    with damaged(path):
        open_regions(path, 2)


@pytest.mark.parametrize("axis", ["Z", "C"])
def test_an_ome_tiff_of_which_files_are_missing(tmp_path, axis):
    files = [("a.ome.tif", "0"), ("b.ome.tif", "1")]
    parts = "".join(
        f'<TiffData First{axis}="{k}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{uuid}</UUID></TiffData>'
        for k, (name, uuid) in enumerate(files)
    )
    size = {"X": 30, "Y": 20, "Z": 1, "C": 1, "T": 1} | {axis: 2}
    sizes = " ".join(f'Size{letter}="{n}"' for letter, n in size.items())
    planes = values(2, 20, 30)
    for plane, (name, uuid) in zip(planes, files, strict=True):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{uuid}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
            f"{sizes}>{parts}</Pixels></Image></OME>"
        )
        tifffile.imwrite(tmp_path / name, plane, description=xml, metadata=None, photometric="minisblack")
    whole = read_volume(tmp_path / "a.ome.tif").pixels
    np.testing.assert_array_equal(np.moveaxis(whole, -1, 1).reshape(2, 20, 30), planes)
    (tmp_path / "b.ome.tif").unlink()
    with pytest.raises(RetintError, match=r"a\.ome\.tif: found a file that cannot be read \(.*b\.ome\.tif'\); expected"):
        read_volume(tmp_path / "a.ome.tif")


def test_what_tifffile_logs_otherwise_is_not_printed_and_others_still_hear_it(tmp_path, caplog, capfd):
    tifffile.imwrite(tmp_path / "a.tif", GREY, extratags=[(42113, "s", 0, "no number", True)])  # GDAL's nodata
    read_image(tmp_path / "a.tif")
    assert (caplog.text, capfd.readouterr().err) == ("", "")
    logging.getLogger("tifffile").warning("of another program")
    assert "of another program" in caplog.text


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_honoured(tmp_path, by_region, orientation):
    tag = {"extratags": [(274, "H", 1, orientation, True)], "metadata": None}
    expected = upright(IMAGE, orientation)
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, photometric="rgb", tile=(16, 16), **tag)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)
    reader = open_regions(tmp_path / "a.tif", 2)
    assert (reader is None) == (orientation != 1)  # it is read whole
    tifffile.imwrite(tmp_path / "b.tif", GREY, photometric="minisblack", **tag)
    np.testing.assert_array_equal(read_labels(tmp_path / "b.tif"), upright(GREY, orientation))
    stack = values(18, 20, 30)
    with tifffile.TiffWriter(tmp_path / "c.tif") as file:
        for page in stack:
            file.write(page, photometric="minisblack", contiguous=False, **tag)
    turned = np.stack([upright(page, orientation) for page in stack])
    np.testing.assert_array_equal(read_volume(tmp_path / "c.tif").pixels[..., 0], turned)
    np.testing.assert_array_equal(read_volume_labels(tmp_path / "c.tif").pixels, turned)


def test_white_that_is_zero_is_shown_white_and_labels_stay(tmp_path, by_region):
    for dtype, largest in ((np.uint8, 255), (np.uint16, 65535)):
        stored = values(20, 30, dtype=dtype)
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite", rowsperstrip=4)
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], largest - stored)
        np.testing.assert_array_equal(read_whole(open_regions(tmp_path / "a.tif", 2))[..., 0], largest - stored)
        np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), stored)
    tifffile.imwrite(tmp_path / "b.tif", GREY > 127, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif")[..., 0], np.where(GREY > 127, 0, 255))
    np.testing.assert_array_equal(read_labels(tmp_path / "b.tif"), GREY > 127)
    tifffile.imwrite(tmp_path / "c.tif", values(*SIZE), photometric="miniswhite", metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(
        255 - read_volume(tmp_path / "c.tif").pixels[..., 0], read_volume_labels(tmp_path / "c.tif").pixels
    )


@pytest.mark.parametrize(("bits", "factor"), [(2, 85), (4, 17)])
def test_few_bits_are_stretched_in_images_and_not_in_labels(tmp_path, by_region, bits, factor):
    stored = GREY >> 8 - bits
    packed = np.zeros((20, 30 * bits // 8 + (30 * bits % 8 > 0)), np.uint8)
    for column in range(30):
        packed[:, column * bits // 8] |= stored[:, column] << (8 - bits - column * bits % 8)
    write_grey(tmp_path / "a.tif", packed.tobytes(), bits)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], stored * factor)
    np.testing.assert_array_equal(read_whole(open_regions(tmp_path / "a.tif", 2))[..., 0], stored * factor)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), stored)


def write_grey(path, data, bits):
    """A TIFF of 20 x 30 pixels, by hand: tifffile packs no bits."""
    tags = [(256, 30), (257, 20), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, 20), (279, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4))


def test_ycbcr_is_read_as_jpeg_alone(tmp_path, by_region):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, photometric="ycbcr", metadata=None)
    for read in (read_image, lambda path: open_regions(path, 2)):
        with pytest.raises(RetintError, match=r"a\.tif: found a TIFF in YCbCr colours.*; expected grey or RGB: convert"):
            read(tmp_path / "a.tif")
    flat = np.full((32, 32, 3), (200, 100, 50), np.uint8)
    write_geotiff(tmp_path / "b.tif", flat, photometric="YCBCR", compress="jpeg")
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages.first.photometric == tifffile.PHOTOMETRIC.YCBCR
    for read in (read_image, lambda path: read_whole(open_regions(path, 2))):
        assert np.abs(read(tmp_path / "b.tif").astype(int) - flat).max() <= 3


def write_geotiff(path, pixels=IMAGE, **options):
    rasterio = pytest.importorskip("rasterio")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path, "w", driver="GTiff", height=pixels.shape[0], width=pixels.shape[1], count=pixels.shape[2],
            dtype=pixels.dtype, **options,
        ) as file:  # fmt: skip
            file.write(np.moveaxis(pixels, -1, 0))


def rpcs():
    from rasterio.rpc import RPC

    one = [1.0] + [0.0] * 19
    return RPC(
        height_off=0, height_scale=1, lat_off=50, lat_scale=1, long_off=10, long_scale=1, line_off=10, line_scale=10,
        samp_off=15, samp_scale=15, line_num_coeff=one, line_den_coeff=one, samp_num_coeff=one, samp_den_coeff=one,
    )  # fmt: skip


@pytest.mark.parametrize("place", ["north up", "turned", "tie points", "rpcs", "tfw", "WLD"])
def test_a_geotiff_without_coordinate_system_keeps_its_place(tmp_path, place):
    rasterio = pytest.importorskip("rasterio")
    transform = rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)
    path = tmp_path / "a.tif"
    if place == "turned":
        transform @= rasterio.Affine.rotation(30)
    if place == "tie points":
        tags = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 5e6, 0.0), True)]
        tifffile.imwrite(path, IMAGE, photometric="rgb", metadata=None, extratags=tags)
    elif place == "rpcs":
        transform = rasterio.Affine.identity()
        write_geotiff(path, rpcs=rpcs())
    elif place in ("tfw", "WLD"):
        write_geotiff(path)
        path.with_suffix(f".{place}").write_text("10\n0\n0\n-10\n500005\n4999995\n")
    else:
        write_geotiff(path, transform=transform)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        reader = open_regions(path, 2)
        np.testing.assert_array_equal(read_whole(reader), IMAGE)
        reader.write_labels(tmp_path / "b.tif", HeldLabels(GREY >> 7), PALETTE)
        assert not any(issubclass(one.category, rasterio.errors.NotGeoreferencedWarning) for one in warned)
        with rasterio.open(tmp_path / "b.tif") as file:
            assert file.crs is None
            assert file.transform.almost_equals(transform)
            assert (file.rpcs is not None) == (place == "rpcs")
            assert file.rpcs == reader._file.rpcs
            np.testing.assert_array_equal(file.read(1), GREY >> 7)


def test_a_geotiff_is_shown_as_other_tiffs_are_and_lies_as_its_coordinates_say(tmp_path):
    grey = GREY[..., None]
    write_geotiff(tmp_path / "white.tif", grey, crs="EPSG:32633", photometric="MINISWHITE")
    assert np.array_equal(read_whole(open_regions(tmp_path / "white.tif", 2)), 255 - grey)
    assert np.array_equal(read_image(tmp_path / "white.tif"), 255 - grey)
    write_geotiff(tmp_path / "bits.tif", grey >> 4, crs="EPSG:32633", nbits=4)
    assert np.array_equal(read_whole(open_regions(tmp_path / "bits.tif", 2)), (grey >> 4) * 17)
    write_geotiff(tmp_path / "cmyk.tif", np.dstack([IMAGE, GREY]), crs="EPSG:32633", photometric="CMYK")
    with pytest.raises(RetintError, match="found a TIFF in CMYK or Lab colours"):
        open_regions(tmp_path / "cmyk.tif", 2)
    tags = [(33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 5e6, 0.0), True), (274, "H", 1, 6, True)]
    tifffile.imwrite(tmp_path / "turned.tif", IMAGE, photometric="rgb", metadata=None, extratags=tags)
    for pixels in (read_image(tmp_path / "turned.tif"), read_whole(open_regions(tmp_path / "turned.tif", 2))):
        np.testing.assert_array_equal(pixels, IMAGE)


def test_a_file_that_may_not_be_read_is_told_of_by_its_line(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    monkeypatch.setattr("retint.images.regions.head_of", forbidden)
    with pytest.raises(RetintError, match=r"a\.tif: found that it may not be read; expected an image: allow it"):
        open_regions(tmp_path / "a.tif", 2)


def test_a_folder_that_may_not_be_read_does_not_stop_the_others(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    monkeypatch.setattr("pathlib.Path.stat", forbidden)  # as for what lies in it
    assert not is_zarr(tmp_path / "closed")
    monkeypatch.undo()
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "closed")
    assert find_images([tmp_path / "closed", tmp_path / "a.tif"]) == [tmp_path / "closed", tmp_path / "a.tif"]


def forbidden(*_, **__):
    raise PermissionError(13, "Permission denied")


SIGNS = {1: (1, 0, 0, 1), 2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1),
         5: (0, 1, 1, 0), 6: (0, 1, -1, 0), 7: (0, -1, -1, 0), 8: (0, -1, 1, 0)}  # fmt: skip


@pytest.mark.parametrize("orientation", SIGNS)
def test_films_are_turned_and_mirrored_as_their_matrix_says(tmp_path, orientation):
    pytest.importorskip("av")
    from retint.images import film_writer, open_film

    frame = np.zeros((32, 64, 3), np.uint8)
    frame[:8], frame[:, :16] = 220, 120
    path = tmp_path / "a.mp4"
    with film_writer(path, Fraction(10)) as put:
        put(frame)
    data = bytearray(path.read_bytes())
    # the display matrix in the track's header, in 16.16 and 2.30 fixed point
    at = data.index(struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30), data.index(b"tkhd"))
    xx, xy, yx, yy = (sign << 16 for sign in SIGNS[orientation])
    data[at : at + 36] = struct.pack(">9i", xx, xy, 0, yx, yy, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    (read,) = open_film(path).frames()
    expected = upright(frame, orientation)
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).mean() < 5


def test_a_film_without_frames_is_named(tmp_path):
    av = pytest.importorskip("av")
    from retint.images import open_film

    with av.open(str(tmp_path / "none.avi"), "w") as container:
        container.add_stream("mpeg4", rate=10).width = 64
        container.streams.video[0].height, container.streams.video[0].pix_fmt = 32, "yuv420p"
        container.start_encoding()
    with pytest.raises(RetintError, match=r"none\.avi: found no frames; expected"):
        list(open_film(tmp_path / "none.avi").frames())


def test_a_slide_is_its_largest_image_with_its_levels(tmp_path, by_region):
    """As Aperio's scanners write them (SVS): a thumbnail, levels, the label and the whole slide are in the same file."""
    path, about = tmp_path / "a.svs", "Aperio Image Library v11.2.1 \n160x120 "
    pixels = values(120, 160, 3)
    with tifffile.TiffWriter(path) as file:
        for part, more in (
            (pixels, {"tile": (64, 64), "description": f"{about}[0,0 160x120] (64x64) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990"}),
            (pixels[::4, ::4], {"description": f"{about}-> 40x30 - |AppMag = 20"}),
            (pixels[::2, ::2], {"tile": (64, 64), "description": f"{about}[0,0 160x120] (64x64) -> 80x60 JPEG/RGB Q=30"}),
            (pixels[:30], {"description": f"{about}label 160x30", "subfiletype": 1}),
            (pixels[:30], {"description": f"{about}macro 160x30", "subfiletype": 9}),
        ):
            file.write(part, photometric="rgb", metadata=None, **more)
    assert np.array_equal(read_image(path), pixels)
    reader = open_regions(path, 2)
    assert np.array_equal(read_whole(reader), pixels)
    assert np.array_equal(read_whole(reader.at(0.5)), pixels[::2, ::2])
    assert find_images([tmp_path]) == [path]


def test_a_page_that_is_no_stack_any_more_is_an_image_whatever_its_description_says(tmp_path):
    pixels = values(40, 50)
    tifffile.imwrite(tmp_path / "a.tif", pixels, description="ImageJ=1.53t\nimages=10\nslices=10\n", metadata=None)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], pixels)


@pytest.mark.parametrize("tag", [(65000, "B", 8, bytes(8)), (274, "H", 2, (6, 6)), (274, "s", 2, "6")])
def test_tags_that_are_of_no_use_are_passed_over(tmp_path, tag):
    pixels, path = values(40, 50), tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, extratags=[(*tag, True)], metadata=None)
    if tag[0] == 65000:  # its value lies nowhere
        with tifffile.TiffFile(path, mode="r+b") as file:
            at = file.pages.first.tags[65000].offset
        with path.open("r+b") as file:
            file.seek(at + 8)
            file.write(struct.pack("<I", 1 << 30))
    np.testing.assert_array_equal(read_image(path)[..., 0], pixels)


def test_damage_is_heard_of_where_tifffile_was_told_to_be_quiet(tmp_path):
    path, log = tmp_path / "a.tif", logging.getLogger("tifffile")
    with tifffile.TiffWriter(path) as file:
        for page in values(6, 40, 50):
            file.write(page, contiguous=False)
    path.write_bytes(path.read_bytes()[:-5000])
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with pytest.raises(RetintError):
            read_volume(path)
        assert log.level == logging.CRITICAL
    finally:
        log.setLevel(before)
