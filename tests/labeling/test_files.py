"""Files in, files out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made import make_model
from retint.errors import RetintError
from retint.images.read import read_image, read_labels
from retint.labeling.files import Wish, label_files

RNG = np.random.default_rng(0)


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("a.jpg", "b.png"):
        Image.fromarray(RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(folder / name)
    return sorted(folder.iterdir())


def test_every_file_that_was_wished_for(model, photographs, tmp_path):
    out = tmp_path / "out"
    outcome = label_files(model, photographs, out, Wish(steps=8, probabilities=True, strip=True))
    assert not outcome.failed
    assert sorted(p.name for p in out.iterdir()) == sorted(
        f"{stem}{end}"
        for stem in "ab"
        for end in (".png", ".overlay.png", ".steps.png", ".probabilities.tif", ".estimate.tif")
    )
    expected = model.label(read_image(photographs[1]), 8)
    assert np.array_equal(read_labels(out / "b.png"), expected.labels)
    with Image.open(out / "b.png") as png:
        assert png.mode == "P"
        assert tuple(png.getpalette()[:3]) == model.card.colours[0]
    probabilities = np.moveaxis(read_image(out / "b.probabilities.tif"), -1, 0)
    assert np.allclose(probabilities, expected.probabilities)
    assert Image.open(out / "b.overlay.png").size == (30, 20)
    row = outcome.images[1]
    assert row["labels"] == str(out / "b.png")
    assert row["steps"] == 8
    assert row["change"] == pytest.approx(expected.change, abs=1e-6)
    assert sum(row["fractions"].values()) == pytest.approx(1, abs=1e-4)


def test_a_saved_estimate_continues_exactly(model, photographs, tmp_path):
    label_files(model, photographs, tmp_path / "three", Wish(steps=3, probabilities=True))
    label_files(model, photographs, tmp_path / "more", Wish(steps=2, probabilities=True, start=tmp_path / "three"))
    label_files(model, photographs, tmp_path / "five", Wish(steps=5, probabilities=True))
    for name in ("a", "b"):
        more, five = (read_image(tmp_path / run / f"{name}.estimate.tif") for run in ("more", "five"))
        assert np.abs(more - five).max() < 1e-6


def test_label_maps_start_and_hints_bind(model, photographs, tmp_path):
    hints = np.full((20, 30), 255, np.uint8)
    hints[5, 3:20] = 2
    (tmp_path / "hints").mkdir()
    for stem in "ab":
        Image.fromarray(hints).save(tmp_path / "hints" / f"{stem}.png")
    label_files(model, photographs, tmp_path / "out", Wish(steps=2, hints=tmp_path / "hints"))
    assert (read_labels(tmp_path / "out" / "a.png")[5, 3:20] == 2).all()
    outcome = label_files(model, photographs, tmp_path / "on", Wish(steps=2, start=tmp_path / "photographs"))
    assert len(outcome.failed) == 2  # an image is no label map
    assert not list((tmp_path / "on").glob("*")) if (tmp_path / "on").exists() else True


def test_one_bad_file_does_not_stop_the_others(model, photographs, tmp_path):
    bad = tmp_path / "photographs" / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nnot much")
    many = tmp_path / "photographs" / "deep.npy.png"
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(many)
    outcome = label_files(model, [bad, *photographs, many], tmp_path / "out", Wish())
    assert [Path(row["image"]).name for row in outcome.images] == ["a.jpg", "b.png", "deep.npy.png"]
    assert outcome.failed[0]["image"] == str(bad)
    assert str(bad) in outcome.failed[0]["error"]
    assert not (tmp_path / "out" / "bad.png").exists()


def test_nothing_is_overwritten_unless_asked(model, photographs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.overlay.png").write_text("mine")
    outcome = label_files(model, photographs, out, Wish())
    assert [Path(f["image"]).name for f in outcome.failed] == ["a.jpg"]
    assert (out / "a.overlay.png").read_text() == "mine"
    assert not (out / "a.png").exists()
    assert not label_files(model, photographs, out, Wish(overwrite=True)).failed
    again = label_files(model, photographs, out, Wish(skip_existing=True))
    assert len(again.skipped) == 2
    assert not again.failed


def test_an_image_is_never_replaced_by_its_labels(model, photographs, tmp_path):
    before = photographs[1].read_bytes()
    with pytest.raises(RetintError, match="would replace the image"):
        label_files(model, photographs, tmp_path / "photographs", Wish(overwrite=True))
    assert photographs[1].read_bytes() == before


def test_two_images_of_one_name_are_refused(model, photographs, tmp_path):
    twin = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(twin)
    with pytest.raises(RetintError, match="both would be labelled"):
        label_files(model, [*photographs, twin], tmp_path / "out", Wish())
    (tmp_path / "file").write_text("")
    with pytest.raises(RetintError, match="expected a folder"):
        label_files(model, photographs, tmp_path / "file", Wish())


def test_memory_stays_bounded_by_tiles(monkeypatch):
    """The largest piece that the network sees does not grow with the image."""
    import retint.labeling.model as module

    model, seen = make_model("small-8"), []
    monkeypatch.setattr(module, "_PIECE_BYTES", 1 << 24)
    network = model._network(None)
    network.U.register_forward_pre_hook(lambda _, x: seen.append(x[0].shape[2] * x[0].shape[3]))
    for side in (600, 1200, 2400):
        seen.clear()
        assert model.label(np.zeros((side, side, 3), np.uint8), 1, tile=None).labels.shape == (side, side)
        halo = model._folded.geometry[0].halo(1)[0]
        assert max(seen) <= max(600, 256 + 2 * halo) ** 2
