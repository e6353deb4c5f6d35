"""The values that fields are compared with: checked, and of Python's own plain types."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from searchengine.errors import FilterError
from searchengine.store.fields import INT64_MAX, Kind, clean_text
from searchengine.store.moments import stretch_ms

if TYPE_CHECKING:
    from searchengine.store.filters.fieldref import FieldRef

Value = str | int | float | bool
_SHOWN = 60
_MOST_BITS = 1000
"""Fewer than overflow a float."""


def shown(value: object) -> str:
    """Return a value as messages show it: quoted, on one line, not too long."""
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def checked_value(ref: FieldRef, value: Value) -> Value:
    """Return the value if the field can be compared with it, else raise ``FilterError``.

    Subclasses (of numpy, of enumerations) become what they are: expressions are
    built from how a value prints.
    """
    kind = ref.column.kind
    value = _plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise FilterError(f"{ref}: {value} is no finite number")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise FilterError(f"{ref}: a number of {value.bit_length():,} bits is too large")
    if kind is Kind.JSON:
        fits = isinstance(value, str | int | float)
    elif kind is Kind.TEXT:
        fits = isinstance(value, str)
    elif kind is Kind.TIME:
        value = _checked_time(ref, value)
        fits = isinstance(value, str)
    else:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits:
        raise FilterError(f"{ref} is a {kind.value} and cannot be compared with {shown(value)}")
    if kind is Kind.JSON and isinstance(value, int) and abs(value) > INT64_MAX:
        raise FilterError(f"{ref}: {shown(value)} does not fit in 64 bits")
    return value


def checked_text(ref: FieldRef, text: str, verb: str) -> str:
    """Return the text to look for in a field of texts, else raise ``FilterError``."""
    if ref.column.kind not in (Kind.TEXT, Kind.JSON):
        raise FilterError(f"{ref} is a {ref.column.kind.value}; {verb!r} is for text")
    if not isinstance(text, str):
        raise FilterError(f"{ref}: {verb!r} takes a text, not {shown(text)}")
    return clean_text(str.__str__(text))


def _plain(value: Value) -> Value:
    if isinstance(value, str):
        return clean_text(str.__str__(value))
    if isinstance(value, float):
        return float(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _checked_time(ref: FieldRef, value: Value) -> Value:
    """Return a time as text; a bare year may come as a number."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9999:
        value = f"{value:04}"
    if isinstance(value, str) and stretch_ms(value) is None:
        raise FilterError(
            f"{ref}: {shown(value)} is no time",
            hint="Write 2024, 2024-06, 2024-06-01 or 2024-06-01T12:30:00+02:00.",
        )
    return value
