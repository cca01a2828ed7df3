import numpy as np
import pytest

from retint.scoring import components, partition_scores

INTERIOR = np.ones((20, 21), bool)
INTERIOR[:, 10] = False  # a membrane between two cells of 200 pixels


def test_components_are_joined_by_edges_not_corners():
    assert components(np.eye(3, dtype=bool)).tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 3]]
    assert sorted(np.bincount(components(INTERIOR).ravel())) == [20, 200, 200]


def test_components_of_a_volume_join_across_slices():
    volume = np.stack([INTERIOR, np.ones_like(INTERIOR)])
    assert components(volume).max() == 1


def test_the_same_partition_under_other_numbers_is_perfect():
    truth = components(INTERIOR)
    renumbered = np.array([0, 9, 4])[truth]
    assert partition_scores(truth, renumbered) == {
        "adapted_rand_error": pytest.approx(0),
        "variation_of_information_split": pytest.approx(0),
        "variation_of_information_merge": pytest.approx(0),
    }


def test_a_merge_and_a_split_are_told_apart():
    two, one = components(INTERIOR), np.ones(INTERIOR.shape, int)
    merged = partition_scores(two, one)
    assert merged["variation_of_information_merge"] == pytest.approx(1)  # two equal cells made one: one bit
    assert merged["variation_of_information_split"] == pytest.approx(0)
    assert merged["adapted_rand_error"] == pytest.approx(1 / 3, abs=0.01)
    split = partition_scores(one, np.where(np.arange(20)[:, None] < 10, 1, 2) * one)
    assert split["variation_of_information_split"] == pytest.approx(1)
    assert split["variation_of_information_merge"] == pytest.approx(0)


@pytest.mark.filterwarnings("error")
def test_regions_of_one_pixel_each_agree_with_themselves():
    for truth, prediction in (([[1, 0, 2]], [[1, 0, 2]]), ([[3, 0, 2]], [[0, 7, 1]]), ([[1]], [[1]])):
        scores = partition_scores(np.array(truth), np.array(prediction))
        assert list(scores.values()) == [0, 0, 0]
    assert partition_scores(np.array([[1, 2, 3]]), np.array([[1, 1, 2]]))["adapted_rand_error"] == 1
    assert partition_scores(np.array([[1, 1, 2]]), np.array([[1, 2, 3]]))["adapted_rand_error"] == 1


def test_truth_without_a_region_is_nan():
    scores = partition_scores(np.zeros((4, 4), int), np.ones((4, 4), int))
    assert np.isnan(list(scores.values())).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="must be equal"):
        partition_scores(np.ones((2, 3), int), np.ones((3, 2), int))
