"""Frames of films in and out of files, one at a time. Needs PyAV, FFmpeg's libraries: `pip install 'retint[video]'`.

A film is a video file, an animated GIF, or a folder of numbered frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from retint.errors import RetintError
from retint.extras import need
from retint.wholefile import whole_file

from .find import find_images, volume_stem
from .orientation import upright
from .read import read_image, told

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv"})
RATE = 25.0
"""Frames a second of a film that does not say: numbered frames."""

_ENCODERS = ("libx264", "libopenh264", "mpeg4")  # the first that this FFmpeg has: H.264, else MPEG-4 part 2
_MISSING = 0.1
"""Share of the frames that a file tells of that may be missing at its end."""
_KINDS = "MP4, MOV, AVI, MKV, WebM or animated GIF"


@dataclass(frozen=True)
class Film:
    """Frames in the order of time.

    Attributes:
        path: a video file, or a folder of frames.
        rate: frames a second; of films whose frames last unequally long, the mean.
        count: frames, as the file says it, or about so many; None if it does not.
        files: of the frames; None for a video.
    """

    path: Path
    rate: Fraction
    count: int | None
    files: tuple[Path, ...] | None = None

    def file(self, number: int) -> Path | None:
        """Of a frame, counted from 0; None for a video."""
        return None if self.files is None else self.files[number]

    def name(self, number: int) -> str:
        """Of a frame, counted from 0: as its file is called, or its number in six digits."""
        return f"{number:06d}" if self.files is None else _frame_name(self.files[number])

    def frames(self, read: Callable[[Path], NDArray[Any]] = read_image) -> Iterator[NDArray[Any]]:
        """The frames, (rows, columns, channels), one at a time: a video's are 8-bit RGB, upright; an image file's as stored.

        Args:
            read: an image file.

        Raises:
            RetintError: a frame cannot be read.
        """
        if self.files is None:
            yield from _decoded(self.path)
            return
        yield from map(read, self.files)


def film_stem(path: Path) -> str:
    """What the names of a film's results begin with: the name of the file without its suffix, or of the folder."""
    return path.resolve().name if path.is_dir() else path.stem


def _frame_name(file: Path) -> str:
    return volume_stem(file) if file.is_dir() else file.stem


def _ends_early(path: Path) -> bool:
    """Whether a GIF lacks the byte that ends it."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 64, 0))
        return not file.read().rstrip(b"\0").endswith(b";")


def is_video(path: str | PathLike[str]) -> bool:
    """Whether a file is a film: a video by its name, or a GIF of several frames."""
    path = Path(path)
    if path.suffix.lower() != ".gif":
        return path.suffix.lower() in VIDEO_SUFFIXES
    try:
        with Image.open(path, formats=("GIF",)) as image:
            return bool(getattr(image, "n_frames", 1) > 1)
    except Exception:  # whatever a damaged file does to its decoder
        return False  # reading it as an image will say what is wrong


def open_film(path: str | PathLike[str], rate: float | None = None) -> Film:
    """A video file, or a folder of frames in the natural order of their names (2 before 10).

    Args:
        path: the file or folder.
        rate: frames a second, in place of the film's own; a folder's are 25 if it is not given.

    Raises:
        RetintError: no such film, PyAV is missing, or two frames of a folder have the same stem.
    """
    path = Path(path)
    if path.is_dir():
        files = tuple(find_images([path]))
        names = [_frame_name(file) for file in files]
        if len(set(names)) < len(names):
            twice = next(name for k, name in enumerate(names) if name in names[:k])
            raise RetintError(
                f"{path}: found two frames named {twice}; expected one file a frame: move the others away"
            )
        return Film(path, _fraction(rate or RATE), len(files), files)
    if path.suffix.lower() == ".gif":
        return _gif(path, rate)
    with _opened(path) as (container, stream):
        own = stream.average_rate or stream.guessed_rate or Fraction(int(RATE))
        count = stream.frames or None
        if count is None and container.duration:
            count = max(round(container.duration / 1_000_000 * own), 1)
    return Film(path, own if rate is None else _fraction(rate), count)


def _fraction(rate: float) -> Fraction:
    """Frames a second as films have them: 30000/1001, 1/60."""
    return Fraction(rate).limit_denominator(1001) or Fraction(rate)


def _gif(path: Path, rate: float | None) -> Film:
    """An animated GIF: FFmpeg drops frames that last no time, Pillow does not."""
    with told(path, "a video", _KINDS), Image.open(path, formats=("GIF",)) as image:
        durations = [frame.info.get("duration", 0) for frame in ImageSequence.Iterator(image)]
    seconds = sum(durations) / 1000
    return Film(path, _fraction(rate or (len(durations) / seconds if seconds else RATE)), len(durations))


def _decoded(path: Path) -> Iterator[NDArray[np.uint8]]:
    if path.suffix.lower() == ".gif":
        with told(path, "a video", _KINDS), Image.open(path, formats=("GIF",)) as image:
            number = 0
            for frame in ImageSequence.Iterator(image):
                number += 1
                yield np.asarray(frame.convert("RGB"))
            if _ends_early(path):
                raise RetintError(_cut_off(path, f"no more than {number} frames"))
        return
    with _opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        number, end = 0, 0.0
        for frame in container.decode(stream):
            number += 1
            end = max(end, (frame.time or 0.0) + float(stream.time_base or 0) * (frame.duration or 0))
            pixels = frame.to_ndarray(format="rgb24")
            yield np.ascontiguousarray(upright(pixels, _orientation(frame)))
        # an MP4 that was trimmed without writing it anew leaves frames out, but lasts as long as it says
        lasts = float(stream.duration or 0) * float(stream.time_base or 0) if "mp4" in container.format.name else float("inf")
        if stream.frames - number >= max(2, _MISSING * stream.frames) and end < (1 - _MISSING) * lasts:
            raise RetintError(_cut_off(path, f"{number} of its {stream.frames} frames"))
        if not number:
            raise RetintError(f"{path}: found no frames; expected at least one: copy or save it again")


def _orientation(frame: Any) -> int:
    """Which way is up, as EXIF counts it: telephones store it as a matrix of what x and y become; angles between are rounded."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 1
    xx, xy, _, yx, yy = np.frombuffer(matrix, np.int32)[:5]
    turned = abs(xy) > abs(xx)
    across, down = (yx, xy) if turned else (xx, yy)
    return 1 + [(True, True), (False, True), (False, False), (True, False)].index((across > 0, down > 0)) + (4 if turned else 0)


def _cut_off(path: Path, found: str) -> str:
    return f"{path}: found {found}, where the file ends; expected a whole film: copy it again"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream; what FFmpeg says of a bad one becomes one line."""
    av = need("av", "video", f"{path}: found a film")
    with told(path, "a video", _KINDS), av.open(str(path)) as container:
        if not container.streams.video:
            raise RetintError(f"{path}: found no pictures, only {_tracks(container)}; expected {_KINDS}")
        yield container, container.streams.video[0]


def _tracks(container: Any) -> str:
    return " and ".join(sorted({stream.type for stream in container.streams})) or "an empty file"


@contextmanager
def film_writer(path: str | PathLike[str], rate: Fraction) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """Write a film frame by frame: H.264 if this FFmpeg has an encoder for it, else MPEG-4.

    Yields a function that takes a frame, (rows, columns, 3) uint8, all of one size. The file appears at the end. An
    error or an interrupt in between ends the film there: the frames so far are a whole file. A width or height that is
    odd grows by one pixel, the last one repeated: these formats store colour for 2 x 2 pixels together.

    Args:
        path: the file; its suffix says the container, such as .mp4.
        rate: frames a second.

    Raises:
        RetintError: PyAV is missing, a frame has another size, or the file cannot be written.
    """
    path = Path(path)
    av = need("av", "video", f"{path}: found a film")
    with whole_file(path) as part:
        stopped: BaseException | None = None
        try:
            with av.open(str(part), "w") as container:
                film = _Stream(av, container, path, rate)
                try:
                    yield film.put
                except BaseException as error:
                    stopped = error
                    if not film.frames:
                        raise
                film.end()
        except av.error.FFmpegError as error:
            raise RetintError(f"{path}: found that the film cannot be written ({error.strerror})") from error
        if not film.frames:
            raise RetintError(f"{path}: found no frames; expected at least one")
    if stopped is not None:
        raise stopped


class _Stream:
    """The one stream of a film that is being written; opened by its first frame, which says its size."""

    def __init__(self, av: Any, container: Any, path: Path, rate: Fraction) -> None:
        self._av, self._container, self._path, self._rate = av, container, path, rate
        self._stream: Any = None
        self._shape: tuple[int, ...] = ()
        self.frames = 0

    def put(self, rgb: NDArray[np.uint8]) -> None:
        if self._stream is None:
            self._stream, self._shape = self._open(*rgb.shape[:2]), rgb.shape
        if rgb.shape != self._shape:
            raise RetintError(f"{self._path}: found a frame of {rgb.shape} after {self._shape}; expected one size")
        even = np.pad(rgb, ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge")
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts, frame.time_base = self.frames, 1 / self._rate
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def end(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))

    def _open(self, rows: int, columns: int) -> Any:
        for name in _ENCODERS:
            try:
                self._av.codec.Codec(name, "w")
            except self._av.codec.codec.UnknownCodecError:
                continue
            stream = self._container.add_stream(name, rate=self._rate)
            stream.width, stream.height, stream.pix_fmt = columns + columns % 2, rows + rows % 2, "yuv420p"
            context = stream.codec_context
            context.color_primaries = context.color_trc = context.colorspace = 1  # ITU-R BT.709, as converted
            context.color_range = 1
            if name == "libx264":
                context.options = {"crf": "18"}  # visually lossless: labels have sharp borders
            else:
                context.bit_rate = max(rows * columns * int(self._rate + 1) // 4, 100_000)
            return stream
        raise RetintError(f"{self._path}: found no video encoder in PyAV; expected one of {', '.join(_ENCODERS)}")
