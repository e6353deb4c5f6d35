"""The filter grammar that people type.

::

    filter  = all ("or" all)*
    all     = one ("and" one)*
    one     = "not" one | "(" filter ")" | test
    test    = field ("==" | "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=") literal
            | field ["not"] "in" "(" [literal ("," literal)*] ")"
            | field "~" string                     contains, case as given
            | field "startswith" string
            | field "is" ["not"] "null"
    field   = word | "meta" ("." word | "." string | "[" string "]")+
    literal = string | number | time | "true" | "false"

Keywords are case-insensitive, fields are not. Times are ISO 8601, unquoted or
quoted: ``taken_at >= 2024-06-01``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from searchengine.errors import FilterError
from searchengine.store.filters.lexer import Token, complaint, tokenize
from searchengine.store.filters.nodes import (
    OPERATORS,
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

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
MAX_CHARACTERS = 100_000
MAX_DEPTH = 64


def parse_filter(text: str) -> Filter:
    """Return the filter that a person typed.

    Raises ``FilterError`` with the column where it does not parse, names no
    field, or compares a field with what it cannot hold.
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
        field = self._field()
        negated = self._take("not") is not None
        if self._take("in"):
            return self._one_of(field, negated)
        if negated:
            raise self._complain(f"expected 'in', not {self._shown()}")
        operator = self._take(*OPERATORS)
        if operator:
            column = self._next.column
            value = self._literal()
            return self._built(column, lambda: Compare(field, operator.kind, value))
        if self._take("~"):
            column, text = self._next.column, self._text("~")
            return self._built(column, lambda: Contains(field, text))
        if self._take("startswith"):
            column, text = self._next.column, self._text("startswith")
            return self._built(column, lambda: Prefix(field, text))
        if self._take("is"):
            negated = self._take("not") is not None
            self._need("null", "'null'")
            return IsNull(field, negated=negated)
        raise self._complain(
            f"expected a comparison after {field}, not {self._shown()}",
            advice="Comparisons: == != < <= > >= ~ startswith in (...) is null.",
        )

    def _field(self) -> FieldRef:
        start = self._need("word", "a field", "A test reads: FIELD OPERATOR VALUE.")
        path: list[str] = []
        while True:
            if self._take("."):
                key = self._take("word", "string", "number")
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
        return "the end" if token.kind == "end" else repr(token.text)
