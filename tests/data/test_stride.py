import numpy as np
import pytest
from scipy.ndimage import zoom

from retint.data import choose_stride, open_dataset
from retint.data.stride import coarsened


def stripes(width, size=96):
    return np.broadcast_to(np.arange(size) // width % 2, (size, size))


@pytest.mark.parametrize(("width", "stride"), [(48, 8), (6, 4), (3, 2), (1, 1)])
def test_thinner_structures_need_a_finer_grid(folder, width, stride):
    folder.classes().image("a.png").labels("a.png", stripes(width))
    assert choose_stride(open_dataset(folder.root).splits["all"].pairs, 2) == stride


def test_keep_and_candidates(folder):
    folder.classes().image("a.png").labels("a.png", stripes(3))
    pairs = open_dataset(folder.root).splits["all"].pairs
    assert choose_stride(pairs, 2, candidates=(4, 16)) == 4
    assert choose_stride(pairs, 2, keep=0.0) == 8


def test_no_labels_at_all_choose_the_finest(folder):
    folder.classes().pair("a", [255] * 6)
    assert choose_stride(open_dataset(folder.root).splits["all"].pairs, 2) == 1
    assert choose_stride([], 2) == 1


def test_coarsened_agrees_with_scipy_and_passes_over_ignored_pixels():
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 3, (6, 5)), np.ones((5, 7), int))[:24, :28].astype(np.uint8)
    shares = np.stack([(labels == k).reshape(6, 4, 7, 4).mean((1, 3)) for k in range(3)])
    enlarged = [zoom(share, 4, order=1, mode="nearest", grid_mode=True) for share in shares]
    assert (coarsened(labels, 4) == np.argmax(enlarged, 0)).mean() > 0.999  # ties may fall either way

    labels[:4, :3] = 255
    assert coarsened(labels, 4).shape == labels.shape
    assert coarsened(labels, 4).max() <= 2
    assert (coarsened(labels[:7, :9], 1)[labels[:7, :9] != 255] == labels[:7, :9][labels[:7, :9] != 255]).all()
    alone = np.full((5, 5), 255, np.uint8)
    alone[2, 2] = 1
    assert coarsened(alone, 4)[2, 2] == 1
