import struct
import subprocess
import sys
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from made import values
from retint.errors import RetintError
from retint.images import ColouredMask, read_image, read_labels

RNG = np.random.default_rng(0)


def png(bits, colour_type, size, rows):
    """A PNG of a depth that no library here writes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 2), (7, 5, 3), (7, 5, 4), (1, 1, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_of_any_depth_and_channels(tmp_path, shape, dtype):
    pixels, file = values(*shape, dtype=dtype), tmp_path / "a.png"
    file.write_bytes(imagecodecs.png_encode(pixels))
    read = read_image(file)
    assert read.dtype == dtype
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, pixels.reshape(*shape[:2], -1))


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.bmp", {}), ("a.webp", {"lossless": True}), ("a.ppm", {}), ("png in disguise.jpg", {"format": "png"})],
)
def test_lossless_formats(tmp_path, name, options):
    pixels = values(9, 6, 3)
    Image.fromarray(pixels).save(tmp_path / name, **options)
    np.testing.assert_array_equal(read_image(tmp_path / name), pixels)


def test_webp_with_alpha_and_grey_bmp(tmp_path):
    rgba, grey = values(9, 6, 4), values(9, 6)
    Image.fromarray(rgba).save(tmp_path / "a.webp", lossless=True, exact=True)
    Image.fromarray(grey).save(tmp_path / "a.bmp")
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.webp")), rgba)
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), grey[..., None])


def test_palettes_show_their_colours(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    colours = [[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [40, 50, 60]]]
    image.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == colours
    image.save(tmp_path / "b.png", transparency=1)
    assert read_image(tmp_path / "b.png").tolist() == [
        [[10, 20, 30, 255], [40, 50, 60, 0]],
        [[70, 80, 90, 255], [40, 50, 60, 0]],
    ]
    image.save(tmp_path / "c.gif")
    assert read_image(tmp_path / "c.gif").tolist() == colours
    tifffile.imwrite(
        tmp_path / "d.tif",
        np.asarray(image),
        photometric="palette",
        colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) << 6,
    )
    assert read_image(tmp_path / "d.tif")[0].tolist() == [[0, 64, 128], [0, 64, 128]]
    assert read_image(tmp_path / "d.tif").dtype == np.uint8


def test_one_bit_becomes_black_and_white(tmp_path):
    bits = values(9, 11) > 127
    Image.fromarray(bits).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", bits, photometric="minisblack")
    for name in ("a.png", "a.tif"):
        read = read_image(tmp_path / name)
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read[..., 0], bits * 255)
        np.testing.assert_array_equal(read_labels(tmp_path / name), bits)


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    read = read_image(tmp_path / "a.jpg")
    assert read.shape == (8, 8, 3)
    assert read[0, 0, 0] > 200 > 60 > read[0, 0, 1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path, orientation):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8], upright[8:, :8], upright[:8, 16:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the Pillow transposition that undoes each orientation
    image = Image.fromarray(upright)
    stored = image.transpose(back[orientation]) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    stored.save(tmp_path / "a.png", exif=exif)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - upright).max() < 12
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), upright)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib", "tile": (16, 16)}, {"byteorder": ">"}, {"bigtiff": True}]
)
def test_tiff_planar_or_contiguous(tmp_path, dtype, options):
    pixels, file = values(20, 31, 5, dtype=dtype), tmp_path / "a.tif"
    for planar, data in (("contig", pixels), ("separate", pixels.transpose(2, 0, 1))):
        tifffile.imwrite(file, data, photometric="minisblack", planarconfig=planar, **options)
        read = read_image(file)
        assert read.dtype == dtype
        assert read.dtype.isnative
        assert read.flags.c_contiguous
        np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize("options", [{}, {"ome": True}, {"imagej": True}])
def test_tiff_axes_are_believed(tmp_path, options):
    pixels, file = values(4, 20, 31, dtype=np.uint16), tmp_path / "a.tif"
    tifffile.imwrite(file, pixels, photometric="minisblack", metadata={"axes": "CYX"}, **options)
    np.testing.assert_array_equal(read_image(file), pixels.transpose(1, 2, 0))
    tifffile.imwrite(file, pixels, photometric="minisblack", metadata={"axes": "ZYX"}, **options)
    with pytest.raises(
        RetintError, match=r"a\.tif: found a TIFF stack of 4 \(Z\) x 20 \(Y\) x 31 \(X\); expected one 2-D"
    ):
        read_image(file)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (1, 12, 13), (12, 13, 1)])
def test_tiff_with_axes_of_length_one(tmp_path, shape):
    pixels = values(*shape)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    rows, columns = shape if len(shape) == 2 else (12, 13)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), pixels.reshape(rows, columns, 1))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32, np.float16, np.float64])
def test_other_depths_become_float32(tmp_path, dtype):
    pixels = values(6, 7, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    read = read_image(tmp_path / "a.tif")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read[..., 0], pixels.astype(np.float32))


def test_more_than_one_image_is_an_error(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", values(3, 20, 30), photometric="minisblack", metadata=None)
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(values(20, 30), metadata=None)
        writer.write(values(17, 23), metadata=None)
    frames = [Image.fromarray(values(8, 8)) for _ in range(3)]
    frames[0].save(tmp_path / "c.gif", save_all=True, append_images=frames[1:])
    for name, found in (("a.tif", "stack of 3"), ("b.tif", "TIFF of 2 images"), ("c.gif", "3 frames")):
        with pytest.raises(RetintError, match=f"{name}: found .*{found}.*; expected one"):
            read_image(tmp_path / name)


def test_a_tiff_with_a_thumbnail_is_one_image(tmp_path):
    pixels = values(20, 30)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(pixels, metadata=None)
        writer.write(values(17, 23), metadata=None, subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], pixels)


@pytest.mark.parametrize("read", [read_image, read_labels])
def test_errors_name_the_file_in_one_line(tmp_path, read):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "short.tif").write_bytes(b"II*\0\x08\0")
    for name, found in (
        ("none.png", "no such file"), ("", "a folder"), ("empty.png", "an empty file"), ("text.png", "no image"),
        ("short.tif", "a file that cannot be read"),
    ):  # fmt: skip
        with pytest.raises(RetintError) as caught:
            read(tmp_path / name)
        message = str(caught.value)
        assert message.startswith(f"{tmp_path / name}: found {found}")
        assert "; expected " in message
        assert "\n" not in message


@pytest.mark.parametrize("name", ["8.png", "16.png", "a.jpg", "a.webp", "a.bmp", "raw.tif", "zlib.tif", "jpeg.tif"])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_truncated_files(tmp_path, name, share):
    pixels, file = values(64, 64, 3), tmp_path / name
    match name.split("."):
        case "16", _:
            file.write_bytes(imagecodecs.png_encode(pixels.astype(np.uint16) * 200))
        case kind, "tif":
            tifffile.imwrite(file, pixels, photometric="rgb", compression=None if kind == "raw" else kind)
        case _:
            Image.fromarray(pixels).save(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(RetintError, match=name):
        read_image(file)


def test_empty_tiff(tmp_path):
    with pytest.warns(UserWarning, match="zero-size"):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((0, 30), np.uint8))
    with pytest.raises(RetintError, match=r"a\.tif: found"):
        read_image(tmp_path / "a.tif")


def test_large_images_pass_without_warning(tmp_path, recwarn):
    # 20,000 x 20,000 white pixels of one bit, without decoding them: the guard acts on the header
    rows = zlib.compress(b"\0" + b"\xff" * 2500)
    (tmp_path / "a.png").write_bytes(png(1, 0, (20_000, 20_000), rows))
    with pytest.raises(RetintError, match="cannot be read"):
        read_image(tmp_path / "a.png")
    assert not recwarn.list
    (tmp_path / "b.png").write_bytes(png(1, 0, (60_000, 60_000), rows))
    with pytest.raises(RetintError, match=r"b\.png.*exceeds limit"):
        read_image(tmp_path / "b.png")


def test_labels_are_indices_never_colours(tmp_path):
    labels = values(9, 6)
    image = Image.fromarray(labels)
    image.putpalette(values(768).tobytes())
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "a.bmp")
    for name in ("a.png", "a.bmp"):
        read = read_labels(tmp_path / name)
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, labels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_labels_keep_their_values(tmp_path, name, dtype):
    labels = values(9, 6, dtype=dtype)
    if name == "a.png":
        (tmp_path / name).write_bytes(imagecodecs.png_encode(labels))
    else:
        tifffile.imwrite(tmp_path / name, labels)
    read = read_labels(tmp_path / name)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, labels)


@pytest.mark.parametrize(("bits", "rows"), [(4, b"\0\x1f\0\x23"), (2, b"\0\x70\0\xb0"), (1, b"\0\x40\0\xc0")])
def test_grey_png_labels_of_few_bits_are_not_stretched(tmp_path, bits, rows):
    (tmp_path / "a.png").write_bytes(png(bits, 0, (2, 2), rows))
    expected = {4: [[1, 15], [2, 3]], 2: [[1, 3], [2, 3]], 1: [[0, 1], [1, 1]]}[bits]
    assert read_labels(tmp_path / "a.png").tolist() == expected


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64])
def test_wide_integer_labels(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 7], [255, 3]], dtype))
    read = read_labels(tmp_path / "a.tif")
    assert read.dtype == np.uint8
    assert read.tolist() == [[0, 7], [255, 3]]
    tifffile.imwrite(tmp_path / "b.tif", np.array([[0, -1]], dtype))
    with pytest.raises(RetintError, match=r"b\.tif: found label values -1 to 0; expected 0 to 65535"):
        read_labels(tmp_path / "b.tif")


@pytest.mark.parametrize("channels", [3, 4])
def test_coloured_masks_are_told_apart(tmp_path, channels):
    mask = values(9, 6, channels)
    Image.fromarray(mask).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(mask.astype(np.uint16) * 200))
    tifffile.imwrite(tmp_path / "c.tif", mask, photometric="rgb")
    for name in ("a.png", "b.png", "c.tif"):
        with pytest.raises(ColouredMask, match=f"{name}: found a coloured mask; expected one class index per pixel"):
            read_labels(tmp_path / name)


def test_labels_that_cannot_be_right(tmp_path):
    Image.fromarray(values(9, 6)).save(tmp_path / "a.jpg")
    tifffile.imwrite(tmp_path / "b.tif", values(9, 6, dtype=np.float32))
    Image.fromarray(values(9, 6, 2)).save(tmp_path / "c.png")
    for name, found in (("a.jpg", "JPEG, which blurs"), ("b.tif", "labels of type float32"), ("c.png", "transparent")):
        with pytest.raises(RetintError, match=f"{name}: found .*{found}"):
            read_labels(tmp_path / name)


def test_opaque_grey_with_alpha_is_grey(tmp_path):
    labels = values(9, 6, 2)
    labels[..., 1] = 255
    Image.fromarray(labels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels[..., 0])


def test_importing_is_lean():
    heavy = "{'torch', 'tifffile', 'imagecodecs', 'matplotlib', 'skimage', 'scipy', 'nibabel', 'zarr'}"
    code = f"import sys, retint.images, retint.pictures; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
