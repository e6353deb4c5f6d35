"""A heat map for people: the picture, the same with its heat on it, and what the colours mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from searchengine.present.lettering import Colour, Lettering, lettering_for
from searchengine.present.picture_file import picture_format, write_picture

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from PIL import Image, ImageDraw

    from searchengine.explain.explanation import Explanation
    from searchengine.explain.heat import Box, HeatMap

_SIDE = 560
"""Longest side of each of the two pictures, in pixels."""
_LEAST_WIDTH = 260
_MARGIN, _GAP = 24, 20
_PAPER: Colour = (255, 255, 255)
_INK: Colour = (24, 27, 33)
_QUIET: Colour = (104, 110, 121)
_FRAME: Colour = (255, 255, 255)
_FADED = 0.35
"""How much of the picture's own colour is left under the heat."""

# Even steps of matplotlib's "inferno" (Smith and van der Walt, CC0): lightness rises evenly, so
# that it reads the same in grey and for colour-blind people.
_STEPS = (
    (0, 0, 4),
    (31, 12, 72),
    (85, 15, 109),
    (136, 34, 106),
    (186, 54, 85),
    (227, 89, 51),
    (249, 140, 10),
    (249, 201, 50),
    (252, 255, 164),
)


def colours(heat: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Return the colours, uint8 (..., 3), of heat between 0 and 1; what is beyond is cut."""
    steps = np.array(_STEPS, dtype=np.float64)
    at = np.clip(np.asarray(heat, dtype=np.float64), 0, 1) * (len(steps) - 1)
    below = np.minimum(at.astype(int), len(steps) - 2)
    share = (at - below)[..., None]
    mixed = steps[below] * (1 - share) + steps[below + 1] * share
    return np.asarray(np.round(mixed), dtype=np.uint8)


def heated(picture: Image.Image, heat: HeatMap) -> Image.Image:
    """Return an RGB picture, dimmed to grey, with its heat on it and the strongest region framed.

    Colours run from no heat to the hottest cell's. Heat below zero is not shown.
    """
    from PIL import Image, ImageDraw

    top = max(float(heat.grid.max()), 1e-12)
    level = Image.fromarray(np.asarray(np.clip(heat.grid / top, 0, 1), dtype=np.float32))
    smooth = level.resize(picture.size, Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(smooth, dtype=np.float64), 0, 1)
    own = np.asarray(picture.convert("RGB"), dtype=np.float64)
    grey = own.mean(axis=2, keepdims=True)
    base = _FADED * own + (1 - _FADED) * (0.25 * grey + 150)
    opaque = (0.85 * np.minimum(1, 1.4 * share))[..., None]
    mixed = base * (1 - opaque) + colours(share) * opaque
    done = Image.fromarray(np.asarray(np.round(mixed), dtype=np.uint8))
    if heat.strongest.drop > 0:
        _frame(ImageDraw.Draw(done), heat.strongest.box, picture.size)
    return done


def overlay(picture: Image.Image, explanation: Explanation) -> Image.Image:
    """Return one RGB picture: the item, its heat map beside it, the query and a legend below."""
    from PIL import Image, ImageDraw

    heat = explanation.heat
    assert heat is not None
    shown = _fit(picture)
    letters = lettering_for([explanation.query])
    column = max(shown.width, _LEAST_WIDTH)
    width = 2 * column + _GAP + 2 * _MARGIN
    words = letters.wrap(letters.writable(explanation.query), 22, width - 2 * _MARGIN, 3)
    top = _MARGIN + len(words) * letters.line_height(22) + 12
    sheet = Image.new("RGB", (width, top + shown.height + 96 + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for line, text in enumerate(words):
        place = (_MARGIN, _MARGIN + line * letters.line_height(22))
        letters.draw(draw, place, text, 22, _INK)
    sheet.paste(shown, (_MARGIN, top))
    sheet.paste(heated(shown, heat), (_MARGIN + column + _GAP, top))
    below = top + shown.height + 14
    letters.draw(draw, (_MARGIN, below), f"score {explanation.score:.4f}", 18, _INK, bold=True)
    _legend(sheet, draw, letters, heat, (_MARGIN + column + _GAP, below, column))
    return sheet


def write_overlay(target: Path, picture: Image.Image, explanation: Explanation) -> None:
    """Write the overlay to a .png, .jpg or .webp file; missing folders are made.

    Raises ``UsageError`` for another kind of file, ``NotFoundError`` and ``DiskFullError``
    where it cannot be written.
    """
    overlay_format(target)
    write_picture(target, overlay(picture, explanation), "a map", quality=92)


def overlay_format(target: Path) -> str:
    """Return Pillow's name for the kind of file, or raise ``UsageError``."""
    return picture_format(target, "a map", advice=", or say --map terminal")


def _legend(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    letters: Lettering,
    heat: HeatMap,
    place: tuple[int, int, int],
) -> None:
    """Draw the colours and what they stand for."""
    from PIL import Image

    left, top, width = place
    hottest = float(heat.grid.max())
    if hottest <= 0:
        letters.draw(draw, (left, top), "no part of it speaks for the query", 16, _QUIET)
        return
    bar = np.linspace(0, 1, width)[None].repeat(14, axis=0)
    sheet.paste(Image.fromarray(colours(bar)), (left, top + 4))
    ends = ("0", f"{hottest:.3f}")
    letters.draw(draw, (left, top + 24), ends[0], 16, _INK)
    right = left + width - letters.width(ends[1], 16)
    letters.draw(draw, (right, top + 24), ends[1], 16, _INK)
    said = "the score falls by this where it is covered"
    middle = left + (width - letters.width(said, 15)) / 2
    if letters.width(said, 15) > width - 80:
        letters.draw(draw, (left, top + 46), said, 15, _QUIET)
        top += 20
    else:
        letters.draw(draw, (middle, top + 24), said, 15, _QUIET)
    if heat.strongest.drop > 0:
        framed = f"the frame as a whole: {heat.strongest.drop:.3f}"
        letters.draw(draw, (left, top + 46), framed, 15, _QUIET)


def _frame(draw: ImageDraw.ImageDraw, box: Box, size: tuple[int, int]) -> None:
    left, top, right, bottom = box
    edges = (
        round(left * (size[0] - 1)),
        round(top * (size[1] - 1)),
        round(right * (size[0] - 1)),
        round(bottom * (size[1] - 1)),
    )
    draw.rectangle(edges, outline=_INK, width=5)
    draw.rectangle(
        (edges[0] + 1, edges[1] + 1, edges[2] - 1, edges[3] - 1), outline=_FRAME, width=3
    )


def _fit(picture: Image.Image) -> Image.Image:
    """Return the picture with its longest side at ``_SIDE`` pixels, also a small one."""
    from PIL import Image

    scale = _SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
