"""The words of a text, as full-text search sees them: the same for captions and for queries.

Letters are compared without case and in one spelling (NFKC). Scripts that put no spaces between
words (Chinese, Japanese, Thai, ...) give every character and every pair of neighbours instead, as
Lucene's CJKBigramFilter does: no dictionary, and a word of any length is found by its pairs.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7a3"  # Hangul, whose words carry their endings with them
)
# Vowel signs are no letters to Python's \w, and would cut the words of these scripts in pieces.
_SIGNS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_RUN = re.compile(f"(?P<pairs>[{_UNSPACED}]+)|(?P<word>(?:(?![{_UNSPACED}_])[\\w{_SIGNS}])+)")
_WORD = re.compile("[a-z0-9]+")
"""What ``_RUN`` finds in lower-case ASCII."""


def words_of(text: str) -> Iterator[str]:
    """Yield the words of a text that is looked into, in order, repeated as they are."""
    for run, unspaced in _runs(text):
        if unspaced:
            yield from run
            yield from map("".join, pairwise(run))
        else:
            yield run


def words_asked(text: str) -> Iterator[str]:
    """Yield the words of a query, in order: of unspaced scripts the pairs alone, where there are.

    A single character is asked for as itself.
    """
    for run, unspaced in _runs(text):
        if unspaced and len(run) > 1:
            yield from map("".join, pairwise(run))
        else:
            yield run


def words_and_length(text: str) -> tuple[list[str], int]:
    """Return ``words_of`` a text, and how long it is: in words, in characters of unspaced scripts.

    Most texts have no unspaced scripts, and are gone over once.
    """
    if text.isascii():
        words = _WORD.findall(text.casefold())
        return words, len(words)
    words = list(words_of(text))
    return words, sum(len(run) if unspaced else 1 for run, unspaced in _runs(text))


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Yield words, and runs of characters of unspaced scripts (then true)."""
    plain = text.casefold() if text.isascii() else _folded(text)
    for found in _RUN.finditer(plain):
        yield found[0], found.lastgroup == "pairs"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
