"""How the estimate grew: one picture with a panel for the image and one for each step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .overlay import displayable, overlay, reduced, sampled
from .palette import Colour

PANEL = (480, 640)  # at most so many pixels wide and high
_NARROWEST = 180  # what a heading needs
_MARGIN, _GAP, _HEADING, _LINE = 24, 14, 34, 26
_PAPER, _INK, _FAINT, _CHANGED = (255, 255, 255), (24, 28, 36), (112, 118, 128), (255, 0, 128)

Labels = NDArray[Any]


def strip(
    image: NDArray[Any],
    estimates: Sequence[tuple[int, Labels]],
    palette: Sequence[Colour],
    changed: Sequence[NDArray[np.bool_] | None] | None = None,
    classes: Sequence[str] = (),
    background: int | None = None,
) -> NDArray[np.uint8]:
    """Draw the image and its labels after some steps side by side, and below each where it differs from the one before.

    Args:
        image: (rows, columns) or (rows, columns, channels), any real dtype.
        estimates: the number of each step, and its labels, (rows, columns) class indices; in order, at least one.
        palette: (red, green, blue) of each class.
        changed: for each estimate, (rows, columns) bool, where it changed, or None where that makes no sense;
            left out, it is where an estimate differs from the one before it.
        classes: names, for the legend; left out, "class 0" and so on.
        background: a class that is left untinted.

    Returns:
        The picture, (rows, columns, 3) uint8. Panels are at most 480 pixels wide and 640 high.

    Raises:
        ValueError: no estimates, or one of another size than the image.
    """
    if not estimates:
        raise ValueError("no estimates; expected at least one")
    if changed is None:
        changed = [None, *(now != before for (_, before), (_, now) in pairwise(estimates))]
    size = _panel_size(*image.shape[1::-1])
    shown = displayable(reduced(image))
    plain = _fitted(Image.fromarray(shown), size)
    upper: list[tuple[str, str, Image.Image | None]] = [("image", f"{image.shape[1]} x {image.shape[0]}", plain)]
    lower: list[tuple[str, str, Image.Image | None]] = [("", "", None)]
    before = ""
    for (step, labels), mask in zip(estimates, changed, strict=True):
        tinted = overlay(shown, sampled(labels), palette, opacity=0.6, background=background)
        upper.append((f"step {step}", "", _fitted(Image.fromarray(tinted), size)))
        lower.append((*_told(mask, before), _highlighted(plain, mask)))
        before = f"since step {step}"

    width, height = max(size[0], _NARROWEST), size[1]
    canvas = Image.new(
        "RGB",
        (2 * _MARGIN + len(upper) * (width + _GAP) - _GAP, 2 * (_MARGIN + _HEADING + height) + _GAP),
        _PAPER,
    )
    draw = ImageDraw.Draw(canvas)
    for row, panels in enumerate((upper, lower)):
        y = _MARGIN + row * (_HEADING + height + _GAP)
        for column, (title, note, picture) in enumerate(panels):
            x = _MARGIN + column * (width + _GAP)
            _write_heading(draw, (x, y), title, note, width)
            if picture:
                canvas.paste(picture, (x, y + _HEADING))
    _draw_legend(
        draw,
        (_MARGIN, _MARGIN + 2 * _HEADING + height + _GAP),
        (width, height),
        estimates,
        palette,
        classes,
        background,
    )
    return np.asarray(canvas)


def _panel_size(width: int, height: int) -> tuple[int, int]:
    """Small images grow by a whole number, so that their pixels stay square; large ones shrink to fit."""
    scale = min(PANEL[0] / width, PANEL[1] / height)
    if scale >= 1:
        scale = int(scale)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    enlarge = size[0] >= picture.width and size[1] >= picture.height
    return picture.resize(size, Image.Resampling.NEAREST if enlarge else Image.Resampling.LANCZOS, reducing_gap=3)


def _highlighted(plain: Image.Image, mask: NDArray[np.bool_] | None) -> Image.Image:
    """The image in dim grey, and in a strong colour what changed."""
    dimmed = plain.convert("L").point([40 + 9 * level // 20 for level in range(256)]).convert("RGB")
    if mask is None or not mask.any():
        return dimmed
    share = Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0)))
    enlarge = plain.width >= share.width and plain.height >= share.height
    share = share.resize(plain.size, Image.Resampling.NEAREST if enlarge else Image.Resampling.BOX)
    # a few changed pixels among many that a panel's pixel stands for are still to be seen
    share = share.point([0, *(min(255, 120 + 3 * level) for level in range(1, 256))])
    return Image.composite(Image.new("RGB", plain.size, _CHANGED), dimmed, share)


def _told(mask: NDArray[np.bool_] | None, before: str) -> tuple[str, str]:
    if mask is None:
        return "first estimate", ""
    if not mask.any():
        return "nothing changed", before
    return f"changed {_percent(float(mask.mean()))}", before


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f} %" if percent >= 0.1 else f"{percent:.2f} %" if percent >= 0.01 else "< 0.01 %"


def _write_heading(draw: ImageDraw.ImageDraw, at: tuple[int, int], title: str, note: str, width: int) -> None:
    font, small = ImageFont.load_default(20), ImageFont.load_default(14)
    x, baseline = at[0], at[1] + 22
    draw.text((x, baseline), title, _INK, font, anchor="ls")
    after = draw.textlength(title, font) + 10
    if note and after + draw.textlength(note, small) <= width:
        draw.text((x + after, baseline), note, _FAINT, small, anchor="ls")


def _draw_legend(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    size: tuple[int, int],
    estimates: Sequence[tuple[int, Labels]],
    palette: Sequence[Colour],
    classes: Sequence[str],
    background: int | None,
) -> None:
    """The classes that occur, in as many columns as fit, with their shares after the last step."""
    font, small = ImageFont.load_default(16), ImageFont.load_default(14)
    occur = np.unique(np.concatenate([np.unique(labels) for _, labels in estimates])).tolist()
    occur = [k for k in occur if k < len(palette)]
    last = np.bincount(estimates[-1][1].ravel(), minlength=len(palette)) / estimates[-1][1].size
    names = [classes[k] if k < len(classes) else f"class {k}" for k in occur]
    shares = [_percent(last[k]) if last[k] else "0 %" for k in occur]
    wide = 26 + max(
        (draw.textlength(n, font) + 10 + draw.textlength(s, small) for n, s in zip(names, shares, strict=True)),
        default=0,
    )
    columns, rows = max(1, int((size[0] + 24) // (wide + 24))), max(1, size[1] // _LINE)
    if len(occur) > rows * columns:  # the last place says how many are left out
        left_out = len(occur) - rows * columns + 1
        names, shares, occur = names[:-left_out], shares[:-left_out], occur[:-left_out]
        x, y = at[0] + int((columns - 1) * (wide + 24)), at[1] + (rows - 1) * _LINE
        draw.text((x, y + 15), f"and {left_out} more", _FAINT, font, anchor="ls")
    for place, (k, name, share) in enumerate(zip(occur, names, shares, strict=True)):
        x, y = at[0] + int(place // rows * (wide + 24)), at[1] + place % rows * _LINE
        draw.rectangle((x, y + 1, x + 16, y + 17), _PAPER if k == background else tuple(palette[k]), _FAINT)
        draw.text((x + 26, y + 15), name, _INK, font, anchor="ls")
        draw.text((x + 36 + draw.textlength(name, font), y + 15), share, _FAINT, small, anchor="ls")
