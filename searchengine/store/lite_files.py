"""How Milvus Lite writes its rows to files and merges these: with little memory.

Lite (3.2) keeps the rows it takes in until they are 128 MiB. The table it then writes is made out
of Python's lists, 32 bytes for each component of a vector, 4 bytes in the end; and four files of
one size are merged in five copies. While 50,000 rows of 256 components went to disk, the process
took 600 MiB more. Here rows go to disk in smaller lots, a lot's columns are put together as they
are, and files are merged a few megabytes at a time.

Asked for its index, Lite counts its rows, and to count them makes such lists as well; here it does
not.

What a lot is, is Lite's own setting. The rest is done to three methods of its classes and two
functions: the same rows in the same files by the same steps, as ``tests/store/test_lite_files.py``
compares. A version of Lite that looks otherwise inside does as it does.
"""

from __future__ import annotations

import os
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from searchengine.store.lite_memory import give_back, keep_memory_in_one_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

LOT_BYTES = 32 * 1024 * 1024
"""Rows that Lite holds before it writes them. Smaller lots are merged more often."""
_SETTING = "MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES"
_SEQ = "_seq"
_BUFFER = 1024 * 1024
_ROWS_A_BATCH = 2_048
_GROUP_BYTES = 4 * 1024 * 1024


def write_lite_files_leanly() -> bool:
    """Have Lite do so from now on, for all folders of this process; tell whether it does.

    A lot that is set in the environment stays. Lite reads it once, when it is first imported.
    """
    os.environ.setdefault(_SETTING, str(LOT_BYTES))
    keep_memory_in_one_place()
    from milvus_lite.engine import flush
    from milvus_lite.engine.compaction import CompactionManager
    from milvus_lite.storage import segment
    from milvus_lite.storage.memtable import MemTable

    known = {
        MemTable: ("_build_data_table", "to_search_arrays", "to_search_snapshot"),
        CompactionManager: (
            "_compact_files",
            "_dedup_max_seq",
            "_filter_deleted",
            "_pick_unique_seq_range",
        ),
        flush: ("write_data_file",),
        segment: ("read_data_file",),
    }
    if not all(hasattr(one, name) for one, names in known.items() for name in names):
        return False
    MemTable._build_data_table = table_of
    MemTable.to_search_arrays = keys_of
    CompactionManager._compact_files = merge
    flush.write_data_file = write
    segment.read_data_file = read
    return True


def table_of(memtable: Any, rows: Sequence[tuple[int, int]]) -> Any:
    """Return a ``MemTable``'s rows at those (batch, place) as one Arrow table, in that order."""
    import pyarrow as pa

    names = memtable._data_schema.names
    batches = [batch.select(names) for batch in memtable._insert_batches]
    starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
    numbers, places = np.array(rows, np.int64).reshape(-1, 2).T
    wanted = starts[numbers] + places
    table = pa.Table.from_batches(batches)
    whole = len(wanted) == table.num_rows and bool((np.diff(wanted) == 1).all())
    return (table if whole else table.take(pa.array(wanted))).cast(memtable._data_schema)


def keys_of(
    memtable: Any, vector_field: str | None = None, partition_names: list[str] | None = None
) -> tuple[Any, ...]:
    """Return a ``MemTable``'s keys, their sequence numbers, no vectors, and places.

    Lite asks for this to count; what searches go over, ``to_search_snapshot``, is as it was.
    """
    return tuple(memtable.to_search_snapshot(None, partition_names)[:4])


def merge(
    self: Any, partition: str, partition_dir: str, files: list[str], manifest: Any, delta: Any
) -> None:
    """Put files of a partition together, as ``CompactionManager._compact_files`` does.

    A crash before the manifest is saved leaves files that nobody knows, and one after it files that
    are known no longer; Lite removes both when it opens the folder.
    """
    from milvus_lite.engine.compaction import MAX_SEGMENT_ROWS, logger
    from milvus_lite.storage.snapshots import snapshot_references

    start, folder = time.monotonic(), Path(partition_dir)
    kept = sorted(_kept(self, folder, files, delta), key=lambda one: int(one.seqs.min(initial=0)))
    written = [_write(self, folder, lot) for lot in _lots(kept, MAX_SEGMENT_ROWS)]
    manifest.remove_data_files(partition, files)
    for name in written:
        manifest.add_data_file(partition, name)
    manifest.save()
    pinned = snapshot_references(self._data_dir)[0].get(partition, set())
    for name in files:
        if name not in pinned:
            (folder / name).unlink(missing_ok=True)
    logger.info("%d files merged in %.1f s", len(files), time.monotonic() - start)


def write(table: Any, partition_dir: str, seq_min: int, seq_max: int) -> str:
    """Write an Arrow table to a data file of a partition; return its name below the folder.

    In groups of rows: a group is held, packed, until it is whole.
    """
    return _written(Path(partition_dir), seq_min, seq_max, table.schema, [table])


def read(source: Any) -> Any:
    """Return a data file, by path or opened, as an Arrow table whose columns are in one piece each.

    ``pyarrow.parquet.read_table`` gives a piece for each group of rows, and Lite copies the vectors
    to put them together.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, buffer_size=_BUFFER, pre_buffer=False) as file:
        schema = file.schema_arrow
        vectors = [one for one in schema if pa.types.is_fixed_size_list(one.type)]
        others = [one.name for one in schema if one not in vectors]
        columns = dict(zip(others, file.read(others, use_threads=False).columns, strict=True))
        columns |= {one.name: _vectors(file, one) for one in vectors}
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _vectors(file: Any, field: Any) -> Any:
    """Return a column of float32 vectors as one Arrow array.

    Into memory that is taken once: Arrow takes twice as much while it reads a column of lists.
    """
    import pyarrow as pa

    dim, at = field.type.list_size, 0
    values = np.empty(file.metadata.num_rows * dim, np.float32)
    for batch in file.iter_batches(_ROWS_A_BATCH, columns=[field.name], use_threads=False):
        end = at + len(batch) * dim
        values[at:end] = batch.column(0).flatten().to_numpy()
        at = end
    if at != len(values):
        raise ValueError(f"{field.name}: {at} numbers of {len(values)}")
    return pa.FixedSizeListArray.from_arrays(pa.array(values), type=field.type)


def _written(folder: Path, first: int, last: int, schema: Any, tables: Iterable[Any]) -> str:
    """Write tables, one after another, to one file named for its sequence numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from milvus_lite.constants import DATA_FILE_TEMPLATE, SEQ_FORMAT_WIDTH
    from milvus_lite.storage.paths import persisted_rel_path

    name = DATA_FILE_TEMPLATE.format(min=first, max=last, w=SEQ_FORMAT_WIDTH)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    # Looking for the same number twice in a vector takes four fifths of the time.
    worth = [one.name for one in schema if not pa.types.is_fixed_size_list(one.type)]
    with pq.ParquetWriter(folder / "data" / name, schema, use_dictionary=worth) as writer:
        for table in tables:
            rows = max(1, _GROUP_BYTES * max(table.num_rows, 1) // max(table.nbytes, 1))
            writer.write_table(table, row_group_size=rows)
    give_back()
    return str(persisted_rel_path("data", name))


class _Kept(NamedTuple):
    """Rows of a file that stay: their places in it, rising, and their sequence numbers."""

    path: Path
    places: npt.NDArray[np.int64]
    seqs: npt.NDArray[np.int64]


def _kept(self: Any, folder: Path, files: Sequence[str], delta: Any) -> Iterator[_Kept]:
    """Yield of each file the rows that are the newest of their key, and not deleted since."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys = [pq.read_table(folder / name, columns=[self._pk_name, _SEQ]) for name in files]
    ends = np.cumsum([table.num_rows for table in keys])
    places = pa.array(np.arange(ends[-1] if len(ends) else 0))
    newest = self._dedup_max_seq(pa.concat_tables(keys).append_column("place", places))
    there = np.sort(self._filter_deleted(newest, delta).column("place").to_numpy())
    for name, table, end in zip(files, keys, ends, strict=True):
        first = end - table.num_rows
        mine = there[np.searchsorted(there, first) : np.searchsorted(there, end)] - first
        yield _Kept(folder / name, mine, table.column(_SEQ).to_numpy()[mine].astype(np.int64))


def _lots(kept: Sequence[_Kept], most: int) -> Iterator[list[_Kept]]:
    """Yield the rows in their order, so many together at most."""
    lot: list[_Kept] = []
    room = most
    for one in kept:
        at = 0
        while at < len(one.places):
            end = min(at + room, len(one.places))
            lot.append(_Kept(one.path, one.places[at:end], one.seqs[at:end]))
            room -= end - at
            at = end
            if not room:
                yield lot
                lot, room = [], most
    if lot:
        yield lot


def _write(self: Any, folder: Path, lot: Sequence[_Kept]) -> str:
    """Write rows to one new file, file after file; return its name below the folder."""
    first, last = self._pick_unique_seq_range(
        str(folder),
        min(int(one.seqs.min()) for one in lot),
        max(int(one.seqs.max()) for one in lot),
    )
    tables = chain.from_iterable(map(_rows_of, lot))
    return _written(folder, first, last, self._data_schema, tables)


def _rows_of(one: _Kept) -> Iterator[Any]:
    """Yield a file's rows that stay, a group of rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(one.path, buffer_size=_BUFFER, pre_buffer=False) as file:
        first = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            start, end = np.searchsorted(one.places, (first, first + count))
            places = one.places[start:end] - first
            first += count
            if len(places):
                table = file.read_row_group(group, use_threads=False)
                yield table if len(places) == count else table.take(pa.array(places))
