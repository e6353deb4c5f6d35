"""A filter as the text that a person would have typed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.store.fields import Kind
from searchengine.store.filters.fieldref import PLACE
from searchengine.store.filters.lexer import KEYWORDS, TIME, WORD
from searchengine.store.filters.nodes import (
    And,
    Compare,
    Contains,
    Filter,
    Has,
    IsNull,
    Leaf,
    Not,
    OneOf,
    Or,
    Prefix,
    Within,
)

if TYPE_CHECKING:
    from searchengine.store.filters.fieldref import FieldRef
    from searchengine.store.filters.literals import Value

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def filter_text(where: Filter) -> str:
    """Return the text of a filter: ``parse_filter`` makes the same filter of it again.

    An ``And`` or ``Or`` of a single operand reads as that operand, which means
    the same. What is deeper or longer than ``parse_filter`` takes has a text
    all the same.
    """
    if isinstance(where, And | Or):
        if not where.operands:
            return "true" if isinstance(where, And) else "false"
        word = " and " if isinstance(where, And) else " or "
        if len(where.operands) == 1:
            return filter_text(where.operands[0])
        return word.join(_bracketed(operand) for operand in where.operands)
    if isinstance(where, Not):
        return f"not {_bracketed(where.operand)}"
    if isinstance(where, Within):
        degrees = f"{_number(where.latitude)}, {_number(where.longitude)}"
        return f"within({PLACE}, {degrees}, {distance_text(where.radius_m)})"
    assert isinstance(where, Leaf)
    return f"{_field(where.ref)} {_said(where)}"


def distance_text(metres: float) -> str:
    """Return a distance as it is typed, exactly: ``20km``, ``500m``."""
    kilometres = metres / 1000
    if metres >= 1000 and kilometres * 1000 == metres:
        return f"{_number(kilometres)}km"
    return f"{_number(metres)}m"


def _bracketed(where: Filter) -> str:
    inner = where
    while isinstance(inner, And | Or) and len(inner.operands) == 1:
        inner = inner.operands[0]
    text = filter_text(inner)
    return f"({text})" if isinstance(inner, And | Or) and inner.operands else text


def _said(where: Leaf) -> str:
    if isinstance(where, IsNull):
        return "is not null" if where.negated else "is null"
    if isinstance(where, Compare):
        return f"{where.op} {_literal(where.ref, where.value)}"
    if isinstance(where, OneOf):
        values = ", ".join(_literal(where.ref, value) for value in where.values)
        return f"{'not in' if where.negated else 'in'} ({values})"
    if isinstance(where, Has):
        return f"has {_literal(where.ref, where.value)}"
    if isinstance(where, Contains):
        return f"{'~*' if where.any_case else '~'} {_quoted(where.text)}"
    return f"{'startswith' if isinstance(where, Prefix) else 'endswith'} {_quoted(where.text)}"


def _field(ref: FieldRef) -> str:
    keys = (
        f".{key}" if WORD.fullmatch(key) and key.lower() not in KEYWORDS else f"[{_quoted(key)}]"
        for key in ref.path
    )
    return ref.name + "".join(keys)


def _literal(ref: FieldRef, value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        bare = ref.column.kind is Kind.TIME and value.isascii() and TIME.fullmatch(value)
        return value if bare else _quoted(value)
    return _number(value)


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'
