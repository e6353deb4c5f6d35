"""Text measured in terminal columns, where a Chinese character takes two."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

ELLIPSIS = "…"
_JOINERS = "\u200c\u200d"
"""Invisible and harmless; Persian and composed emoji need them."""


def one_line(text: str) -> str:
    """Return the text fit for one line: white space joined, control characters escaped.

    What is escaped could move the cursor, colour the screen or reverse the
    reading order; a caption comes from a stranger's file.
    """
    joined = " ".join(text.split())
    return "".join(c if c.isprintable() or c in _JOINERS else ascii(c)[1:-1] for c in joined)


def char_width(char: str) -> int:
    """Return the columns one character takes: 0, 1 or 2 (Unicode UAX #11)."""
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def display_width(text: str) -> int:
    """Return the columns a line of text takes."""
    return len(text) if text.isascii() else sum(map(char_width, text))


def cut_end(text: str, width: int) -> str:
    """Return the text in at most ``width`` columns, its end replaced by an ellipsis if need be."""
    if display_width(text) <= width:
        return text
    return head(text, width - 1) + ELLIPSIS if width > 0 else ""


def cut_middle(text: str, width: int) -> str:
    """Return the text in at most ``width`` columns, keeping its start and its end."""
    if display_width(text) <= width:
        return text
    if width < 3:
        return cut_end(text, width)
    tail = _tail(text, (width - 1) // 2)
    return head(text, width - 1 - display_width(tail)) + ELLIPSIS + tail


def head(text: str, width: int) -> str:
    """Return as much of the start of the text as ``width`` columns hold."""
    return "".join(_fit(_clusters(text), width))


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return the text filled with spaces to ``width`` columns, on the left if ``right``-aligned."""
    gap = " " * max(0, width - display_width(text))
    return gap + text if right else text + gap


def _fit(clusters: Iterable[str], width: int) -> list[str]:
    taken: list[str] = []
    used = 0
    for cluster in clusters:
        used += display_width(cluster)
        if used > width:
            break
        taken.append(cluster)
    return taken


def _tail(text: str, width: int) -> str:
    return "".join(reversed(_fit(reversed(_clusters(text)), width)))


def _clusters(text: str) -> list[str]:
    """Return characters, each with the combining marks that follow it."""
    clusters: list[str] = []
    for char in text:
        if clusters and char_width(char) == 0:
            clusters[-1] += char
        else:
            clusters.append(char)
    return clusters
