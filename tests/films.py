"""Films, as frames and as folders of them."""

import numpy as np
from PIL import Image

from made import scene


def frames(count=4, seed=0):
    """A scene that moves a little."""
    image, _ = scene(np.random.default_rng(seed))
    return [np.roll(image, k, axis=1) for k in range(count)]


def film(folder, images):
    """A film as a folder of numbered frames."""
    folder.mkdir()
    for k, frame in enumerate(images):
        Image.fromarray(frame).save(folder / f"{k}.png")
    return folder
