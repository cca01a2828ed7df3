"""The colours of coloured masks, and which class each stands for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError
from retint.images import ColouredMask, read_image, read_labels

from .folder import IGNORE, Colour

_MOST_COLOURS = 255


def find_colours(files: Iterable[Path]) -> dict[Colour, int]:
    """How many pixels each colour has in coloured masks, the most frequent first. Masks of indices have no part.

    Args:
        files: label files.

    Raises:
        RetintError: a file cannot be read.
    """
    counts: Counter[int] = Counter()
    for file in files:
        try:
            read_labels(file)
        except ColouredMask:
            values, pixels = np.unique(coded(file), return_counts=True)
            counts.update(dict(zip(values.tolist(), pixels.tolist(), strict=True)))
    return {colour_of(code): pixels for code, pixels in counts.most_common()}


def propose_palette(
    colours: Mapping[Colour, int], classes: int, known: Sequence[Colour] | None = None
) -> dict[Colour, int]:
    """A guess at which colour stands for which class, for a person to correct.

    Colours that are known keep their class. The rest get the classes that are left, black first (most often the
    background), then the most frequent; when no class is left, 255, ignore.

    Args:
        colours: as `find_colours` gives them.
        classes: K.
        known: the colour of each class, if the data set says so.

    Raises:
        RetintError: more colours than there can be classes: smoothed edges, or lossy compression.
    """
    if len(colours) > _MOST_COLOURS:
        raise RetintError(
            f"found {len(colours)} colours in the masks; expected one for each class: smoothing or JPEG mixed them, "
            f"so export the masks again as PNG, without anti-aliasing"
        )
    sure = {colour: k for k, colour in enumerate(known or ()) if colour in colours}
    free = iter([k for k in range(classes) if k not in sure.values()])
    guessed = sorted((c for c in colours if c not in sure), key=lambda c: (c != (0, 0, 0), -colours[c]))
    return sure | {colour: next(free, IGNORE) for colour in guessed}


def read_palette(path: str | Path) -> dict[Colour, int]:
    """Read a palette from a JSON file such as `{"#000000": 0, "#ff0000": 1, "#ffffff": 255}`.

    Raises:
        RetintError: the file is missing or malformed.
    """
    expected = 'expected such as {"#000000": 0, "#ff0000": 1, "#ffffff": 255}'
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise RetintError(f"{path}: cannot be read ({error}); {expected}") from error
    if not isinstance(content, dict) or not content:
        raise RetintError(f"{path}: found no colours; {expected}")
    for key, index in content.items():
        if not re.fullmatch("#[0-9a-fA-F]{6}", key) or type(index) is not int or not 0 <= index <= IGNORE:
            raise RetintError(f"{path}: found {json.dumps({key: index})}; {expected}")
    return {colour_of(int(key[1:], 16)): index for key, index in content.items()}


def write_palette(path: str | Path, palette: Mapping[Colour, int]) -> None:
    """Write a palette as the JSON that `read_palette` reads; an existing file stays.

    Raises:
        RetintError: the file exists, or cannot be written.
    """
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(json.dumps(written_palette(palette), indent=1) + "\n")
    except FileExistsError as error:
        raise RetintError(f"{path}: exists; give another name, or remove it") from error
    except OSError as error:
        raise RetintError(f"{path}: cannot be written ({error.strerror}); give another place") from error


def written_palette(palette: Mapping[Colour, int]) -> dict[str, int]:
    """A palette with its colours as `#rrggbb`."""
    return {hex_of(colour): index for colour, index in palette.items()}


def coded(file: Path) -> NDArray[np.int64]:
    """Read a coloured mask as one number a pixel, (rows, columns) int64, as `code_of` makes them.

    Raises:
        RetintError: the file cannot be read, or has other than 3 or 4 channels of uint8.
    """
    pixels = read_image(file)
    if pixels.dtype != np.uint8 or pixels.shape[2] not in (3, 4):
        raise RetintError(f"{file}: found {pixels.shape[2]} channels of {pixels.dtype}; expected 3 of uint8 in a mask")
    red, green, blue = (pixels[..., i].astype(np.int64) for i in range(3))
    return red << 16 | green << 8 | blue


def code_of(colour: Colour) -> int:
    """A colour as one number, red * 65536 + green * 256 + blue."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def colour_of(code: int) -> Colour:
    """The colour of such a number."""
    return code >> 16, code >> 8 & 255, code & 255


def hex_of(colour: Colour) -> str:
    """A colour as `#rrggbb`."""
    return f"#{code_of(colour):06x}"
