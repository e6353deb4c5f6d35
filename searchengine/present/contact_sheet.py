"""Queries and their hits as one picture: the query on the left, the hits on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.errors import ItemError
from searchengine.present.lettering import Lettering, lettering_for, script_name
from searchengine.present.names import file_name
from searchengine.present.picture_file import picture_format, write_picture
from searchengine.present.sheet_painter import (
    CARD_CHARS,
    MAX_TILES,
    PAPER,
    Grid,
    Painter,
    SheetRow,
    about,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image

    from searchengine.records import Results

__all__ = ["MAX_TILES", "SheetRow", "contact_sheet", "contact_sheets", "write_contact_sheet"]


def contact_sheet(
    results: Results,
    *,
    query_text: str | None = None,
    query_image: Image.Image | None = None,
    columns: int = 5,
    thumb: int = 240,
    warnings: list[str] | None = None,
) -> Image.Image:
    """Return one query and its hits as an RGB picture.

    ``columns`` tiles of ``thumb`` x ``thumb`` pixels stand side by side, further
    hits below them. A file that is gone or broken becomes a grey tile that says
    so, a text becomes a card. ``warnings`` receives what the reader of the
    picture will miss: writing that no font here draws, hits beyond ``MAX_TILES``.
    """
    row = SheetRow(results, query_text, query_image)
    return contact_sheets([row], columns=columns, thumb=thumb, warnings=warnings)


def contact_sheets(
    rows: Sequence[SheetRow],
    *,
    columns: int = 5,
    thumb: int = 240,
    warnings: list[str] | None = None,
) -> Image.Image:
    """Return several queries with their hits below each other, as ``contact_sheet`` does one."""
    if not rows:
        raise ValueError("a contact sheet needs at least one query")
    from PIL import Image

    most = max(len(row.results.hits[:MAX_TILES]) for row in rows)
    columns = max(1, min(columns, most))
    if len(rows) == 1:  # six hits as three and three, not as five and one
        columns = max(1, -(-most // max(1, -(-most // columns))))
    grid = Grid(thumb, columns)
    texts = [text for row in rows for text in _texts(row)]
    letters = lettering_for(texts)
    tops = [grid.margin]
    for row in rows:
        tops.append(tops[-1] + grid.row_height(len(row.results.hits[:MAX_TILES])) + grid.between)
    sheet = Image.new("RGB", (grid.width, tops[-1] - grid.between + grid.margin), PAPER)
    painter = Painter(sheet, grid, letters)
    for row, top in zip(rows, tops, strict=False):
        if top != grid.margin:
            painter.rule(top - grid.between // 2)
        painter.row(row, top)
    if warnings is not None:
        warnings += _notes(rows, texts, letters)
    return sheet


def write_contact_sheet(
    target: Path,
    rows: Sequence[tuple[Results, str, bytes | None]],
    *,
    columns: int = 5,
    thumb: int = 240,
) -> list[str]:
    """Write a contact sheet to a .png, .jpg or .webp file; return what its reader will miss.

    A row is the results, the query's words (or name) and, for an example, the
    bytes of its picture. Missing folders are made. Raises ``UsageError`` for
    another kind of file, ``NotFoundError`` and ``DiskFullError`` where it cannot be written.
    """
    picture_format(target, "a contact sheet")
    warnings: list[str] = []
    sheet = contact_sheets(
        [_sheet_row(*row, warnings) for row in rows],
        columns=columns,
        thumb=thumb,
        warnings=warnings,
    )
    write_picture(target, sheet, "a contact sheet")
    return warnings


def _sheet_row(
    results: Results, words: str, picture: bytes | None, warnings: list[str]
) -> SheetRow:
    if picture is None:
        return SheetRow(results, words)
    from searchengine.decode import decode_image
    from searchengine.present.thumbnails import MAX_PIXELS

    try:
        image = decode_image(picture, max_pixels=MAX_PIXELS).image.copy()
    except ItemError as error:
        warnings.append(f"the example is not on the picture: {error}")
        return SheetRow(results, words)
    image.info.clear()  # it is upright, but its EXIF would turn it again
    return SheetRow(results, words, image)


def _texts(row: SheetRow) -> list[str]:
    """Return what is to be written that others chose."""
    texts = [row.query_text or ""]
    for hit in row.results.hits[:MAX_TILES]:
        caption = str(hit.metadata.get("caption") or "")
        texts += [file_name(hit.uri), caption[:CARD_CHARS], about(hit.metadata)]
    return texts


def _notes(rows: Sequence[SheetRow], texts: Sequence[str], letters: Lettering) -> list[str]:
    """Return what the reader of the picture misses, for the caller to say."""
    notes = []
    if any(len(row.results.hits) > MAX_TILES for row in rows):
        notes.append(f"the picture shows the first {MAX_TILES} hits of each query")
    lost = sorted({script_name(text) for text in texts if not letters.can_write(text)} - {""})
    if lost:
        notes.append(
            f"no font for {', '.join(lost)} was found, so such text is left out of the picture; "
            "a font such as Noto Sans CJK draws Chinese, Japanese and Korean"
        )
    return notes
