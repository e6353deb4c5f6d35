"""What a filter means, in plain Python: the oracle that the databases are held to."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from searchengine.store.fields import Kind
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
    Suffix,
    Within,
)
from searchengine.store.filters.places import distance_m, on_globe
from searchengine.store.moments import moment_ms, stretch_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from searchengine.store.filters.fieldref import FieldRef
    from searchengine.store.filters.literals import Value

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(where: Filter, item: Mapping[str, Any]) -> bool:
    """Tell whether the filter holds for an item, given by its fields' names.

    ``item`` needs the fields in ``where.fields``; a missing one counts as unknown.
    """
    if isinstance(where, And):
        return all(matches(operand, item) for operand in where.operands)
    if isinstance(where, Or):
        return any(matches(operand, item) for operand in where.operands)
    if isinstance(where, Not):
        return not matches(where.operand, item)
    if isinstance(where, Within):
        return _within(where, item)
    assert isinstance(where, Leaf)
    return holds(where, value_of(where.ref, item))


def holds(where: Leaf, known: Any) -> bool:
    """Tell whether a test on one field holds for its value, as ``value_of`` has it."""
    if isinstance(where, IsNull):
        return (known is None) != where.negated
    if known is None:
        return False
    if isinstance(where, Compare):
        return _compare(where.ref, where.op, known, where.value)
    if isinstance(where, OneOf):
        return where.negated != _one_of(where, known)
    if isinstance(where, Has):
        return isinstance(known, list | tuple) and any(_same(one, where.value) for one in known)
    return isinstance(known, str) and _text(where, known)


def _one_of(where: OneOf, known: Any) -> bool:
    if where.ref.column.kind in (Kind.TIME, Kind.JSON):
        return any(_compare(where.ref, "==", known, value) for value in where.values)
    return known in where.values


def _text(where: Contains | Prefix | Suffix, known: str) -> bool:
    if isinstance(where, Prefix):
        return known.startswith(where.text)
    if isinstance(where, Suffix):
        return known.endswith(where.text)
    if where.any_case:
        return where.text.casefold() in known.casefold()
    return where.text in known


def _within(where: Within, item: Mapping[str, Any]) -> bool:
    latitude, longitude = item.get("latitude"), item.get("longitude")
    if latitude is None or longitude is None or not on_globe(latitude, longitude):
        return False
    away = distance_m(where.latitude, where.longitude, latitude, longitude)
    return away <= where.radius_m


def value_of(ref: FieldRef, item: Mapping[str, Any]) -> Any:
    """Return the value in question, ``None`` if it is unknown; a time in milliseconds."""
    value = item.get(ref.name)
    if ref.column.kind is Kind.TIME:
        return None if value is None else moment_ms(value)
    for key in ref.path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _compare(ref: FieldRef, op: str, known: Any, value: Value) -> bool:
    if ref.column.kind is Kind.TIME:
        return _compare_time(op, known, str(value))
    if ref.column.kind is Kind.JSON and type_of(known) != type_of(value):
        return op == "!="
    return bool(OPERATORS[op](known, value))


def _compare_time(op: str, known: int, literal: str) -> bool:
    stretch = stretch_ms(literal)
    assert stretch is not None  # the node has checked it
    start, end = stretch
    inside = start <= known < end
    if op in ("==", "!="):
        return inside == (op == "==")
    if op in ("<", ">="):
        return (known < start) == (op == "<")
    return (known < end) == (op == "<=")


def _same(known: Any, value: Value) -> bool:
    return type_of(known) == type_of(value) and bool(known == value)


def type_of(value: Any) -> str:
    """Return what a value inside ``meta`` counts as: number, text, boolean, list, other."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list | tuple):
        return "list"
    return "text" if isinstance(value, str) else "other"
