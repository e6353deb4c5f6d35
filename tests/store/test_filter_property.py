"""Random rows and random filters: what a database finds is what ``matches`` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from searchengine.records import Item, Side
from searchengine.store.contract import Row, Store
from searchengine.store.filters import (
    And,
    Compare,
    Contains,
    Filter,
    IsNull,
    Not,
    OneOf,
    Or,
    Prefix,
    matches,
)
from searchengine.store.filters.nodes import OPERATORS
from tests.store.cases import drop_quietly, make_item, spec_of, unit

CORPUS = "filters"
SIDE = Side(CORPUS, "image")
ROWS = 120
DIM = 8
EXAMPLES = {"memory": 150, "lite": 250, "server": 100}

TEXTS = (
    "Canon", "Canon EOS", "canon", "a%b", "a_b", "ab", "a\\b", 'q"q', "s's", "line\nbreak", "tab\t",
    "é北京🎉", "\u2028", "\\%", "%", " ", "\x01", "\ue000", "\U0010ffff", "true", "1", "] or [",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 640, 2**31, -(2**31), 2**53 + 1, 2**62)
FLOATS = (0.0, -0.0, 0.5, -48.85, 1e-9, 180.0, 3.0)
TIMES = (
    "2024-06-01T12:30:00+02:00", "2024-06-01T10:30:00Z", "2024-06-01", "1969-12-31T23:59:59",
    "2023-12-31T23:30:00-05:00", "2024-06-01T10:30:00.5",
)  # fmt: skip
LITERAL_TIMES = (*TIMES, "2024", "2024-06", "2023-12", "2023-12-31", "1970")
JSON_VALUES = (None, True, False, 0, 1, -2, 1.5, 3.0, "1", "", *TEXTS[:9], [1], ["a"], {"deep": 1})
PATHS = ("meta.a", "meta.b.c", 'meta.we ird"k')

texts = st.sampled_from(TEXTS) | st.text(max_size=5)


def optional(values: tuple[object, ...]) -> st.SearchStrategy[object]:
    return st.none() | st.sampled_from(values)


@st.composite
def leaves(draw: st.DrawFn) -> Filter:
    kind = draw(st.sampled_from(["text", "int", "float", "time", "json", "json"]))
    field = draw(
        st.sampled_from(
            {
                "text": ("camera", "lens", "folder", "caption", "mime", "uri"),
                "int": ("width", "height", "size", "mtime_ns"),
                "float": ("latitude", "longitude"),
                "time": ("taken_at",),
                "json": PATHS,
            }[kind]
        )
    )
    numbers = st.sampled_from(NUMBERS) | st.sampled_from((0.5, 640.0, -1.5, 1e300, -1e18, 10**20))
    values: st.SearchStrategy[object] = {
        "text": texts,
        "int": numbers,
        "float": st.sampled_from(FLOATS) | st.sampled_from(NUMBERS),
        "time": st.sampled_from(LITERAL_TIMES),
        "json": texts | st.sampled_from((0, 1, -2, 1.5, 3, True, False)),
    }[kind]
    shape = draw(st.sampled_from(["compare", "compare", "in", "null", "contains", "prefix"]))
    if shape == "null":
        return IsNull(field, negated=draw(st.booleans()))
    if shape == "in":
        return OneOf(field, tuple(draw(st.lists(values, max_size=3))), negated=draw(st.booleans()))  # type: ignore[arg-type]
    if kind in ("text", "json") and shape in ("contains", "prefix"):
        return (Contains if shape == "contains" else Prefix)(field, draw(texts))
    value = draw(values)
    operators = ("==", "!=") if isinstance(value, bool) else OPERATORS
    return Compare(field, draw(st.sampled_from(operators)), value)  # type: ignore[arg-type]


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
    rng = np.random.default_rng(5)

    def pick(values: tuple[object, ...], unknown: float = 0.25) -> object:
        return None if rng.random() < unknown else values[rng.integers(len(values))]

    items = []
    for number in range(ROWS):
        meta = {"a": pick(JSON_VALUES, 0), "b": {"c": pick(JSON_VALUES, 0)}}
        meta['we ird"k'] = pick(JSON_VALUES)
        for key in [key for key in meta if rng.random() < 0.3]:
            del meta[key]
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
                latitude=pick(FLOATS),
                longitude=pick(FLOATS),
                meta=meta,
            )
        )
    vectors = unit(rng.normal(size=(ROWS, DIM)))
    return [Row(item, vector) for item, vector in zip(items, vectors, strict=True)]


@pytest.fixture(scope="module")
def filled(store: Store) -> Iterator[list[Item]]:
    drop_quietly(store, CORPUS)
    store.ensure(spec_of(CORPUS, dim=DIM))
    rows = make_rows()
    store.upsert(SIDE, rows)
    yield [row.item for row in rows]
    drop_quietly(store, CORPUS)


def test_random_filters(store: Store, backend: str, filled: list[Item]) -> None:
    mappings = {item.id: asdict(item) for item in filled}
    seen: list[int] = []

    @settings(
        max_examples=EXAMPLES[backend],
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(filters)
    def check(where: Filter) -> None:
        expected = {id_ for id_, item in mappings.items() if matches(where, item)}
        found = [row["id"] for row in store.scan(SIDE, where=where)]
        assert sorted(found) == sorted(expected)
        seen.append(len(expected))

    check()
    assert len(set(seen)) > 20  # the filters said different things


def test_search_and_count_agree(store: Store, filled: list[Item]) -> None:
    query = unit(np.ones(DIM))
    cases: list[Callable[[], Filter]] = [
        lambda: Compare("camera", "==", "Canon"),
        lambda: Compare("meta.a", "!=", 1),
        lambda: Contains("caption", "%"),
        lambda: Not(Compare("meta.b.c", ">=", 0)),
        lambda: And(),
        lambda: Or(),
    ]
    for case in cases:
        where = case()
        expected = {item.id for item in filled if matches(where, asdict(item))}
        [hits] = store.search(SIDE, query, limit=ROWS, where=where)
        assert {hit.id for hit in hits} == expected
        assert store.count(SIDE, where) == len(expected)
