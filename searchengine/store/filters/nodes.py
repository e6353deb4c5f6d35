"""What a filter is: a frozen tree of predicates, each checked against its field's type.

Meaning, the same in Python and in every database:

- a predicate over an unknown value is false, ``!=`` and ``not in`` included
  (``is null`` is how one asks for the unknown);
- ``Not`` is plain negation of what its operand says;
- text compares by code point, ``~`` and ``startswith`` are case-sensitive;
- values inside ``meta`` are typed by the literal: an ordering or ``==`` holds
  only between two numbers, two texts or two booleans (``1`` is no ``true``),
  ``!=`` holds for every known value that is not equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.errors import FilterError
from searchengine.store.fields import BY_NAME, INT64_MAX, Column, Kind, clean_text
from searchengine.store.moments import stretch_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = str | int | float | bool
OPERATORS = ("==", "!=", "<", "<=", ">", ">=")
ORDERINGS = ("<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field, or with a path a value inside ``meta``: ``meta.camera.body``."""

    name: str
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        column = BY_NAME.get(self.name)
        if column is None:
            known = ", ".join("meta.KEY" if n == "meta" else n for n in BY_NAME)
            raise FilterError(f"there is no field {self.name!r}", hint=f"The fields are: {known}.")
        if column.kind is Kind.JSON and not self.path:
            raise FilterError(
                f"{self.name} holds many values", hint=f"Name one of them: {self.name}.KEY"
            )
        if column.kind is not Kind.JSON and self.path:
            raise FilterError(f"{self.name} is a single value and has no {'.'.join(self.path)!r}")
        object.__setattr__(self, "path", tuple(clean_text(key) for key in self.path))

    @property
    def column(self) -> Column:
        """The column behind the field."""
        return BY_NAME[self.name]

    def __str__(self) -> str:
        return ".".join((self.name, *self.path))


def field_ref(field: str | FieldRef) -> FieldRef:
    """Return the field that a dotted name stands for."""
    if isinstance(field, FieldRef):
        return field
    name, *path = field.split(".")
    return FieldRef(name, tuple(path))


class Filter:
    """Base of all predicates."""

    __slots__ = ()

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields of ``Item`` that the filter looks at."""
        raise NotImplementedError


class _Leaf(Filter):
    __slots__ = ()
    field: str | FieldRef

    @property
    def ref(self) -> FieldRef:
        """The field the predicate looks at."""
        assert isinstance(self.field, FieldRef)
        return self.field

    @property
    def fields(self) -> frozenset[str]:
        return frozenset((self.ref.name,))

    def _settle_field(self) -> FieldRef:
        ref = field_ref(self.field)
        object.__setattr__(self, "field", ref)
        return ref


@dataclass(frozen=True, slots=True)
class Compare(_Leaf):
    """``field op value``; ``op`` is one of ``OPERATORS``.

    Times are given as ISO 8601 text; a year, a month or a day without a time
    means all of it: ``taken_at == 2024-06`` is any moment of that June.
    """

    field: str | FieldRef
    op: str
    value: Value

    def __post_init__(self) -> None:
        ref = self._settle_field()
        if self.op not in OPERATORS:
            raise FilterError(f"{self.op!r} is no comparison", hint=f"Use {' '.join(OPERATORS)}.")
        object.__setattr__(self, "value", _checked(ref, self.value))
        if isinstance(self.value, bool) and self.op in ORDERINGS:
            raise FilterError(f"{ref}: true and false have no order", hint="Use == or !=.")


@dataclass(frozen=True, slots=True)
class OneOf(_Leaf):
    """``field in (values)``, or ``not in`` when ``negated``."""

    field: str | FieldRef
    values: Sequence[Value]
    negated: bool = False

    def __post_init__(self) -> None:
        ref = self._settle_field()
        if isinstance(self.values, str):
            raise FilterError(f"{ref}: 'in' takes several values")
        object.__setattr__(self, "values", tuple(_checked(ref, v) for v in self.values))


@dataclass(frozen=True, slots=True)
class Contains(_Leaf):
    """``field ~ text``: the text occurs in the value, case as given."""

    field: str | FieldRef
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _checked_text(self._settle_field(), self.text, "~"))


@dataclass(frozen=True, slots=True)
class Prefix(_Leaf):
    """``field startswith text``."""

    field: str | FieldRef
    text: str

    def __post_init__(self) -> None:
        ref = self._settle_field()
        object.__setattr__(self, "text", _checked_text(ref, self.text, "startswith"))


@dataclass(frozen=True, slots=True)
class IsNull(_Leaf):
    """``field is null``: nothing is known; ``is not null`` when ``negated``."""

    field: str | FieldRef
    negated: bool = False

    def __post_init__(self) -> None:
        self._settle_field()


class _Branch(Filter):
    __slots__ = ()
    operands: tuple[Filter, ...]

    @property
    def fields(self) -> frozenset[str]:
        return frozenset().union(*(operand.fields for operand in self.operands))


@dataclass(frozen=True, slots=True, init=False)
class And(_Branch):
    """All operands hold; with none, everything matches."""

    operands: tuple[Filter, ...]

    def __init__(self, *operands: Filter) -> None:
        object.__setattr__(self, "operands", operands)


@dataclass(frozen=True, slots=True, init=False)
class Or(_Branch):
    """At least one operand holds; with none, nothing matches."""

    operands: tuple[Filter, ...]

    def __init__(self, *operands: Filter) -> None:
        object.__setattr__(self, "operands", operands)


@dataclass(frozen=True, slots=True)
class Not(Filter):
    """The operand does not hold."""

    operand: Filter

    @property
    def fields(self) -> frozenset[str]:
        return self.operand.fields


def _checked(ref: FieldRef, value: Value) -> Value:
    """Return the value if the field can be compared with it, else raise ``FilterError``."""
    kind = ref.column.kind
    if isinstance(value, float) and not math.isfinite(value):
        raise FilterError(f"{ref}: {value} is no finite number")
    if isinstance(value, str):
        value = clean_text(value)
    if kind is Kind.JSON:
        fits = isinstance(value, str | int | float)
    elif kind is Kind.TEXT:
        fits = isinstance(value, str)
    elif kind is Kind.TIME:
        value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        fits = isinstance(value, str)
        if isinstance(value, str) and stretch_ms(value) is None:
            raise FilterError(
                f"{ref}: {value!r} is no time",
                hint="Write 2024, 2024-06, 2024-06-01 or 2024-06-01T12:30:00+02:00.",
            )
    else:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits:
        raise FilterError(f"{ref} is a {kind.value} and cannot be compared with {value!r}")
    if kind is Kind.JSON and isinstance(value, int) and abs(value) > INT64_MAX:
        raise FilterError(f"{ref}: {value} does not fit in 64 bits")
    return value


def _checked_text(ref: FieldRef, text: str, verb: str) -> str:
    if ref.column.kind not in (Kind.TEXT, Kind.JSON):
        raise FilterError(f"{ref} is a {ref.column.kind.value}; {verb!r} is for text")
    if not isinstance(text, str):
        raise FilterError(f"{ref}: {verb!r} takes a text, not {text!r}")
    return clean_text(text)
