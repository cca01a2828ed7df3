"""Films in and out of files."""

import subprocess
import sys
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from retint.errors import RetintError
from retint.images import film_writer, image_size, is_video, open_film, read_image
from retint.images.video import film_stem

av = pytest.importorskip("av")


def ramp(count, size=(48, 64)):
    """Frames of one grey each, brighter from one to the next."""
    return [np.full((*size, 3), 20 + 20 * k, np.uint8) for k in range(count)]


def write(path, frames, rate=Fraction(10), stop=None):
    with film_writer(path, rate) as put:
        for frame in frames:
            put(frame)
        if stop:
            raise stop
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov"])
def test_what_is_written_is_read(tmp_path, suffix):
    frames = ramp(5)
    film = open_film(write(tmp_path / f"film{suffix}", frames, Fraction(30000, 1001)))
    assert (film.count, film.rate, film_stem(film.path), film.name(12)) == (5, Fraction(30000, 1001), "film", "000012")
    read = list(film.frames())
    assert [frame.shape for frame in read] == [(48, 64, 3)] * 5
    assert all(np.abs(a.astype(int) - b).max() <= 3 for a, b in zip(read, frames, strict=True))


def test_colours_survive(tmp_path):
    colours = np.zeros((64, 64, 3), np.uint8)
    colours[:32, :32], colours[:32, 32:], colours[32:, :32] = (200, 30, 30), (30, 200, 30), (30, 30, 200)
    (read,) = open_film(write(tmp_path / "c.mp4", [colours])).frames()
    for part in (np.s_[8:24, 8:24], np.s_[8:24, 40:56], np.s_[40:56, 8:24]):
        assert np.abs(read[part].astype(int) - colours[part]).max() <= 6


def test_odd_sizes_grow_by_a_pixel(tmp_path):
    (read,) = open_film(write(tmp_path / "odd.mp4", ramp(1, (33, 47)))).frames()
    assert read.shape == (34, 48, 3)


def test_without_an_encoder_for_h264_mpeg4_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("retint.images.video._ENCODERS", ("no-such-encoder", "mpeg4"))
    path = write(tmp_path / "film.mp4", ramp(3))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    assert len(list(open_film(path).frames())) == 3


def test_an_interrupt_leaves_a_whole_film(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "film.mp4", ramp(4), stop=KeyboardInterrupt)
    assert len(list(open_film(tmp_path / "film.mp4").frames())) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_an_interrupt_before_the_first_frame_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "film.mp4", [], stop=KeyboardInterrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_film_turned_by_the_telephone_is_upright(tmp_path):
    frame = np.zeros((32, 64, 3), np.uint8)
    frame[:, :32] = 200  # bright on the left
    plain, turned = write(tmp_path / "plain.mp4", [frame]), tmp_path / "turned.mp4"
    with av.open(str(plain)) as source, av.open(str(turned), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = bytearray(turned.read_bytes())
    # the display matrix in the track's header: a clockwise quarter turn, in 16.16 and 2.30 fixed point
    matrix = np.array([0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000], ">i4").tobytes()
    at = data.index(matrix, data.index(b"tkhd"))
    data[at : at + 36] = np.array([0, 0x10000, 0, -0x10000, 0, 0, 32 << 16, 0, 0x40000000], ">i4").tobytes()
    turned.write_bytes(data)
    (read,) = open_film(turned).frames()
    assert read.shape == (64, 32, 3)
    assert read[8:24].mean() > 150  # what was left is now above
    assert read[40:56].mean() < 50


def test_an_animated_gif_is_a_film_and_a_single_one_is_not(tmp_path):
    frames = [Image.fromarray(frame) for frame in ramp(3)]
    frames[0].save(tmp_path / "many.gif", save_all=True, append_images=frames[1:], duration=100)
    frames[0].save(tmp_path / "one.gif")
    assert is_video(tmp_path / "many.gif")
    assert not is_video(tmp_path / "one.gif")
    film = open_film(tmp_path / "many.gif")
    assert film.rate == 10
    assert [int(frame.mean()) for frame in film.frames()] == [20, 40, 60]


def test_numbered_frames_come_in_natural_order(tmp_path):
    for k in (10, 9, 1):
        Image.fromarray(np.full((4, 6), k, np.uint8)).save(tmp_path / f"f{k}.png")
    film = open_film(tmp_path, rate=12)
    assert (film.rate, film.count, film_stem(tmp_path)) == (12, 3, tmp_path.name)
    assert [film.name(k) for k in range(3)] == [film.file(k).stem for k in range(3)] == ["f1", "f9", "f10"]
    assert [frame[0, 0, 0] for frame in film.frames()] == [1, 9, 10]
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "f9.bmp")
    with pytest.raises(RetintError, match="two frames named f9"):
        open_film(tmp_path)


def test_bad_films_give_one_line(tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty.avi").touch()
    whole = write(tmp_path / "whole.mp4", ramp(5)).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    for name in ("text.mp4", "empty.avi", "half.mp4", "missing.mp4"):
        with pytest.raises(RetintError, match=name) as error:
            list(open_film(tmp_path / name).frames())
        assert "\n" not in str(error.value)
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(sound.encode(frame))
    with pytest.raises(RetintError, match="only audio"):
        open_film(tmp_path / "sound.mkv")


def test_frames_of_two_sizes_are_not_written(tmp_path):
    with pytest.raises(RetintError, match="one size"):
        write(tmp_path / "film.mp4", [*ramp(1, (32, 32)), *ramp(1, (32, 34))])


def test_without_pyav_a_line_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "film.mp4", ramp(1))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(RetintError, match=r"film\.mp4: found a film; expected the av package: pip install 'retint\[video\]'"):
        open_film(path)


def test_importing_the_images_room_does_not_import_pyav():
    code = "import retint.images, sys; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_damaged_gif_is_told_in_a_line_and_ends_nothing_else(tmp_path):
    """Cut anywhere, its decoder raises one thing or another."""
    chance = np.random.default_rng(0)
    several = [Image.fromarray(chance.integers(0, 256, (9, 12), dtype=np.uint8)) for _ in range(3)]
    several[0].save(tmp_path / "whole.gif", save_all=True, append_images=several[1:])
    whole = (tmp_path / "whole.gif").read_bytes()
    assert is_video(tmp_path / "whole.gif")
    for count in range(7, len(whole), 3):
        (tmp_path / "cut.gif").write_bytes(whole[:count])
        is_video(tmp_path / "cut.gif")
        image_size(tmp_path / "cut.gif")
        with suppress(RetintError):
            read_image(tmp_path / "cut.gif")
