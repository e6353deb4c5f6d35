"""Where Milvus Lite keeps its rows in this process, and how far it has written.

This is the one place that looks inside Lite (3.2): its segments are Arrow tables and float32
arrays that never change, its newest rows are Arrow batches, every write takes the next sequence
numbers, and of several rows with one key, or a row and a deletion, the highest number counts.
Where a version of Lite looks otherwise inside, there is no mirror, and Lite answers by itself;
``tests/store/mirror/test_lite_rows.py`` says so loudly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.store.fields import VECTOR
from searchengine.store.mirror.chunk import KEPT, Chunk
from searchengine.store.mirror.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

_DATABASE = "default"
_SEQ = "_seq"


class UnlikeLiteError(Exception):
    """Lite is not as it is known from inside; never leaves this folder."""


def collection_behind(database: Any, alias: str) -> str:
    """Return the name of the collection that an alias stands for now; its own if it is one."""
    try:
        return str(database.resolve_collection_name(alias))
    except AttributeError as error:
        raise UnlikeLiteError(str(error)) from error


def collection_in(database: Any, name: str) -> Any:
    """Return Lite's own object for an opened collection, ``None`` if it is not open (yet)."""
    try:
        return database._collections.get((_DATABASE, name))
    except AttributeError as error:
        raise UnlikeLiteError(str(error)) from error


def written(collection: Any) -> int:
    """Return the number that the next row or deletion will take: equal numbers, equal rows."""
    try:
        return int(collection._next_seq)
    except (AttributeError, TypeError) as error:
        raise UnlikeLiteError(str(error)) from error


def size_of(collection: Any) -> int:
    """Return about how many bytes the rows would take as a snapshot."""
    try:
        segments, _ = collection._read_snapshot()
        held = [*segments, *collection._memtable._insert_batches]
        return sum(_weight(one) for one in held)
    except (AttributeError, TypeError, ValueError) as error:
        raise UnlikeLiteError(str(error)) from error


def _weight(rows: Any) -> int:
    nbytes = rows.nbytes if hasattr(rows, "nbytes") else rows.table.nbytes
    return int(nbytes) * 5 // 4 + 160 * int(rows.num_rows)


def read(collection: Any) -> Snapshot | None:
    """Return all rows as they are, for a collection that nobody is writing to.

    ``None`` when a write has taken its numbers and not arrived: it failed, or was given up while
    Lite goes on with it.
    """
    try:
        segments, tombstones = collection._read_snapshot()
        memtable = collection._memtable
        batches = tuple(memtable._insert_batches)
        gone = [dict(tombstones._map), {k: v[0] for k, v in memtable._delete_index.items()}]
        chunks = [
            _chunk(one.table, one.pks, one.vectors, one.pk_to_row)
            for one in segments
            if one.num_rows
        ]
        seqs = [_seqs(one.table) for one in segments if one.num_rows]
        for batch in batches:
            chunks.append(_of_batch(batch))
            seqs.append(_seqs(batch))
        last = max(
            (
                int(collection._manifest.current_seq),
                *(int(one.max()) for one in seqs if len(one)),
                *(max(one.values()) for one in gone if one),
            )
        )
        if last + 1 != written(collection):
            return None
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise UnlikeLiteError(repr(error)) from error
    alive = _newest(chunks, seqs)
    for deleted in gone:
        for number, chunk in enumerate(chunks):
            places = [
                (chunk.places[one], seq) for one, seq in deleted.items() if one in chunk.places
            ]
            late = [at for at, seq in places if seq > seqs[number][at]]
            if late:
                mask = alive[number]
                alive[number] = mask = np.ones(len(chunk), bool) if mask is None else mask
                mask[late] = False
    return Snapshot(tuple(chunks), tuple(alive)).without(())


class Newest:
    """The rows that Lite has taken in since a moment, for as long as it keeps them apart."""

    def __init__(self, collection: Any) -> None:
        try:
            self._collection = collection
            self._memtable = collection._memtable
            self._known = len(self._memtable._insert_batches)
        except (AttributeError, TypeError) as error:
            raise UnlikeLiteError(str(error)) from error

    def chunks(self) -> list[Chunk] | None:
        """Return the rows written since; ``None`` where Lite has moved them to disk meanwhile, or
        is unlike itself: the next read sees."""
        try:
            if self._collection._memtable is not self._memtable:
                return None
            return [_of_batch(one) for one in self._memtable._insert_batches[self._known :]]
        except (AttributeError, TypeError, ValueError, KeyError):
            return None


def _newest(
    chunks: list[Chunk], seqs: list[npt.NDArray[np.int64]]
) -> list[npt.NDArray[np.bool_] | None]:
    """Return which rows are the newest of their id, ``None`` for a chunk where all are."""
    total = sum(map(len, chunks))
    if len(chunks) < 2 and all(len(one.places) == len(one) for one in chunks):
        return [None] * len(chunks)
    import pyarrow as pa

    ids = pa.chunked_array([chunk.column("id") for chunk in chunks]).combine_chunks()
    if isinstance(ids, pa.ChunkedArray):
        ids = pa.concat_arrays(ids.chunks)
    numbers = ids.dictionary_encode().indices.to_numpy()
    order = np.lexsort((np.concatenate(seqs), numbers))
    last = np.ones(total, bool)
    last[:-1] = numbers[order[1:]] != numbers[order[:-1]]
    if last.all():
        return [None] * len(chunks)
    newest = np.zeros(total, bool)
    newest[order[last]] = True
    return list(_cut(newest, chunks))


def _cut(
    mask: npt.NDArray[np.bool_], chunks: list[Chunk]
) -> Iterator[npt.NDArray[np.bool_] | None]:
    start = 0
    for chunk in chunks:
        mine = mask[start : start + len(chunk)]
        yield None if mine.all() else mine.copy()
        start += len(chunk)


def _of_batch(batch: Any) -> Chunk:
    column = batch.column(VECTOR)
    vectors = column.flatten().to_numpy(zero_copy_only=False)
    dim = column.type.list_size
    return _chunk(batch, batch.column("id").to_pylist(), vectors.reshape(-1, dim), None)


def _chunk(table: Any, ids: list[str], vectors: Any, places: dict[str, int] | None) -> Chunk:
    columns = {name: _whole(table.column(name)) for name in KEPT}
    if vectors.dtype != np.float32 or vectors.shape[0] != len(ids):
        raise ValueError(f"vectors are {vectors.dtype} {vectors.shape} for {len(ids)} rows")
    for name, column in columns.items():
        if column.null_count or len(column) != len(ids):
            raise ValueError(f"column {name} has nulls, or another length")
    if places is not None and len(places) != len(ids):
        places = None
    return Chunk(ids, vectors, columns, places)


def _whole(column: Any) -> Any:
    """Return a column as one Arrow array, copied only where it is in pieces."""
    if hasattr(column, "chunks"):
        if column.num_chunks == 1:
            return column.chunk(0)
        column = column.combine_chunks()
        if hasattr(column, "chunks"):
            import pyarrow as pa

            return pa.concat_arrays(column.chunks)
    return column


def _seqs(table: Any) -> npt.NDArray[np.int64]:
    values = _whole(table.column(_SEQ)).to_numpy(zero_copy_only=False)
    return np.asarray(values, np.int64)
