"""An index is replaced once and for all, whoever looks meanwhile and whichever answers are lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymilvus.exceptions import MilvusException

from searchengine.errors import StoreUnavailableError
from searchengine.records import Side
from searchengine.store import open_store, vector_index
from searchengine.store.milvus import MilvusStore
from tests.store.cases import DIM, rows_of, spec_of, unit

SIDE = Side("index", "image")
ROWS = rows_of(150)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MilvusStore]:
    """A side that turns to a graph when it is settled."""
    opened = open_store(tmp_path / "milvus", mirror_mb=0)
    assert isinstance(opened, MilvusStore)
    opened.ensure(spec_of("index", profile="HNSW"))
    opened.upsert(SIDE, ROWS)
    yield opened
    opened.close()


def check(store: MilvusStore, index: str) -> None:
    info = store.describe(SIDE)
    assert info is not None
    assert (info.index, info.count) == (index, len(ROWS))
    assert len(store.search(SIDE, unit(np.ones(DIM)), limit=20)[0]) == 20


@pytest.mark.parametrize("method", ["create_index", "drop_index", "release_collection"])
@pytest.mark.parametrize("lost", [1, 3])
def test_a_request_whose_answer_is_lost_is_as_good_as_answered(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch, method: str, lost: int
) -> None:
    client, calls = store._connection._client, []
    real = getattr(client, method)

    def flaky(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        done = real(*args, **kwargs)
        if len(calls) <= lost:
            raise MilvusException(code=65535, message="channel not available")
        return done

    monkeypatch.setattr(client, method, flaky)
    assert store.reindex(SIDE, "IVF_FLAT").index == "IVF_FLAT"
    assert len(calls) > 1
    check(store, "IVF_FLAT")


def test_who_looks_while_an_index_is_replaced_does_not_build_one(
    store: MilvusStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = open_store(tmp_path / "milvus", mirror_mb=0)
    client = store._connection._client
    real, looks = client.drop_index, []

    with ThreadPoolExecutor(4) as pool:

        def drop_and_wait(*args: Any, **kwargs: Any) -> Any:
            done = real(*args, **kwargs)
            looks.extend(pool.submit(reader.describe, SIDE) for _ in range(4))
            wait(looks, timeout=1.0)  # there is no index now
            return done

        monkeypatch.setattr(client, "drop_index", drop_and_wait)
        assert store.reindex(SIDE, "IVF_FLAT").index == "IVF_FLAT"
        for look in looks:
            info = look.result(60)
            assert info is not None
            assert info.index == "IVF_FLAT"
    assert len(looks) == 4
    check(store, "IVF_FLAT")
    reader.close()


def test_an_index_that_another_process_built_meanwhile_gives_way(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, collection = store._connection, store.ensure(spec_of("index")).collection
    real, built = connection._client.drop_index, []

    def drop_and_be_overtaken(*args: Any, **kwargs: Any) -> Any:
        done = real(*args, **kwargs)
        if len(built) < 2:
            built.append(1)
            vector_index._create(connection, collection, "HNSW", {"M": 8, "efConstruction": 40})
        return done

    monkeypatch.setattr(connection._client, "drop_index", drop_and_be_overtaken)
    assert store.reindex(SIDE, "HNSW").index == "HNSW"
    assert len(built) == 2
    found = vector_index._there(connection, collection)
    assert found is not None
    assert found[0] == "HNSW"
    assert (found[1]["M"], found[1]["efConstruction"]) == ("16", "200")
    check(store, "HNSW")


def test_readers_that_load_it_all_the_time_do_not_keep_an_index_from_going(
    store: MilvusStore,
) -> None:
    client, done = store._connection._client, threading.Event()
    collection = store.ensure(spec_of("index")).collection

    def load() -> None:
        while not done.is_set():
            client.load_collection(collection)
            done.wait(0.02)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for index in ("IVF_FLAT", "HNSW", "FLAT"):
            assert store.reindex(SIDE, index).index == index
    finally:
        done.set()
        thread.join()
    check(store, "FLAT")


def test_an_index_that_cannot_be_built_is_said(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise MilvusException(code=65535, message="no memory for that")

    monkeypatch.setattr(store._connection._client, "create_index", refuse)
    with pytest.raises(StoreUnavailableError, match="no memory for that"):
        store.reindex(SIDE, "IVF_FLAT")
    monkeypatch.undo()
    assert store.reindex(SIDE, "IVF_FLAT").index == "IVF_FLAT"
    check(store, "IVF_FLAT")
