"""Pictures in a terminal, two pixels a character: the upper half block, coloured twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from searchengine.present.names import file_name, first_line
from searchengine.present.text_width import cut_end, cut_middle, head, one_line, pad
from searchengine.present.thumbnails import item_thumbnail, small

if TYPE_CHECKING:
    from PIL import Image

    from searchengine.records import Hit, Results

_CELL = 26
"""Columns of one picture on a sheet."""
_CELL_LINES = 11
"""Lines of one picture on a sheet: 22 pixels."""
_GAP = "  "
_RESET = "\x1b[0m"
_CUBE = (0, 95, 135, 175, 215, 255)
"""Levels of the 6 x 6 x 6 colours of a terminal with 256 colours."""

Rgb = Sequence[int]
"""Three levels, 0 to 255."""


def has_true_colour() -> bool:
    """Return whether the terminal says that it knows 24-bit colours (``COLORTERM``)."""
    return os.environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"}


def terminal_picture(
    image: Image.Image, width: int, *, height: int | None = None, true_colour: bool | None = None
) -> str:
    """Return a picture as ANSI text of ``width`` columns (at most ``height`` lines).

    Colours are 24-bit where the terminal knows them, else the nearest of 256.
    Each line ends in a reset; there is no line feed at the end.
    """
    return "\n".join(_picture_lines(image, width, height, true_colour)[0])


def terminal_sheet(results: Results, width: int = 80, *, true_colour: bool | None = None) -> str:
    """Return the hits as small pictures side by side, rank, score and name under each.

    As many stand in a line as ``width`` columns hold. What cannot be shown
    becomes a box that says why; a text is shown in its own words.
    """
    if not results.hits:
        from searchengine.present.table import table

        return table(results, width)
    cell = min(_CELL, max(1, width))
    across = max(1, (width + len(_GAP)) // (cell + len(_GAP)))
    blocks = []
    for start in range(0, len(results.hits), across):
        cells = [_cell(hit, cell, true_colour) for hit in results.hits[start : start + across]]
        lines = zip(*cells, strict=True)
        blocks.append("\n".join(_GAP.join(parts).rstrip(" ") for parts in lines))
    return "\n\n".join(blocks)


def _cell(hit: Hit, width: int, true_colour: bool | None) -> list[str]:
    """Return the lines of one hit, all of the same width."""
    if hit.modality == "text":
        lines = _text_box(str(hit.metadata.get("caption") or ""), width)
    else:
        size = (width, 2 * _CELL_LINES)
        picture = item_thumbnail(hit.uri, hit.metadata.get("meta"), size)
        if isinstance(picture, str):
            lines = _text_box(picture, width)
        else:
            lines, columns = _picture_lines(picture, width, _CELL_LINES, true_colour)
            lines = [line + " " * (width - columns) for line in lines]
    lines = [*lines, *[" " * width] * (_CELL_LINES - len(lines))]
    below = (
        f"{hit.rank}  {hit.score:.4f}"
        + ("" if hit.relevance is None else f"  relevance {hit.relevance:.2f}"),
        cut_middle(file_name(hit.uri), width),
        first_line(hit.metadata.get("caption")) if hit.modality == "image" else "",
    )
    return [*lines, *(pad(cut_end(text, width), width) for text in below)]


def _text_box(text: str, width: int) -> list[str]:
    """Return the words in a frame as large as a picture."""
    inner = max(0, width - 4)
    rest = one_line(text[: 4 * inner * _CELL_LINES])
    lines: list[str] = []
    while rest and inner > 1 and len(lines) < _CELL_LINES - 2:
        last = len(lines) == _CELL_LINES - 3
        line = cut_end(rest, inner) if last else head(rest, inner)
        if line != rest and not last and rest[len(line)] != " ":
            line = line.rpartition(" ")[0] or line
        lines.append(line)
        rest = "" if last else rest[len(line) :].lstrip()
    lines += [""] * (_CELL_LINES - 2 - len(lines))
    edge = "─" * (width - 2)
    framed = [f"┌{edge}┐", *(f"│ {pad(line, inner)} │" for line in lines), f"└{edge}┘"]
    return [pad(cut_end(line, width), width) for line in framed]


def _picture_lines(
    image: Image.Image, width: int, height: int | None, true_colour: bool | None
) -> tuple[list[str], int]:
    """Return the lines, and the columns that each of them takes."""
    import numpy as np

    image = small(image, (8 * width, 16 * (height or width)))
    columns = max(1, width)
    rows = max(1, round(image.height * columns / image.width / 2))
    if height is not None and rows > height:
        columns = max(1, round(columns * height / rows))
        rows = max(1, height)
    pixels = np.asarray(image.resize((columns, 2 * rows))).tolist()
    colour = _true if (has_true_colour() if true_colour is None else true_colour) else _of_256
    lines = []
    for row in range(rows):
        line, before = [], ("", "")
        for column in range(columns):
            upper, lower = (colour(pixels[2 * row + half][column]) for half in (0, 1))
            if (upper, lower) != before:
                line.append(f"\x1b[38;{upper};48;{lower}m")
                before = (upper, lower)
            line.append("▀")
        lines.append("".join(line) + _RESET)
    return lines, columns


def _true(pixel: Rgb) -> str:
    return f"2;{pixel[0]};{pixel[1]};{pixel[2]}"


def _of_256(pixel: Rgb) -> str:
    """Return the nearest colour of the cube or of the 24 greys (xterm's palette)."""
    steps = [min(range(6), key=lambda step: abs(_CUBE[step] - level)) for level in pixel]
    cube = (_CUBE[steps[0]], _CUBE[steps[1]], _CUBE[steps[2]])
    place = max(0, min(23, round((sum(pixel) / 3 - 8) / 10)))
    grey = (8 + 10 * place,) * 3
    if _distance(grey, pixel) < _distance(cube, pixel):
        return f"5;{232 + place}"
    return f"5;{16 + 36 * steps[0] + 6 * steps[1] + steps[2]}"


def _distance(one: Rgb, other: Rgb) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
