"""A filter as JSON: plain dictionaries and lists, for programs that build or store them.

::

    filter = {"and": [filter, ...]} | {"or": [filter, ...]} | {"not": filter}
           | {"field": "width", "op": ">=", "value": 640}
           | {"field": "folder", "op": "in", "value": ["a", "b"]}
           | {"field": "lens", "op": "is null"}
           | {"within": {"latitude": 48.85, "longitude": 2.35, "radius_m": 20000}}

``op`` is ``== != < <= > >= ~ ~* startswith endswith has in``, ``not in``,
``is null`` or ``is not null`` (these two without a value, and for the field
``gps`` as well). A field is a dotted name, or a list where a key has a dot:
``["meta", "file.name"]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from searchengine.errors import FilterError
from searchengine.store.filters.fieldref import PLACE, FieldRef, field_ref, nearest
from searchengine.store.filters.literals import shown
from searchengine.store.filters.nodes import (
    OPERATORS,
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
    has_position,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_T = TypeVar("_T")
MAX_DEPTH = 64
MAX_PARTS = 25_000
"""Predicates and values in all; about what the longest text that is parsed can hold."""
_PLACE_KEYS = ("latitude", "longitude", "radius_m")
_TEXT_OPS: Mapping[str, Callable[[FieldRef, Any], Filter]] = {
    "~": Contains,
    "~*": lambda field, text: Contains(field, text, any_case=True),
    "startswith": Prefix,
    "endswith": Suffix,
}
_OPS = (*OPERATORS, *_TEXT_OPS, "has", "in", "not in", "is null", "is not null")


def filter_to_json(where: Filter) -> dict[str, Any]:
    """Return the filter as JSON can hold it: ``filter_from_json`` makes the same of it again."""
    if isinstance(where, And | Or):
        word = "and" if isinstance(where, And) else "or"
        return {word: [filter_to_json(operand) for operand in where.operands]}
    if isinstance(where, Not):
        return {"not": filter_to_json(where.operand)}
    if isinstance(where, Within):
        return {"within": {key: getattr(where, key) for key in _PLACE_KEYS}}
    assert isinstance(where, Leaf)
    field = _field_to_json(where.ref)
    if isinstance(where, IsNull):
        return {"field": field, "op": "is not null" if where.negated else "is null"}
    if isinstance(where, OneOf):
        op = "not in" if where.negated else "in"
        return {"field": field, "op": op, "value": list(where.values)}
    if isinstance(where, Compare):
        return {"field": field, "op": where.op, "value": where.value}
    if isinstance(where, Has):
        return {"field": field, "op": "has", "value": where.value}
    if isinstance(where, Contains):
        op = "~*" if where.any_case else "~"
    else:
        op = "startswith" if isinstance(where, Prefix) else "endswith"
    return {"field": field, "op": op, "value": where.text}


def filter_from_json(data: Any) -> Filter:
    """Return the filter that JSON (already decoded) stands for.

    Raises ``FilterError`` that names the place, like ``filter.and[1].value``:
    for an unknown or missing key, and for all that ``parse_filter`` refuses.
    """
    return _Reader().read(data, "filter", 0)


def _field_to_json(ref: FieldRef) -> str | list[str]:
    if any("." in key for key in ref.path):
        return [ref.name, *ref.path]
    return str(ref)


class _Reader:
    """Reads one filter, and counts its parts while it does."""

    def __init__(self) -> None:
        self._parts = 0

    def read(self, data: Any, at: str, depth: int) -> Filter:
        self._count(at, 1)
        if depth > MAX_DEPTH:
            raise FilterError(f"filter: nested more than {MAX_DEPTH} deep")
        if not isinstance(data, dict):
            raise _wrong(at, f"a filter is an object, not {shown(data)}")
        for word, node in (("and", And), ("or", Or)):
            if word in data:
                _only(data, at, (word,))
                parts = _list(data[word], f"{at}.{word}")
                return node(
                    *(self.read(p, f"{at}.{word}[{n}]", depth + 1) for n, p in enumerate(parts))
                )
        if "not" in data:
            _only(data, at, ("not",))
            return Not(self.read(data["not"], f"{at}.not", depth + 1))
        if "within" in data:
            _only(data, at, ("within",))
            return _within(data["within"], f"{at}.within")
        return self._test(data, at)

    def _test(self, data: dict[str, Any], at: str) -> Filter:
        op = _need(data, at, "op")
        if not isinstance(op, str) or op not in _OPS:
            near = nearest(op, list(_OPS)) if isinstance(op, str) else ""
            raise _wrong(
                f"{at}.op",
                f"{shown(op)} is no comparison",
                (f"Did you mean {near!r}? " if near else "") + f"Use one of: {', '.join(_OPS)}.",
            )
        null = op.endswith("null")
        field = _need(data, at, "field")
        _only(data, at, ("field", "op") if null else ("field", "op", "value"))
        if null and field == PLACE:
            return has_position(op == "is not null")
        ref = _built(f"{at}.field", lambda: _field(field))
        if null:
            return IsNull(ref, negated=op == "is not null")
        value = _need(data, at, "value")
        if op in ("in", "not in"):
            return self._one_of(ref, value, op == "not in", f"{at}.value")
        return _built(f"{at}.value", lambda: _compare(ref, op, value))

    def _one_of(self, ref: FieldRef, values: Any, negated: bool, at: str) -> Filter:
        checked = _list(values, at)
        self._count(at, len(checked))
        for place, value in enumerate(checked):
            _built(f"{at}[{place}]", lambda value=value: Compare(ref, "==", value))  # type: ignore[misc]
        return OneOf(ref, tuple(checked), negated=negated)

    def _count(self, at: str, parts: int) -> None:
        self._parts += parts
        if self._parts > MAX_PARTS:
            raise _wrong(at, f"the filter has more than {MAX_PARTS:,} parts")


def _compare(ref: FieldRef, op: str, value: Any) -> Filter:
    if op in _TEXT_OPS:
        return _TEXT_OPS[op](ref, value)
    return Has(ref, value) if op == "has" else Compare(ref, op, value)


def _within(data: Any, at: str) -> Filter:
    if not isinstance(data, dict):
        raise _wrong(at, f"expected an object with {', '.join(_PLACE_KEYS)}, not {shown(data)}")
    _only(data, at, _PLACE_KEYS)
    values = [_need(data, at, key) for key in _PLACE_KEYS]
    safe = {"latitude": 0.0, "longitude": 0.0, "radius_m": 0.0}
    for key, value in zip(_PLACE_KEYS, values, strict=True):
        _built(f"{at}.{key}", lambda key=key, value=value: Within(**{**safe, key: value}))  # type: ignore[misc]
    return Within(*values)


def _field(field: Any) -> FieldRef:
    if isinstance(field, str):
        return field_ref(field)
    if isinstance(field, list) and field and all(isinstance(key, str) for key in field):
        return FieldRef(field[0], tuple(field[1:]))
    raise FilterError(f"{shown(field)} is no field", hint='Write "width", or ["meta", "a key"].')


def _need(data: dict[str, Any], at: str, key: str) -> Any:
    if key not in data:
        raise _wrong(
            at,
            f"there is no {key!r}",
            'Write {"field": ..., "op": ..., "value": ...}, or "and", "or", "not", "within".'
            if key in ("field", "op", "value")
            else "",
        )
    return data[key]


def _only(data: dict[str, Any], at: str, keys: tuple[str, ...]) -> None:
    for key in data:
        if key not in keys:
            raise _wrong(at, f"does not take {shown(key)}", f"Its keys are: {', '.join(keys)}.")


def _list(data: Any, at: str) -> list[Any]:
    if not isinstance(data, list | tuple):
        raise _wrong(at, f"expected a list, not {shown(data)}")
    return list(data)


def _built(at: str, build: Callable[[], _T]) -> _T:
    """Build a node; what it finds wrong is the caller's, at that place."""
    try:
        return build()
    except FilterError as error:
        raise _wrong(at, str(error), error.hint) from None


def _wrong(at: str, message: str, hint: str = "") -> FilterError:
    return FilterError(f"{at}: {message}", hint=hint)
