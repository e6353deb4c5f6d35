"""Rows as Parquet files that a Milvus server imports by itself, and where it reads them."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchengine.errors import ReadError, SettingsError
from searchengine.store.fields import COLUMNS, TAKEN_AT_MS, TERMS, VECTOR, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from searchengine.encoders.contract import Vectors

_SUFFIX = ".parquet"
_GROUP_BYTES = 64 * 1024 * 1024
"""Rows that are written together: Milvus 2.3 takes longer over a file in many small groups."""


@dataclass(frozen=True, slots=True)
class BulkPlace:
    """A folder, or a prefix of a bucket, that we write to and the server reads from."""

    uri: str
    """``s3://bucket/prefix``, or a folder."""
    path: str = ""
    """What the server calls it; empty: the path in the bucket, or the folder's own path."""

    def open(self) -> tuple[Any, str, str]:
        """Return the file system, the place's path there, and what the server calls it.

        Raises ``SettingsError`` where there is no such place, or nothing to reach it with.
        """
        from fsspec.core import url_to_fs

        if not self.uri:
            raise SettingsError(
                "bulk import needs a place that the server reads, too",
                hint="name the server's bucket, or with local storage a folder it sees: "
                "--set store.bulk_uri=s3://BUCKET/PREFIX",
            )
        try:
            fs, root = url_to_fs(self.uri, use_listings_cache=False)
            fs.makedirs(root, exist_ok=True)
        except (ImportError, ValueError, OSError) as error:
            raise SettingsError(
                f"store.bulk_uri: {self.uri} cannot be used: {error}",
                hint="a folder, or s3://BUCKET/PREFIX (pip install 'searchengine[s3]')",
            ) from error
        root = str(root).rstrip("/")
        inside = root if "://" not in self.uri else root.partition("/")[2]
        return fs, root, (self.path or inside).rstrip("/")


class BulkFile:
    """One Parquet file on its way. ``close`` it before the server is told of it."""

    def __init__(self, place: BulkPlace, collection: str) -> None:
        """Begin a file that nobody else writes."""
        self._fs, root, seen_as = place.open()
        name = f"{collection}.{secrets.token_hex(6)}{_SUFFIX}"
        self._path = f"{root}/{name}"
        self.name = f"{seen_as}/{name}" if seen_as else name
        """As the server calls it."""
        self.rows = 0
        self.bytes = 0
        self._waiting: list[Any] = []
        self._waiting_bytes = 0
        self._file: Any = None
        self._writer: Any = None

    def add(self, rows: Sequence[Mapping[str, Any]], vectors: Vectors) -> None:
        """Write rows of ``fields.encode_item`` with their vectors, float32 (n, dim), n >= 1.

        No id may come twice, in all files of a collection: an import makes two rows of it.
        Raises ``ReadError``.
        """
        table = table_of(rows, vectors)
        self._waiting.append(table)
        self._waiting_bytes += table.nbytes
        self.rows += len(rows)
        self.bytes += table.nbytes
        if self._waiting_bytes >= _GROUP_BYTES:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        table, self._waiting, self._waiting_bytes = pa.concat_tables(self._waiting), [], 0
        try:
            if self._writer is None:
                self._file = self._fs.open(self._path, "wb")
                self._writer = pq.ParquetWriter(self._file, table.schema)
            self._writer.write_table(table, row_group_size=len(table))
        except OSError as error:
            raise ReadError(f"{self._path} cannot be written: {error}") from error

    def close(self) -> None:
        """Have it whole where the server looks for it. Raises ``ReadError``."""
        self._write()
        try:
            if self._writer is not None:
                self._writer.close()
                self._file.close()
        except OSError as error:
            raise ReadError(f"{self._path} cannot be written: {error}") from error

    def remove(self) -> None:
        """Remove it, imported or given up."""
        self._waiting = []
        self.close()
        if self._fs.exists(self._path):
            self._fs.rm(self._path)


def clear(place: BulkPlace, collection: str) -> int:
    """Remove files that a run that died has left behind; return how many."""
    fs, root, _ = place.open()
    left = fs.glob(f"{root}/{collection}.*{_SUFFIX}")
    for path in left:
        fs.rm(path)
    return len(left)


def table_of(rows: Sequence[Mapping[str, Any]], vectors: Vectors) -> Any:
    """Return rows of ``fields.encode_item`` (with or without ``TERMS``) as an Arrow table.

    JSON goes as text, vectors as lists of float32, sparse vectors as JSON text of
    ``{"number": weight}``, as https://milvus.io/docs/prepare-source-data.md has it.
    """
    import numpy as np
    import pyarrow as pa

    types = {Kind.INT: pa.int64(), Kind.FLOAT: pa.float64()}
    columns: dict[str, Any] = {}
    for column in COLUMNS:
        values: list[Any] = [row[column.name] for row in rows]
        if column.kind is Kind.JSON:
            values = [json.dumps(value, ensure_ascii=False) for value in values]
        columns[column.name] = pa.array(values, types.get(column.kind, pa.string()))
    columns[TAKEN_AT_MS] = pa.array([row[TAKEN_AT_MS] for row in rows], pa.int64())
    count, dim = vectors.shape
    starts = np.arange(0, (count + 1) * dim, dim, dtype=np.int32)
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    columns[VECTOR] = pa.ListArray.from_arrays(pa.array(starts), flat)
    if TERMS in rows[0]:
        columns[TERMS] = pa.array([json.dumps(row[TERMS]) for row in rows], pa.string())
    return pa.table(columns)
