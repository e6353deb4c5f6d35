"""What a filter says of many rows at once, column by column: what ``matches`` says of each.

Texts and numbers are compared by Arrow's and numpy's own loops where these mean what Python means.
What they have no loop for is asked of Python once for each different value. Distances are settled
in numpy but for those within a hand of the radius, which are left to ``matches``.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from searchengine.store.fields import (
    INT64_MAX,
    TAKEN_AT_MS,
    UNKNOWN_FLOAT,
    UNKNOWN_INT,
    Kind,
)
from searchengine.store.filters.evaluate import OPERATORS, holds, matches, type_of, value_of
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
from searchengine.store.filters.places import EARTH_RADIUS_M
from searchengine.store.moments import stretch_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from searchengine.store.filters.fieldref import FieldRef
    from searchengine.store.filters.literals import Value

    Mask = npt.NDArray[np.bool_]

_ARROW = {
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}
_NEAR_M = 0.1
"""Two ways to a distance differ by far less; next to the far side of the globe, by some."""


class Columns(Protocol):
    """n rows as columns of the database, unknown values as the reserved ones (``fields``)."""

    def __len__(self) -> int:
        """How many rows there are."""

    def column(self, name: str) -> Any:
        """Return a column as an Arrow array (n,) without nulls; ``meta`` is text, JSON."""

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers, int64 or float64 (n,)."""

    def derived(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what ``make`` works out of these rows, which may be kept under that key."""


def passing(where: Filter, rows: Columns) -> Mask:
    """Return which rows match, bool (n,)."""
    if isinstance(where, And):
        return _all_of(where, rows)
    if isinstance(where, Or):
        mask = np.zeros(len(rows), bool)
        for operand in where.operands:
            mask |= passing(operand, rows)
        return mask
    if isinstance(where, Not):
        return ~passing(where.operand, rows)
    if isinstance(where, Within):
        return _within(where, rows)
    assert isinstance(where, Leaf)
    if where.ref.path:
        return _meta(where, rows)
    kind = where.ref.column.kind
    if kind is Kind.TEXT:
        return _text(where, rows)
    return _number(where, rows) if kind is not Kind.TIME else _time(where, rows)


def _all_of(where: And, rows: Columns) -> Mask:
    mask = np.ones(len(rows), bool)
    for operand in where.operands:
        mask &= passing(operand, rows)
        if not mask.any():
            break
    return mask


def _said(where: Leaf, known: Mask | None, test: Callable[[], Mask]) -> Mask:
    """Return the test's answer where the value is known (``None``: everywhere)."""
    if isinstance(where, IsNull):
        if known is None:
            return test() if where.negated else ~test()
        return known if where.negated else ~known
    return test() if known is None else known & test()


# Texts


def _text(where: Leaf, rows: Columns) -> Mask:
    column = rows.column(where.ref.name)
    known = None
    if where.ref.column.optional:
        known = _bools(_compute("not_equal", column, ""))
    return _said(where, known, lambda: _text_test(where, column, rows))


def _text_test(where: Leaf, column: Any, rows: Columns) -> Mask:
    if isinstance(where, IsNull):
        return np.ones(len(rows), bool)
    if isinstance(where, Compare):
        return _bools(_compute(_ARROW[where.op], column, str(where.value)))
    if isinstance(where, OneOf):
        import pyarrow as pa

        values = pa.array([str(value) for value in where.values], type=column.type)
        among = _bools(_compute("is_in", column, value_set=values))
        return ~among if where.negated else among
    assert isinstance(where, Contains | Prefix | Suffix)
    if not where.text:
        return np.ones(len(rows), bool)
    if isinstance(where, Contains) and where.any_case:
        folded = rows.derived(("folded", where.ref.name), lambda: _folded(column))
        return _bools(_compute("match_substring", folded, pattern=where.text.casefold()))
    test = {Contains: "match_substring", Prefix: "starts_with", Suffix: "ends_with"}[type(where)]
    return _bools(_compute(test, column, pattern=where.text))


def _folded(column: Any) -> Any:
    import pyarrow as pa

    return pa.array([text.casefold() for text in column.to_pylist()], type=column.type)


def _compute(name: str, *values: Any, **options: Any) -> Any:
    import pyarrow.compute as pc

    return getattr(pc, name)(*values, **options)


def _bools(answer: Any) -> Mask:
    mask = answer.to_numpy(zero_copy_only=False)
    return np.asarray(mask, bool)


# Numbers and times


def _number(where: Leaf, rows: Columns) -> Mask:
    values, ref = rows.numbers(where.ref.name), where.ref
    whole = ref.column.kind is Kind.INT
    unknown = UNKNOWN_INT if whole else UNKNOWN_FLOAT
    known = values != unknown if ref.column.optional else None
    return _said(where, known, lambda: _number_test(where, values))


def _number_test(where: Leaf, values: npt.NDArray[Any]) -> Mask:
    if isinstance(where, IsNull):
        return np.ones(len(values), bool)
    if isinstance(where, OneOf):
        among = np.zeros(len(values), bool)
        listed = [one for value in where.values if (one := _same_number(value, values)) is not None]
        if listed:
            among = np.isin(values, np.array(listed, values.dtype))
        return ~among if where.negated else among
    assert isinstance(where, Compare)
    return compared(values, where.op, where.value)


def compared(values: npt.NDArray[Any], op: str, value: Value) -> Mask:
    """Return what Python says of ``one op value`` for every one of int64 or float64 (n,)."""
    same = _same_number(value, values)
    if same is not None:
        return np.asarray(OPERATORS[op](values, same), bool)
    if op in ("==", "!="):
        return np.full(len(values), op == "!=")
    assert isinstance(value, int | float)
    # No element equals it, so what lies below it is what is no greater than its floor.
    below = _floor_of(value, values)
    if below is None:
        return np.full(len(values), (value > 0) == (op[0] == "<"))
    mask = values <= below
    return np.asarray(mask if op[0] == "<" else ~mask, bool)


def _same_number(value: Value, values: npt.NDArray[Any]) -> Any:
    """Return the value in the array's type, ``None`` where that has no such number."""
    assert isinstance(value, int | float)
    if values.dtype == np.int64:
        fits = abs(value) <= INT64_MAX and value == math.floor(value)
        return np.int64(int(value)) if fits else None
    try:
        return np.float64(value) if float(value) == value else None
    except OverflowError:
        return None


def _floor_of(value: float, values: npt.NDArray[Any]) -> Any:
    """Return the greatest number of the array's type below the value, ``None`` beyond its range."""
    if values.dtype == np.int64:
        return np.int64(math.floor(value)) if abs(value) < INT64_MAX else None
    try:
        near = float(value)
    except OverflowError:
        return None
    return np.float64(near if near < value else math.nextafter(near, -math.inf))


def _time(where: Leaf, rows: Columns) -> Mask:
    values = rows.numbers(TAKEN_AT_MS)
    return _said(where, values != UNKNOWN_INT, lambda: _time_test(where, values))


def _time_test(where: Leaf, values: npt.NDArray[Any]) -> Mask:
    if isinstance(where, OneOf):
        among = np.zeros(len(values), bool)
        for value in where.values:
            among |= _moment(values, "==", str(value))
        return ~among if where.negated else among
    assert isinstance(where, Compare)
    return _moment(values, where.op, str(where.value))


def _moment(values: npt.NDArray[Any], op: str, literal: str) -> Mask:
    stretch = stretch_ms(literal)
    assert stretch is not None  # the node has checked it
    start, end = stretch
    mask: Mask = {
        "==": lambda: (values >= start) & (values < end),
        "!=": lambda: (values < start) | (values >= end),
        "<": lambda: values < start,
        ">=": lambda: values >= start,
        "<=": lambda: values < end,
        ">": lambda: values >= end,
    }[op]()
    return mask


# Values inside meta


def _meta(where: Leaf, rows: Columns) -> Mask:
    ref = where.ref
    found: _Different = rows.derived(("meta", ref.path), lambda: _different(ref, rows))
    said = np.empty(len(found.others) + len(found.numbers), bool)
    if isinstance(where, Compare) and type_of(where.value) == "number":
        said[len(found.others) :] = compared(found.numbers, where.op, where.value)
    else:
        said[len(found.others) :] = [holds(where, one) for one in found.numbers.tolist()]
    said[: len(found.others)] = [holds(where, one) for one in found.others]
    return np.asarray(said[found.at], bool)


class _Different(NamedTuple):
    """The different values at a path, those that are numbers of 53 bits apart."""

    others: list[Any]
    numbers: npt.NDArray[np.float64]
    at: npt.NDArray[np.int64]
    """For each row the place of its value, counted through both."""


def _different(ref: FieldRef, rows: Columns) -> _Different:
    texts = rows.column(ref.name).dictionary_encode()
    others: dict[object, tuple[int, Any]] = {}
    numbers: dict[float, int] = {}
    own = np.empty(len(texts.dictionary), np.int64)
    for place, text in enumerate(texts.dictionary.to_pylist()):
        value = value_of(ref, {ref.name: json.loads(text)})
        if type_of(value) == "number" and float(value) == value:
            own[place] = -1 - numbers.setdefault(float(value), len(numbers))
        else:
            key = value if isinstance(value, str) else (type(value), repr(value))
            own[place] = others.setdefault(key, (len(others), value))[0]
    own = np.where(own < 0, len(others) - 1 - own, own)
    return _Different(
        [value for _, value in others.values()],
        np.array(list(numbers), np.float64),
        own[texts.indices.to_numpy()],
    )


# Places


def _within(where: Within, rows: Columns) -> Mask:
    latitude, longitude = rows.numbers("latitude"), rows.numbers("longitude")
    mask = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180)
    places = np.flatnonzero(mask)
    one, other = np.radians(latitude[places]), math.radians(where.latitude)
    aside = np.radians(longitude[places] - where.longitude) / 2
    square = np.sin((other - one) / 2) ** 2 + np.cos(one) * math.cos(other) * np.sin(aside) ** 2
    away = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(square, 1.0)))
    # Near the far side of the globe the sine is flat: there a hand is not enough.
    doubtful = (np.abs(away - where.radius_m) <= _NEAR_M) | (square > 0.999)
    mask[places] = away <= where.radius_m
    for place in places[doubtful].tolist():
        item = {"latitude": float(latitude[place]), "longitude": float(longitude[place])}
        mask[place] = matches(where, item)
    return np.asarray(mask, bool)
