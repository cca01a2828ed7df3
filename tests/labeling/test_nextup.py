"""What to label next: properties of the choice, and the door."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made import disc_card, fresh, make_model, model_file, values, write_set
from retint.cli.main import main
from retint.errors import DataProblems, RetintError
from retint.images import read_image, write_volume_labels
from retint.labeling import Model
from retint.labeling.doubt import doubt_of
from retint.labeling.judging.layout import distances, layout, most_doubted
from retint.labeling.judging.nextup import (
    Candidate,
    Choice,
    Order,
    candidate,
    check_pictures,
    choose,
    find_unlabelled,
    framed,
    next_images,
    write_pictures,
)
from retint.pictures import displayable


@pytest.fixture
def two():
    card = disc_card(temperature=1.7)
    return Model(fresh(card), card, "cpu", "float32", "two")


def made_up(name, doubt, shares):
    return Candidate(
        Path(name), doubt, np.tile(np.array(shares, np.float32)[:, None], (1, 16)), ((0, 1), (0, 1)), doubt
    )


def test_near_identical_images_are_not_all_first():
    frames = [made_up(f"frame{k}", 0.5 + 0.001 * k, [0.8, 0.2]) for k in range(10)]
    others = [made_up("odd", 0.2, [0.1, 0.9]), made_up("sure", 0.0, [0.5, 0.5])]
    chosen = [choice.candidate.image.name for choice in choose(frames + others, [], 12)]
    assert chosen[:2] == ["frame9", "odd"]
    assert len(set(chosen)) == 12
    first, second = choose(frames + others, [], 2)
    assert (first.distance, second.distance) == (1, pytest.approx(0.7))
    assert second.worth == pytest.approx(0.2 * 0.7)


def test_what_is_like_a_labelled_image_comes_late():
    images = [made_up("a", 0.5, [0.8, 0.2]), made_up("b", 0.4, [0.3, 0.7])]
    labelled = np.tile(np.array([[0.8], [0.2]], np.float32), (1, 16))
    assert [c.candidate.image.name for c in choose(images, [labelled], 2)] == ["b", "a"]
    labelled[:, 3:] = np.nan  # what is labelled in part counts there
    assert [c.candidate.image.name for c in choose(images, [labelled], 2)] == ["b", "a"]
    nothing = np.full((2, 16), np.nan, np.float32)
    assert [c.candidate.image.name for c in choose(images, [nothing], 2)] == ["a", "b"]


def test_the_nearest_of_all_that_were_chosen_counts():
    images = [made_up("a", 1, [1, 0]), made_up("b", 0.9, [0, 1]), made_up("c", 0.8, [1, 0]), made_up("d", 0.1, [0.5, 0.5])]
    chosen = choose(images, [], 3)
    assert [c.candidate.image.name for c in chosen] == ["a", "b", "d"]
    assert chosen[2].distance == pytest.approx(0.5)


def test_distances_leave_unlabelled_parts_out():
    first = np.array([[[1.0, 0.0]], [[0.0, 1.0]]], np.float32).transpose(
        1, 0, 2
    )  # one layout of two classes, two parts
    assert distances(first, first[0]) == pytest.approx([0])
    assert distances(first, first[0][::-1]) == pytest.approx([1])
    half = first[0].copy()
    half[:, 1] = np.nan
    assert distances(first, half[::-1]) == pytest.approx([1])


@pytest.mark.parametrize("shape", [(13, 9), (5, 8, 7)])
def test_the_region_is_the_most_doubted_box(shape):
    doubt = np.random.default_rng(0).random(shape).astype(np.float32)
    sides = tuple(max(n // 3, 1) for n in shape)
    windows = (
        np.lib.stride_tricks.sliding_window_view(doubt, sides).reshape(*np.subtract(shape, sides) + 1, -1).mean(-1)
    )
    corner, mean = most_doubted(doubt, sides)
    assert corner == np.unravel_index(windows.argmax(), windows.shape)
    assert mean == pytest.approx(windows.max())
    assert most_doubted(doubt, shape)[1] == pytest.approx(doubt.mean())


def test_layout_is_the_mean_of_each_part():
    y = np.random.default_rng(0).random((3, 8, 12)).astype(np.float32)
    assert layout(y) == pytest.approx(y.reshape(3, 4, 2, 4, 3).mean((2, 4)).reshape(3, 16))
    assert layout(y[:, :2, :1]).shape == (3, 16)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_candidates_doubt_is_that_of_its_label_cells_at_the_cards_temperature(scale):
    plain = make_model("fig-9-17")  # a cell to a pixel
    model = Model(plain._folded, replace(plain.card, temperature=2.0), "cpu", "float32")
    labeling = model.label(values(40, 60, 3), 2, scale=scale)
    soft = labeling.estimate**0.5
    doubt = doubt_of(soft / soft.sum(0), "entropy")
    one = candidate(Path("a"), labeling, 16)
    assert one.doubt == pytest.approx(doubt.mean(), abs=1e-4)
    assert [b - a for a, b in one.region] == [16, 16]
    assert all(0 <= first < last <= n for (first, last), n in zip(one.region, (40, 60), strict=True))
    inside = tuple(slice(int(a * scale), int(b * scale)) for a, b in one.region)
    assert one.region_doubt == pytest.approx(doubt[inside].mean(), abs=1e-4)
    assert one.region_doubt > one.doubt


def test_a_region_is_a_quarter_of_the_image_along_each_axis_unless_told():
    labeling = make_model("fig-9-17").label(values(40, 60, 3), 2)
    for side, sides in ((None, [10, 15]), (7, [7, 7])):
        assert [b - a for a, b in candidate(Path("a"), labeling, side).region] == sides


def test_cells_beyond_the_image_are_not_doubted():
    labeling = make_model("small-8-4").label(values(20, 20, 3), 2)
    assert labeling.estimate.shape == (3, 6, 6)
    inside = doubt_of(labeling.estimate[:, :5, :5], "entropy")
    assert abs(inside.mean() - doubt_of(labeling.estimate, "entropy").mean()) > 1e-4
    assert candidate(Path("a"), labeling).doubt == pytest.approx(inside.mean(), abs=1e-6)


def test_images_without_labels_are_those_to_choose_from(two, tmp_path):
    root = write_set(tmp_path / "set", 5, part="train")
    with pytest.raises(RetintError, match="all 5 images have labels"):
        find_unlabelled([root], two)
    for k in (1, 3):
        (root / "train" / "labels" / f"scene{k}.png").unlink()
    (root / "train" / "images" / "broken.png").write_text("no picture")
    images, labelled = find_unlabelled([root], two)
    assert [p.stem for p in images] == ["broken", "scene1", "scene3"]
    assert [p.stem for p in labelled] == ["scene0", "scene2", "scene4"]
    order = next_images(two, images, labelled, 5)
    assert {c.candidate.image.stem for c in order.choices} == {"scene1", "scene3"}
    assert [row["image"] for row in order.failed] == [str(images[0])]
    assert all(0 < choice.distance < 1 for choice in order.choices)
    plain, none = find_unlabelled([root / "train" / "images"], two)
    assert (len(plain), none) == (6, ())
    with pytest.raises(RetintError, match="--split val"):
        find_unlabelled([root], two, "val")
    with pytest.raises(RetintError, match="names and their order"):
        find_unlabelled([root], make_model())


def test_volumes_have_regions_too(tmp_path):
    model = make_model("slices-2", channels=1)
    voxels = np.random.default_rng(0).integers(0, 256, (8, 20, 24), dtype=np.uint8)
    write_volume_labels(tmp_path / "v.tif", voxels, [])
    (row,) = next_images(model, [tmp_path / "v.tif"], steps=2).to_dict()["next"]
    assert list(row["region"]) == ["slices", "rows", "columns", "doubt"]
    assert row["region"]["slices"][1] <= 8


def choice(path, region):
    return Choice(Candidate(path, 0.5, np.zeros((2, 16), np.float32), region, 0.5), 1.0)


def test_the_picture_of_a_volume_shows_the_slice_of_its_region(tmp_path):
    pytest.importorskip("zarr")
    voxels, path = values(9, 20, 30), tmp_path / "a.ome.zarr"
    write_volume_labels(path, voxels, [])
    write_pictures(Order([choice(path, ((6, 9), (2, 9), (5, 15)))], 0, 1), tmp_path / "out", 3)
    shown = read_image(tmp_path / "out" / "a.next.png")
    assert np.array_equal(shown, framed(displayable(voxels[7][..., None]), (2, 9), (5, 15)))


def test_pictures_of_images_of_one_name_do_not_replace_each_other(tmp_path):
    choices = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Image.fromarray(values(20, 30, 3)).save(tmp_path / name / "a.png")
        choices.append(choice(tmp_path / name / "a.png", ((2, 9), (5, 15))))
    write_pictures(Order(choices, 0, 2), tmp_path / "out", 2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2.a.next.png", "a.next.png"]


def test_the_verb(two, tmp_path, capsys):
    model_file(tmp_path / "two.safetensors", two.card)
    folder = write_set(tmp_path / "set", 3) / "images"
    arguments = ["next", str(folder), "--model", str(tmp_path / "two.safetensors"), "--count", "2"]
    assert main([*arguments, "--json", "--pictures", str(tmp_path / "shown")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["unlabelled"], told["labelled"], len(told["next"])) == (3, 0, 2)
    row = told["next"][0]
    assert list(row) == ["image", "worth", "doubt", "distance", "region"]
    stem = Path(row["image"]).stem
    with Image.open(tmp_path / "shown" / f"{stem}.next.png") as shown, Image.open(row["image"]) as image:
        box = tuple(slice(*row["region"][axis]) for axis in ("rows", "columns"))
        assert np.array_equal(np.array(shown)[box], np.array(image)[box])
        assert not np.array_equal(np.array(shown), np.array(image))
    assert main(arguments) == 0
    assert f"  1. {row['image']}: worth" in capsys.readouterr().out
    assert main(["next", str(tmp_path / "nowhere"), *arguments[2:]]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_all_that_is_wrong_with_the_labels_is_told_at_once(two, tmp_path):
    root = write_set(tmp_path / "set", 4)
    (root / "labels" / "scene3.png").rename(root / "labels" / "scene4.png")
    Image.fromarray(np.full((48, 64), 7, np.uint8)).save(root / "labels" / "scene0.png")
    (root / "labels" / "scene1.png").write_bytes(b"no image")
    with pytest.raises(DataProblems) as caught:
        find_unlabelled([root], two)
    assert [line.split(": ")[1][:15] for line in caught.value.problems] == ["found no image ", "found no image;", "found 7 (3072 p"]


def test_a_person_sees_what_is_worth_knowing(two, tmp_path):
    root = write_set(tmp_path / "set", 3)
    (root / "labels" / "scene1.png").unlink()
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(root / "labels" / "scene0.png")
    seen = []
    images, labelled = find_unlabelled([root], two, note=seen.append)
    assert (len(images), len(labelled)) == (1, 2)
    (line,) = seen
    assert "scene0.png: every pixel is ignored" in line


def test_a_data_set_goes_alone(two, tmp_path):
    roots = [write_set(tmp_path / name, 2) for name in ("one", "two")]
    with pytest.raises(RetintError, match=r"one: found a data set among 2 paths; expected it alone"):
        find_unlabelled(roots, two)
    assert len(find_unlabelled([root / "images" for root in roots], two)[0]) == 4


def test_pictures_do_not_become_images_to_choose_from(two, tmp_path, capsys):
    model_file(tmp_path / "two.safetensors", two.card)
    root = write_set(tmp_path / "set", 3)
    (root / "labels" / "scene1.png").unlink()
    for given in (root, root / "images"):
        for folder in (root / "images", root / "labels") if given is root else (root / "images",):
            assert main(["next", str(given), "--model", str(tmp_path / "two.safetensors"), "--pictures", str(folder)]) == 1
            assert f"--pictures {folder}: holds images or labels" in capsys.readouterr().err
    check_pictures(root / "images", [root / "images" / "scene0.png"], [root / "images" / "scene0.png"], [])


@pytest.mark.parametrize("labels", [np.full((48, 64), 7, np.uint8), np.zeros((48, 64, 3), np.uint8)])
def test_labels_that_are_none_are_told_before_the_work(two, tmp_path, labels):
    root = write_set(tmp_path / "set", 3)
    (root / "labels" / "scene2.png").unlink()
    Image.fromarray(labels).save(root / "labels" / "scene1.png")
    with pytest.raises(RetintError, match=r"scene1\.png"):
        find_unlabelled([root], two)
