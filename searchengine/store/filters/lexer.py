"""A filter's text as tokens, each with the column it starts at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from searchengine.errors import FilterError
from searchengine.pointing import point_at

_TIME = r"\d{4}-\d\d(?:-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|z|[+-]\d\d(?::?\d\d)?)?)?)?"
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_DISTANCE = rf"(?P<amount>{_NUMBER})\s*(?P<unit>(?i:km|mi|m))"
_TOKEN = re.compile(
    rf"""(?P<space>\s+)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<time>{_TIME}(?![\w.]))
    |(?P<distance>{_DISTANCE}(?![\w.]))
    |(?P<number>{_NUMBER}(?![\w.]))
    |(?P<word>[^\W\d]\w*(?:-\w+)*)
    |(?P<sign>==|!=|<>|<=|>=|~\*|&&|\|\||[=<>~!()\[\],.])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_SIGNS = {"=": "==", "<>": "!=", "&&": "and", "||": "or", "!": "not"}
KEYWORDS = frozenset(
    ("and", "or", "not", "in", "is", "null", "startswith", "endswith", "has", "true", "false")
)
WORD = re.compile(r"[^\W\d]\w*(?:-\w+)*")
TIME = re.compile(_TIME)


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    ``kind`` is string, time, distance, number, word, end, or the sign or keyword itself.
    """

    kind: str
    text: str
    """As it was typed; for strings, what the quotes hold."""
    column: int
    """0-based, in characters."""


def tokenize(source: str) -> list[Token]:
    """Return the tokens of a filter, the last of kind ``end``.

    Raises ``FilterError`` where no token starts.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise _no_token(source, at)
        kind, text = str(found.lastgroup), found.group()
        if kind == "string":
            tokens.append(Token(kind, _unquote(text), at))
        elif kind == "sign":
            tokens.append(Token(_SIGNS.get(text, text), text, at))
        elif kind == "word" and text.lower() in KEYWORDS:
            tokens.append(Token(text.lower(), text, at))
        elif kind != "space":
            tokens.append(Token(kind, text, at))
        at = found.end()
    tokens.append(Token("end", "", len(source)))
    return tokens


def distance_parts(text: str) -> tuple[float, str]:
    """Return a distance's number and unit (``m``, ``km`` or ``mi``)."""
    found = re.fullmatch(_DISTANCE, text)
    assert found is not None  # the token is one
    return float(found["amount"]), found["unit"].lower()


def complaint(message: str, source: str, column: int, advice: str = "") -> FilterError:
    """Return the error for a place in a filter, with a caret under it in the hint."""
    hint = point_at(source, column, advice)
    return FilterError(f"{message} (column {column})", column=column, hint=hint)


def _no_token(source: str, at: int) -> FilterError:
    if source[at] in "\"'":
        return complaint("the quote is never closed", source, at)
    if source[at].isdigit():
        return complaint("not a number or a time", source, at, "Put texts in quotes.")
    return complaint(f"unexpected {source[at]!r}", source, at, "Put texts in quotes.")


def _unquote(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text[1:-1])
