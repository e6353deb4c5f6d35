"""The filter grammar that people type.

::

    filter   = all ("or" all)*
    all      = one ("and" one)*
    one      = "not" one | "(" filter ")" | test
    test     = field ("==" | "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=") literal
             | field ["not"] "in" "(" [literal ("," literal)*] ")"
             | field "~" string                     contains, case as given
             | field "~*" string                    contains, whatever the case
             | field ("startswith" | "endswith") string
             | field "has" literal                  a list inside meta holds the value
             | (field | "gps") "is" ["not"] "null"
             | "within" "(" "gps" "," number "," number "," distance ")"
             | "true" | "false"                     every item, no item
    field    = word | "meta" ("." word | "." string | "[" string "]")+
    literal  = string | number | time | "true" | "false"
    distance = number ("m" | "km" | "mi")

Keywords and units are case-insensitive, fields are not. Times are ISO 8601,
unquoted or quoted: ``taken_at >= 2024-06-01``. ``within`` takes latitude and
longitude in degrees, north and east positive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from searchengine.errors import FilterError
from searchengine.store.filters.fieldref import PLACE, FieldRef, nearest
from searchengine.store.filters.lexer import KEYWORDS, Token, complaint, distance_parts, tokenize
from searchengine.store.filters.literals import Value, shown
from searchengine.store.filters.nodes import (
    OPERATORS,
    And,
    Compare,
    Contains,
    Filter,
    Has,
    IsNull,
    Not,
    OneOf,
    Or,
    Prefix,
    Suffix,
    Within,
    has_position,
)
from searchengine.store.filters.places import (
    METRES,
    checked_latitude,
    checked_longitude,
    checked_radius,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
MAX_CHARACTERS = 100_000
MAX_DEPTH = 64
_COMPARISONS = (
    "Comparisons: == != < <= > >= ~ (contains) ~* (in any case) "
    "startswith endswith has in (...) is null."
)
_WITHIN = f"Write it like within({PLACE}, 48.85, 2.35, 20km)."


def parse_filter(text: str) -> Filter:
    """Return the filter that a person typed.

    Raises ``FilterError`` with the column (0-based, in characters) where it does
    not parse, names no field, or compares a field with what it cannot hold.
    """
    if len(text) > MAX_CHARACTERS:
        raise FilterError(
            f"the filter has {len(text):,} characters; {MAX_CHARACTERS:,} is the limit"
        )
    return _Parser(text).parse()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokenize(source)
        self._at = 0
        self._depth = 0

    def parse(self) -> Filter:
        if self._next.kind == "end":
            raise self._complain("the filter is empty", advice="Write one like: width > 1000")
        found = self._any()
        if self._next.kind != "end":
            raise self._complain(f"expected 'and', 'or' or the end, not {self._shown()}")
        return found

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *kinds: str) -> Token | None:
        token = self._next
        if token.kind not in kinds:
            return None
        self._at += 1
        return token

    def _need(self, kind: str, what: str, advice: str = "") -> Token:
        token = self._take(kind)
        if token is None:
            raise self._complain(f"expected {what}, not {self._shown()}", advice=advice)
        return token

    def _any(self) -> Filter:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(*parts)

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(*parts)

    def _one(self) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._complain(f"nested more than {MAX_DEPTH} deep")
        try:
            if self._take("not"):
                return Not(self._one())
            if self._take("("):
                inner = self._any()
                self._need(")", "')'")
                return inner
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Filter:
        if self._take("true"):
            return And()
        if self._take("false"):
            return Or()
        if self._next.kind == "word" and self._tokens[self._at + 1].kind == "(":
            return self._call()
        if self._next.text == PLACE and self._tokens[self._at + 1].kind == "is":
            self._at += 1
            return has_position(self._is_null())
        field = self._field()
        if self._next.kind == "is":
            return IsNull(field, negated=self._is_null())
        negated = self._take("not") is not None
        if self._take("in"):
            return self._one_of(field, negated)
        if negated:
            raise self._complain(f"expected 'in', not {self._shown()}")
        verb = self._take(*OPERATORS, "has", "~", "~*", "startswith", "endswith")
        if verb is None:
            raise self._complain(
                f"expected a comparison after {shown(str(field))[1:-1]}, not {self._shown()}",
                advice=_COMPARISONS,
            )
        column = self._next.column
        if verb.kind == "has":
            value = self._literal()
            return self._built(column, lambda: Has(field, value))
        if verb.kind in OPERATORS:
            value = self._literal()
            return self._built(column, lambda: Compare(field, verb.kind, value))
        text = self._text(verb.kind)
        return self._built(column, lambda: _about_text(verb.kind, field, text))

    def _is_null(self) -> bool:
        """Read ``is [not] null``; return whether it is negated."""
        self._need("is", "'is'")
        negated = self._take("not") is not None
        self._need("null", "'null'")
        return negated

    def _call(self) -> Filter:
        name = self._need("word", "a function")
        if name.text.lower() != "within":
            near = "Did you mean within? " if nearest(name.text, ["within"]) else ""
            raise complaint(
                f"there is no function {shown(name.text)}",
                self._source,
                name.column,
                f"{near}The only function is within({PLACE}, LATITUDE, LONGITUDE, RADIUS).",
            )
        self._need("(", "'('")
        place = self._next
        self._need("word", PLACE, _WITHIN)
        if place.text != PLACE:
            raise complaint(
                f"within is about {PLACE}, not {shown(place.text)}",
                self._source,
                place.column,
                _WITHIN,
            )
        latitude = self._degrees("a latitude", checked_latitude)
        longitude = self._degrees("a longitude", checked_longitude)
        self._need(",", "',' and a radius", _WITHIN)
        radius_m = self._distance()
        self._need(")", "')'", _WITHIN)
        return Within(latitude, longitude, radius_m)

    def _degrees(self, what: str, checked: Callable[[float], float]) -> float:
        self._need(",", f"',' and {what}", _WITHIN)
        token = self._need("number", what, _WITHIN)
        return self._built(token.column, lambda: checked(float(token.text)))

    def _distance(self) -> float:
        token = self._take("distance")
        if token is None:
            bare = self._next.kind == "number"
            raise self._complain(
                f"{self._shown()} has no unit"
                if bare
                else f"expected a radius, not {self._shown()}",
                advice="Write a distance with its unit: 20km, 500m or 3mi.",
            )
        number, unit = distance_parts(token.text)
        return self._built(token.column, lambda: checked_radius(number * METRES[unit]))

    def _field(self) -> FieldRef:
        start = self._need("word", "a field", "A test reads: FIELD OPERATOR VALUE.")
        path: list[str] = []
        while True:
            if self._take("."):
                key = self._take("word", "string", "number", *KEYWORDS)
                if key is None:
                    raise self._complain(f"expected a key after '.', not {self._shown()}")
                path.append(key.text)
            elif self._take("["):
                path.append(self._need("string", "a key in quotes").text)
                self._need("]", "']'")
            else:
                return self._built(start.column, lambda: FieldRef(start.text, tuple(path)))

    def _one_of(self, field: FieldRef, negated: bool) -> Filter:
        close = {"(": ")", "[": "]"}.get(self._next.kind)
        if close is None:
            raise self._complain(f"expected '(' after 'in', not {self._shown()}")
        self._at += 1
        values: list[Value] = []
        while self._next.kind != close:
            column = self._next.column
            value = self._literal()
            values.append(self._checked(column, field, value))
            if not self._take(","):
                break
        self._need(close, f"',' or {close!r}")
        return OneOf(field, tuple(values), negated=negated)

    def _checked(self, column: int, field: FieldRef, value: Value) -> Value:
        return self._built(column, lambda: Compare(field, "==", value)).value

    def _literal(self) -> Value:
        token = self._next
        self._at += 1
        if token.kind in ("string", "time"):
            return token.text
        if token.kind in ("true", "false"):
            return token.kind == "true"
        if token.kind == "number":
            try:
                return int(token.text)
            except ValueError:
                return float(token.text)
        self._at -= 1
        raise self._complain(
            f"expected a value, not {self._shown()}", advice="Put texts in quotes."
        )

    def _text(self, verb: str) -> str:
        return self._need("string", f"a text after {verb!r}", "Put texts in quotes.").text

    def _built(self, column: int, build: Callable[[], _T]) -> _T:
        """Build a node; what it finds wrong is the typist's, at that column."""
        try:
            return build()
        except FilterError as error:
            raise complaint(str(error), self._source, column, error.hint) from None

    def _complain(self, message: str, advice: str = "") -> FilterError:
        return complaint(message, self._source, self._next.column, advice)

    def _shown(self) -> str:
        token = self._next
        return "the end" if token.kind == "end" else shown(token.text)


def _about_text(verb: str, field: FieldRef, text: str) -> Filter:
    if verb == "startswith":
        return Prefix(field, text)
    if verb == "endswith":
        return Suffix(field, text)
    return Contains(field, text, any_case=verb == "~*")
