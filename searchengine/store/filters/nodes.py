"""What a filter is: a frozen tree of predicates, each checked against its field's type.

Meaning, the same in Python and in every database:

- a predicate over an unknown value is false, ``!=`` and ``not in`` included
  (``is null`` is how one asks for the unknown);
- ``Not`` is plain negation of what its operand says;
- text compares by code point; ``~*`` alone takes no notice of case;
- values inside ``meta`` are typed by the literal: an ordering or ``==`` holds
  only between two numbers, two texts or two booleans (``1`` is no ``true``),
  ``!=`` holds for every known value that is not equal;
- a position is known when both its degrees are, and lie on the globe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.errors import FilterError
from searchengine.store.fields import Kind
from searchengine.store.filters.fieldref import FieldRef, field_ref
from searchengine.store.filters.literals import Value, checked_text, checked_value
from searchengine.store.filters.places import checked_latitude, checked_longitude, checked_radius

if TYPE_CHECKING:
    from collections.abc import Sequence

OPERATORS = ("==", "!=", "<", "<=", ">", ">=")
ORDERINGS = ("<", "<=", ">", ">=")


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
        object.__setattr__(self, "value", checked_value(ref, self.value))
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
        object.__setattr__(self, "values", tuple(checked_value(ref, v) for v in self.values))


@dataclass(frozen=True, slots=True)
class Contains(_Leaf):
    """``field ~ text``: the text occurs in the value, case as given.

    With ``any_case`` (``field ~* text``) case is no matter: both are compared
    after Unicode case folding, so that ``STRASSE`` is found in ``Straße``.
    """

    field: str | FieldRef
    text: str
    any_case: bool = False

    def __post_init__(self) -> None:
        verb = "~*" if self.any_case else "~"
        object.__setattr__(self, "text", checked_text(self._settle_field(), self.text, verb))


@dataclass(frozen=True, slots=True)
class Prefix(_Leaf):
    """``field startswith text``."""

    field: str | FieldRef
    text: str

    def __post_init__(self) -> None:
        ref = self._settle_field()
        object.__setattr__(self, "text", checked_text(ref, self.text, "startswith"))


@dataclass(frozen=True, slots=True)
class Suffix(_Leaf):
    """``field endswith text``."""

    field: str | FieldRef
    text: str

    def __post_init__(self) -> None:
        ref = self._settle_field()
        object.__setattr__(self, "text", checked_text(ref, self.text, "endswith"))


@dataclass(frozen=True, slots=True)
class Has(_Leaf):
    """``meta.KEY has value``: the value is a list, and one of its elements equals ``value``."""

    field: str | FieldRef
    value: Value

    def __post_init__(self) -> None:
        ref = self._settle_field()
        if ref.column.kind is not Kind.JSON:
            raise FilterError(
                f"{ref} is a {ref.column.kind.value}; 'has' is for lists inside meta",
                hint="~ asks whether a text contains another.",
            )
        object.__setattr__(self, "value", checked_value(ref, self.value))


@dataclass(frozen=True, slots=True)
class IsNull(_Leaf):
    """``field is null``: nothing is known; ``is not null`` when ``negated``."""

    field: str | FieldRef
    negated: bool = False

    def __post_init__(self) -> None:
        self._settle_field()


@dataclass(frozen=True, slots=True)
class Within(Filter):
    """``within(gps, latitude, longitude, radius)``: a known position no further away than that.

    Degrees, north and east positive; the radius in metres along a great circle.
    """

    latitude: float
    longitude: float
    radius_m: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "latitude", checked_latitude(self.latitude))
        object.__setattr__(self, "longitude", checked_longitude(self.longitude))
        object.__setattr__(self, "radius_m", checked_radius(self.radius_m))

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(("latitude", "longitude"))


Leaf = Compare | OneOf | Contains | Prefix | Suffix | Has | IsNull
"""Every test on one field."""


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


def has_position(known: bool) -> Filter:
    """Return ``gps is not null``, or ``gps is null``: both degrees are known, or one is not."""
    latitude, longitude = (IsNull(name, negated=known) for name in ("latitude", "longitude"))
    return And(latitude, longitude) if known else Or(latitude, longitude)
