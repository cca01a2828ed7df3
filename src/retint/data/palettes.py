"""Masks with a palette are read by index, while people see its colours. Whether these say the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retint.images.read import palette_of

from . import messages
from .colours import hex_of
from .folder import Colour, Dataset


class Palettes:
    """The colours in which masks show the classes.

    A palette may be any: what is told apart is one in the order of its own file, as programs write it that make an
    indexed PNG of a picture in colours.

    Args:
        dataset: whose masks they are.

    Attributes:
        shown: of each mask with a palette, the colour of each class that occurs in it and shares its colour with no other.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.shown: dict[Path, dict[int, Colour]] = {}

    def add(self, file: Path, pixels: NDArray[np.int64]) -> None:
        """Look at a 2-D mask that has so many pixels of each class, (K,).

        Raises:
            RetintError: the file cannot be read.
        """
        if (palette := palette_of(file)) is None:
            return
        seen = {k: palette[k].tolist() for k in np.flatnonzero(pixels).tolist()}
        colours = {k: (red, green, blue) for k, (red, green, blue, opacity) in seen.items() if opacity}
        times = Counter(colours.values())
        self.shown[file] = {k: colour for k, colour in colours.items() if times[colour] == 1}

    def wrong(self) -> dict[Path, str]:
        """Masks that show a class in the colour that `classes.json` gives to another, and what to say of each."""
        data, known = self.dataset, self.dataset.colours or ()
        result = {}
        for file, colours in self.shown.items():
            others = ((k, colour) for k, colour in colours.items() if colour in known and colour != known[k])
            if other := next(others, None):
                k, colour = other
                of = known.index(colour)
                result[file] = messages.other_class(file, k, hex_of(colour), of, data.classes, data.root)
        return result

    def odd(self) -> str | None:
        """What to say of the rest if a class has another colour than in `classes.json`, or in an earlier mask.

        A mask is compared with `classes.json` if it shares a colour with it, else with other such masks.
        """
        data, wrong, spoken = self.dataset, self.wrong(), set(self.spoken())
        card = {k: (colour, data.root / "classes.json") for k, colour in enumerate(data.colours or ())}
        first: dict[int, tuple[Colour, Path]] = {}
        found: dict[Path, tuple[int, Colour, Colour, Path]] = {}
        for file, colours in self.shown.items():
            for k, colour in colours.items() if file not in wrong else ():
                wanted, where = (card if file in spoken else first).setdefault(k, (colour, file))
                if wanted != colour:
                    found.setdefault(file, (k, colour, wanted, where))
        if not found:
            return None
        file, (k, colour, wanted, where) = next(iter(found.items()))
        return messages.other_colour(
            file, f"{data.classes[k]} ({k})", hex_of(colour), hex_of(wanted), where, len(found), data.root
        )

    def spoken(self) -> list[Path]:
        """Masks that share a colour with `classes.json`, so that it is no accident which they have."""
        known = set(self.dataset.colours or ())
        return [file for file, colours in self.shown.items() if known & set(colours.values())]
