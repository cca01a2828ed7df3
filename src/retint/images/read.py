"""Reading images and label maps from files. The kind of a file is told by its first bytes, not by its name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from retint.errors import RetintError, reason_of

from .find import NIFTI_SUFFIXES, is_zarr, volume_suffix
from .orientation import ORIENTATION, upright
from .tiff import is_tiff, look_of, opened_tiff, read_tiff, read_tiff_labels

Pixels = NDArray[Any]

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM")
_KINDS = "PNG, JPEG, TIFF, WebP, BMP, GIF or PNM"
_HEAD = 33  # bytes: up to the end of a PNG's first chunk

# How Pillow's other modes become one that NumPy takes as it is. "P" depends on the palette; see _shown.
_AS = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB"} | dict.fromkeys(
    ("CMYK", "YCbCr", "LAB", "HSV"), "RGB"
)

# Pillow refuses large images, as a guard against files that are small on disk and huge in memory.
# The guard stays, but begins above the largest image that Retint promises to label.
if Image.MAX_IMAGE_PIXELS is not None:
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, 20_000 * 20_000)


class ColouredMask(RetintError):
    """A label file that holds colours where class indices were expected."""

    def __init__(self, path: str | PathLike[str]) -> None:
        super().__init__(
            f"{path}: found a coloured mask; expected one class index per pixel: "
            "convert it with retint convert DATASET --palette palette.json"
        )


def read_image(path: str | PathLike[str]) -> Pixels:
    """Read an image.

    Reads PNG, JPEG, TIFF, WebP, BMP, GIF and PNM. Palettes become RGB (RGBA if transparent), fewer than 8 bits are
    stretched to 8, CMYK becomes RGB (of a TIFF it is refused), and the orientation is applied. Zero is black, also where a
    TIFF stores white as zero; its channels may be planes or interleaved.

    Args:
        path: the file.

    Returns:
        (rows, columns, channels), contiguous, in the file's own depth: uint8, uint16, or float32 for all the rest
        (signed and 32-bit integers, half and double precision).

    Raises:
        RetintError: no such file, not an image, truncated, empty, or more than one image (an animation, or a volume:
            see `read_volume`).
    """
    path = Path(path)
    _refuse_volume(path)
    with told(path):
        head = head_of(path)
        pixels = read_tiff(path) if is_tiff(head) else _read_shown(path, head)
        return whole(path, pixels)


def image_size(path: str | PathLike[str]) -> tuple[int, int] | None:
    """Rows and columns of an image, from its head alone; None of a TIFF, a volume, or what cannot be read."""
    try:
        head = head_of(Path(path))
        if is_tiff(head):
            return None
        with _opened(Path(path), head) as image:
            return image.height, image.width
    except Exception:  # whatever a damaged file does to its decoder: reading it will say what is wrong
        return None


def read_labels(path: str | PathLike[str]) -> NDArray[Any]:
    """Read a map of class indices: a palette's indices (never its colours), or the values of a grey image.

    Args:
        path: a PNG, a TIFF, or another file that stores values without loss.

    Returns:
        (rows, columns) uint8, or uint16 where the file has 16 bits or a value above 255.

    Raises:
        ColouredMask: the file holds RGB or RGBA.
        RetintError: the file cannot be read, or cannot hold class indices (JPEG, PBM, fractions, negative numbers).
    """
    path = Path(path)
    _refuse_volume(path)
    with told(path):
        head = head_of(path)
        values = read_tiff_labels(path) if is_tiff(head) else _read_values(path, head)
        if values is None:
            raise ColouredMask(path)
        return whole(path, as_indices(path, values))


def palette_of(path: str | PathLike[str]) -> NDArray[np.uint8] | None:
    """The colours in which a map of class indices is shown; `read_labels` passes over them.

    Args:
        path: the file.

    Returns:
        Red, green, blue and opacity of each index, (256, 4) uint8 (of a 16-bit TIFF 65536), opaque black beyond what the
        file says; None if it has no palette.

    Raises:
        RetintError: the file cannot be read.
    """
    path = Path(path)
    with told(path):
        head = head_of(path)
        if is_tiff(head):
            with opened_tiff(path) as file:
                colours = look_of(path, file.pages.first).palette
            if colours is None:
                return None
        else:
            with _opened(path, head) as image:
                if image.mode != "P":
                    return None
                image.apply_transparency()
                colours = np.array(image.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    palette = np.tile(np.array([0, 0, 0, 255], np.uint8), (max(256, len(colours)), 1))
    palette[: len(colours), : colours.shape[1]] = colours
    return palette


def _refuse_volume(path: Path) -> None:
    if os.path.exists(path) and (volume_suffix(path) in NIFTI_SUFFIXES or is_zarr(path)):
        raise RetintError(f"{path}: found a volume; expected one 2-D image: take a 3-D model, or save a slice as PNG")


def _read_shown(path: Path, head: bytes) -> Pixels:
    with _opened(path, head) as image:
        deep = _is_deep_png(head)
        turn = image.getexif().get(ORIENTATION, 1) if not deep or "exif" in image.info else 1
        pixels = _decode_deep_png(path) if deep else np.asarray(_shown(image))
    if pixels.dtype == np.int32:  # Pillow's "I": what 16-bit PNM becomes
        pixels = pixels.astype(np.uint16)
    return upright(pixels if pixels.ndim == 3 else pixels[..., None], turn)


def _read_values(path: Path, head: bytes) -> NDArray[Any] | None:
    """The values of a label file; None if they are colours."""
    with _opened(path, head) as image:
        if image.format in ("JPEG", "MPO"):
            raise RetintError(
                f"{path}: found a JPEG, which blurs class indices; expected a PNG or a TIFF: save them anew as PNG"
            )
        if image.format == "PPM" and image.mode == "1":
            raise RetintError(
                f"{path}: found a PBM, where 1 is black and may be either class; expected class indices: save them as PNG"
            )
        stretch = _stretch(image, head)
        pixels = _decode_deep_png(path) if _is_deep_png(head) else np.asarray(image)
    if pixels.ndim == 3:
        channels = pixels.shape[2]
        if channels > 2:
            return None
        if channels == 2 and (pixels[..., 1] != np.iinfo(pixels.dtype).max).any():
            raise RetintError(
                f"{path}: found grey with transparent pixels; expected one class index per pixel: "
                "save it without transparency, with 255 where there is no label"
            )
        pixels = pixels[..., 0]
    return pixels if stretch == 1 else np.rint(pixels / stretch).astype(pixels.dtype)


def _shown(image: Image.Image) -> Image.Image:
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    return image.convert(_AS[image.mode]) if image.mode in _AS else image


def _is_png(head: bytes) -> bool:
    return head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) == _HEAD


def _is_deep_png(head: bytes) -> bool:
    return _is_png(head) and head[24] == 16


def _stretch(image: ImageFile.ImageFile, head: bytes) -> float:
    """What Pillow will multiply a grey PNG of 2 or 4 bits by, or a PGM with another white, to fill 8 or 16 bits."""
    if _is_png(head):
        return {2: 85, 4: 17}.get(head[24], 1) if head[25] == 0 else 1
    match image.tile[0].args if image.format == "PPM" else None:
        case str(), int(white):
            return (255 if white <= 255 else 65535) / white
    return 1


def _decode_deep_png(path: Path) -> Pixels:
    import imagecodecs  # Pillow keeps only the upper 8 bits of 16-bit colour

    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


def as_indices(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    """Stored values as class indices, uint8 or uint16; see `read_labels`."""
    if values.dtype in (np.uint8, np.uint16):
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8)
    if values.dtype.kind not in "iu":
        raise RetintError(f"{path}: found labels of type {values.dtype}; expected integers: save them as uint8")
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high > 65535:
        raise RetintError(
            f"{path}: found label values {low} to {high}; expected 0 to 65535: renumber them, with 255 for no label"
        )
    return values.astype(np.uint8 if high < 256 else np.uint16)


def whole(path: Path, pixels: Pixels) -> Pixels:
    """Pixels in one piece of memory; an error if there are none."""
    if not pixels.size:
        size = " x ".join(map(str, pixels.shape))
        raise RetintError(f"{path}: found an image of {size}; expected at least 1 x 1 pixel: save it again")
    return np.ascontiguousarray(pixels)


def head_of(path: Path) -> bytes:
    """The first bytes of a file, which tell its kind."""
    with path.open("rb") as file:
        return file.read(_HEAD)


@contextmanager
def _opened(path: Path, head: bytes) -> Iterator[ImageFile.ImageFile]:
    if head[8:12] == b"WEBP":
        from PIL import WebPImagePlugin  # noqa: F401  # else Pillow would import every plugin that it has
    with Image.open(path, formats=_FORMATS) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # a telephone's JPEG may carry a second picture, a preview
            raise RetintError(f"{path}: found {frames} frames; expected one image: save each as a file of its own")
        yield image


@contextmanager
def told(path: Path, what: str = "an image", kinds: str = _KINDS) -> Iterator[None]:
    """Turn whatever a decoder raises on a missing or damaged file into one line that names it."""
    try:
        yield
    except RetintError:
        raise
    except FileNotFoundError:
        if path.is_dir():
            raise RetintError(f"{path}: found a folder without {kinds if is_zarr(path) else 'images'} in it; expected {what}: check the name") from None
        raise RetintError(f"{path}: found no such file; expected {what}: check the name") from None
    except IsADirectoryError:
        raise RetintError(f"{path}: found a folder; expected {what}: name a file inside it") from None
    except PermissionError:
        raise RetintError(f"{path}: found that it may not be read; expected {what}: allow it (chmod u+rX)") from None
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        raise RetintError(
            f"{path}: found {'an empty file' if empty else 'no image'}; expected {kinds}: save it in one of these"
        ) from None
    except Exception as error:  # decoders raise whatever they like on damaged bytes
        cause = error.__cause__ if "previous exception" in str(error) and error.__cause__ else error
        reason = reason_of(cause)
        kinds = "OME-Zarr or Zarr" if path.is_dir() else kinds
        raise RetintError(
            f"{path}: found a file that cannot be read ({reason}); expected a whole {kinds}: copy or save it again"
        ) from error
