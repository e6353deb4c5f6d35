"""The mirror of a Lite folder: used, in step with every write, within its bound, let go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.errors import NotFoundError, StoreUnavailableError
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.contract import Row
from searchengine.store.filters import parse_filter
from searchengine.store.memory import MemoryStore
from searchengine.store.milvus import MilvusStore
from searchengine.store.mirror import mirrors as module
from searchengine.store.mirror.snapshot import Snapshot
from tests.store.cases import make_item, rows_of, spec_of, unit

SIDE = Side("mirror", "image")
QUERY = unit(np.ones(32))


def opened(folder: Path, mirror_mb: int = 64) -> MilvusStore:
    store = open_store(folder, mirror_mb=mirror_mb)
    assert isinstance(store, MilvusStore)
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MilvusStore]:
    one = opened(tmp_path / "milvus")
    one.ensure(spec_of("mirror"))
    yield one
    one.close()


def mirrored(store: MilvusStore, side: Side = SIDE) -> Snapshot | None:
    return store._connection.mirrored(store._handle(side).collection)


def asked_of_lite(store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with the calls that read rows through the database."""
    call, asked = store._connection.call, []

    def spy(method: str, *args: Any, **kwargs: Any) -> Any:
        if method in ("search", "query", "query_iterator", "load_collection"):
            asked.append(method)
        return call(method, *args, **kwargs)

    monkeypatch.setattr(store._connection, "call", spy)
    return asked


def read_all(store: MilvusStore) -> dict[str, str]:
    return {row["id"]: row["revision"] for row in store.scan(SIDE, fields=("id", "revision"))}


def test_reads_do_not_go_through_the_database(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(40)
    store.upsert(SIDE, rows)
    asked = asked_of_lite(store, monkeypatch)
    where = parse_filter("size < 10")
    assert len(store.search(SIDE, QUERY, limit=5, fields=("uri", "vector"))[0]) == 5
    assert len(store.search(SIDE, QUERY, limit=50, where=where)[0]) == 10
    assert store.count(SIDE) == 40
    assert store.count(SIDE, where) == 10
    assert len(list(store.scan(SIDE, where=where))) == 10
    assert len(store.fetch(SIDE, [rows[3].item.id, "0" * 32], ("meta",))) == 1
    info = store.describe(SIDE)
    assert info is not None
    assert info.count == 40
    assert asked == []


def test_measuring_asks_the_index(store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.upsert(SIDE, rows_of(40))
    store.reindex(SIDE, "hnsw")
    asked = asked_of_lite(store, monkeypatch)
    store.search(SIDE, QUERY, limit=5)
    assert asked == []
    store.search(SIDE, QUERY, limit=5, by_index=True)
    store.search(SIDE, QUERY, limit=5, effort=50)
    assert asked.count("search") == 2


@pytest.mark.parametrize("settled", [False, True])
def test_it_follows_every_write(store: MilvusStore, settled: bool) -> None:
    rows = rows_of(300)
    oracle = MemoryStore()
    oracle.ensure(spec_of("mirror"))
    rng = np.random.default_rng(4)
    for turn in range(25):
        some = rng.choice(300, int(rng.integers(1, 40)), replace=False).tolist()
        if turn % 4 == 3:
            ids = [rows[n].item.id for n in some]
            for one in (store, oracle):
                one.delete(SIDE, ids)
        else:
            new = [
                Row(
                    replace(rows[n].item, revision=f"{turn}", width=turn),
                    rows[(n + turn) % 300].vector,
                )
                for n in some
            ]
            for one in (store, oracle):
                one.upsert(SIDE, new)
        if settled and turn % 7 == 6:
            store.settle(SIDE)
        assert mirrored(store) is not None
        assert read_all(store) == {
            row["id"]: row["revision"] for row in oracle.scan(SIDE, fields=("id", "revision"))
        }
        where = parse_filter(f"width > {turn // 2}")
        for one in (None, where):
            found, expected = (
                each.search(SIDE, QUERY, limit=12, where=one, fields=("revision", "width"))
                for each in (store, oracle)
            )
            for mine, theirs in zip(found[0], expected[0], strict=True):
                assert (mine.id, mine.fields) == (theirs.id, theirs.fields)
                assert mine.score == pytest.approx(theirs.score, abs=1.5e-6)  # the last digit


def test_rows_written_one_by_one_end_up_side_by_side(store: MilvusStore) -> None:
    store.upsert(SIDE, rows_of(1))
    for row in rows_of(120)[1:]:
        assert store.count(SIDE) > 0
        store.upsert(SIDE, [row])
    found = mirrored(store)
    assert found is not None
    assert found.count == 120
    assert len(found.chunks) == 1


def test_two_stores_on_one_folder(store: MilvusStore, tmp_path: Path) -> None:
    other = opened(tmp_path / "milvus")
    rows = rows_of(10)
    store.upsert(SIDE, rows)
    assert other.count(SIDE) == store.count(SIDE) == 10
    other.delete(SIDE, [rows[0].item.id])
    assert rows[0].item.id not in read_all(store)
    assert mirrored(store) is mirrored(other)
    store.close()
    other.upsert(SIDE, rows)
    assert len(read_all(other)) == 10
    other.close()


def test_dropped_and_made_again(store: MilvusStore, tmp_path: Path) -> None:
    other = opened(tmp_path / "milvus")
    store.upsert(SIDE, rows_of(10))
    assert store.count(SIDE) == other.count(SIDE) == 10
    other.drop("mirror")
    with pytest.raises(NotFoundError):
        store.search(SIDE, QUERY, limit=3)
    other.ensure(spec_of("mirror", dim=8))
    other.upsert(SIDE, rows_of(4, dim=8))
    assert other.count(SIDE) == 4
    assert len(other.search(SIDE, unit(np.ones(8)), limit=9)[0]) == 4
    other.close()


def test_writes_by_other_ways_are_seen(store: MilvusStore) -> None:
    """Not through the store's own methods: the sequence number tells."""
    rows = rows_of(10)
    store.upsert(SIDE, rows)
    assert store.count(SIDE) == 10
    store._connection.call(
        "delete",
        store._handle(SIDE).collection,
        filter=f'id in ["{rows[2].item.id}"]',
        doing="a test",
    )
    assert store.count(SIDE) == 9
    assert rows[2].item.id not in read_all(store)


def test_a_write_that_fails_half_way_leaves_what_lite_has(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("searchengine.store.writing._ROWS_A_WRITE", 100)
    rows = rows_of(250)
    store.upsert(SIDE, rows[:10])
    assert store.count(SIDE) == 10
    real, calls = store._connection.upsert, []

    def failing(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) > 1:
            raise StoreUnavailableError("no space left")
        real(*args, **kwargs)

    monkeypatch.setattr(store._connection, "upsert", failing)
    with pytest.raises(StoreUnavailableError, match="no space"):
        store.upsert(SIDE, rows)
    monkeypatch.undo()
    there = read_all(store)
    assert 10 < len(there) < len(rows)
    assert store.count(SIDE) == len(there)
    store.upsert(SIDE, rows)
    assert store.count(SIDE) == len(rows)


def test_reopened(tmp_path: Path) -> None:
    store = opened(tmp_path / "milvus")
    store.ensure(spec_of("mirror"))
    rows = rows_of(30)
    store.upsert(SIDE, rows)
    store.delete(SIDE, [rows[3].item.id])
    before = store.search(SIDE, QUERY, limit=30)
    store.close()
    again = opened(tmp_path / "milvus")
    assert again.search(SIDE, QUERY, limit=30) == before
    assert mirrored(again) is not None
    again.close()


def test_beyond_the_bound_lite_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path / "milvus", mirror_mb=1)
    store.ensure(spec_of("mirror"))
    rows = rows_of(2_500)
    store.upsert(SIDE, rows[:500])
    assert mirrored(store) is not None
    store.upsert(SIDE, rows)
    assert mirrored(store) is None
    asked = asked_of_lite(store, monkeypatch)
    [hits] = store.search(SIDE, rows[7].vector, limit=1)
    assert hits[0].id == rows[7].item.id
    assert "search" in asked
    store.delete(SIDE, [row.item.id for row in rows[300:]])
    store.settle(SIDE)
    assert store.count(SIDE) == 300
    store.close()
    alone = opened(tmp_path / "milvus", mirror_mb=0)
    assert alone.count(SIDE) == 300
    assert mirrored(alone) is None
    alone.close()


def test_sides_share_the_bound(store: MilvusStore) -> None:
    other = Side("other", "image")
    store.ensure(spec_of("other"))
    store.upsert(SIDE, rows_of(1_000))
    store.upsert(other, rows_of(1_000))
    first = mirrored(store)
    assert first is not None
    mirrors = store._connection._mirrors
    assert mirrors is not None
    store._connection._mirror_bytes = 3 * first.nbytes // 2
    assert mirrored(store, other) is not None
    assert len(mirrors._mirrors) == 1  # the one read less lately went
    assert store.count(SIDE) == store.count(other) == 1_000


def test_rows_nobody_reads_are_not_followed(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_UNREAD_BYTES", 10_000)
    store.upsert(SIDE, rows_of(10))
    assert store.count(SIDE) == 10
    store.upsert(SIDE, rows_of(200))
    mirrors = store._connection._mirrors
    assert mirrors is not None
    [mirror] = mirrors._mirrors.values()
    assert mirror.current is None
    assert store.count(SIDE) == 200


def test_readers_do_not_wait_long_for_a_writer(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a snapshot they read it; without one they wait a little, then Lite answers."""
    monkeypatch.setattr(module, "_WAIT_S", 0.1)
    store.upsert(SIDE, rows_of(10))
    assert store.count(SIDE) == 10
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store._connection.writing:
            held.set()
            done.wait(60)

    writer = threading.Thread(target=hold)
    writer.start()
    assert held.wait(60)
    assert mirrored(store) is not None
    store._connection.forget(store._handle(SIDE).collection)
    assert mirrored(store) is None
    assert store.count(SIDE) == 10
    done.set()
    writer.join()
    assert mirrored(store) is not None


def test_fields_are_the_callers_own(store: MilvusStore) -> None:
    """What is done to an answer is not done to the rows."""
    row = rows_of(1)[0]
    store.upsert(SIDE, [Row(make_item(0, meta={"a": [1]}), row.vector)])
    [[hit]] = store.search(SIDE, QUERY, limit=1, fields=("meta", "vector"))
    hit.fields["meta"]["a"].append(2)
    hit.fields["vector"][:] = 0
    [[again]] = store.search(SIDE, QUERY, limit=1, fields=("meta", "vector"))
    assert again.fields["meta"] == {"a": [1]}
    np.testing.assert_allclose(again.fields["vector"], row.vector, atol=1e-7)
