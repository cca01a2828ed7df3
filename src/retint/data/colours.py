"""The colours of coloured masks, and which class each stands for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retint.errors import RetintError
from retint.images import ColouredMask, read_image
from retint.images.alpha import may_be_alpha
from retint.images.read import palette_of

from .files import read_indices
from .folder import IGNORE, Colour

CLEAR, IGNORED = -1, -2  # in place of the number of a colour: wholly transparent; an index 255 in black

_MOST_COLOURS = 255


def find_colours(files: Iterable[Path]) -> dict[Colour, int]:
    """How many pixels each colour has, the most frequent first, in masks in colours or with a palette.

    Bare indices have no part, nor have transparent pixels.

    Args:
        files: label files.

    Raises:
        RetintError: a file cannot be read.
    """
    return {colour_of(code): pixels for code, pixels in count_codes(files).most_common() if code >= 0}


def count_codes(files: Iterable[Path]) -> Counter[int]:
    """The same for colours as numbers, as `colours_in` gives them, `CLEAR` and `IGNORED` with the rest."""
    counts: Counter[int] = Counter()
    for file in files:
        if (codes := colours_in(file)[1]) is not None:
            values, pixels = np.unique(codes, return_counts=True)
            counts.update(dict(zip(values.tolist(), pixels.tolist(), strict=True)))
    return counts


def propose_palette(
    colours: Mapping[Colour, int], classes: int, known: Sequence[Colour] | None = None
) -> dict[Colour, int]:
    """A guess at which colour stands for which class, for a person to correct.

    Colours that are known keep their class. If all are greys (k, k, k) of a class k, or of 255, they are indices. Else the
    rest get the classes that are left, black first (most often the background), then the most frequent; when no class
    is left, 255, ignore.

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
    indices = {
        colour: colour[0] for colour in colours if len({*colour}) == 1 and colour[0] in (*range(classes), IGNORE)
    }
    # black and white alone are more often background and object than a class and ignore
    if len(indices) == len(colours) and indices | sure == indices and any(0 < k < IGNORE for k in indices.values()):
        return indices
    free = iter([k for k in range(classes) if k not in sure.values()])
    guessed = sorted((c for c in colours if c not in sure), key=lambda c: (c != (0, 0, 0), -colours[c]))
    return sure | {colour: next(free, IGNORE) for colour in guessed}


def read_palette(path: str | Path) -> dict[Colour, int]:
    """Read a palette from a JSON file such as `{"#000000": 0, "#ff0000": 1, "#ffffff": 255}`.

    Raises:
        RetintError: the file is missing or malformed, or gives a colour two classes.
    """
    expected = 'expected such as {"#000000": 0, "#ff0000": 1, "#ffffff": 255}'

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, index in pairs:
            if content.setdefault(key.lower(), index) != index:
                told = f"{json.dumps(content[key.lower()])} and as {json.dumps(index)}"
                raise RetintError(f"{path}: found {key} as {told}; expected each colour once: leave one of them out")
        return content

    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"), object_pairs_hook=once)
    except (OSError, ValueError, RecursionError) as error:
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


def colours_in(file: Path, dims: int = 2) -> tuple[NDArray[Any] | None, NDArray[np.int64] | None]:
    """Read the indices and the colours of a mask.

    Args:
        file: of labels.
        dims: 2, or 3 for those of volumes, which have no colours.

    Returns:
        The indices, None if it is in colours; the colour of each pixel, as `code_of` makes it, None if there are bare
        indices. It is `CLEAR` where a pixel is wholly transparent, `IGNORED` where an index 255 is black, as
        `write_labels` writes it.

    Raises:
        RetintError: the file cannot be read, or is in colours other than 3 or 4 channels of uint8.
    """
    try:
        labels = read_indices(file, dims)
    except ColouredMask:
        return None, _coded(file)
    palette = palette_of(file) if dims == 2 else None
    if palette is None:
        return labels, None
    codes = _codes(palette)
    codes[IGNORE] = codes[IGNORE] or IGNORED
    return labels, codes[labels]


def _coded(file: Path) -> NDArray[np.int64]:
    pixels = read_image(file)
    if pixels.dtype != np.uint8 or pixels.shape[2] not in (3, 4):
        raise RetintError(f"{file}: found {pixels.shape[2]} channels of {pixels.dtype}; expected 3 of uint8 in a mask")
    return _codes(pixels if may_be_alpha(file) else pixels[..., :3])


def _codes(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    red, green, blue = (pixels[..., i].astype(np.int64) for i in range(3))
    clear = pixels[..., 3] == 0 if pixels.shape[-1] == 4 else False
    return np.where(clear, CLEAR, red << 16 | green << 8 | blue)


def code_of(colour: Colour) -> int:
    """A colour as one number, red * 65536 + green * 256 + blue."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def colour_of(code: int) -> Colour:
    """The colour of such a number."""
    return code >> 16, code >> 8 & 255, code & 255


def hex_of(colour: Colour) -> str:
    """A colour as `#rrggbb`."""
    return f"#{code_of(colour):06x}"
