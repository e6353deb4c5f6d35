"""Filters over a folder at rest: what Lite says of them, and what ``matches`` says of each row."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.at_rest.columns import FileColumns
from searchengine.store.at_rest.store import AtRestStore
from searchengine.store.contract import Row
from searchengine.store.fields import ALL_FIELDS, VECTOR
from searchengine.store.filters import Filter, filter_text, matches, parse_filter
from searchengine.store.milvus import MilvusStore
from tests.store.cases import spec_of, unit
from tests.store.filter_cases import DIM, make_rows
from tests.store.test_filter_property import drawn

SIDE = Side("filters", "image")
QUERIES = unit([np.arange(1, DIM + 1), np.arange(DIM, 0, -1)])
FILTERS = 400
EVERYTHING = (*ALL_FIELDS, VECTOR)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return make_rows()


@pytest.fixture(scope="module")
def folder(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows in several files, with others that were overwritten or deleted among them."""
    path = tmp_path_factory.mktemp("at rest") / "milvus"
    third = len(rows) // 3
    stale = [Row(row.item, -row.vector) for row in rows[::-1][:third]]
    for written in (stale, rows[:third], rows[third:]):
        store = open_store(path, mirror_mb=0)
        store.ensure(spec_of("filters", dim=DIM))
        store.upsert(SIDE, written)
        if written is stale:
            store.delete(SIDE, [row.item.id for row in stale[: third // 2]])
        store.close()
    return path


@pytest.fixture
def resting(folder: Path) -> Iterator[AtRestStore]:
    store = open_store(folder, at_rest=True)
    assert isinstance(store, AtRestStore)
    yield store
    store.close()


def answers(store: Any, where: Filter, top: int = 30) -> tuple[Any, ...]:
    """What is found, in order; how many match; and all that match."""
    hits = store.search(SIDE, QUERIES, limit=top, offset=2, where=where, fields=("uri", "meta"))
    found = [[(hit.id, hit.fields) for hit in one] for one in hits]
    return (
        found,
        store.count(SIDE, where),
        sorted(row["id"] for row in store.scan(SIDE, where=where)),
    )


def test_random_filters_are_answered_as_lite_answers_them(
    folder: Path, resting: AtRestStore, rows: list[Row]
) -> None:
    chosen = drawn(FILTERS)
    ours = [answers(resting, where) for where in chosen]
    assert resting._lite is None
    resting.close()
    lite = open_store(folder, mirror_mb=0)  # Lite's own answers, without this project's mirror
    assert isinstance(lite, MilvusStore)
    items = {row.item.id: asdict(row.item) for row in rows}
    wrong = []
    for where, mine in zip(chosen, ours, strict=True):
        expected = sorted(id_ for id_, item in items.items() if matches(where, item))
        if mine != answers(lite, where) or mine[1:] != (len(expected), expected):
            wrong.append(filter_text(where))
    lite.close()
    sys.stdout.write(f"at rest: {FILTERS} filters, {len(wrong)} wrong\n")
    assert not wrong, f"the shortest: {sorted(wrong, key=len)[:3]}"
    assert len({mine[1] for mine in ours}) > 20  # the filters said different things


def test_all_fields_of_what_matches(folder: Path, resting: AtRestStore, rows: list[Row]) -> None:
    where = parse_filter('width > 100 or meta.a is not null or camera ~ "a"')
    ours = {row["id"]: row for row in resting.scan(SIDE, where=where, fields=EVERYTHING)}
    vectors = {row.item.id: row.vector for row in rows}
    assert resting._lite is None
    resting.close()
    lite = open_store(folder)
    theirs = {row["id"]: row for row in lite.scan(SIDE, where=where, fields=EVERYTHING)}
    lite.close()
    assert ours.keys() == theirs.keys()
    assert 0 < len(ours) < len(rows)
    for id_, row in ours.items():
        assert {**row, VECTOR: None} == {**theirs[id_], VECTOR: None}
        np.testing.assert_array_equal(row[VECTOR], vectors[id_])


def test_only_the_columns_that_are_asked_for_are_read(
    resting: AtRestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: set[str] = set()
    whole = FileColumns.read

    def note(self: FileColumns, names: Any) -> None:
        read.update(names)
        whole(self, names)

    monkeypatch.setattr(FileColumns, "read", note)
    assert resting.count(SIDE, parse_filter("width > 100 and height > 5")) > 0
    assert read == {"width", "height"}
    assert resting.search(SIDE, QUERIES, limit=5, where=parse_filter("false")) == [[], []]


def test_a_scan_goes_on_when_the_folder_is_opened_meanwhile(
    resting: AtRestStore, rows: list[Row]
) -> None:
    scan = resting.scan(SIDE, where=parse_filter("true"), fields=("id", "caption"))
    first = next(iter(scan))
    before = Row(rows[0].item, rows[1].vector)
    resting.upsert(SIDE, [before])  # Lite is opened for it, and may put other files in place
    resting.settle(SIDE)
    left = list(scan)
    assert len({first["id"], *(row["id"] for row in left)}) == len(rows) == 1 + len(left)
    resting.upsert(SIDE, [rows[0]])


def test_a_column_that_is_not_as_lite_writes_it_is_left_to_lite(
    resting: AtRestStore, monkeypatch: pytest.MonkeyPatch, rows: list[Row]
) -> None:
    where = parse_filter("width is not null")
    expected = sum(row.item.width is not None for row in rows)
    monkeypatch.setattr(FileColumns, "read", _odd)
    assert resting.count(SIDE, where) == expected
    assert resting._lite is not None
    assert len(resting.search(SIDE, QUERIES, limit=3, where=where)[0]) == 3


def _odd(self: FileColumns, names: Any) -> None:
    raise ValueError("nulls")
