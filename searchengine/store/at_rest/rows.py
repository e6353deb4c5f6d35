"""The rows of a side, read from its Parquet files: ids first, vectors and columns when asked."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from searchengine.store.at_rest.columns import FileColumns, read_table
from searchengine.store.contract import Found
from searchengine.store.fields import BY_NAME, VECTOR, Kind, decode_row, stored_columns
from searchengine.store.filters.columns import passing
from searchengine.store.ranking import TopK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Modality
    from searchengine.store.at_rest.manifest import Manifest
    from searchengine.store.contract import Fields
    from searchengine.store.filters import Filter

    Mask = npt.NDArray[np.bool_]

_SEQ: Final = "_seq"
_BUFFER: Final = 1 << 20
_ROWS_A_BATCH: Final = 4_096
_ROWS_A_PAGE: Final = 4_096
_FILES_AT_ONCE: Final = 2


class Rows:
    """All rows that count, of files that never change. Raises ``ValueError`` for odd ones."""

    def __init__(self, manifest: Manifest) -> None:
        """Read the ids, and work out which rows count."""
        self._paths = manifest.data
        self._modality: Modality = manifest.label.modality
        self._dim = manifest.label.dim
        tables = [read_table(path, ["id", _SEQ]) for path in manifest.data]
        self._ids: list[list[str]] = [table.column("id").to_pylist() for table in tables]
        seqs = [table.column(_SEQ).to_numpy() for table in tables]
        self._alive = _newest(self._ids, seqs, _deletions(manifest.deleted))
        self._columns = [
            FileColumns(path, len(ids)) for path, ids in zip(manifest.data, self._ids, strict=True)
        ]
        self._loading = threading.Lock()
        self._vectors: list[Vectors] | None = None

    @cached_property
    def count(self) -> int:
        """How many rows there are."""
        return sum(
            len(ids) if mask is None else int(np.count_nonzero(mask))
            for ids, mask in zip(self._ids, self._alive, strict=True)
        )

    @property
    def nbytes(self) -> int:
        """How much memory the vectors take."""
        return sum(map(len, self._ids)) * self._dim * 4

    def vectors(self) -> list[Vectors]:
        """Return the vectors of each file, float32 (n, dim), dead rows included."""
        with self._loading:
            if self._vectors is None:
                shapes = [(len(ids), self._dim) for ids in self._ids]
                with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
                    self._vectors = list(pool.map(_matrix, self._paths, shapes))
            return self._vectors

    def search(
        self, queries: Vectors, top: int, where: Filter | None, fields: Fields
    ) -> list[list[Found]]:
        """Return the ``top`` nearest of each query (n, dim), best first, exactly."""
        masks = self._matching(where) if top else []
        if not any(mask is None or mask.any() for mask in masks):
            return [[] for _ in queries]
        best = TopK(queries, top)
        for ids, mask, vectors in zip(self._ids, masks, self.vectors(), strict=True):
            if mask is not None:
                ids = [ids[at] for at in np.flatnonzero(mask).tolist()]
                vectors = vectors[mask]
            best.add(ids, vectors)
        answers = best.found()
        rows = self.fetch({hit.id for hits in answers for hit in hits}, fields)
        return [[Found(hit.id, hit.score, dict(rows[hit.id])) for hit in hits] for hits in answers]

    def fetch(self, ids: Iterable[str], fields: Fields) -> dict[str, dict[str, Any]]:
        """Return the fields of those ids that exist, by id."""
        places = [(one, self._places[one]) for one in dict.fromkeys(ids) if one in self._places]
        found: dict[str, dict[str, Any]] = {}
        for number in range(len(self._paths)):
            mine = [(one, at) for one, (file, at) in places if file == number]
            rows = self._rows(number, [at for _, at in mine], fields)
            found.update(zip((one for one, _ in mine), rows, strict=True))
        return found

    def matching(self, where: Filter) -> int:
        """Return how many rows match."""
        return sum(
            len(ids) if mask is None else int(np.count_nonzero(mask))
            for ids, mask in zip(self._ids, self._matching(where), strict=True)
        )

    def scan(self, where: Filter | None, fields: Fields) -> Iterator[dict[str, Any]]:
        """Yield the fields of every matching row once. What it takes of the files is read before
        the first: they may be gone by the last."""
        masks = self._matching(where)
        names = [name for name in stored_columns(fields) if name not in ("id", VECTOR)]
        for columns in self._columns:
            columns.read(names)
        if VECTOR in fields:
            self.vectors()
        return self._scanned(masks, fields)

    def _scanned(self, masks: Sequence[Mask | None], fields: Fields) -> Iterator[dict[str, Any]]:
        for number, mask in enumerate(masks):
            count = len(self._ids[number])
            places = range(count) if mask is None else np.flatnonzero(mask).tolist()
            for start in range(0, len(places), _ROWS_A_PAGE):
                yield from self._rows(number, places[start : start + _ROWS_A_PAGE], fields)

    def _matching(self, where: Filter | None) -> list[Mask | None]:
        """Return which rows of each file count and match, ``None`` for all of them."""
        if where is None:
            return self._alive
        return [
            passing(where, columns) if alive is None else passing(where, columns) & alive
            for columns, alive in zip(self._columns, self._alive, strict=True)
        ]

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        """File and row of each id."""
        places: dict[str, tuple[int, int]] = {}
        for number, (ids, mask) in enumerate(zip(self._ids, self._alive, strict=True)):
            rows = range(len(ids)) if mask is None else np.flatnonzero(mask).tolist()
            places.update((ids[at], (number, at)) for at in rows)
        return places

    def _rows(self, number: int, at: Sequence[int], fields: Fields) -> list[dict[str, Any]]:
        if not at:
            return []
        import pyarrow as pa

        stored: dict[str, Any] = {"id": [self._ids[number][one] for one in at]}
        names = [name for name in stored_columns(fields) if name not in ("id", VECTOR)]
        if names:
            columns, taken = self._columns[number], pa.array(at, type=pa.int64())
            columns.read(names)
            for name in names:
                values = columns.column(name).take(taken).to_pylist()
                is_json = name in BY_NAME and BY_NAME[name].kind is Kind.JSON
                stored[name] = [json.loads(one) for one in values] if is_json else values
        if VECTOR in fields:
            stored[VECTOR] = self.vectors()[number][list(at)]
        return [
            decode_row({name: values[n] for name, values in stored.items()}, fields, self._modality)
            for n in range(len(at))
        ]


def _matrix(path: Path, shape: tuple[int, int]) -> Vectors:
    """Return a file's vectors, float32 of that shape, in little more memory than they take.

    Read whole, the bytes, the unpacked pages and the array are there side by side: at 100,000 x
    512 that takes three times as long.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    vectors, at = np.empty(shape, np.float32), 0
    try:
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            for batch in file.iter_batches(_ROWS_A_BATCH, columns=[VECTOR], use_threads=False):
                part = batch.column(0).flatten().to_numpy(zero_copy_only=False)
                vectors[at : at + len(batch)] = part.reshape(len(batch), shape[1])
                at += len(batch)
    except (OSError, pa.ArrowException, KeyError, IndexError) as error:
        raise ValueError(f"{path}: {error}") from error
    if at != shape[0]:
        raise ValueError(f"{path}: {at} vectors of {shape[0]}")
    return vectors


def _deletions(paths: Sequence[Path]) -> dict[str, int]:
    """Return the sequence number of each id's last deletion."""
    last: dict[str, int] = {}
    for path in paths:
        table = read_table(path, ["id", _SEQ])
        for one, seq in zip(
            table.column("id").to_pylist(), table.column(_SEQ).to_pylist(), strict=True
        ):
            last[one] = max(seq, last.get(one, -1))
    return last


def _newest(
    ids: Sequence[list[str]], seqs: Sequence[npt.NDArray[Any]], deleted: dict[str, int]
) -> list[npt.NDArray[np.bool_] | None]:
    """Return which rows count, ``None`` for a file where all do.

    Of several rows with one id, or a row and a deletion, the highest sequence number counts.
    """
    total = sum(map(len, ids))
    if not deleted and len(set().union(*ids)) == total:
        return [None] * len(ids)
    newest = dict(deleted)
    for some, numbers in zip(ids, seqs, strict=True):
        for one, seq in zip(some, numbers.tolist(), strict=True):
            if seq > newest.get(one, -1):
                newest[one] = seq
    return [
        np.fromiter(
            (newest[one] == seq for one, seq in zip(some, numbers.tolist(), strict=True)),
            bool,
            len(some),
        )
        for some, numbers in zip(ids, seqs, strict=True)
    ]
