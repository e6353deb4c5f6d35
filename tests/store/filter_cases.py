"""Random filters, and rows that hold what filters trip over."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from searchengine.store.contract import Row
from searchengine.store.filters import (
    And,
    Compare,
    Contains,
    FieldRef,
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
from searchengine.store.filters.nodes import OPERATORS
from tests.store.cases import make_item, unit

ROWS = 120
DIM = 8

TEXTS = (
    "Canon", "Canon EOS", "canon", "a%b", "a_b", "ab", "a\\b", 'q"q', "s's", "line\nbreak", "tab\t",
    "é北京🎉", "\u2028", "\\%", "%", " ", "\x01", "\ue000", "\U0010ffff", "true", "1", "] or [",
    "ab\n", "Straße", "STRASSE", "İI",
)  # fmt: skip
PARTS = ("on", "CANON", "b", "b\n", "strasse", "\\", "%", "_", "n EOS", "京🎉", "K", "i", "")
NUMBERS = (0, 1, -1, 2, 640, 2**31, -(2**31), 2**53 + 1, 2**62)
FLOATS = (0.0, -0.0, 0.5, -48.85, 1e-9, 180.0, 3.0)
TIMES = (
    "2024-06-01T12:30:00+02:00", "2024-06-01T10:30:00Z", "2024-06-01", "1969-12-31T23:59:59",
    "2023-12-31T23:30:00-05:00", "2024-06-01T10:30:00.5",
)  # fmt: skip
LITERAL_TIMES = (*TIMES, "2024", "2024-06", "2023-12", "2023-12-31", "1970")
LISTS = ([1], ["a"], ["Canon", 1.0, True], ["ab", ["a"]], [False, 2], [""], [])
JSON_VALUES = (
    None, True, False, 0, 1, -2, 1.5, 3.0, "1", "", *TEXTS[:9], *LISTS, '["a"]', {"deep": 1},
)  # fmt: skip
PATHS = ("meta.a", "meta.b.c", 'meta.we ird"k', FieldRef("meta", ("x.y",)), FieldRef("meta", ("",)))
PLACES = (
    (48.8566, 2.3522), (48.86, 2.35), (51.5074, -0.1278), (90.0, 12.0), (89.9999, -170.0),
    (-90.0, 0.0), (-17.8, 179.99), (-17.8, -179.99), (0.0, 180.0), (0.0, -180.0), (95.0, 10.0),
)  # fmt: skip
RADII = (0.0, 5.0, 3000.0, 20_000.0, 500_000.0, 1e7, 2.1e7)

texts = st.sampled_from(TEXTS) | st.text(max_size=5)
_LITERALS: dict[str, st.SearchStrategy[object]] = {
    "text": texts,
    "int": st.sampled_from(NUMBERS) | st.sampled_from((0.5, 640.0, -1.5, 1e300, -1e18, 10**20)),
    "float": st.sampled_from(FLOATS) | st.sampled_from(NUMBERS) | st.sampled_from((48.8566, 2.35)),
    "time": st.sampled_from(LITERAL_TIMES),
    "json": texts | st.sampled_from((0, 1, -2, 1.5, 3, True, False)),
}
_FIELDS: dict[str, tuple[str | FieldRef, ...]] = {
    "text": ("camera", "lens", "folder", "caption", "mime", "uri"),
    "int": ("width", "height", "size", "mtime_ns"),
    "float": ("latitude", "longitude"),
    "time": ("taken_at",),
    "json": PATHS,
}


@st.composite
def leaves(draw: st.DrawFn) -> Filter:
    """Draw one test on one field."""
    kind = draw(st.sampled_from(["text", "int", "float", "time", "json", "json", "place"]))
    if kind == "place":
        return draw(places())
    field, values = draw(st.sampled_from(_FIELDS[kind])), _LITERALS[kind]
    shape = draw(st.sampled_from(["compare", "compare", "in", "null", "text", "has"]))
    if shape == "null":
        return IsNull(field, negated=draw(st.booleans()))
    if shape == "in":
        return OneOf(field, tuple(draw(st.lists(values, max_size=3))), negated=draw(st.booleans()))  # type: ignore[arg-type]
    if shape == "text" and kind in ("text", "json"):
        part = draw(texts | st.sampled_from(PARTS))
        if draw(st.booleans()):
            return Contains(field, part, any_case=draw(st.booleans()))
        return draw(st.sampled_from((Prefix, Suffix)))(field, part)
    if shape == "has" and kind == "json":
        return Has(field, draw(values | st.sampled_from(("a", "ab", "Canon"))))  # type: ignore[arg-type]
    value = draw(values)
    operators = ("==", "!=") if isinstance(value, bool) else OPERATORS
    return Compare(field, draw(st.sampled_from(operators)), value)  # type: ignore[arg-type]


@st.composite
def places(draw: st.DrawFn) -> Filter:
    """Draw a test on the position."""
    if draw(st.integers(0, 4)) == 0:
        return has_position(draw(st.booleans()))
    at = draw(
        st.sampled_from([place for place in PLACES if abs(place[0]) <= 90])
        | st.tuples(st.floats(-90, 90), st.floats(-180, 180))
    )
    return Within(*at, draw(st.sampled_from(RADII) | st.floats(0, 2.1e7)))


filters = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        st.builds(lambda a, b: And(a, b), inner, inner),
        st.builds(lambda a, b: Or(a, b), inner, inner),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)


def make_rows() -> list[Row]:
    """Return rows with random vectors and random values in every column, many unknown."""
    rng = np.random.default_rng(5)

    def pick(values: tuple[object, ...], unknown: float = 0.25) -> object:
        return None if rng.random() < unknown else values[rng.integers(len(values))]

    items = []
    for number in range(ROWS):
        meta = {"a": pick(JSON_VALUES, 0), "b": {"c": pick(JSON_VALUES, 0)}}
        for key in ('we ird"k', "x.y", ""):
            meta[key] = pick(JSON_VALUES)
        for key in [key for key in meta if rng.random() < 0.3]:
            del meta[key]
        place = PLACES[rng.integers(len(PLACES))] if rng.random() < 0.6 else ()
        items.append(
            make_item(
                number,
                mime=pick(TEXTS, 0),
                width=pick(NUMBERS),
                height=pick(NUMBERS),
                size=pick(NUMBERS, 0),
                caption=pick(TEXTS),
                camera=pick(TEXTS),
                lens=pick(TEXTS),
                folder=pick(TEXTS),
                taken_at=pick(TIMES),
                latitude=place[0] if place else pick(FLOATS),
                longitude=place[1] if place else pick(FLOATS),
                meta=meta,
            )
        )
    vectors = unit(rng.normal(size=(ROWS, DIM)))
    return [Row(item, vector) for item, vector in zip(items, vectors, strict=True)]
