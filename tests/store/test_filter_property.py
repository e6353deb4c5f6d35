"""Random rows and random filters: what a database finds is what ``matches`` says.

``SEARCHENGINE_TEST_FILTERS=10000`` sets how many filters each backend is asked.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from searchengine.records import Side
from searchengine.store.contract import Row, Store
from searchengine.store.filters import (
    And,
    Compare,
    Filter,
    Not,
    OneOf,
    Or,
    filter_text,
    matches,
    parse_filter,
    push_down,
)
from tests.store.cases import drop_quietly, spec_of, unit
from tests.store.filter_cases import DIM, ROWS, filters, make_rows

CORPUS = "filters"
SIDE = Side(CORPUS, "image")
EXAMPLES = {"memory": 200, "lite": 600, "lite alone": 600, "server": 400}
READERS = {"memory": 1, "lite": 1, "lite alone": 1, "server": 8}
"""A server makes a read that sees every write wait 0.2 s: there, several are asked at once."""
pytestmark = pytest.mark.parametrize("backend", EXAMPLES, indirect=True, scope="session")
A_SEARCH = 5
"""Every so many filters one is searched with, too."""
QUERY = unit(np.arange(1, DIM + 1))
TOP = 10


@pytest.fixture(scope="module")
def filled(store: Store) -> Iterator[list[Row]]:
    drop_quietly(store, CORPUS)
    store.ensure(spec_of(CORPUS, dim=DIM))
    rows = make_rows()
    store.upsert(SIDE, rows)
    store.settle(SIDE)
    yield rows
    drop_quietly(store, CORPUS)


def nearest_ids(rows: list[Row], chosen: set[str]) -> list[str]:
    """Return the ids of the chosen rows nearest to the query, best first: by comparing them all."""
    scored = [(-float(row.vector @ QUERY), row.item.id) for row in rows if row.item.id in chosen]
    return [id_ for _, id_ in sorted(scored)[:TOP]]


def drawn(count: int) -> list[Filter]:
    """Return that many random filters, no two alike."""
    found: dict[str, Filter] = {}

    @settings(
        max_examples=count + count // 4,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(filters)
    def draw(where: Filter) -> None:
        found.setdefault(filter_text(where), where)

    draw()
    assert len(found) >= count
    return list(found.values())[:count]


def test_random_filters(store: Store, backend: str, filled: list[Row]) -> None:
    wanted = int(os.environ.get("SEARCHENGINE_TEST_FILTERS", EXAMPLES[backend]))
    chosen = drawn(wanted)
    items = {row.item.id: asdict(row.item) for row in filled}
    start = time.monotonic()

    def ask(number: int) -> tuple[int, str]:
        """Return how many match, and the filter if the database says otherwise."""
        where = chosen[number]
        expected = {id_ for id_, item in items.items() if matches(where, item)}
        agreed = sorted(row["id"] for row in store.scan(SIDE, where=where)) == sorted(expected)
        if number % A_SEARCH == 0:
            [hits] = store.search(SIDE, QUERY, limit=TOP, where=where)
            agreed &= [hit.id for hit in hits] == nearest_ids(filled, expected)
        return len(expected), "" if agreed else filter_text(where)

    with ThreadPoolExecutor(READERS[backend]) as readers:
        answers = list(readers.map(ask, range(wanted)))
    wrong = sorted((text for _, text in answers if text), key=len)
    sys.stdout.write(
        f"{backend}: {wanted:,} filters, {-(-wanted // A_SEARCH):,} of them searched with, "
        f"{len(wrong)} wrong, {time.monotonic() - start:.0f} s\n"
    )
    assert not wrong, f"{len(wrong)} are answered wrongly, the shortest: {wrong[:3]}"
    assert len({count for count, _ in answers}) > 20  # the filters said different things


@pytest.mark.parametrize(
    "text",
    [
        'camera == "Canon"',
        "meta.a != 1",
        'caption ~ "%"',
        "not meta.b.c >= 0",
        "true",
        "false",
        'caption ~* "cANON"',
        'not lens ~* "CANON eos"',
        'camera ~* "strasse"',
        'folder endswith "ab"',
        'folder endswith "ab" and meta.zzz is null',  # row by row, Lite overlooks a line break
        'not folder endswith "b"',
        'caption endswith "%"',
        'meta.a has "a"',  # Lite looks into texts that read as lists
        'not meta.a has "a"',
        "meta.a has 1",
        "meta.a has true",
        "meta.b.c has 2 or meta.b.c has false",
        "within(gps, 48.85, 2.35, 20km)",
        "not within(gps, 48.85, 2.35, 20km)",
        "within(gps, -17.8, 179.999, 5km)",  # across the date line
        "within(gps, -17.8, -179.999, 5km)",
        "within(gps, 89, 100, 300km)",  # over the pole
        "within(gps, 0, 180, 1m)",
        "gps is null",
        "gps is not null and not within(gps, 0, 0, 15000km)",
    ],
)
def test_scan_search_and_count_agree(text: str, store: Store, filled: list[Row]) -> None:
    where = parse_filter(text)
    expected = {row.item.id for row in filled if matches(where, asdict(row.item))}
    assert expected or text == "false"
    assert {row["id"] for row in store.scan(SIDE, where=where)} == expected
    [hits] = store.search(SIDE, QUERY, limit=ROWS, where=where)
    assert {hit.id for hit in hits} == expected
    assert store.count(SIDE, where) == len(expected)


def deep(levels: int) -> Filter:
    where: Filter = Compare("width", ">", 0)
    for level in range(levels):
        where = Or(And(where, Compare("width", "<", 700)), Compare("height", ">", level))
    return where


@pytest.mark.parametrize(
    "where",
    [
        deep(64),
        Or(*(Compare("width", "==", 640 + n) for n in range(3000))),
        And(*(Compare("width", "!=", 640 + n) for n in range(3000))),
        Not(And(*(Compare("size", "!=", 640 + n) for n in range(3000)))),
        OneOf("camera", (*(f"x{n}" for n in range(3000)), "Canon")),
        OneOf("width", (*range(640, 3640), 0.5, 1e300), negated=True),
        OneOf("latitude", (*range(3000), 0.5)),
        OneOf("meta.a", (*range(3000), "ab")),
    ],
    ids=["deep", "or", "and", "not", "in", "not in", "degrees", "meta"],
)
def test_a_filter_too_large_for_the_database_is_answered_all_the_same(
    where: Filter, store: Store, filled: list[Row]
) -> None:
    """Sent as they are, Milvus 2.3.5 stands still over these, and Lite over the first."""
    expected = {row.item.id for row in filled if matches(where, asdict(row.item))}
    assert expected
    pushed = push_down(where, store.capabilities.dialect)
    assert pushed.expression.count("(") < 700
    assert {row["id"] for row in store.scan(SIDE, where=where)} == expected
