"""The columns of one Parquet file, read when a filter or a page asks for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy.typing as npt


class FileColumns:
    """n rows as columns of the database: what ``filters.columns`` looks at, and pages are made of.

    Raises ``ValueError`` where the file is not as Lite writes it.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._count = count
        self._columns: dict[str, Any] = {}
        self._derived: dict[object, Any] = {}
        self._reading = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def read(self, names: Iterable[str]) -> None:
        """Have these columns in memory, all that are missing in one go."""
        with self._reading:
            missing = [name for name in names if name not in self._columns]
            if not missing:
                return
            table = read_table(self._path, missing)
            for name in missing:
                column = table.column(name)
                if len(column) != self._count or column.null_count:
                    raise ValueError(f"{self._path}: column {name} has nulls, or another length")
                self._columns[name] = _whole(column)

    def column(self, name: str) -> Any:
        """Return a column as one Arrow array (n,)."""
        self.read([name])
        return self._columns[name]

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers, int64 or float64 (n,)."""
        values: npt.NDArray[Any] = self.column(name).to_numpy(zero_copy_only=False)
        return values

    def derived(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what ``make`` worked out of these rows under that key."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]


def read_table(path: Path, columns: list[str]) -> Any:
    """Return columns of a Parquet file as an Arrow table. Raises ``ValueError``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns=columns)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise ValueError(f"{path}: {error}") from error


def _whole(column: Any) -> Any:
    """Return a column as one array."""
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
