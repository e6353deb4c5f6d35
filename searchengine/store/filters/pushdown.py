"""What of a filter a Milvus database can be trusted with, as one of its expressions.

The expression never misses a match. Where the database cannot say a predicate
exactly, the expression lets more rows through (``exact`` is then false) and the
store asks ``matches`` about each of them. Every quirk here was seen on Milvus
2.3.5 or Milvus Lite 3.2 and is held down by ``tests/store``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from searchengine.store.fields import (
    INT64_MAX,
    TAKEN_AT_MS,
    UNKNOWN_FLOAT,
    UNKNOWN_INT,
    Kind,
)
from searchengine.store.filters.nodes import (
    And,
    Compare,
    Contains,
    FieldRef,
    Filter,
    IsNull,
    Not,
    OneOf,
    Or,
    Prefix,
    Value,
)
from searchengine.store.moments import stretch_ms

ALWAYS = '(id != "")'
NEVER = '(id == "")'
"""Milvus has no literal true; every id is a text and none is empty."""
_EXACT_DOUBLE = 2**53


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a backend's expressions can do."""

    infix_like: bool
    """``like "%text%"``: Lite, and servers since 2.4."""
    json_null: bool
    """``meta["key"] is null``: Lite."""
    json_numbers: bool
    """JSON numbers and booleans are told apart: servers. Lite takes ``true`` for 1."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """An expression that holds for every matching row, and maybe for more."""

    expression: str
    exact: bool
    """Whether it holds for the matching rows alone."""
    total: bool = True
    """Whether it is true or false of every row. Lite says "unknown" of a number
    compared with a text, and of the negation of that."""


_ANYTHING = Pushed(ALWAYS, exact=False)


def compile_milvus(where: Filter, dialect: Dialect) -> str:
    """Return a Milvus expression that holds for every row that matches (see ``push_down``)."""
    return push_down(where, dialect).expression


def push_down(where: Filter, dialect: Dialect) -> Pushed:
    """Return the tightest expression that the dialect can be trusted with."""
    if isinstance(where, And):
        parts = [push_down(operand, dialect) for operand in where.operands]
        useful = [part.expression for part in parts if part.expression != ALWAYS]
        return _combined(_join(" and ", useful, ALWAYS), parts)
    if isinstance(where, Or):
        parts = [push_down(operand, dialect) for operand in where.operands]
        if any(part == _ANYTHING for part in parts):
            return _ANYTHING
        return _combined(_join(" or ", [part.expression for part in parts], NEVER), parts)
    if isinstance(where, Not):
        inner = push_down(where.operand, dialect)
        if not (inner.exact and inner.total):
            return _ANYTHING
        return Pushed(f"(not {inner.expression})", True)
    assert isinstance(where, Compare | OneOf | Contains | Prefix | IsNull)
    if where.ref.path:
        return _json(where, dialect)
    return _column(where, dialect)


def quote(text: str) -> str:
    """Return the text as a Milvus string literal. Whatever it holds stays inside it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'


def _combined(expression: str, parts: list[Pushed]) -> Pushed:
    return Pushed(
        expression,
        exact=all(part.exact for part in parts),
        total=all(part.total for part in parts),
    )


def _join(word: str, parts: list[str], none: str) -> str:
    if not parts:
        return none
    return parts[0] if len(parts) == 1 else "(" + word.join(parts) + ")"


# Columns: unknown is one reserved value, which every predicate has to leave out.


def _column(where: Compare | OneOf | Contains | Prefix | IsNull, dialect: Dialect) -> Pushed:
    ref = where.ref
    name = TAKEN_AT_MS if ref.column.kind is Kind.TIME else ref.name
    known = f"{name} != {_unknown(ref)}" if ref.column.optional else ""
    if isinstance(where, IsNull):
        if not known:
            return Pushed(ALWAYS if where.negated else NEVER, True)
        return Pushed(f"({known})" if where.negated else f"({name} == {_unknown(ref)})", True)
    exact = True
    if isinstance(where, Compare):
        said = _compare(ref, name, where.op, where.value)
    elif isinstance(where, OneOf):
        said = _one_of(ref, name, where)
    elif isinstance(where, Prefix):
        said = _starts(name, where.text)
    elif dialect.infix_like and not set(where.text) & set("%_\\"):
        said = f"{name} like {quote('%' + where.text + '%')}" if where.text else ALWAYS
    else:
        said, exact = ALWAYS, False
    if not exact and not known:
        return _ANYTHING
    useful = [part for part in (known, said) if part and part != ALWAYS]
    return Pushed("(" + (" and ".join(useful) or ALWAYS) + ")", exact)


def _unknown(ref: FieldRef) -> str:
    if ref.column.kind is Kind.FLOAT:
        return repr(UNKNOWN_FLOAT)
    return '""' if ref.column.kind is Kind.TEXT else str(UNKNOWN_INT)


def _one_of(ref: FieldRef, name: str, where: OneOf) -> str:
    if not where.values:
        return ALWAYS if where.negated else NEVER
    word = "not in" if where.negated else "in"
    if ref.column.kind is Kind.TEXT:
        return f"{name} {word} [{', '.join(quote(str(v)) for v in where.values)}]"
    either = "(" + " or ".join(_compare(ref, name, "==", v) for v in where.values) + ")"
    return f"not {either}" if where.negated else either


def _compare(ref: FieldRef, name: str, op: str, value: Value) -> str:
    kind = ref.column.kind
    if kind is Kind.TIME:
        return _compare_time(name, op, str(value))
    if kind is Kind.TEXT:
        return f"{name} {op} {quote(str(value))}"
    assert isinstance(value, int | float)
    return _compare_int(name, op, value) if kind is Kind.INT else _compare_float(name, op, value)


def _compare_time(name: str, op: str, literal: str) -> str:
    stretch = stretch_ms(literal)
    assert stretch is not None  # the node has checked it
    start, end = stretch
    return {
        "==": f"({name} >= {start} and {name} < {end})",
        "!=": f"({name} < {start} or {name} >= {end})",
        "<": f"{name} < {start}",
        ">=": f"{name} >= {start}",
        "<=": f"{name} < {end}",
        ">": f"{name} >= {end}",
    }[op]


def _compare_int(name: str, op: str, value: float) -> str:
    """Servers refuse fractions against whole numbers, and literals beyond 64 bits."""
    if value != math.floor(value):
        if op in ("==", "!="):
            return NEVER if op == "==" else ALWAYS
        op, value = ("<=", math.floor(value)) if op[0] == "<" else (">=", math.ceil(value))
    number = int(value)
    if abs(number) > INT64_MAX:
        holds = op == "!=" or (op[0] == "<" if number > 0 else op[0] == ">")
        return ALWAYS if holds else NEVER
    return f"{name} {op} {number}"


def _compare_float(name: str, op: str, value: float) -> str:
    if abs(value) >= UNKNOWN_FLOAT:
        holds = op == "!=" or (op[0] == "<" if value > 0 else op[0] == ">")
        return ALWAYS if holds else NEVER
    return f"{name} {op} {float(value)!r}"


def _starts(name: str, prefix: str) -> str:
    """A prefix as a range: both databases order text by code point (as UTF-8 does)."""
    after = _after(prefix)
    said = [f"{name} >= {quote(prefix)}"] if prefix else []
    if after is not None:
        said.append(f"{name} < {quote(after)}")
    return " and ".join(said) or ALWAYS


def _after(prefix: str) -> str | None:
    """Return the least text greater than every text with the prefix, ``None`` if there is none."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    point = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if point == 0xD800 else point)


# Values inside meta: the databases differ in what they make of other types.


def _json(where: Compare | OneOf | Contains | Prefix | IsNull, dialect: Dialect) -> Pushed:
    ref = where.ref
    path = ref.name + "".join(f"[{quote(key)}]" for key in ref.path)
    if isinstance(where, IsNull):
        if not dialect.json_null:
            return _ANYTHING
        return Pushed(f"({path} is {'not ' if where.negated else ''}null)", True)
    if isinstance(where, Compare):
        return _json_compare(path, where.op, where.value, dialect)
    if isinstance(where, OneOf):
        if where.negated:
            return _ANYTHING
        parts = [_json_compare(path, "==", value, dialect) for value in where.values]
        if any(part == _ANYTHING for part in parts):
            return _ANYTHING
        said = _join(" or ", [part.expression for part in parts], NEVER)
        return _combined(said, parts)
    if isinstance(where, Prefix):
        after = _after(where.text)
        if not where.text or after is None:
            return _ANYTHING
        low = _json_compare(path, ">=", where.text, dialect)
        high = _json_compare(path, "<", after, dialect)
        return _combined(f"({low.expression} and {high.expression})", [low, high])
    return _ANYTHING


def _json_compare(path: str, op: str, value: Value, dialect: Dialect) -> Pushed:
    if op == "!=":  # holds for values of every other type, too: nobody says that
        return _ANYTHING
    if isinstance(value, str):
        said = quote(value)
    elif isinstance(value, bool):
        said = "true" if value else "false"
    elif abs(value) >= _EXACT_DOUBLE:
        return _ANYTHING
    else:
        said = repr(value)
    typed = isinstance(value, str) or dialect.json_numbers
    return Pushed(f"({path} {op} {said})", exact=typed, total=not dialect.json_null)
