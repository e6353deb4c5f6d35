"""Milvus Lite's files written and merged our way hold what they hold its own way, crash or not."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from searchengine.store import open_store
from searchengine.store.contract import Row, Store
from searchengine.store.lite_files import (
    LOT_BYTES,
    keys_of,
    merge,
    read,
    table_of,
    write,
    write_lite_files_leanly,
)
from tests.store.cases import make_item, rows_of, spec_of
from tests.store.test_lite import SIDE, run

write_lite_files_leanly()  # before Lite is imported

from milvus_lite import CollectionSchema, DataType, FieldSchema  # noqa: E402
from milvus_lite.engine import collection as lite_collection  # noqa: E402
from milvus_lite.engine import compaction, flush  # noqa: E402
from milvus_lite.schema.arrow_builder import build_data_schema, build_wal_data_schema  # noqa: E402
from milvus_lite.storage import memtable, segment  # noqa: E402
from milvus_lite.storage.data_file import write_data_file  # noqa: E402
from milvus_lite.storage.delta_index import DeltaIndex  # noqa: E402
from milvus_lite.storage.manifest import Manifest  # noqa: E402

SCHEMA = CollectionSchema(
    fields=[
        FieldSchema(name="id", dtype=DataType.VARCHAR, max_length=32, is_primary=True),
        FieldSchema(name="caption", dtype=DataType.VARCHAR, max_length=100),
        FieldSchema(name="meta", dtype=DataType.JSON),
        FieldSchema(name="terms", dtype=DataType.SPARSE_FLOAT_VECTOR),
        FieldSchema(name="vector", dtype=DataType.FLOAT_VECTOR, dim=8),
    ]
)


def own(module: ModuleType) -> ModuleType:
    """Return a module of Lite as it comes."""
    spec = importlib.util.spec_from_file_location(f"own_{module.__name__}", module.__file__ or "")
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    return fresh


def made(seqs: Any, rng: np.random.Generator, keys: int, schema: Any) -> Any:
    """Return a table of rows with those numbers, of so many different ids."""
    count = len(seqs)
    values = {
        "_seq": list(map(int, seqs)),
        "_partition": ["_default"] * count,
        "id": [f"{key:032x}" for key in rng.integers(0, keys, count)],
        "caption": [f"ein Hund 狗 {seq}" for seq in seqs],
        "meta": ['{"a": 1}'] * count,
        "terms": [bytes(8 * (int(seq) % 3)) for seq in seqs],
        "vector": rng.normal(size=(count, 8)).tolist(),
    }
    return pa.Table.from_pydict({n: values[n] for n in schema.names}, schema=schema)


def test_the_lite_that_is_installed_is_the_one_that_is_known() -> None:
    assert write_lite_files_leanly()
    assert memtable.MemTable._build_data_table is table_of
    assert memtable.MemTable.to_search_arrays is keys_of
    assert compaction.CompactionManager._compact_files is merge
    assert segment.read_data_file is read
    assert flush.write_data_file is write
    assert lite_collection.MEMTABLE_MEMORY_LIMIT == LOT_BYTES


@pytest.mark.parametrize("keys", [1, 7, 10**9])
def test_a_lot_is_the_table_that_lite_makes(keys: int) -> None:
    rng = np.random.default_rng(keys)
    ours, theirs = memtable.MemTable(SCHEMA), own(memtable).MemTable(SCHEMA)
    wide = build_wal_data_schema(SCHEMA)
    for start in range(0, 60, 20):
        for batch in made(range(start, start + 20), rng, keys, wide).to_batches():
            ours.apply_insert(batch)
            theirs.apply_insert(batch)
    for at, found in enumerate(ours.to_search_arrays("vector", ["_default"])):
        wanted = theirs.to_search_arrays("vector", ["_default"])[at]
        assert at == 2 or list(found) == list(wanted)
    assert ours.to_search_arrays("vector", ["other"])[0] == []
    mine, expected = ours.flush(["_default"]), theirs.flush(["_default"])
    assert mine["_default"][0].equals(expected["_default"][0])
    assert mine["_default"][0].schema.equals(expected["_default"][0].schema)
    assert mine["_default"][0].num_rows == min(keys, 60)


@pytest.mark.parametrize("keys", [1, 30, 10**9])
@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("most", [100_000, 37])
def test_merged_files_hold_what_lite_puts_into_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: int, deleted: bool, most: int
) -> None:
    found = []
    for name, module in (("ours", compaction), ("theirs", own(compaction))):
        monkeypatch.setattr(module, "MAX_SEGMENT_ROWS", most)
        monkeypatch.setattr(compaction, "MAX_SEGMENT_ROWS", most)
        rng = np.random.default_rng(keys)
        folder = tmp_path / name / "partitions" / "_default"
        manifest, delta = Manifest.load(str(tmp_path / name)), DeltaIndex("id")
        numbers = np.split(rng.permutation(120), 4)  # each file's rows are of all ages
        for seqs in (*map(np.sort, numbers), np.arange(120, 121)):
            table = made(seqs, rng, keys, build_data_schema(SCHEMA))
            seq = int(seqs.min()), int(seqs.max())
            manifest.add_data_file("_default", write_data_file(table, str(folder), *seq))
        if deleted:
            gone = [f"{key:032x}" for key in range(0, 30, 2)]
            delta.add_table(pa.table({"id": gone, "_seq": [60] * len(gone)}))
        before = manifest.get_data_files("_default")
        manager = module.CompactionManager(str(tmp_path / name), SCHEMA)
        manager._compact_files("_default", str(folder), before[:4], manifest, delta)
        after = Manifest.load(str(tmp_path / name)).get_data_files("_default")
        assert {f"data/{one.name}" for one in (folder / "data").iterdir()} == set(after)
        assert before[4] in after
        tables = [pq.read_table(folder / one) for one in after]
        found.append(pa.concat_tables(tables).sort_by([("_seq", "ascending")]))
        if name == "ours":
            assert all(table.num_rows <= most for table in tables)
    assert found[0].equals(found[1])
    assert 0 < found[0].num_rows <= 121


def test_a_file_of_several_groups_is_read_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = made(range(40), np.random.default_rng(0), 99, build_data_schema(SCHEMA))
    monkeypatch.setattr("searchengine.store.lite_files._GROUP_BYTES", table.nbytes // 5)
    (tmp_path / "theirs").mkdir()
    name = write(table, str(tmp_path), 0, 39)
    assert name == write_data_file(table, str(tmp_path / "theirs"), 0, 39)
    assert pq.ParquetFile(tmp_path / name).num_row_groups >= 5
    whole = read(str(tmp_path / name))
    assert whole.equals(table)
    assert all(column.num_chunks == 1 for column in whole.columns)


@pytest.fixture
def small_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Lite write a file every hundred rows or so, and merge these all the time."""
    monkeypatch.setattr(lite_collection, "MEMTABLE_MEMORY_LIMIT", 32 * 1024)


def written(store: Store, seed: int) -> dict[str, Row]:
    """Write, overwrite and delete; return what is there then."""
    rng = np.random.default_rng(seed)
    there: dict[str, Row] = {}
    vectors = [row.vector for row in rows_of(3_000, seed=seed)]
    for turn in range(60):
        numbers = rng.choice(1_000, 50, replace=False)
        rows = [
            Row(make_item(int(n), revision=f"{turn}"), vectors[50 * turn + at])
            for at, n in enumerate(numbers)
        ]
        store.upsert(SIDE, rows)
        there |= {row.item.id: row for row in rows}
        gone = [make_item(int(n)).id for n in rng.choice(1_000, 5, replace=False)]
        store.delete(SIDE, gone)
        for one in gone:
            there.pop(one, None)
    return there


def check(store: Store, there: dict[str, Row]) -> None:
    assert store.count(SIDE) == len(there)
    found = store.fetch(SIDE, list(there), ("revision", "vector"))
    assert {id_: row["revision"] for id_, row in found.items()} == {
        id_: row.item.revision for id_, row in there.items()
    }
    for id_, row in list(there.items())[::50]:
        np.testing.assert_array_equal(found[id_]["vector"], row.vector)
        [[hit]] = store.search(SIDE, row.vector[None], limit=1)
        assert hit.id == id_


def collection_of(store: Any) -> Any:
    (collection,) = store._connection._mirrors._database._collections.values()
    return collection


@pytest.mark.parametrize("mirror_mb", [0, 100])
@pytest.mark.usefixtures("small_lots")
def test_rows_are_there_through_many_files_and_merges(tmp_path: Path, mirror_mb: int) -> None:
    store = open_store(tmp_path / "milvus", mirror_mb=mirror_mb)
    store.ensure(spec_of("lite"))
    there = written(store, seed=1)
    collection = collection_of(store)
    assert collection._memtable.size()
    assert collection.num_entities == len(there)
    files = collection._manifest.current_seq, len(collection._segments_snapshot())
    assert files[0] > 1_000  # most rows have gone to disk meanwhile
    collection._wait_for_bg()
    assert len(collection._segments_snapshot()) < 10  # and were merged
    check(store, there)
    store.settle(SIDE)
    check(store, there)
    store.close()
    again = open_store(tmp_path / "milvus", mirror_mb=mirror_mb)
    check(again, there)
    again.close()


@pytest.mark.parametrize("moment", ["before the manifest", "after the manifest"])
@pytest.mark.usefixtures("small_lots")
def test_a_merge_that_is_cut_short_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    store = open_store(tmp_path / "milvus")
    store.ensure(spec_of("lite"))
    merging = False
    cut = []

    def fail(*_: Any, **__: Any) -> None:
        cut.append(moment)
        raise OSError("cut short")

    def merge_and_fail(*args: Any) -> None:
        nonlocal merging
        with monkeypatch.context() as patch:
            if moment == "before the manifest":
                patch.setattr(args[4], "save", fail)
            else:
                patch.setattr(Path, "unlink", fail)
            merge(*args)

    monkeypatch.setattr(compaction.CompactionManager, "_compact_files", merge_and_fail)
    rows = rows_of(2_000)
    for at in range(0, 1_200, 50):
        store.upsert(SIDE, rows[at : at + 50])
        if cut:
            break
    assert cut
    collection_of(store)._wait_for_bg()
    shutil.copytree(tmp_path / "milvus", tmp_path / "left")  # as a kill right now would leave it
    acknowledged = rows[: at + 50]
    left = open_store(tmp_path / "left")
    check(left, {row.item.id: row for row in acknowledged})
    left.close()
    store.close()


def test_rows_acknowledged_before_sigkill_are_there_with_files_written_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES", "40000")
    writer = run(_WRITER, tmp_path / "milvus")
    assert writer.stdout is not None
    acknowledged = 0
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged >= 3_000:
            break
    os.kill(writer.pid, signal.SIGKILL)
    rest, _ = writer.communicate()
    acknowledged = max([acknowledged, *(int(line) for line in rest.split())])
    assert list((tmp_path / "milvus").rglob("data_*.parquet"))
    store = open_store(tmp_path / "milvus")
    ids = [make_item(number).id for number in range(acknowledged)]
    assert set(store.fetch(SIDE, ids, ())) == set(ids)
    assert acknowledged <= store.count(SIDE) <= acknowledged + 100
    store.close()


_WRITER = """
import sys
from searchengine.store import open_store
from tests.store.cases import rows_of, spec_of
from searchengine.records import Side

store = open_store(sys.argv[1])
store.ensure(spec_of("lite"))
rows = rows_of(20_000, dim=32)
for at in range(0, len(rows), 100):
    store.upsert(Side("lite", "image"), rows[at : at + 100])
    print(at + 100, flush=True)
"""
