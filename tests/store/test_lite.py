"""A Milvus Lite folder: one process at a time, nothing acknowledged lost, let go at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from searchengine.errors import NotFoundError, SettingsError, StoreBusyError, StoreUnavailableError
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.milvus import MilvusStore
from searchengine.store.naming import alias_of
from tests.store.cases import DIM, rows_of, spec_of, unit

SIDE = Side("lite", "image")
ROOT = Path(__file__).resolve().parents[2]

_WRITER = """
import sys
from searchengine.store import open_store
from searchengine.store.milvus import MilvusStore
from searchengine.store.naming import alias_of
from tests.store.cases import rows_of, spec_of
from searchengine.records import Side

store = open_store(sys.argv[1])
store.ensure(spec_of("lite"))
rows = rows_of(100_000, dim=32)
for at in range(0, len(rows), 100):
    store.upsert(Side("lite", "image"), rows[at : at + 100])
    print(at + 100, flush=True)
"""

_HOLDER = """
import sys
from searchengine.store import open_store
from searchengine.store.milvus import MilvusStore
from searchengine.store.naming import alias_of

store = open_store(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
store.close()
print("closed", flush=True)
sys.stdin.read()
"""


def run(program: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er" / "milvus"
    store = open_store(folder)
    store.ensure(spec_of("lite"))
    rows = rows_of(30)
    store.upsert(SIDE, rows)
    store.reindex(SIDE, "hnsw")
    store.close()
    again = open_store(f"file://{folder}")
    info = again.describe(SIDE)
    assert info is not None
    assert (info.count, info.index, info.profile, info.model) == (30, "HNSW", "HNSW", "fake/one")
    [hits] = again.search(SIDE, rows[5].vector[None], limit=1)
    assert hits[0].id == rows[5].item.id
    again.close()


def test_a_folder_in_use_is_busy_until_it_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "milvus"
    holder = run(_HOLDER, folder)
    assert holder.stdin is not None
    try:
        assert first_line(holder) == "open"
        with pytest.raises(StoreBusyError, match="in use by another process"):
            open_store(folder)
    finally:
        holder.kill()
        holder.communicate()
    open_store(folder).close()


def test_close_frees_the_folder_though_the_process_lives(tmp_path: Path) -> None:
    folder = tmp_path / "milvus"
    mine = open_store(folder)
    second = open_store(folder)  # the same process may open it twice
    mine.close()
    mine.close()
    assert second.sides() == []
    second.close()
    other = run(_HOLDER, folder)
    try:
        assert first_line(other) == "open"
    finally:
        other.kill()
        other.communicate()


def test_rows_acknowledged_before_sigkill_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "milvus"
    writer = run(_WRITER, folder)
    assert writer.stdout is not None
    acknowledged = 0
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged >= 1500:
            break
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read()  # communicate() forgets what the lines above were read ahead of
    writer.wait()
    acknowledged = max([acknowledged, *(int(line) for line in rest.split())])
    store = open_store(folder)
    rows = rows_of(100_000, dim=32)[:acknowledged]
    ids = [row.item.id for row in rows]
    found = store.fetch(SIDE, ids, ("revision", "vector"))
    assert set(found) == set(ids)
    for row in (rows[0], rows[-1]):
        np.testing.assert_allclose(found[row.item.id]["vector"], row.vector, atol=1e-6)
    assert acknowledged <= store.count(SIDE) <= acknowledged + 100
    store.close()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    file = tmp_path / "milvus"
    file.write_text("hello")
    with pytest.raises(StoreUnavailableError, match="cannot be opened"):
        open_store(file)


@pytest.mark.parametrize("address", ["ftp://host/x", "", "s3://bucket"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(SettingsError, match="no address"):
        open_store(address)


def test_a_scan_of_many_rows_yields_each_once(tmp_path: Path) -> None:
    store = open_store(tmp_path / "milvus")
    store.ensure(spec_of("lite", dim=4))
    rows = rows_of(20_000, dim=4)
    store.upsert(SIDE, rows)
    found = [row["id"] for row in store.scan(SIDE)]
    assert sorted(found) == sorted(row.item.id for row in rows)
    assert store.count(SIDE) == len(rows)
    store.close()


def test_nothing_is_said_on_stdout_or_stderr(tmp_path: Path) -> None:
    program = """
import sys
from searchengine.store import open_store
from searchengine.store.milvus import MilvusStore
from searchengine.store.naming import alias_of
from searchengine.errors import SearchEngineError
from searchengine.records import Side
store = open_store(sys.argv[1])
for call in (lambda: store.count(Side("x", "image")), lambda: store.drop("x")):
    try:
        call()
    except SearchEngineError:
        pass
store.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "milvus")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_opening_and_reading_revisions_is_quick(tmp_path: Path) -> None:
    """What a second run over unchanged photos pays, beyond its imports."""
    rows = rows_of(676, dim=512)
    store = open_store(tmp_path / "milvus")
    store.ensure(spec_of("lite", dim=512))
    store.upsert(SIDE, rows)
    store.settle(SIDE)
    store.close()
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        store = open_store(tmp_path / "milvus")
        store.describe(SIDE)
        assert len(store.fetch(SIDE, [row.item.id for row in rows], ("revision",))) == 676
        store.close()
        taken.append(time.perf_counter() - start)
    assert min(taken) < 1.0  # 0.1 s on two quiet cores


def test_auto_turns_to_hnsw_when_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searchengine.store.profiles.AUTO_THRESHOLD", 100)
    store = open_store(tmp_path / "milvus", mirror_mb=0)
    store.ensure(spec_of("lite"))
    rows = rows_of(150)
    store.upsert(SIDE, rows[:90])
    assert store.settle(SIDE).index == "FLAT"
    store.upsert(SIDE, rows)
    info = store.settle(SIDE)
    assert (info.index, info.profile) == ("HNSW", "auto")
    store.delete(SIDE, [row.item.id for row in rows[20:]])
    assert store.settle(SIDE).index == "FLAT"
    assert len(store.search(SIDE, unit(np.ones(DIM)), limit=50)[0]) == 20
    store.close()


def test_auto_builds_no_graph_over_rows_that_are_compared_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("searchengine.store.profiles.AUTO_THRESHOLD", 100)
    rows = rows_of(150)
    for mirror_mb, index in ((1024, "FLAT"), (0, "HNSW"), (1024, "FLAT")):
        store = open_store(tmp_path / "milvus", mirror_mb=mirror_mb)
        store.ensure(spec_of("lite"))
        store.upsert(SIDE, rows)
        assert store.settle(SIDE).index == index
        assert store.search(SIDE, rows[7].vector[None], limit=1)[0][0].id == rows[7].item.id
        store.close()


def test_an_index_changed_by_another_store_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service goes on searching while the index is rebuilt beside it."""
    monkeypatch.setattr("searchengine.store.reading._LOOK_AGAIN_S", 0.0)
    service, other = open_store(tmp_path / "milvus"), open_store(tmp_path / "milvus")
    service.ensure(spec_of("lite"))
    rows = rows_of(200)
    service.upsert(SIDE, rows)
    assert len(service.search(SIDE, rows[0].vector[None], limit=5)[0]) == 5
    other.reindex(SIDE, "HNSW")
    assert len(service.search(SIDE, rows[0].vector[None], limit=200)[0]) == 200
    assert isinstance(service, MilvusStore)
    assert service._handles[SIDE].index == "HNSW"
    other.drop("lite")
    with pytest.raises(NotFoundError):
        service.search(SIDE, rows[0].vector[None], limit=5)
    service.close()
    other.close()


def test_a_run_that_died_while_it_replaced_the_index(tmp_path: Path) -> None:
    store = open_store(tmp_path / "milvus")
    assert isinstance(store, MilvusStore)
    collection = store.ensure(spec_of("lite")).collection
    rows = rows_of(20)
    store.upsert(SIDE, rows)
    store._connection.call("release_collection", collection, doing="a test")
    store._connection.call("drop_index", collection, "vector", doing="a test")
    store.close()
    again = open_store(tmp_path / "milvus")
    info = again.describe(SIDE)
    assert info is not None
    assert (info.index, info.count) == ("FLAT", 20)
    assert again.search(SIDE, rows[3].vector[None], limit=1)[0][0].id == rows[3].item.id
    again.close()


def test_a_run_that_died_while_it_made_or_dropped_a_corpus(tmp_path: Path) -> None:
    store = open_store(tmp_path / "milvus")
    assert isinstance(store, MilvusStore)
    info = store.ensure(spec_of("lite"))
    store.upsert(SIDE, rows_of(20))
    alias = alias_of(SIDE)
    store._connection.call("drop_alias", alias, doing="a test")  # half dropped
    store.close()
    again = open_store(tmp_path / "milvus")
    assert isinstance(again, MilvusStore)
    assert again.describe(SIDE) is None
    assert again.sides() == []
    assert again.ensure(spec_of("lite")).count == 0  # the old rows are gone, as was asked
    again._connection.call("drop_alias", alias, doing="a test")  # half made: no rows, no alias
    assert again.ensure(spec_of("lite")) == again.describe(SIDE)
    assert again.ensure(spec_of("lite")).collection == info.collection
    again.close()


def test_requests_that_come_together_open_a_collection_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice open, it would have two logs, and one half of the rows would not be seen."""
    import milvus_lite.db

    folder = tmp_path / "milvus"
    store = open_store(folder)
    store.ensure(spec_of("lite"))
    store.close()
    made, real = [], milvus_lite.db.Collection

    def slow(*args: object, **kwargs: object) -> object:
        made.append(args[0])
        time.sleep(0.2)
        return real(*args, **kwargs)

    monkeypatch.setattr(milvus_lite.db, "Collection", slow)
    stores = [open_store(folder) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda one: one.count(SIDE), stores))
    for one in stores:
        one.close()
    assert counts == [0, 0]
    assert len(made) == 1
