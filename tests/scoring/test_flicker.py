import numpy as np

from retint.scoring import Flicker


def test_pairs_of_frames_are_counted_together_and_still_pixels_apart():
    flicker, rng = Flicker(), np.random.default_rng(0)
    before, after = rng.integers(0, 3, (2, 4, 30, 20))
    still = rng.random((4, 30, 20)) < 0.2
    for pair in zip(before, after, still, strict=True):
        flicker.add(*pair)
    assert flicker.share == (before != after).mean()
    assert flicker.still_share == (before != after)[still].mean()
