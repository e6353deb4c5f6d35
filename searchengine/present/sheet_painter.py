"""Where things stand on a contact sheet, and how each is drawn.

All lengths are pixels and follow from the side of a tile, so that a larger
sheet is the same sheet with more detail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from searchengine.present.lettering import Colour, Lettering, script_name
from searchengine.present.names import file_name, first_line, pixel_size, short_moment
from searchengine.present.table import counted
from searchengine.present.thumbnails import item_thumbnail, small

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from PIL import Image

    from searchengine.records import Hit, Results

MAX_TILES = 60
"""Hits on one row of the sheet; more would make a picture nobody can open."""
CARD_CHARS = 2000
"""Of a long text, as much as can ever fit on its card."""

PAPER: Colour = (255, 255, 255)
_PANEL: Colour = (238, 242, 250)
_TILE: Colour = (240, 241, 243)
_CARD: Colour = (252, 249, 240)
_RULE: Colour = (226, 228, 233)
_INK: Colour = (24, 27, 33)
_QUIET: Colour = (104, 110, 121)
_ACCENT: Colour = (28, 92, 196)
_BADGE: Colour = (24, 27, 33)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One query with its answer. A query may have words, a picture, or both."""

    results: Results
    query_text: str | None = None
    query_image: Image.Image | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Where things stand on a sheet, in pixels."""

    thumb: int
    columns: int

    def scaled(self, length: float) -> int:
        """Return a length that was drawn for tiles of 240 pixels."""
        return max(1, round(length * self.thumb / 240))

    @property
    def margin(self) -> int:
        """Around everything."""
        return self.scaled(32)

    @property
    def gap(self) -> int:
        """Between tiles."""
        return self.scaled(20)

    @property
    def between(self) -> int:
        """Between two queries."""
        return self.scaled(56)

    @property
    def panel(self) -> int:
        """Width of the query's panel."""
        return self.scaled(300)

    @property
    def tile_height(self) -> int:
        """A tile with the lines below it."""
        return self.thumb + self.scaled(158)

    @property
    def width(self) -> int:
        """Of the whole sheet."""
        tiles = self.columns * (self.thumb + self.gap) - self.gap
        return 2 * self.margin + self.panel + self.scaled(28) + tiles

    def row_height(self, hits: int) -> int:
        """Return the height of a query with so many hits."""
        lines = max(1, -(-hits // self.columns))
        return lines * (self.tile_height + self.gap) - self.gap

    def tile_place(self, place: int, top: int) -> tuple[int, int]:
        """Return the left top corner of the hit at a 0-based place in a row that starts at top."""
        line, column = divmod(place, self.columns)
        left = self.margin + self.panel + self.scaled(28)
        return (
            left + column * (self.thumb + self.gap),
            top + line * (self.tile_height + self.gap),
        )


class Painter:
    """Draws queries and hits onto a sheet."""

    def __init__(self, sheet: Image.Image, grid: Grid, letters: Lettering) -> None:
        from PIL import ImageDraw

        self.sheet = sheet
        self.draw = ImageDraw.Draw(sheet)
        self.grid = grid
        self.letters = letters

    def rule(self, top: int) -> None:
        """Draw the line between two queries."""
        edge, right = self.grid.margin, self.grid.width - self.grid.margin
        self.draw.line([(edge, top), (right, top)], fill=_RULE, width=self.grid.scaled(2))

    def row(self, row: SheetRow, top: int) -> None:
        """Draw a query and its hits."""
        self._query(row, top)
        hits = row.results.hits[:MAX_TILES]
        for place, hit in enumerate(hits):
            left, tile_top = self.grid.tile_place(place, top)
            self._tile(hit, left, tile_top)
        if not hits:
            left, tile_top = self.grid.tile_place(0, top)
            self._message("No hits", (left, tile_top))

    def _query(self, row: SheetRow, top: int) -> None:
        grid, inset = self.grid, self.grid.scaled(22)
        height = grid.row_height(len(row.results.hits[:MAX_TILES]))
        # Beside several lines of hits the panel need not be taller than one.
        height = min(height, grid.tile_height)
        self._box((grid.margin, top, grid.panel, height), _PANEL)
        left, below, inner = grid.margin + inset, top + inset, grid.panel - 2 * inset
        bottom = top + height - inset - grid.scaled(24)
        label = "QUERY" if row.query_image is None else "EXAMPLE"
        self.letters.draw(self.draw, (left, below), label, grid.scaled(15), _ACCENT, bold=True)
        below += grid.scaled(30)
        if row.query_image is not None:
            room = grid.thumb if row.query_text is None else grid.scaled(196)
            picture = small(row.query_image, (inner, min(room, bottom - below)))
            self.sheet.paste(picture, (left, below), _rounded(picture.size, grid.scaled(8)))
            below += picture.height + grid.scaled(12)
        if row.query_text is not None:
            box = (left, below, inner, bottom - below)
            self._words(row.query_text, box, quiet=row.query_image is not None)
        of = f"of {counted(row.results)}"
        self.letters.draw(
            self.draw, (left, top + height - inset - grid.scaled(16)), of, grid.scaled(16), _QUIET
        )

    def _words(self, text: str, box: tuple[int, int, int, int], *, quiet: bool) -> None:
        """Write the query as large as the room allows, but ``quiet`` below its picture."""
        start = 3 if quiet else 0
        left, top, width, height = box
        shown = " ".join(text.split())
        if not self.letters.can_write(shown):
            shown = self._without_font(shown)
        for points in (40, 34, 29, 25, 21, 18)[start:]:
            size = self.grid.scaled(points)
            step = self.letters.line_height(size)
            lines = self.letters.wrap(shown, size, width, max(1, height // step))
            whole = self.letters.longest_word(shown, size) <= width
            if not lines or (whole and not lines[-1].endswith("…")):
                break
        for line in lines:
            self.letters.draw(self.draw, (left, top), line, size, _INK)
            top += step

    def _without_font(self, text: str) -> str:
        """Return what to write for a query that no font here draws."""
        language, readable = script_name(text), self.letters.writable(text)
        if any(char.isalnum() for char in readable.replace(f"({language})", "")):
            return readable
        return f"{language} query (no font for it on this machine)"

    def _tile(self, hit: Hit, left: int, top: int) -> None:
        grid, thumb = self.grid, self.grid.thumb
        if hit.modality == "text":
            self._card(str(hit.metadata.get("caption") or ""), left, top)
        else:
            picture = item_thumbnail(hit.uri, hit.metadata.get("meta"), (thumb, thumb))
            if isinstance(picture, str):
                self._message(picture, (left, top))
            else:
                self._picture(picture, left, top)
        self._badge(str(hit.rank), left, top)
        line = top + thumb + grid.scaled(10)
        self._facts(hit, left, line)
        line += grid.scaled(31)
        size, name = grid.scaled(19), self.letters.writable(file_name(hit.uri))
        name = self.letters.cut(name, size, thumb, middle=True)
        self.letters.draw(self.draw, (left, line), name, size, _INK)
        line += grid.scaled(28)
        for text in self.letters.wrap(self._caption(hit), size, thumb, 3):
            self.letters.draw(self.draw, (left, line), text, size, _QUIET)
            line += self.letters.line_height(size)

    def _facts(self, hit: Hit, left: int, top: int) -> None:
        """Write relevance and cosine on the left, and on the right the size or the day."""
        grid = self.grid
        size, quiet = grid.scaled(23), grid.scaled(18)
        score = f"{hit.score:.3f}"
        first = score if hit.relevance is None else f"{hit.relevance:.0%}"
        self.letters.draw(self.draw, (left, top), first, size, _ACCENT, bold=True)
        if hit.relevance is not None:
            beside = left + round(self.letters.width(first, size)) + grid.scaled(12)
            self.letters.draw(self.draw, (beside, top + grid.scaled(4)), score, quiet, _QUIET)
        fact = short_moment(hit.metadata.get("taken_at"))[:10] or pixel_size(hit.metadata)
        fact = self.letters.writable(fact)
        right = left + grid.thumb - self.letters.width(fact, quiet)
        self.letters.draw(self.draw, (right, top + grid.scaled(4)), fact, quiet, _QUIET)

    def _caption(self, hit: Hit) -> str:
        if hit.modality == "text":
            return self.letters.writable(about(hit.metadata))
        lines = str(hit.metadata.get("caption") or "").splitlines()
        readable = [first_line(line) for line in lines if self.letters.can_write(line)]
        best = next((line for line in readable if line), None)
        return self.letters.writable(best or first_line("\n".join(lines)) or about(hit.metadata))

    def _picture(self, picture: Image.Image, left: int, top: int) -> None:
        """Paste a picture into the middle of its tile."""
        thumb = self.grid.thumb
        self._box((left, top, thumb, thumb), _TILE)
        from PIL import Image

        tile = Image.new("RGB", (thumb, thumb), _TILE)
        tile.paste(picture, ((thumb - picture.width) // 2, (thumb - picture.height) // 2))
        self.sheet.paste(tile, (left, top), _rounded(tile.size, self.grid.scaled(10)))

    def _card(self, text: str, left: int, top: int) -> None:
        """Draw a text as a card."""
        grid, inset, size = self.grid, self.grid.scaled(18), self.grid.scaled(19)
        self._box((left, top, grid.thumb, grid.thumb), _CARD)
        top += grid.scaled(44)
        step = self.letters.line_height(size)
        room = grid.thumb - 2 * inset
        lines = (grid.thumb - grid.scaled(44) - inset // 2) // step
        shown = self.letters.writable(text[:CARD_CHARS])
        for line in self.letters.wrap(shown, size, room, lines):
            self.letters.draw(self.draw, (left + inset, top), line, size, _INK)
            top += step

    def _message(self, text: str, place: tuple[int, int]) -> None:
        """Draw a grey tile that says why there is no picture."""
        grid, size = self.grid, self.grid.scaled(18)
        self._box((*place, grid.thumb, grid.thumb), _TILE)
        left = place[0] + (grid.thumb - self.letters.width(text, size)) / 2
        self.letters.draw(self.draw, (left, place[1] + (grid.thumb - size) / 2), text, size, _QUIET)

    def _badge(self, rank: str, left: int, top: int) -> None:
        """Draw the rank into the corner of a tile."""
        grid, size = self.grid, self.grid.scaled(17)
        inset, height = grid.scaled(8), grid.scaled(28)
        width = max(height, round(self.letters.width(rank, size)) + grid.scaled(16))
        self._box((left + inset, top + inset, width, height), _BADGE, height // 2)
        middle = left + inset + (width - self.letters.width(rank, size)) / 2
        self.letters.draw(
            self.draw, (middle, top + inset + grid.scaled(5)), rank, size, PAPER, bold=True
        )

    def _box(
        self, box: tuple[int, int, int, int], colour: Colour, radius: int | None = None
    ) -> None:
        left, top, width, height = box
        mask = _rounded((width, height), self.grid.scaled(10) if radius is None else radius)
        self.sheet.paste(colour, (left, top, left + width, top + height), mask)


@lru_cache(maxsize=64)
def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    """Return a mask with smooth round corners: drawn four times as large, then shrunk."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (size[0] * 4, size[1] * 4))
    box = (0, 0, mask.width - 1, mask.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, radius * 4, fill=255)
    return mask.resize(size, Image.Resampling.BOX)


def about(metadata: Mapping[str, Any]) -> str:
    """Return what to write below a picture without a caption: its camera, or its folder."""
    folder = re.split(r"[/\\]", str(metadata.get("folder") or ""))[-1]
    return first_line(metadata.get("camera")) or first_line(folder)
