"""The query as people type it, parsed and written: ``2:golden retriever + ./pool.jpg - fruit``.

::

    query  = [sign] term (sign term)*
    sign   = "+" | "-"                     with a space, or an end, on either side
    term   = [weight ":"] [kind ":"] piece+
    weight = a decimal number; where a digit follows the colon (16:9) it is none
    kind   = "text" | "image" | "vector"
    piece  = a word | '"' anything '"'     a backslash keeps a quote or itself

A term without a kind is a picture if it looks like one (``./x.jpg``, ``/x.jpg``,
``~/x.jpg``, a URL, ``@-`` for standard input, ``id:ID`` for an indexed item),
and words otherwise. ``vector:`` takes a JSON list, or the path of a ``.npy``
or JSON file. Full-width signs and colons count as their ASCII kin.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from searchengine.errors import QueryError
from searchengine.pointing import point_at
from searchengine.query.examples import looks_like_example, read_id
from searchengine.query.terms import (
    Known,
    Picture,
    PictureAt,
    RawVector,
    Term,
    VectorAt,
    What,
    Words,
    check_terms,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TERMS = 64
_SIGNS = {"+": 1.0, "\uff0b": 1.0, "-": -1.0, "\uff0d": -1.0}
_WEIGHT = re.compile(r"((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)[:\uff1a](?!\d)(?=.)", re.DOTALL)
_KIND = re.compile(r"(text|image|vector)[:\uff1a](?=\S)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)', re.DOTALL)


def parse_query(source: str) -> tuple[Term, ...]:
    """Return the terms of a query. Nothing is read or looked up.

    Raises ``QueryError`` with the column where it does not parse.
    """
    terms: list[Term] = []
    sign, column = 1.0, -1
    at, end = _skip(source, 0), len(source)
    while at < end:
        if (found := _sign(source, at)) is not None:
            if column >= 0:
                raise _complaint("a term is missing before this sign", source, at)
            sign, column, at = found, at, _skip(source, at + 1)
            continue
        if len(terms) == MAX_TERMS:
            raise _complaint(f"more than {MAX_TERMS} terms", source, at)
        term, at = _term(source, at, sign)
        terms.append(term)
        sign, column = 1.0, -1
    if column >= 0:
        raise _complaint("a term is missing after this sign", source, column)
    check_terms(tuple(terms))
    return tuple(terms)


def query_text(terms: Sequence[Term]) -> str:
    """Return the text that ``parse_query`` reads as these terms.

    Raises ``QueryError`` for a picture given by its bytes, which has no text.
    """
    parts: list[str] = []
    for place, term in enumerate(terms):
        negative = term.weight < 0
        if place or negative:
            parts.append("-" if negative else "+")
        size = abs(term.weight)
        parts.append(("" if size == 1 else f"{_number(size)}:") + _written(term.what))
    return " ".join(parts)


def join_arguments(arguments: Sequence[str]) -> str:
    """Return a command line's arguments as one query text.

    A shell has taken the quotes away already, so a path that holds a sign
    (``./a - b.jpg``) gets them back. An argument that is a term by itself and
    the name of a file that is there, is that file: ``photos/a.jpg + snow``.
    """
    padded = ["+", *arguments, "+"]
    return " ".join(
        _argument(one, alone=_is_sign(before) and _is_sign(after))
        for before, one, after in zip(padded, arguments, padded[2:], strict=False)
    )


def _argument(text: str, *, alone: bool) -> str:
    found = _WEIGHT.match(text)
    weight, name = (found[0], text[found.end() :]) if found else ("", text)
    if looks_like_example(name):
        return weight + _quote(name) if _has_sign(name) else text
    return f"{weight}image:{_quote(name)}" if alone and _is_file(name) else text


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long, or with a NUL: no name of a file
        return False


def _is_sign(text: str) -> bool:
    return text.strip() in _SIGNS


def _term(source: str, at: int, sign: float) -> tuple[Term, int]:
    weight, start = sign, at
    if (found := _WEIGHT.match(source, at)) is not None:
        weight, at = sign * float(found[1]), _skip(source, found.end())
        if math.isinf(weight):
            raise _complaint(f"{found[1]} is too large a weight", source, start)
    kind = _KIND.match(source, at)
    if kind is not None:
        at = kind.end()
    pieces: list[str] = []
    begun = at
    while at < len(source) and _sign(source, at) is None:
        text, at = _piece(source, at)
        pieces.append(text)
        at = _skip(source, at)
    if not pieces:
        raise _complaint("a term is missing after this", source, start)
    try:
        return Term(_what(kind[1] if kind else "", " ".join(pieces)), weight), at
    except QueryError as error:
        raise _complaint(str(error), source, begun, error.hint) from None


def _piece(source: str, at: int) -> tuple[str, int]:
    if source[at] == '"':
        found = _QUOTED.match(source, at)
        if found is None:
            raise _complaint("the quote is never closed", source, at, 'Write \\" for a quote.')
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), found.end()
    end = at
    while end < len(source) and not source[end].isspace():
        end += 1
    return source[at:end], end


def _what(kind: str, text: str) -> What:
    if kind == "vector":
        return _vector(text)
    if kind == "text":
        return Words(text)
    if kind == "image":
        return Known(read_id(text)) if text.startswith("id:") else PictureAt(text)
    if text.startswith("id:"):
        return Known(read_id(text))
    return PictureAt(text) if looks_like_example(text) else Words(text)


def _vector(text: str) -> What:
    if not text.startswith("["):
        return VectorAt(text)
    try:
        values = json.loads(text)
        return RawVector(tuple(float(value) for value in values))
    except (ValueError, TypeError, RecursionError):
        raise QueryError("this is no list of numbers", hint="vector:[0.1,-0.2,...]") from None


def _written(what: What) -> str:
    if isinstance(what, Words):
        plain = " ".join(what.text.split()) == what.text and not _needs_quotes(what.text)
        return what.text if plain else "text:" + _quote(what.text)
    if isinstance(what, Known):
        return f"id:{what.id}"
    if isinstance(what, PictureAt):
        return (
            _quote(what.place)
            if looks_like_example(what.place)
            else ("image:" + _quote(what.place))
        )
    if isinstance(what, VectorAt):
        return "vector:" + _quote(what.place)
    if isinstance(what, RawVector):
        if what.kind != "image":
            raise QueryError("a text's vector has no text form", hint="use the JSON form")
        return "vector:" + json.dumps(what.values, separators=(",", ":"))
    assert isinstance(what, Picture)
    raise QueryError(f"{what.origin} has no text form", hint="name a path, or use the JSON form")


def _needs_quotes(text: str) -> bool:
    return bool(
        _has_sign(text)
        or '"' in text
        or text[0].isdigit()
        or text[0] == "."
        or _KIND.match(text)
        or text.startswith("id:")
        or looks_like_example(text)
    )


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and value < 2**53 else repr(value)


def _has_sign(text: str) -> bool:
    return any(word in _SIGNS for word in text.split())


def _sign(source: str, at: int) -> float | None:
    """Return 1 or -1 if a sign stands alone here."""
    after = at + 1 >= len(source) or source[at + 1].isspace()
    before = at == 0 or source[at - 1].isspace()
    return _SIGNS.get(source[at]) if before and after else None


def _skip(source: str, at: int) -> int:
    while at < len(source) and source[at].isspace():
        at += 1
    return at


def _complaint(message: str, source: str, column: int, advice: str = "") -> QueryError:
    """Return the error for a place in a query, with a caret under it in the hint."""
    hint = point_at(source, column, advice)
    return QueryError(f"{message} (column {column})", hint=hint, column=column)
