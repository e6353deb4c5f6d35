"""How often a server is asked, and how often it has to wait for its newest writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from searchengine.encoders.fake import FakeEncoder
from searchengine.query.engine import SearchEngine
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.connection import Connection
from searchengine.store.contract import Row, SideSpec
from searchengine.store.milvus import MilvusStore
from tests.store.cases import DIM, drop_quietly, make_item, rows_of, spec_of

Calls = list[tuple[str, str]]


@pytest.fixture
def served(milvus_server_uri: str, corpus_name: str) -> Iterator[tuple[MilvusStore, Side]]:
    """A side of 300 items on a server."""
    store = open_store(milvus_server_uri)
    assert isinstance(store, MilvusStore)
    store.ensure(spec_of(corpus_name))
    side = Side(corpus_name, "image")
    store.upsert(side, rows_of(300))
    assert store.count(side) == 300
    yield store, side
    drop_quietly(store, corpus_name)
    store.close()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Every call to a database from here on, with its consistency; what is known stays known."""
    monkeypatch.setattr("searchengine.store.reading._LOOK_AGAIN_S", 1e9)
    monkeypatch.setattr("searchengine.query.version.AGE_S", 1e9)
    made: Calls = []
    call = Connection.call

    def noted(self: Connection, method: str, *args: Any, **kwargs: Any) -> Any:
        made.append((method, str(kwargs.get("consistency_level", ""))))
        return call(self, method, *args, **kwargs)

    monkeypatch.setattr(Connection, "call", noted)
    return made


def test_vectors_cost_no_second_wait(served: tuple[MilvusStore, Side], calls: Calls) -> None:
    store, side = served
    query = rows_of(300)[7].vector
    [hits] = store.search(side, query[None], limit=5, fields=("uri", "vector"))
    assert calls == [("search", "Strong"), ("query", "Eventually")]
    for hit in hits:
        assert hit.fields["vector"] @ query == pytest.approx(hit.score, abs=1e-5)
    [plain] = store.search(side, query[None], limit=5, fields=("uri",))
    assert [(hit.id, hit.fields["uri"]) for hit in plain] == [
        (hit.id, hit.fields["uri"]) for hit in hits
    ]


def test_many_vectors_come_with_the_hits(served: tuple[MilvusStore, Side], calls: Calls) -> None:
    store, side = served
    queries = np.stack([row.vector for row in rows_of(300)[:200]])
    found = store.search(side, queries, limit=10, fields=("vector",))
    assert {method for method, _ in calls} == {"search"}
    best = [hits[0].fields["vector"] for hits in found]
    np.testing.assert_allclose(np.stack(best), queries, atol=1e-6)


def test_a_replica_that_is_behind_loses_no_hit(
    served: tuple[MilvusStore, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, side = served
    query = rows_of(300)[7].vector
    call = Connection.call

    def behind(self: Connection, method: str, *args: Any, **kwargs: Any) -> Any:
        done = call(self, method, *args, **kwargs)
        return done[1:] if kwargs.get("consistency_level") == "Eventually" else done

    monkeypatch.setattr(Connection, "call", behind)
    [hits] = store.search(side, query[None], limit=5, fields=("vector",))
    assert len(hits) == 5
    assert hits[0].fields["vector"] == pytest.approx(query, abs=1e-6)


def test_a_look_that_need_not_be_fresh_waits_for_nothing(
    served: tuple[MilvusStore, Side], calls: Calls
) -> None:
    store, side = served
    info = store.describe(side, fresh=False)
    assert info is not None
    assert info.dim == DIM
    assert 0 <= info.count <= 300
    assert [method for method, _ in calls] == [
        "describe_collection",
        "describe_index",
        "load_collection",
        "query",
    ]
    assert "Strong" not in {consistency for _, consistency in calls}
    exact = store.describe(side)
    assert exact is not None
    assert exact.count == 300


def test_a_warm_question_is_a_search_and_a_read(
    milvus_server_uri: str, corpus_name: str, calls: Calls
) -> None:
    encoder = FakeEncoder()
    store = open_store(milvus_server_uri)
    side = Side(corpus_name, "image")
    store.ensure(SideSpec(side, encoder.name, encoder.fingerprint, encoder.dim))
    store.upsert(side, [Row(make_item(1), encoder.encode_texts(["a dog"])[0])])
    with SearchEngine(store, lambda _: encoder, corpus=corpus_name) as engine:
        assert len(engine.search("a dog").hits) == 1
        calls.clear()
        assert len(engine.search("a dog").hits) == 1
        assert calls == [("search", "Strong"), ("query", "Eventually")]
        calls.clear()
        assert len(engine.search("a dog", fresh=False).hits) == 1
        assert calls == [("search", "Eventually"), ("query", "Eventually")]
        store.drop(corpus_name)
