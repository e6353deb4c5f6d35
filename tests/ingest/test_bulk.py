"""Rows that a server imports from files are the rows that would have been upserted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ingest.bulk import BulkStore
from searchengine.cli.app import app
from searchengine.errors import SettingsError, StoreUnavailableError, UnsupportedError, UsageError
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.bulk_files import BulkFile, BulkPlace, clear
from searchengine.store.contract import Row, Store
from searchengine.store.fields import ALL_FIELDS, encode_item
from searchengine.store.memory import MemoryStore
from tests.ingest.folders import picture
from tests.ingest.sources.test_remote import Objects, objects, s3_endpoint
from tests.store.cases import DIM, drop_quietly, make_item, rows_of, spec_of, unit

__all__ = ["objects", "s3_endpoint"]

CORPUS = "bulk 读"
DRAFT = Side(CORPUS, "image", draft=True)
SPEC = replace(spec_of(CORPUS), side=DRAFT)


def hard_rows(count: int) -> list[Row]:
    """Rows, the first of them with all that is hard to carry."""
    rows = rows_of(count)
    rows[0] = Row(
        make_item(
            0,
            caption='ein "Hund" \\ 狗\n\tzweite Zeile',
            taken_at="2024-06-01T12:30:00+02:00",
            latitude=-0.0,
            longitude=180.0,
            width=4000,
            meta={"rating": 4, "deep": {"list": [1, "a", None]}, "schön": True, "x": 1.5},
        ),
        rows[0].vector,
    )
    return rows


@pytest.fixture
def server(milvus_server_uri: str) -> Iterator[Store]:
    with closing(open_store(milvus_server_uri)) as store:
        drop_quietly(store, CORPUS)
        yield store
        drop_quietly(store, CORPUS)


def bulk(server: Store, folder: Path, file_bytes: int) -> Store:
    return cast("Store", BulkStore(server, BulkPlace(str(folder)), file_bytes=file_bytes))


def test_imported_rows_are_those_that_would_have_been_upserted(
    server: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, imported = hard_rows(700), []
    real = server.import_file

    def spy(side: Side, name: str) -> None:
        imported.append(pq.read_metadata(name).num_rows)
        real(side, name)

    monkeypatch.setattr(server, "import_file", spy)
    store = bulk(server, tmp_path, 100_000)
    store.ensure(SPEC)
    for start in range(0, 700, 100):
        store.upsert(DRAFT, rows[start : start + 100])
    changed = Row(replace(rows[5].item, revision="later"), rows[6].vector)
    store.upsert(DRAFT, [changed])  # its first row is in a file
    info = store.settle(DRAFT)
    assert info.count == 700 == sum(imported)
    assert len(imported) > 1
    assert info.settled
    assert list(tmp_path.iterdir()) == []
    rows[5] = changed
    there = {row["id"]: row for row in server.scan(DRAFT, fields=(*ALL_FIELDS, "vector"))}
    assert len(there) == 700
    for row in rows:
        found = there[row.item.id]
        assert {name: found[name] for name in ALL_FIELDS} == {
            name: getattr(row.item, name) for name in ALL_FIELDS
        }
        np.testing.assert_allclose(found["vector"], row.vector, atol=1e-6)
    assert server.describe(Side(CORPUS, "image")) is None
    server.switch(CORPUS)
    [hits] = server.search(Side(CORPUS, "image"), unit(rows[9].vector), limit=1)
    assert hits[0].id == rows[9].item.id


def test_a_run_that_was_killed_leaves_nothing_twice(server: Store, tmp_path: Path) -> None:
    rows = rows_of(300)
    first = bulk(server, tmp_path, 1 << 30)
    info = first.ensure(SPEC)
    first.upsert(DRAFT, rows[:100])  # in a file that nobody imports: its run is gone
    asked = BulkFile(BulkPlace(str(tmp_path)), info.collection)
    asked.add(
        [encode_item(row.item) for row in rows[100:200]],
        np.stack([r.vector for r in rows[100:200]]),
    )
    asked.close()
    below = server._connection  # type: ignore[attr-defined]
    below.below("do_bulk_insert", info.collection, "", [asked.name], doing="a test", retry_times=1)
    again = bulk(server, tmp_path, 1 << 30)
    known = again.describe(DRAFT)
    assert known is not None
    assert known.count == 100  # what the server was asked for was waited for
    assert list(tmp_path.iterdir()) == []
    again.ensure(SPEC)
    again.upsert(DRAFT, rows)
    assert again.settle(DRAFT).count == 300
    assert len(list(server.scan(DRAFT))) == 300


def test_what_the_server_cannot_read_is_told(server: Store, tmp_path: Path) -> None:
    place = BulkPlace(str(tmp_path), "/no/such/place")
    store = cast("Store", BulkStore(server, place))
    store.ensure(SPEC)
    store.upsert(DRAFT, rows_of(3))
    with pytest.raises(StoreUnavailableError, match="import") as told:
        store.settle(DRAFT)
    assert "store.bulk_uri" in told.value.hint
    with pytest.raises(UsageError, match="draft only"):
        store.ensure(spec_of(CORPUS))


def test_index_in_bulk(
    milvus_server_uri: str, server: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCHENGINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEARCHENGINE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    for n in range(5):
        (tmp_path / "photos" / f"{n}.png").write_bytes(picture((n * 50, 200, 90)))

    def typed(*arguments: object) -> str:
        words = [str(one) for one in (*arguments, "-c", CORPUS, "--store", milvus_server_uri)]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    files = ("--bulk", "--set", f"store.bulk_uri={tmp_path / 'files'}", "-q", "--json")
    with pytest.raises(SettingsError, match="a place that the server reads"):
        typed("index", tmp_path / "photos", "--model", "fake", "--bulk", "-q")
    made = json.loads(typed("index", tmp_path / "photos", "--model", "fake", *files))
    assert made["embedded"] == 5
    states = [(one.state, one.info.model, one.info.count) for one in server.versions(CORPUS)]
    assert states == [("live", "fake", 5)]  # a corpus's first version goes live by itself
    typed("index", tmp_path / "photos", *files)
    states = [(one.state, one.info.model, one.info.count) for one in server.versions(CORPUS)]
    assert states == [("live", "fake", 5), ("draft", "fake", 5)]


def test_files_hold_every_column(tmp_path: Path) -> None:
    rows = hard_rows(5)
    file = BulkFile(BulkPlace(str(tmp_path), "bucket/prefix/"), "se_c")
    file.add([encode_item(row.item) for row in rows], np.stack([row.vector for row in rows]))
    file.close()
    [path] = tmp_path.iterdir()
    assert file.name == f"bucket/prefix/{path.name}"
    table = pq.read_table(path)
    assert table.num_rows == 5 == file.rows
    assert {"id", "uri", "vector", "taken_at_ms", "meta"} <= {*table.column_names}
    assert json.loads(table["meta"][0].as_py()) == rows[0].item.meta
    np.testing.assert_array_equal(table["vector"][0].as_py(), rows[0].vector)
    assert len(rows[0].vector) == DIM


def test_who_cannot_import_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="no bulk import"):
        BulkStore(MemoryStore(), BulkPlace(str(tmp_path)))
    with pytest.raises(UnsupportedError, match="no bulk import"):
        MemoryStore().import_file(DRAFT, "a.parquet")
    with pytest.raises(SettingsError, match="nowhere"):
        BulkPlace("nowhere://a/b").open()


def test_files_go_into_a_bucket(objects: Objects) -> None:
    place, rows = BulkPlace(objects.url("incoming")), hard_rows(3)
    file = BulkFile(place, "se_c")
    file.add([encode_item(row.item) for row in rows], np.stack([row.vector for row in rows]))
    file.close()
    assert file.name.removeprefix("bucket/").startswith("photos/incoming/se_c.")
    with objects.fs.open(f"bucket/{file.name.removeprefix('bucket/')}") as opened:
        assert pq.read_table(opened)["id"].to_pylist() == [row.item.id for row in rows]
    assert clear(place, "se_other") == 0
    assert clear(place, "se_c") == 1
    assert objects.fs.find(objects.url("incoming")) == []


def test_what_comes_again_waits_for_the_imports(server: Store, tmp_path: Path) -> None:
    rows = rows_of(60)
    store = bulk(server, tmp_path, 1 << 30)
    store.ensure(SPEC)
    store.upsert(DRAFT, rows[:40])
    newer = [Row(replace(row.item, revision="newer"), row.vector) for row in rows[:10]]
    store.upsert(DRAFT, newer)
    assert server.count(DRAFT) == 0  # held back, for their first rows are in a file
    store.delete(DRAFT, [rows[0].item.id])
    assert server.count(DRAFT) == 39
    store.upsert(DRAFT, rows[40:])
    assert store.settle(DRAFT).count == 59
    found = server.fetch(DRAFT, [row.item.id for row in rows], ("revision",))
    assert sorted(one["revision"] for one in found.values()).count("newer") == 9
