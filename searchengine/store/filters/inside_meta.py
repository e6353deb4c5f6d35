"""Tests on values inside ``meta``: the databases differ in what they make of other types."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from searchengine.store.filters.expression import (
    ANYTHING,
    Dialect,
    Pushed,
    all_of,
    any_of,
    quote,
    text_after,
)
from searchengine.store.filters.nodes import Compare, Has, IsNull, OneOf, Prefix

if TYPE_CHECKING:
    from searchengine.store.filters.literals import Value
    from searchengine.store.filters.nodes import Leaf

_EXACT_DOUBLE = 2**53
_CONTROL = re.compile("[\x00-\x1f]")
"""In a key: a server finds none of these. It takes ``meta[""]`` for no name at all."""


def push_meta(where: Leaf, dialect: Dialect) -> Pushed:
    """Return the tightest expression for a test on a value inside ``meta``."""
    if any(key == "" or _CONTROL.search(key) for key in where.ref.path):
        return ANYTHING
    pushed = _push(where, dialect)
    if any(key.isdecimal() for key in where.ref.path):  # to a server, a place in a list as well
        return replace(pushed, exact=False)
    return pushed


def _push(where: Leaf, dialect: Dialect) -> Pushed:
    ref = where.ref
    path = ref.name + "".join(f"[{quote(key)}]" for key in ref.path)
    if isinstance(where, IsNull):
        if not dialect.json_null:
            return ANYTHING
        return Pushed(f"({path} is {'not ' if where.negated else ''}null)", True)
    if isinstance(where, Compare):
        return _json_compare(path, where.op, where.value, dialect)
    if isinstance(where, OneOf):
        if where.negated:
            return ANYTHING
        return any_of([_json_compare(path, "==", value, dialect) for value in where.values])
    if isinstance(where, Has):
        return _json_has(path, where.value, dialect)
    if isinstance(where, Prefix):
        after = text_after(where.text)
        if not where.text or after is None:
            return ANYTHING
        low = _json_compare(path, ">=", where.text, dialect)
        high = _json_compare(path, "<", after, dialect)
        return all_of([low, high])
    return ANYTHING


def _json_has(path: str, value: Value, dialect: Dialect) -> Pushed:
    """Servers tell 1 from 1.0 in a list, and Lite looks into texts that read as lists."""
    if not isinstance(value, str):
        return ANYTHING
    return Pushed(f"json_contains({path}, {quote(value)})", exact=False)


def _json_compare(path: str, op: str, value: Value, dialect: Dialect) -> Pushed:
    if op == "!=":  # holds for values of every other type, too: nobody says that
        return ANYTHING
    if isinstance(value, str):
        said = quote(value)
    elif isinstance(value, bool):
        said = "true" if value else "false"
    elif abs(value) >= _EXACT_DOUBLE:
        return ANYTHING
    else:
        said = repr(value)
    typed = isinstance(value, str) or dialect.json_numbers
    return Pushed(f"({path} {op} {said})", exact=typed, total=not dialect.json_null)
