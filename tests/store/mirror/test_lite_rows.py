"""Milvus Lite looks inside as the mirror expects. When this fails, a new Lite looks otherwise:
searches fall back to Lite's own, many times slower, until ``store/mirror/lite_rows.py`` knows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.milvus import MilvusStore
from searchengine.store.mirror import lite_rows
from searchengine.store.mirror.mirrors import Mirrors
from tests.store.cases import rows_of, spec_of, unit

SIDE = Side("rows", "image")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MilvusStore]:
    opened = open_store(tmp_path / "milvus")
    assert isinstance(opened, MilvusStore)
    opened.ensure(spec_of("rows"))
    yield opened
    opened.close()


def mirrors_of(store: MilvusStore) -> Mirrors:
    mirrors = store._connection._mirrors
    assert mirrors is not None
    return mirrors


def test_rows_are_found_in_segments_and_among_the_newest(store: MilvusStore) -> None:
    rows = rows_of(900)
    store.upsert(SIDE, rows[:500])
    store.settle(SIDE)  # to disk
    store.upsert(SIDE, rows[400:700])  # a hundred of them anew
    store.delete(SIDE, [row.item.id for row in rows[:50]])
    store.settle(SIDE)
    store.upsert(SIDE, rows[600:])
    store.delete(SIDE, [rows[899].item.id, rows[100].item.id, "0" * 32])
    mirrors = mirrors_of(store)
    collection = lite_rows.collection_in(mirrors._database, store._handles[SIDE].collection)
    found = lite_rows.read(collection)
    assert found is not None
    assert len(found.chunks) >= 2
    expected = {row.item.id: row for row in rows[50:899] if row is not rows[100]}
    ids = [
        chunk.ids[at]
        for chunk, alive in found.parts()
        for at in range(len(chunk))
        if alive is None or alive[at]
    ]
    assert sorted(ids) == sorted(expected)
    assert found.count == len(expected)
    for chunk, _ in found.parts():
        assert chunk.vectors.dtype == np.float32
        for one, vector in zip(chunk.ids, chunk.vectors, strict=True):
            if one in expected:
                np.testing.assert_allclose(vector, expected[one].vector, atol=1e-7)


def test_every_write_takes_numbers(store: MilvusStore) -> None:
    mirrors = mirrors_of(store)
    name = store._handles[SIDE].collection
    seen = []
    for write in (
        lambda: store.upsert(SIDE, rows_of(3)),
        lambda: store.upsert(SIDE, rows_of(3)),
        lambda: store.delete(SIDE, [rows_of(1)[0].item.id]),
        lambda: store.delete(SIDE, ["0" * 32]),
    ):
        write()
        seen.append(lite_rows.written(lite_rows.collection_in(mirrors._database, name)))
    assert seen == sorted(set(seen))
    store.settle(SIDE)  # moves rows, changes none
    assert lite_rows.written(lite_rows.collection_in(mirrors._database, name)) == seen[-1]


def test_segments_are_shared_not_copied(store: MilvusStore) -> None:
    store.upsert(SIDE, rows_of(500))
    store.settle(SIDE)
    collection = lite_rows.collection_in(
        mirrors_of(store)._database, store._handles[SIDE].collection
    )
    found = lite_rows.read(collection)
    assert found is not None
    [segment] = collection._read_snapshot()[0]
    assert np.shares_memory(found.chunks[0].vectors, segment.vectors)


def test_a_write_that_took_numbers_and_did_not_arrive(store: MilvusStore) -> None:
    store.upsert(SIDE, rows_of(5))
    collection = lite_rows.collection_in(
        mirrors_of(store)._database, store._handles[SIDE].collection
    )
    collection._next_seq += 3  # as when it is given up half-way
    assert lite_rows.read(collection) is None
    assert store._connection.mirrored(store._handles[SIDE].collection) is None
    assert len(store.search(SIDE, unit(np.ones(32)), limit=9)[0]) == 5  # Lite answers
    store.upsert(SIDE, rows_of(7))
    assert store._connection.mirrored(store._handles[SIDE].collection) is not None
    assert len(store.search(SIDE, unit(np.ones(32)), limit=9)[0]) == 7


def test_a_lite_of_another_make_answers_by_itself(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.upsert(SIDE, rows_of(20))
    assert store.count(SIDE) == 20
    mirrors = mirrors_of(store)
    monkeypatch.setattr(mirrors, "_database", SimpleNamespace())
    assert mirrors.of(store._handles[SIDE].collection, 1 << 30) is None
    store.upsert(SIDE, rows_of(30))
    assert store.count(SIDE) == 30
    assert len(store.search(SIDE, unit(np.ones(32)), limit=40)[0]) == 30
    assert sum(1 for _ in store.scan(SIDE)) == 30
