"""How Milvus Lite holds the rows of its files: on disk, until somebody asks for them.

Lite (3.2) reads each data file as soon as it is written and keeps all of it, and once more the
vectors where an index was loaded from disk. While a collection is filled nobody looks at that; and
where it is searched, it mostly is from a mirror (``store.mirror``). Here a segment holds its keys
and their sequence numbers, which every write and read needs; its columns are read when they are
first asked for, and kept from then on; and the vectors of a FLAT index are mapped from its file.

The data file is kept open, so that it can be read after a merge has removed its name. Where open
files cannot be removed (Windows), and in a version of Lite that looks otherwise inside, all is as
it was.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_SEQ = "_seq"
_ROWS_A_BATCH = 2_048
_EXACT = ("FLAT", "BRUTE_FORCE")
_PARTS = {
    *("file_path", "partition", "pks", "seqs", "vectors", "vector_null_mask", "table", "pk_to_row"),
    *("index", "indexes", "scalar_indexes", "sparse_indexes"),
    *("_pk_field", "_vector_field", "_vector_data_by_field"),
}


def hold_keys_only(read: Callable[[Any], Any]) -> bool:
    """Have Lite do so from now on, for all folders of this process; tell whether it does.

    ``read`` reads an opened data file as an Arrow table.
    """
    from milvus_lite.index import factory
    from milvus_lite.storage import segment

    known = set(getattr(segment.Segment, "__slots__", ())) == _PARTS
    known = known and hasattr(segment.Segment, "build_or_load_index")
    known = known and hasattr(segment, "_extract_vector_array")
    known = known and hasattr(factory, "BruteForceIndex")
    if sys.platform == "win32" or not known:
        return False
    kind = _kind()
    kind.read = staticmethod(read)
    segment.Segment.load = kind.opened
    return True


@cache
def _kind() -> Any:
    from milvus_lite.index.brute_force import BruteForceIndex
    from milvus_lite.storage.segment import Segment, _extract_vector_array

    class KeysOnly(Segment):  # type: ignore[misc]
        """A data file of which keys and sequence numbers are in memory."""

        read: Callable[[Any], Any]

        def __init__(self, path: str, partition: str, key: str, vector: str | None) -> None:
            import pyarrow as pa
            import pyarrow.parquet as pq

            self.file_path = path
            self.partition = partition
            self._pk_field, self._vector_field = key, vector or ""
            self._file = pa.OSFile(path)
            with pq.ParquetFile(self._file, pre_buffer=False) as file:
                keys = file.read([key, _SEQ], use_threads=False)
                self.nbytes = _bytes_of(file)
            self.pks = keys.column(key).to_pylist()
            self.seqs = keys.column(_SEQ).to_numpy().astype(np.uint64)
            self.pk_to_row = {one: row for row, one in enumerate(self.pks)}
            self.index = None
            self.indexes: dict[str, Any] = {}
            self.scalar_indexes: dict[str, Any] = {}
            self.sparse_indexes: dict[str, Any] = {}
            self._vector_data_by_field: dict[str, Any] = {}
            self._columns: Any = None
            self._guard = threading.RLock()

        @classmethod
        def opened(
            cls, file_path: str, partition: str, pk_field: str, vector_field: str | None
        ) -> KeysOnly:
            """Stand for ``Segment.load``."""
            return cls(file_path, partition, pk_field, vector_field)

        @property
        def resting(self) -> bool:
            """Whether the columns are on disk alone."""
            return self._columns is None

        @property
        def table(self) -> Any:
            """All columns, an Arrow table."""
            with self._guard:
                if self._columns is None:
                    self._columns = type(self).read(self._file)
                    self._vector_data_by_field.clear()  # the table has them: not mapped besides
                return self._columns

        @property
        def vectors(self) -> Any:
            """The vectors, float32 (rows, dim); (rows, 0) where there are none."""
            return self.vector_data(self._vector_field)[0]

        @property
        def vector_null_mask(self) -> Any:
            """Which rows have a vector, bool (rows,); ``None``: all."""
            return self.vector_data(self._vector_field)[1]

        def vector_data(self, field_name: str) -> tuple[Any, Any]:
            if not field_name:
                return np.zeros((len(self.pks), 0), dtype=np.float32), None
            with self._guard:
                if field_name not in self._vector_data_by_field:
                    found = _extract_vector_array(self.table.column(field_name))
                    self._vector_data_by_field[field_name] = found
                found = self._vector_data_by_field[field_name]
            return found[0], found[1]

        def build_or_load_index(self, spec: Any, index_dir: str) -> None:
            """Attach the index of a field; a FLAT one is mapped from its file."""
            with self._guard:
                self._build_or_map(spec, index_dir)

        def _build_or_map(self, spec: Any, index_dir: str) -> None:
            if spec.index_type not in _EXACT or spec.field_name in self.indexes or not self.pks:
                super().build_or_load_index(spec, index_dir)
                return
            path = Path(self.index_file_path(index_dir, spec.index_type, spec.field_name))
            if not path.is_file() and not self._saved(spec.field_name, path):
                super().build_or_load_index(spec, index_dir)
                return
            mapped = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
            if mapped.ndim != 2 or len(mapped) != len(self.pks):
                raise ValueError(f"{path} holds {mapped.shape}, not {len(self.pks)} vectors")
            if self.resting:
                self._vector_data_by_field[spec.field_name] = (mapped, None)
            self.attach_index(BruteForceIndex(mapped, spec.metric_type), field_name=spec.field_name)

        def _saved(self, field: str, path: Path) -> bool:
            """Write the vectors of a field as Lite does, lot after lot; ``False`` if some lack."""
            path.parent.mkdir(parents=True, exist_ok=True)
            for left in path.parent.glob(".*.part"):  # by a process that was killed
                if f".{os.getpid()}." not in left.name:
                    left.unlink(missing_ok=True)
            part = path.with_name(f".{path.name}.{os.getpid()}.part")
            try:
                with part.open("wb") as out:
                    if not _write_npy(self._file, field, len(self.pks), out):
                        return False
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            return True

    return KeysOnly


def _write_npy(source: Any, field: str, rows: int, out: Any) -> bool:
    """Write a column of float32 vectors in NumPy's format; ``False`` if some row has none."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, pre_buffer=False) as file:
        shape = (rows, int(file.schema_arrow.field(field).type.list_size))
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, header)
        for batch in file.iter_batches(_ROWS_A_BATCH, columns=[field], use_threads=False):
            if batch.column(0).null_count:
                return False
            out.write(batch.column(0).flatten().to_numpy().astype("<f4", copy=False).data)
    return True


def _bytes_of(file: Any) -> int:
    """Return about how many bytes a Parquet file's columns take in memory."""
    meta = file.metadata
    return sum(
        meta.row_group(group).column(column).total_uncompressed_size
        for group in range(meta.num_row_groups)
        for column in range(meta.num_columns)
    )
