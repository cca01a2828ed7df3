"""Examples, views and defaults for volumes, and for images by the same code."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from made import write_set
from retint.data import Pair, open_dataset
from retint.errors import RetintError
from retint.images import to_unit
from retint.learning import augment
from retint.learning.augment import Augmentation, view
from retint.learning.defaults import choose_arch, choose_crop
from retint.learning.examples import Batches, Examples
from retint.learning.settings import Settings
from retint.learning.survey import survey
from retint.network import Geometry, architecture

STILL = Augmentation(scale=1.0, turn=0.0, light=0.0, colour=0.0, noise=0.0, blur=0.0)
TURNED = replace(STILL, scale=1.5, turn=30.0, any_way_up=True)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def blocks(*size):
    """Labels of 4 x 4 pixels each, of four classes."""
    coarse = torch.randint(4, tuple(-(-n // 4) for n in size[-2:]), generator=chance())
    fine = coarse.repeat_interleave(4, 0).repeat_interleave(4, 1)[: size[-2], : size[-1]]
    shift = torch.arange(size[0]).view(-1, 1, 1) if len(size) == 3 else 0
    return ((fine + shift) % 4).to(torch.uint8)


def write_volumes(root, count=2, size=(6, 40, 48), dtype=np.uint8, stripe=False):
    """Volumes of a bright column through all slices, or of a bright lower half; as `open_dataset` pairs them."""
    rng, pairs = np.random.default_rng(0), []
    for k in range(count):
        labels = np.zeros(size, np.uint8)
        labels[:, size[1] // 2 :] = stripe
        labels[:, size[1] // 4 : -size[1] // 4, 5 + k : 17 + k] = 1
        top = np.iinfo(dtype).max
        image = (top * (0.2 + 0.6 * labels + rng.uniform(0, 0.05, size))).astype(dtype)
        files = root / f"image{k}.tif", root / f"labels{k}.tif"
        for file, values in zip(files, (image, labels), strict=True):
            tifffile.imwrite(file, values, metadata={"axes": "ZYX"})
        pairs.append(Pair(f"volume{k}", *files, 3))
    return pairs


def batches(examples, crop, **more):
    options = {"mean": (0.3,), "std": (0.2,), "augmentation": Augmentation(), "aimed": 0.5, "seed": 3} | more
    return Batches(examples, 3, crop, **options)


@pytest.mark.parametrize("size", [(24, 32), (5, 24, 32)])
def test_scale_and_turn_keep_image_and_labels_together(size):
    labels = blocks(*size[:-2], 60, 80)
    image = labels[None].float().repeat(2, *[1] * labels.dim())
    for seed in range(10):
        seen, truth, inside = view(image, labels, size, None, TURNED, chance(seed))
        assert (seen.shape, truth.shape, inside.shape) == ((2, *size), size, (1, *size))
        assert (seen.dtype, truth.dtype) == (torch.float32, torch.int64)
        within = inside[0] == 1
        certain = within & ((seen[0] - seen[0].round()).abs() < 1e-4)  # not between two blocks
        assert certain.sum() > 0.2 * within.sum()
        assert (seen[0].round().long() == truth)[certain].float().mean() > 0.99
        assert within.float().mean() > 0.8  # corners may stick out


def test_a_volume_is_flipped_along_slices_and_columns_but_not_along_rows():
    labels = torch.randint(4, (5, 16, 20), generator=chance())
    ways = set()
    for seed in range(24):
        seen, truth, _ = view(labels[None].float(), labels, (5, 16, 20), None, STILL, chance(seed))
        assert torch.equal(seen[0].round().long(), truth)
        ways |= {axes for axes in ((), (0,), (2,), (0, 2)) if torch.equal(truth, labels.flip(axes))}
    assert len(ways) == 4


def test_quarter_turns_are_those_of_the_slices():
    labels = torch.randint(4, (3, 16, 16), generator=chance())
    ways = set()
    for seed in range(128):
        seen, truth, _ = view(
            labels[None].float(), labels, (3, 16, 16), None, replace(STILL, any_way_up=True), chance(seed)
        )
        assert torch.equal(seen[0].round().long(), truth)
        for turns in range(4):
            for axes in ((), (0,), (2,), (0, 2)):
                if torch.equal(truth, labels.flip(axes).rot90(turns, (1, 2))):
                    ways.add((turns, axes))
    assert len(ways) == 16


def test_slices_are_cut_whole_never_mixed():
    depth = torch.arange(12, dtype=torch.uint8).view(-1, 1, 1).expand(12, 30, 30)
    firsts, ways = set(), set()
    for seed in range(60):
        seen, truth, _ = view(depth[None].float(), depth, (4, 20, 20), None, TURNED, chance(seed))
        order = truth[:, 10, 10]
        ways.add(tuple(order.diff().tolist()))
        firsts.add(int(order.min()))
        assert bool(((truth == order.view(-1, 1, 1)) | (truth == 255)).all())
        assert torch.allclose(seen[0], order.view(-1, 1, 1).float(), atol=1e-4)
    assert ways == {(1, 1, 1), (-1, -1, -1)}
    assert firsts == set(range(9))


@pytest.mark.parametrize("centre", [(0.0, 4.0, 5.0), (7.0, 33.0, 44.0), (11.0, 20.0, 20.0)])
def test_an_aimed_view_holds_what_it_is_aimed_at(centre):
    labels = torch.zeros(12, 40, 50, dtype=torch.uint8)
    at = tuple(map(int, centre))
    labels[at[0], at[1] - 1 : at[1] + 2, at[2] - 1 : at[2] + 2] = 1
    for seed in range(20):
        _, truth, _ = view(labels[None].float(), labels, (4, 20, 20), centre, TURNED, chance(seed))
        assert bool((truth == 1).any())


def test_a_thin_volume_is_padded_with_nothing():
    labels = torch.ones(3, 20, 20, dtype=torch.uint8)
    seen, truth, inside = view(
        labels[None].float(), labels, (8, 16, 16), None, replace(Augmentation(), scale=1.0, turn=0.0), chance()
    )
    assert inside[0].mean((1, 2)).tolist() == [0, 0, 0, 1, 1, 1, 0, 0]
    assert bool((seen[:, inside[0] == 0] == 0).all())
    assert torch.equal(truth == 255, inside[0] == 0)
    assert bool((truth[inside[0] == 1] == 1).all())


def test_slices_have_some_light_of_their_own():
    image, labels = torch.full((1, 6, 12, 12), 0.5), torch.zeros(6, 12, 12, dtype=torch.uint8)
    seen, _, _ = view(image, labels, (6, 12, 12), None, replace(STILL, light=0.3), chance())
    level = seen[0].mean((1, 2))
    assert torch.allclose(seen[0], level.view(-1, 1, 1).expand(6, 12, 12))
    assert 0.001 < (level.std() / level.mean()) < 0.2
    plain, _, _ = view(image, labels, (6, 12, 12), None, STILL, chance())
    assert torch.allclose(plain, image)


@pytest.mark.parametrize("size", [(24, 32), (4, 24, 32)])
def test_a_view_of_a_part_equals_one_of_the_whole(size, monkeypatch):
    labels = blocks(*(9,) * (len(size) - 2), 150, 170)
    rows, columns = torch.meshgrid(torch.arange(150) / 9, torch.arange(170) / 7, indexing="ij")
    image = (100 * (rows.sin() * columns.cos() + 1)).to(torch.uint8).expand(2, *labels.shape)
    for seed in range(12):
        centre = None if seed % 2 else (*(2.0,) * (len(size) - 2), 140.0, 3.0)
        found = []
        for small in (0, 1 << 30):
            monkeypatch.setattr(augment, "_SMALL", small)
            found.append(view(image, labels, size, centre, replace(Augmentation(), any_way_up=True), chance(seed)))
        (seen, truth, inside), (seen2, truth2, inside2) = found
        assert torch.allclose(seen, seen2, atol=1e-4)
        assert (truth != truth2).float().mean() < 1e-3  # nearest of two that are as near
        assert torch.equal(inside, inside2)


@pytest.mark.parametrize("shape", [(20_000, 20_000), (2_000, 3_000, 3_000)])
def test_of_a_huge_image_only_the_view_is_converted(shape, monkeypatch):
    converted = []

    def spy(pixels, where):
        converted.append(pixels.size)
        return to_unit(pixels, where)

    monkeypatch.setattr(augment, "to_unit", spy)
    image = torch.tensor(7, dtype=torch.uint8).expand(3, *shape)
    labels = torch.tensor(1, dtype=torch.uint8).expand(shape)
    size = (8, 64, 64)[-len(shape) :]
    seen, truth, _ = view(image, labels, size, None, TURNED, chance())
    assert seen.flatten().tolist() == pytest.approx([7 / 255] * seen.numel())
    assert bool((truth == 1).all())
    assert converted[0] < 8 * seen.numel()


def test_a_view_takes_what_files_hold_and_nothing_else():
    labels = torch.ones(20, 20, dtype=torch.uint16)
    for dtype, top in ((torch.uint8, 255), (torch.uint16, 65535), (torch.float32, 1.0), (torch.bool, 1)):
        seen, truth, _ = view(torch.full((1, 20, 20), top).to(dtype), labels, (8, 8), None, STILL, chance())
        assert bool((seen == 1).all())
        assert bool((truth == 1).all())
    with pytest.raises(RetintError, match="int64"):
        view(torch.ones(1, 20, 20, dtype=torch.int64), labels, (8, 8), None, STILL, chance())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_volumes_are_read_and_aimed_at(tmp_path, dtype):
    examples = Examples(write_volumes(tmp_path, dtype=dtype), 1, 2)
    image, labels = examples[0]
    assert (image.shape, labels.shape, labels.dtype) == ((1, 6, 40, 48), (6, 40, 48), torch.int64)
    assert 0.1 < float(image.min()) < float(image.max()) < 0.9
    stored, known = examples.stored(0)
    assert stored.numpy().dtype == dtype
    assert torch.equal(known.long(), labels)
    for value, points in examples.points(0).items():
        assert points.shape == (64, 3)
        assert (labels[tuple(points.T)] == value).all()


def test_volumes_get_the_channels_that_are_asked_for(tmp_path):
    pairs = write_volumes(tmp_path, 1)
    image, _ = Examples(pairs, 3, 2)[0]
    assert image.shape == (3, 6, 40, 48)
    assert torch.equal(image[0], image[2])
    with pytest.raises(RetintError, match=r"image0.*expected 5 channels"):
        Examples(pairs, 5, 2)


def test_batches_of_volumes_follow_from_the_seed_and_the_number(tmp_path):
    pairs = write_volumes(tmp_path)
    one, two = (batches(Examples(pairs, 1, 2), (8, 16, 24)) for _ in range(2))
    two(0)
    for number in (5, 1):
        images, labels = one(number)
        assert (images.shape, labels.shape) == ((3, 1, 8, 16, 24), (3, 8, 16, 24))
        assert all(torch.equal(a, b) for a, b in zip((images, labels), two(number), strict=True))
        assert bool((images[:, 0][labels == 255] == 0).all())
        assert bool((labels[:, (0, 7)] == 255).all())  # two slices more than there are
        assert (labels[:, 1:7] != 255).float().mean() > 0.9
    other = batches(Examples(pairs, 1, 2), (8, 16, 24), seed=4)(5)
    assert not torch.equal(one(5)[0], other[0])


def test_a_survey_of_volumes_looks_at_slices(tmp_path):
    pairs = write_volumes(tmp_path)
    seen = survey(Examples(pairs, 1, 2))
    assert (seen.size, seen.pixels) == ((6, 40, 48), 2 * 6 * 40 * 48)
    assert seen.counts.tolist() == [2 * 6 * 40 * 48 - 2 * 6 * 20 * 12, 2 * 6 * 20 * 12]
    pixels = np.stack([tifffile.imread(pair.image) for pair in pairs]) / 255
    assert seen.mean == pytest.approx([pixels.mean()])
    assert seen.std == pytest.approx([pixels.std()])
    assert seen.object_size[1] == 12
    assert not seen.upright
    assert survey(Examples(write_volumes(tmp_path, stripe=True), 1, 2)).upright


def test_up_is_told_from_rows_never_from_slices(tmp_path):
    labels = np.zeros((8, 20, 20), np.uint8)
    labels[4:] = 1
    for name in ("image.tif", "labels.tif"):
        tifffile.imwrite(tmp_path / name, labels, metadata={"axes": "ZYX"})
    assert not survey(Examples([Pair("v", tmp_path / "image.tif", tmp_path / "labels.tif", 3)], 1, 2)).upright


def test_a_survey_does_not_depend_on_its_bands(tmp_path, monkeypatch):
    pairs = open_dataset(write_set(tmp_path, 3)).splits["all"].pairs
    whole = survey(Examples(pairs, 3, 2))
    monkeypatch.setattr("retint.learning.survey._BAND", 7)
    parts = survey(Examples(pairs, 3, 2))
    assert (parts.mean, parts.std) == (pytest.approx(whole.mean), pytest.approx(whole.std))
    for name in ("size", "pixels", "detail", "object_size", "upright"):
        assert getattr(parts, name) == getattr(whole, name)
    assert parts.counts.tolist() == whole.counts.tolist()


def crop(size, name, tmp_path):
    """The crop for images of that size."""
    dims = len(size)
    pairs = open_dataset(write_set(tmp_path, 1)).splits["all"].pairs if dims == 2 else write_volumes(tmp_path, 1)
    seen = replace(survey(Examples(pairs, 3 if dims == 2 else 1, 2)), size=size)
    return choose_crop(seen, [Geometry(architecture(name), "same", axis) for axis in range(dims)])


@pytest.mark.parametrize(
    ("size", "name", "expected"),
    [
        ((480, 640), "small-8", (320, 320)),
        ((480, 640), "small-1", (128, 128)),
        ((201, 99), "small-4", (200, 96)),
        ((201, 99), "small-8-4", (200, 96)),
        ((2, 3), "small-8", (8, 8)),
        ((100, 512, 512), "slices-2", (16, 160, 160)),
        ((100, 512, 512), "volume-2", (16, 160, 160)),
        ((100, 512, 512), "jain-2007", (16, 96, 96)),
        ((7, 512, 101), "volume-2", (6, 240, 100)),
        ((1, 1, 1), "volume-2", (2, 2, 2)),
    ],
)
def test_views_are_as_large_as_the_work_allows(size, name, expected, tmp_path):
    assert crop(size, name, tmp_path) == expected


def test_the_architecture_follows_from_the_thickness_of_slices(tmp_path):
    flat, cubic = write_volumes(tmp_path, size=(6, 40, 48)), (4.0, 1.0, 1.0)
    assert choose_arch(flat, 2) == "slices-2"
    assert choose_arch(flat, 2, (1.0, 1.0, 1.0)) == "volume-2"
    deep = write_volumes(tmp_path, size=(12, 40, 48))
    assert choose_arch(deep, 2) == "volume-2"
    assert choose_arch(deep, 2, cubic) == "slices-2"
    assert choose_arch(deep, 2, (2.0, 1.0, 1.0)) == "volume-2"
    assert choose_arch(open_dataset(write_set(tmp_path / "flat", 2)).splits["all"].pairs, 2).startswith("small-")


def test_settings_come_back_from_plain_data():
    settings = Settings(crop=(16, 96, 96), start="street")
    assert Settings.from_dict({**settings.to_dict(), "crop": [16, 96, 96], "unknown": 1}) == settings
