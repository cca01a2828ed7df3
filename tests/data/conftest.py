import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


class Folder:
    """A data set on disk, made file by file."""

    def __init__(self, root: Path):
        self.root = root
        self.images = 0

    def classes(self, *names, **more):
        self.root.mkdir(exist_ok=True)
        (self.root / "classes.json").write_text(json.dumps({"classes": names or ["sky", "tree"], "ignore": 255} | more))
        return self

    def image(self, name, shape=(4, 6, 3), part=".", dtype=np.uint8):
        """An image like no other."""
        pixels = np.full(shape, 7, dtype)
        pixels.flat[0] = self.images = self.images + 1
        self._save("images", name, part, pixels)
        return self

    def labels(self, name, values, part="."):
        values = np.asarray(values)
        self._save("labels", name, part, values if values.dtype == np.uint16 else values.astype(np.uint8))
        return self

    def indexed(self, stem, values, *colours, part=".", **more):
        """An image, and labels of 4 rows as a PNG with a palette."""
        labels = Image.fromarray(np.tile(np.array(values, np.uint8), (4, 1)))
        # all 256 entries, as Pillow would pack a shorter palette into fewer bits
        labels.putpalette(np.array([*colours, *[(0, 0, 0)] * (256 - len(colours))], np.uint8).tobytes())
        file = self.root / part / "labels" / f"{stem}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        labels.save(file, **more)
        self.image(f"{stem}.png", (4, len(values), 3), part)
        return file

    def pair(self, stem, values=None, part="."):
        """An image and labels of 4 x 6 pixels; both classes if not told otherwise."""
        values = np.broadcast_to([0, 0, 0, 1, 1, 255] if values is None else values, (4, 6))
        return self.image(f"{stem}.png", part=part).labels(f"{stem}.png", values, part=part)

    def _save(self, kind, name, part, pixels):
        file = self.root / part / kind / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "set")
