"""What of a filter a Milvus database can be trusted with, as one of its expressions.

The expression never misses a match. Where the database cannot say a predicate
exactly, the expression lets more rows through (``exact`` is then false) and the
store asks ``matches`` about each of them. Every quirk here was seen on Milvus
2.3.5 or Milvus Lite 3.2 and is held down by ``tests/store``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from searchengine.store.fields import (
    INT64_MAX,
    TAKEN_AT_MS,
    UNKNOWN_FLOAT,
    UNKNOWN_INT,
    Kind,
)
from searchengine.store.filters.expression import (
    ALWAYS,
    ANYTHING,
    MAX_DEPTH,
    MAX_TERMS,
    NEVER,
    Dialect,
    Pushed,
    all_of,
    any_of,
    join,
    quote,
    text_after,
)
from searchengine.store.filters.inside_meta import push_meta
from searchengine.store.filters.nodes import (
    And,
    Compare,
    Contains,
    Filter,
    IsNull,
    Leaf,
    Not,
    OneOf,
    Or,
    Prefix,
    Suffix,
    Within,
)
from searchengine.store.filters.places import box_around
from searchengine.store.moments import stretch_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.store.filters.fieldref import FieldRef
    from searchengine.store.filters.literals import Value

__all__ = ["Dialect", "Pushed", "compile_milvus", "push_down", "quote"]

_LISTED_A_TERM = 50
"""Values of a list that cost what one comparison does."""


def compile_milvus(where: Filter, dialect: Dialect) -> str:
    """Return a Milvus expression that holds for every row that matches (see ``push_down``)."""
    return push_down(where, dialect).expression


def push_down(where: Filter, dialect: Dialect) -> Pushed:
    """Return the tightest expression that the dialect can be trusted with."""
    if isinstance(where, And):
        return all_of([push_down(operand, dialect) for operand in where.operands])
    if isinstance(where, Or):
        return any_of([push_down(operand, dialect) for operand in where.operands])
    if isinstance(where, Not):
        inner = push_down(where.operand, dialect)
        if not (inner.exact and inner.total) or inner.depth >= MAX_DEPTH:
            return ANYTHING
        return Pushed(f"(not {inner.expression})", True, True, inner.terms, inner.depth + 1)
    if isinstance(where, Within):
        return _within(where)
    assert isinstance(where, Leaf)
    pushed = push_meta(where, dialect) if where.ref.path else _column(where, dialect)
    return pushed if pushed.terms <= MAX_TERMS else ANYTHING


def _within(where: Within) -> Pushed:
    """The box around the circle. An unknown degree is a huge number, and so outside of it."""
    box = box_around(where.latitude, where.longitude, where.radius_m)
    stretches = [
        f"(longitude >= {west!r} and longitude <= {east!r})" for west, east in box.stretches
    ]
    said = f"(latitude >= {box.south!r} and latitude <= {box.north!r} and "
    return Pushed(f"{said}{join(' or ', stretches, NEVER)})", exact=False, terms=6, depth=2)


# Columns: unknown is one reserved value, which every predicate has to leave out.


def _column(where: Leaf, dialect: Dialect) -> Pushed:
    ref = where.ref
    name = TAKEN_AT_MS if ref.column.kind is Kind.TIME else ref.name
    known = f"{name} != {_unknown(ref)}" if ref.column.optional else ""
    if isinstance(where, IsNull):
        if not known:
            return Pushed(ALWAYS if where.negated else NEVER, True)
        return Pushed(f"({known})" if where.negated else f"({name} == {_unknown(ref)})", True)
    terms, exact = 2, True
    if isinstance(where, Compare):
        said = _compare(ref, name, where.op, where.value)
    elif isinstance(where, OneOf):
        said, terms = _one_of(ref, name, where)
    elif isinstance(where, Prefix):
        said = _starts(name, where.text)
    else:
        assert isinstance(where, Contains | Suffix)  # Has is for meta alone
        said, exact = _like(name, where, dialect)
    if not exact and not known and said == ALWAYS:
        return ANYTHING
    useful = [part for part in (known, said) if part and part != ALWAYS]
    return Pushed("(" + (" and ".join(useful) or ALWAYS) + ")", exact, terms=terms + 1)


def _like(name: str, where: Contains | Suffix, dialect: Dialect) -> tuple[str, bool]:
    """Return the test for a text inside, and whether it is exact.

    No dialect folds case or escapes wildcards as Python would, and where Lite
    goes row by row, its ``like "%x"`` holds for an x before a final line break, too.
    """
    folds = isinstance(where, Contains) and where.any_case
    if not where.text:
        return ALWAYS, True
    if folds or not dialect.infix_like or set(where.text) & set("%_\\"):
        return ALWAYS, False
    after = "%" if isinstance(where, Contains) else ""
    return f"{name} like {quote('%' + where.text + after)}", bool(after)


def _unknown(ref: FieldRef) -> str:
    if ref.column.kind is Kind.FLOAT:
        return repr(UNKNOWN_FLOAT)
    return '""' if ref.column.kind is Kind.TEXT else str(UNKNOWN_INT)


def _one_of(ref: FieldRef, name: str, where: OneOf) -> tuple[str, int]:
    """Return the test, and how many comparisons it costs."""
    word = "not in" if where.negated else "in"
    kind = ref.column.kind
    if kind is Kind.TEXT or kind is Kind.INT:
        listed = _listed(where.values, whole=kind is Kind.INT)
        if listed:
            return f"{name} {word} [{', '.join(listed)}]", 1 + len(listed) // _LISTED_A_TERM
    elif where.values:
        either = "(" + " or ".join(_compare(ref, name, "==", v) for v in where.values) + ")"
        return (f"not {either}" if where.negated else either), 2 * len(where.values)
    return ALWAYS if where.negated else NEVER, 1


def _listed(values: Sequence[Value], whole: bool) -> list[str]:
    """Return the values as literals; no whole number equals a fraction or leaves 64 bits."""
    if not whole:
        return [quote(str(value)) for value in values]
    numbers = [value for value in values if isinstance(value, int | float) and value % 1 == 0]
    return [str(int(number)) for number in numbers if abs(number) <= INT64_MAX]


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
    after = text_after(prefix)
    said = [f"{name} >= {quote(prefix)}"] if prefix else []
    if after is not None:
        said.append(f"{name} < {quote(after)}")
    return " and ".join(said) or ALWAYS
