"""Files in, files out."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from made import make_model, values
from retint.errors import RetintError
from retint.images import (
    Volume,
    read_image,
    read_labels,
    read_volume,
    read_volume_labels,
    write_probabilities,
    write_volume_labels,
    write_volume_probabilities,
)
from retint.labeling import Model
from retint.labeling.backends.fused import Fused
from retint.labeling.files import pictures
from retint.labeling.files.images import Wish, label_files
from retint.labeling.files.pictures import overlay_of, strip_of
from retint.network.work import work
from retint.pictures import montage, overlay

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


def test_how_much_of_one_large_image_is_done(model, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr("retint.labeling.files.images._WATCHED", 0)
    told = []
    label_files(model, photographs, tmp_path / "out", Wish(steps=4, batch=1), pieces=lambda *row: told.append(row))
    assert told == [(25, 100), (50, 100), (75, 100), (100, 100)] * 2
    label_files(model, photographs, tmp_path / "both", Wish(steps=4, batch=2), pieces=lambda *row: told.append(row))
    assert len(told) == 8


def test_the_strip_shows_no_step_that_was_not_taken_and_the_last_as_it_is(model, monkeypatch):
    seen = []
    monkeypatch.setattr(pictures, "strip", lambda pixels, estimates, *rest, **more: seen.append(estimates))
    labels = [np.full((4, 5), k, np.uint8) for k in range(4)]
    taken = SimpleNamespace(recorded={1: labels[0], 2: labels[1], 8: labels[2]}, steps=2, labels=labels[3])
    strip_of(model, None, taken)
    assert [(step, int(one[0, 0])) for step, one in seen[0]] == [(1, 0), (2, 3)]


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


def test_an_image_that_was_half_done_is_done_again(model, photographs, tmp_path, monkeypatch):
    """A run stopped between the pictures and the labels leaves no labels, and the next one passes over the others alone."""
    out, asked = tmp_path / "out", Wish(steps=2, strip=True, probabilities=True, skip_existing=True)

    def stopped(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("retint.labeling.files.results.write_labels", stopped)
        with pytest.raises(KeyboardInterrupt):
            label_files(model, photographs[:1], out, asked)
    assert (out / "a.overlay.png").exists()
    assert (out / "a.estimate.tif").exists()
    assert not (out / "a.png").exists()
    (out / "a.overlay.png").write_text("half done")
    told = label_files(model, photographs[:1], out, replace(asked, skip_existing=False)).failed[0]["error"]
    assert "--skip-existing passes over images whose labels exist" in told
    again = label_files(model, photographs, out, asked)
    assert (len(again.images), again.failed, again.skipped) == (2, [], [])
    assert Image.open(out / "a.overlay.png").size == (30, 20)
    assert np.array_equal(read_labels(out / "a.png"), model.label(read_image(photographs[0]), 2).labels)


def test_an_image_is_never_replaced_by_its_labels(model, photographs, tmp_path):
    before = photographs[1].read_bytes()
    with pytest.raises(RetintError, match="would replace the image"):
        label_files(model, photographs, tmp_path / "photographs", Wish(overwrite=True))
    assert photographs[1].read_bytes() == before


def test_two_images_of_one_name_are_refused(model, photographs, tmp_path):
    twin = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(twin)
    with pytest.raises(RetintError, match="both would write"):
        label_files(model, [*photographs, twin], tmp_path / "out", Wish())
    (tmp_path / "file").write_text("")
    with pytest.raises(RetintError, match="expected a folder"):
        label_files(model, photographs, tmp_path / "file", Wish())


@pytest.mark.parametrize(
    ("arch", "sizes"), [("small-8", [(400, 400), (700, 800)]), ("slices-2", [(9, 90, 80), (20, 110, 130)])]
)
def test_memory_stays_bounded_by_tiles(monkeypatch, arch, sizes):
    """The largest piece that the network sees does not grow with the image."""
    import retint.labeling.model as module

    model, seen = make_model(arch, channels=1), []
    monkeypatch.setattr(module, "_PIECE_BYTES", 1 << 25)
    network, context = model.network("float32"), Fused.context
    monkeypatch.setattr(Fused, "context", lambda self, x: [seen.append(np.prod(x.shape[2:])), context(self, x)][1])
    for size in sizes:
        seen.clear()
        assert model.label(np.zeros(size, np.uint8), 1, precision="float32").labels.shape == size
        assert max(seen) * 16 * max(4, work(network).planes) <= 1 << 25
    assert len(seen) > 1


@pytest.fixture
def volumes(tmp_path):
    """A TIFF stack with a spacing, a NIfTI and an OME-Zarr volume."""
    pytest.importorskip("nibabel")
    pytest.importorskip("zarr")
    folder = tmp_path / "volumes"
    folder.mkdir()
    for name in ("a.tif", "b.nii.gz", "c.ome.zarr"):
        size, spacing = (3, 14, 18), (0.5, 0.1, 0.2)
        voxels = RNG.random((1, *size)).astype(np.float32)
        write_volume_probabilities(folder / name, voxels, like=Volume(voxels[0], spacing, "micrometer"))
    return sorted(folder.iterdir())


def test_labels_of_volumes_keep_format_and_spacing(volumes, tmp_path):
    model, out = make_model("slices-2", channels=1), tmp_path / "out"
    outcome = label_files(model, volumes, out, Wish(steps=2, probabilities=True, strip=True))
    assert not outcome.failed
    for path, stem, suffix in zip(volumes, "abc", (".tif", ".nii.gz", ".ome.zarr"), strict=True):
        image, labels = read_volume(path), read_volume_labels(out / f"{stem}{suffix}")
        expected = model.label(image.pixels, 2)
        assert np.array_equal(labels.pixels, expected.labels)
        assert labels.spacing == pytest.approx((0.5, 0.1, 0.2))
        assert labels.unit == "micrometer"
        probabilities = read_volume(out / f"{stem}.probabilities{suffix}").pixels
        assert np.allclose(np.moveaxis(probabilities, -1, 0), expected.probabilities)
        estimate = read_volume(out / f"{stem}.estimate.tif")
        assert estimate.spacing == pytest.approx((0.5, 0.2, 0.4))
        assert np.array_equal(np.moveaxis(estimate.pixels, -1, 0), expected.estimate)
        assert Image.open(out / f"{stem}.overlay.png").size == (3 * 18 + 2 * 8, 14)
        assert Image.open(out / f"{stem}.steps.png").width > 400
    assert len(list(out.iterdir())) == 15
    again = label_files(model, volumes, out, Wish())
    assert len(again.failed) == 3
    assert "exists already" in again.failed[2]["error"]
    assert len(label_files(model, volumes, out, Wish(skip_existing=True)).skipped) == 3
    on = label_files(model, volumes, tmp_path / "on", Wish(steps=1, start=out, probabilities=True))
    assert not on.failed
    estimate = np.moveaxis(read_volume(tmp_path / "on" / "b.estimate.tif").pixels, -1, 0)
    assert np.allclose(estimate, model.label(read_volume(volumes[1]).pixels, 3).estimate, atol=1e-6)


def test_the_overlay_of_a_volume_shows_slices_from_the_middle_of_each_quarter():
    model = make_model("slices-2", channels=1)
    voxels, labels = values(8, 10, 12, 1), values(8, 10, 12) % 3
    each = [overlay(voxels[k], labels[k], list(model.card.colours)) for k in (1, 3, 5, 7)]
    assert np.array_equal(overlay_of(model, voxels, labels), montage(each))


def test_a_background_is_left_untinted_in_volumes_too():
    model = make_model("slices-2", channels=1)
    plain = Model(model._folded, replace(model.card, classes=("background", "b", "c")), "cpu", "float32")
    voxels, labels = values(8, 10, 12, 1), np.zeros((8, 10, 12), np.uint8)
    grey = overlay_of(plain, voxels, labels)
    assert not np.array_equal(overlay_of(model, voxels, labels), grey)
    assert (np.ptp(grey.astype(int), axis=-1) == 0).all()


def test_labels_of_volumes_start_and_hint(volumes, tmp_path):
    model, hints = make_model("slices-2", channels=1), np.full((3, 14, 18), 255, np.uint8)
    hints[1, 5] = 2
    write_volume_labels(tmp_path / "hints" / "a.tif", hints, [])
    write_volume_labels(tmp_path / "hints" / "b.nii", hints, [])
    outcome = label_files(model, volumes[:2], tmp_path / "out", Wish(steps=2, hints=tmp_path / "hints", overlay=False))
    assert not outcome.failed
    for name in ("a.tif", "b.nii.gz"):
        assert (read_volume_labels(tmp_path / "out" / name).pixels[1, 5] == 2).all()
    zarr = label_files(model, volumes[2:], tmp_path / "on", Wish(start=volumes[2], overwrite=True))
    assert "fractions" in zarr.failed[0]["error"] or "type" in zarr.failed[0]["error"]


def test_images_and_volumes_are_not_mistaken(model, photographs, volumes, tmp_path):
    outcome = label_files(model, [photographs[0], *volumes[1:]], tmp_path / "out", Wish())
    assert [row["error"].count("is a volume") for row in outcome.failed] == [1, 1]
    single = tmp_path / "single.tif"
    write_probabilities(single, RNG.random((1, 20, 30)).astype(np.float32))
    flat = label_files(make_model("slices-2", channels=1), [*photographs, single], tmp_path / "on", Wish())
    assert len(flat.failed) == 3
    assert "is a 2-D image" in flat.failed[2]["error"]


def test_volumes_of_one_name_are_refused(volumes, tmp_path):
    model, twin = make_model("slices-2", channels=1), tmp_path / "a.nii.gz"
    with pytest.raises(RetintError, match="both would write"):
        label_files(model, [volumes[0], twin], tmp_path / "out", Wish())
    with pytest.raises(RetintError, match="would replace the image"):
        label_files(model, volumes, tmp_path / "volumes", Wish(overwrite=True))


def test_a_volume_of_other_voxels_is_noticed(volumes, tmp_path):
    model = make_model("slices-2", channels=1)
    model.card = replace(model.card, spacing=(0.1, 0.1, 0.1), unit="micrometer")
    outcome = label_files(model, volumes, tmp_path / "out", Wish(steps=1))
    assert len(outcome.warnings) == 3
    assert "0.5 x 0.1 x 0.2 micrometer" in outcome.warnings[0]
    assert model.spacing_warning((0.11, 0.1, 0.09), "micrometer") is None
    assert model.spacing_warning(None) is None
    assert "--scale 2" in model.spacing_warning((0.2, 0.2, 0.2), "micrometer")
    assert model.spacing_warning((0.2, 0.2, 0.2), "micrometer", scale=2.0) is None
    assert model.spacing_warning((100.0, 100.0, 100.0), "nanometer") is None
    assert "proportions" in model.spacing_warning((100.0, 100.0, 200.0), "nanometer")


@pytest.mark.parametrize("measure", ["entropy", "late"])
def test_doubt_is_a_picture_that_programs_read(model, photographs, tmp_path, measure):
    outcome = label_files(model, photographs, tmp_path / "out", Wish(steps=4, doubt=measure, overlay=False))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.doubt.png", "a.png", "b.doubt.png", "b.png"]
    expected = model.label(read_image(photographs[1]), 4, doubt=True).doubt(measure)
    written = read_labels(tmp_path / "out" / "b.doubt.png")
    assert np.array_equal(written, (255 * expected).round())
    assert outcome.images[1]["doubt"] == {"measure": measure, "mean": pytest.approx(expected.mean(), abs=2e-3)}
    with Image.open(tmp_path / "out" / "b.doubt.png") as png:
        blue, yellow = np.array(png.getpalette()).reshape(-1, 3)[[0, 255]]
    assert blue.argmax() == 2
    assert yellow.argmin() == 2


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz", ".ome.zarr"])
def test_doubt_of_a_volume_has_its_format(suffix, tmp_path):
    model, voxels = make_model("slices-2", channels=1), RNG.integers(0, 256, (4, 16, 18), dtype=np.uint8)
    image = tmp_path / f"v{suffix}"
    write_volume_labels(image, voxels, [])
    assert not label_files(model, [image], tmp_path / "out", Wish(steps=3, doubt="change", overlay=False)).failed
    expected = model.label(voxels, 3, doubt=True).doubt("change")
    assert np.array_equal(read_volume_labels(tmp_path / "out" / f"v.doubt{suffix}").pixels, (255 * expected).round())


def test_each_image_stops_for_itself(model, tmp_path):
    """At the step at which it would alone; between the drifts of the two there is a tolerance that stops one first."""
    flat, noisy = np.full((40, 40, 3), 90, np.uint8), RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for name, pixels in (("flat", flat), ("noisy", noisy)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    images = [tmp_path / "flat.png", tmp_path / "noisy.png"]
    between = sum(model.label(pixels, 2).drifts[1] for pixels in (flat, noisy)) / 2
    for number, length in enumerate(({"until_settled": True}, {"tolerance": between})):
        rows = label_files(model, images, tmp_path / str(number), Wish(**length)).images
        alone = [model.label(pixels, **length) for pixels in (flat, noisy)]
        assert [row["steps"] for row in rows] == [one.steps for one in alone]
        assert ("drift" in rows[0]) == ("tolerance" in length)
    assert min(row["steps"] for row in rows) == 2 < max(row["steps"] for row in rows)
    assert all(row["drift"] < between for row in rows)


def test_two_results_of_one_name_are_refused(model, tmp_path):
    for name in ("a.jpg", "a.overlay.jpg"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / name)
    images = [tmp_path / "a.jpg", tmp_path / "a.overlay.jpg"]
    with pytest.raises(RetintError, match=r"both would write .*a\.overlay\.png"):
        label_files(model, images, tmp_path / "out", Wish(steps=1))
    assert not label_files(model, images, tmp_path / "out", Wish(steps=1, overlay=False)).failed


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive"])
def test_a_start_that_is_no_array_is_told(model, photographs, tmp_path, content):
    (tmp_path / "start.npy").write_bytes(content)
    outcome = label_files(model, photographs, tmp_path / "out", Wish(steps=1, start=tmp_path / "start.npy"))
    assert all("not a readable NumPy array" in row["error"] for row in outcome.failed)
    assert len(outcome.failed) == len(photographs)


def test_labels_and_doubt_of_a_zarr_image(model, tmp_path):
    zarr = pytest.importorskip("zarr")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    zarr.save_array(str(tmp_path / "a.zarr"), pixels)
    (outcome,) = label_files(model, [tmp_path / "a.zarr"], tmp_path / "out", Wish(steps=1, doubt="entropy")).images
    assert Image.open(tmp_path / "out" / "a.doubt.png").size == (48, 40)
    labels = tmp_path / "out" / "a.zarr"
    for number, hints in enumerate((labels, tmp_path / "out")):  # a label map, and a folder that holds it
        again = label_files(model, [tmp_path / "a.zarr"], tmp_path / f"again{number}", Wish(steps=1, hints=hints))
        assert not again.failed
    assert outcome["labels"] == str(labels)


def test_numbers_that_are_none_are_refused(model):
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(RetintError, match="at 0"):
        list(model.refinements(image, at=[0, 1]))
    with pytest.raises(RetintError, match="--budget -1"):
        model.label(image, budget=-1)
    with pytest.raises(RetintError, match="--steps 0"):
        model.session_bytes((8, 8), 0)
    with pytest.raises(RetintError, match="--resolution 5"):
        model.label(image, way="stitch", resolution=5)


def test_an_image_for_a_model_of_volumes_is_told(tmp_path):
    Image.fromarray(values(20, 30, 3)).save(tmp_path / "a.jpg")
    outcome = label_files(make_model("slices-2", channels=1), [tmp_path / "a.jpg"], tmp_path / "out", Wish(1))
    assert outcome.failed[0]["error"].endswith("a.jpg: is a 2-D image; the model labels volumes: use a 2-D model")
