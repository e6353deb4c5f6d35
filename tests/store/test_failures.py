"""What goes wrong below comes out as one of our errors, in time, and nothing is lost."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from searchengine.errors import (
    DiskFullError,
    NotFoundError,
    QueryError,
    StoreUnavailableError,
    UnsupportedError,
)
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.failures import translate
from searchengine.store.milvus import MilvusStore
from tests.conftest import MilvusProcess
from tests.store.cases import rows_of, spec_of

SIDE = Side("failures", "image")


def milvus_error(code: int, message: str) -> Exception:
    from pymilvus.exceptions import MilvusException

    error: Exception = MilvusException(code=code, message=message)
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError),
        (milvus_error(5, "[Errno 28] No space left on device"), DiskFullError),
        (milvus_error(100, "can't find collection[x]"), NotFoundError),
        (milvus_error(65535, "no available shard delegator found"), StoreUnavailableError),
        (milvus_error(1100, "invalid index type: X"), UnsupportedError),
        (milvus_error(65535, "message larger than max (5 vs. 4)"), QueryError),
        (milvus_error(65535, "something nobody has seen"), StoreUnavailableError),
    ],
)
def test_translation(error: Exception, expected: type[Exception]) -> None:
    translated = translate(error, "writing", "http://db:1", lite=False)
    assert type(translated) is expected
    assert "\n" not in str(translated)


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=rf"127\.0\.0\.1:{port}") as caught:
        open_store(f"http://127.0.0.1:{port}", password="secret", user="me")
    assert time.monotonic() - start < 3
    assert "server runs" in caught.value.hint
    assert "secret" not in str(caught.value)


def test_somebody_listens_who_is_no_milvus() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            open_store(f"tcp://127.0.0.1:{port}", timeout_s=1.5)
        assert time.monotonic() - start < 8


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path / "milvus")
    store.ensure(spec_of("failures"))
    rows = rows_of(20)
    store.upsert(SIDE, rows[:10])

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("milvus_lite.storage.wal.WAL.write_insert", full)
        with pytest.raises(DiskFullError, match="no space left"):
            store.upsert(SIDE, rows)
    assert store.count(SIDE) == 10
    store.upsert(SIDE, rows)  # the same command again, with space
    assert store.count(SIDE) == 20
    store.close()


def test_a_write_is_tried_again_and_leaves_no_duplicate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "milvus")
    assert isinstance(store, MilvusStore)
    store.ensure(spec_of("failures"))
    below = store._connection._client._get_connection()
    upsert, calls = below.upsert, []

    def flaky(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        done = upsert(*args, **kwargs)
        if len(calls) < 3:  # written, but the answer never comes
            raise milvus_error(65535, "channel not available")
        return done

    monkeypatch.setattr(below, "upsert", flaky)
    store.upsert(SIDE, rows_of(20))
    assert len(calls) == 3
    assert store.count(SIDE) == 20
    store.close()


def test_large_writes_go_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path / "milvus")
    assert isinstance(store, MilvusStore)
    store.ensure(spec_of("failures"))
    below = store._connection._client._get_connection()
    upsert, sizes = below.upsert, []

    def counted(*args: Any, upsert_param: Any, **kwargs: Any) -> Any:
        sizes.append(upsert_param.num_rows)
        return upsert(*args, upsert_param=upsert_param, **kwargs)

    monkeypatch.setattr(below, "upsert", counted)
    monkeypatch.setattr("searchengine.store.writing._BYTES_A_WRITE", 100_000)
    store.upsert(SIDE, rows_of(1_000))
    assert len(sizes) > 5
    assert sum(sizes) == 1_000 == store.count(SIDE)
    store.close()


def test_a_login_is_asked_for(make_milvus: Callable[..., MilvusProcess]) -> None:
    uri = make_milvus(auth=True).start()
    for user, password, token in (("", "", ""), ("root", "wrong", ""), ("", "", "root:wrong")):
        with pytest.raises(StoreUnavailableError, match="refuses the login") as caught:
            open_store(uri, user=user, password=password, token=token).sides()
        assert "wrong" not in str(caught.value)
    for user, password, token in (("root", "Milvus", ""), ("", "", "root:Milvus")):
        store = open_store(uri, user=user, password=password, token=token)
        assert store.sides() == []
        store.close()


def test_a_server_killed_while_writing_and_back(killable_milvus: MilvusProcess) -> None:
    """Reads fail in time; a write waits, and goes on where it was; all acknowledged is there."""
    store = open_store(killable_milvus.start(), timeout_s=3)
    store.ensure(spec_of("failures"))
    rows = rows_of(3_000)
    store.upsert(SIDE, rows[:1_000])
    killable_milvus.kill()
    start = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        store.count(SIDE)
    assert time.monotonic() - start < 8
    back = threading.Timer(1, killable_milvus.start)
    back.start()
    store.upsert(SIDE, rows[1_000:])
    back.join()
    patient = open_store(killable_milvus.uri, timeout_s=60)
    assert patient.count(SIDE) == 3_000
    ids = [row.item.id for row in rows]
    assert len(patient.fetch(SIDE, ids, ("revision",))) == 3_000
    for one in (store, patient):
        one.close()
