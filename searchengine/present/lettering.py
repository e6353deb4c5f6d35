"""Lines of text on a picture, in whatever fonts this machine has for their scripts."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from searchengine.present.font_files import chinese_font, european_font
from searchengine.present.text_width import ELLIPSIS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]

_SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}


_SPACE = 0.26
"""The least width of a space, in ems."""


class Lettering:
    """Writes with several fonts, each word in the first that has all its characters.

    ``None`` among the files is Pillow's built-in font, which knows little more
    than ASCII.
    """

    def __init__(self, files: Sequence[Path | None]) -> None:
        """Use these font files, the best-looking first."""
        self._files = tuple(files)
        self._faces: dict[tuple[int, int], ImageFont.FreeTypeFont] = {}
        self._known: dict[tuple[int, str], bool] = {}
        self._unknown_shape: dict[int, bytes] = {}

    def can_write(self, text: str) -> bool:
        """Return whether every character has a font (white space needs none)."""
        return all(char.isspace() or self._font_of(char) is not None for char in text)

    def writable(self, text: str) -> str:
        """Return the text with what no font has replaced: ``(Chinese)``, a bare letter, nothing."""
        out: list[str] = []
        language = script_name(text)
        for char in unicodedata.normalize("NFC", text):
            if char.isspace() or self._font_of(char) is not None:
                out.append(char)
                continue
            bare = "".join(c for c in unicodedata.normalize("NFKD", char) if c.isascii())
            stand_in = bare or _stand_in(char, language)
            if not (stand_in.startswith("(") and out and out[-1] == stand_in):
                out.append(stand_in)
        return " ".join("".join(out).split())

    def width(self, text: str, size: int) -> float:
        """Return the pixels a line takes."""
        return sum(self._advance(font, run, size) for font, run in self._runs(text))

    def longest_word(self, text: str, size: int) -> float:
        """Return the pixels of the longest piece that should not be broken."""
        return max((self.width(word, size) for word in _words(text)), default=0)

    def draw(
        self,
        draw: ImageDraw.ImageDraw,
        place: tuple[float, float],
        text: str,
        size: int,
        colour: Colour,
        *,
        bold: bool = False,
    ) -> None:
        """Draw one line of writable text, the top left of its line box at ``place``."""
        left, top = place
        baseline = top + self._face(0, size).getmetrics()[0]
        for font, run in self._runs(text):
            face = self._face(font, size)
            draw.text(
                (left, baseline),
                run,
                fill=colour,
                font=face,
                anchor="ls",
                stroke_width=size / 50 if bold else 0,
            )
            left += self._advance(font, run, size)

    def wrap(self, text: str, size: int, width: float, lines: int) -> list[str]:
        """Break writable text into at most ``lines`` lines; what is left over ends in an ellipsis.

        Breaks at spaces, between Chinese characters, and inside words that are
        too long for a line.
        """
        done: list[str] = []
        line = ""
        for piece in self._pieces(text, size, width):
            if not line or self.width((line + piece).rstrip(), size) <= width:
                line += piece if line else piece.lstrip()
                continue
            if len(done) == lines - 1:
                return [*done, self.cut(line + piece, size, width, always=True)]
            done.append(line.rstrip())
            line = piece.lstrip()
        return [*done, line.rstrip()] if line.strip() else done

    def cut(
        self, text: str, size: int, width: float, *, middle: bool = False, always: bool = False
    ) -> str:
        """Return one line of at most ``width`` pixels, its end (or middle) left out.

        With ``always`` the ellipsis stands even if the text would fit.
        """
        if not always and self.width(text, size) <= width:
            return text
        head, tail = text.rstrip(), ""
        if middle:
            head, tail = text[: (len(text) + 1) // 2], text[(len(text) + 1) // 2 :]
        while head and self.width(f"{head.rstrip()}{ELLIPSIS}{tail}", size) > width:
            if len(tail) >= len(head):
                tail = tail[1:]
            else:
                head = head[:-1]
        return f"{head.rstrip()}{ELLIPSIS}{tail}"

    def line_height(self, size: int) -> int:
        """Return the pixels from one line to the next."""
        return round(size * 1.3)

    def _pieces(self, text: str, size: int, width: float) -> Iterator[str]:
        """Yield what must not be broken, each with the spaces after it."""
        piece = ""
        for char in text:
            breakable = bool(piece) and (piece[-1].isspace() or _is_wide(piece[-1] + char))
            if (breakable and not char.isspace() and not _is_closing(char)) or (
                piece and self.width(piece + char, size) > width and not char.isspace()
            ):
                yield piece
                piece = ""
            piece += char
        if piece:
            yield piece

    def _runs(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield pieces of text with the number of the font that draws them."""
        run, last = "", 0
        for word in _words(text):
            if word.isspace():  # on its own, for kerning against its neighbours would shrink it
                if run:
                    yield last, run
                yield last, " " * len(word)
                run = ""
                continue
            whole = self._font_of(word)
            for part in (word,) if whole is not None else word:
                font = self._font_of(part) if whole is None else whole
                font = last if font is None else font  # unwritable: a box, but in its place
                if run and font != last:
                    yield last, run
                    run = ""
                run, last = run + part, font
        if run:
            yield last, run

    def _advance(self, font: int, run: str, size: int) -> float:
        length = self._face(font, size).getlength(run)
        # The built-in font's space, rounded to whole pixels, glues small words together.
        return max(length, _SPACE * size * len(run)) if run.isspace() else length

    def _font_of(self, text: str) -> int | None:
        for font in range(len(self._files)):
            if all(self._knows(font, char) for char in text):
                return font
        return None

    def _knows(self, font: int, char: str) -> bool:
        key = (font, char)
        if key not in self._known:
            face = self._face(font, 24)
            if font not in self._unknown_shape:
                self._unknown_shape[font] = bytes(face.getmask("\uffff"))
            self._known[key] = char.isspace() or (
                char.isprintable() and bytes(face.getmask(char)) != self._unknown_shape[font]
            )
        return self._known[key]

    def _face(self, font: int, size: int) -> ImageFont.FreeTypeFont:
        from PIL import ImageFont

        key = (font, size)
        if key not in self._faces:
            file = self._files[font]
            face = ImageFont.load_default(size) if file is None else ImageFont.truetype(file, size)
            assert isinstance(face, ImageFont.FreeTypeFont)  # every wheel has FreeType
            self._faces[key] = face
        return self._faces[key]


def lettering_for(texts: Iterable[str]) -> Lettering:
    """Return lettering that suits the texts: one look for all, with the fonts that are here.

    Pillow's own font where it knows every Latin word, else the system's.
    """
    chinese = chinese_font()
    rest: tuple[Path | None, ...] = (None,) if chinese is None else (None, chinese)
    european = european_font()
    built_in = Lettering((None,))
    letters = {char for text in texts for char in text if not _is_wide(char)}
    if european is None or all(built_in.can_write(char) for char in letters):
        return Lettering(rest)
    return Lettering((european, *rest))


def script_name(text: str) -> str:
    """Return a language or script for people, ``Chinese``, ``Arabic``, of the first letter."""
    names = [unicodedata.name(char, "").split(" ")[0] for char in text if char.isalpha()]
    if {"HIRAGANA", "KATAKANA"} & set(names):
        return "Japanese"
    first = next((name for name in names if name != "LATIN"), "")
    return _SCRIPTS.get(first, first.capitalize())


def _stand_in(char: str, language: str) -> str:
    if char.isalpha():
        script = script_name(char)
        return f"({language if language == 'Japanese' and script == 'Chinese' else script})"
    return " " if unicodedata.category(char).startswith("P") else ""


@lru_cache(maxsize=4096)
def _is_wide(chars: str) -> bool:
    return any(unicodedata.east_asian_width(char) in "WF" for char in chars)


def _is_closing(char: str) -> bool:
    """Return whether a line must not begin with the character."""
    return char in "，。、；：？！）》」』”’…,.;:?!)" or unicodedata.combining(char) > 0


def _words(text: str) -> list[str]:
    """Return words and the white space between them; Chinese characters stand alone."""
    words: list[str] = []
    for char in text:
        if (
            words
            and words[-1][-1].isspace() == char.isspace()
            and not _is_wide(words[-1][-1] + char)
        ):
            words[-1] += char
        else:
            words.append(char)
    return words
