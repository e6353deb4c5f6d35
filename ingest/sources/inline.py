"""Pictures that stand in a table itself, read behind the listing and in its order."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ingest.sources.reading import describe
from ingest.sources.tables import column_values
from searchengine.errors import ItemError, ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

_KEPT_BYTES = 64 << 20
_KEPT_ROWS = 64
"""Rows that are kept whatever their size: readers are not quite in order."""


class InlineCells:
    """The cells of one column of a table, by the number of their row.

    Rows are asked for nearly in order, from several threads; those between are
    passed over. Asking for one that has long gone by starts again from there.
    """

    def __init__(self, open_file: Callable[[], BinaryIO], suffix: str, column: str) -> None:
        self._open = open_file
        self._suffix = suffix
        self._column = column
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._bytes = 0
        self._cells: Iterator[tuple[int, Any]] = iter(())
        self._next = 0
        """The number of the row that the cells go on with, at least; 0: not begun."""

    def cell(self, number: int) -> Any:
        """Return the cell of a row. Raises ``ReadError``, ``DecodeError``."""
        with self._lock:
            if number in self._kept:
                return self._kept[number]
            if not self._next or number < self._next:
                self._kept.clear()
                self._bytes = 0
                self._cells = self._from(number)
            for at, value in self._cells:
                self._next = at + 1
                self._keep(at, value)
                if at == number:
                    return value
                if at > number:
                    break
            self._next = 0
        raise ReadError(f"row {number} is no longer there")

    def _keep(self, number: int, value: Any) -> None:
        self._kept[number] = value
        self._bytes += _size(value)
        while self._bytes > _KEPT_BYTES and len(self._kept) > _KEPT_ROWS:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= _size(gone)

    def _from(self, number: int) -> Iterator[tuple[int, Any]]:
        with self._open() as file:
            try:
                yield from column_values(file, self._suffix, self._column, number)
            except ItemError:
                raise
            except (OSError, ValueError) as error:
                raise ReadError(describe(error)) from error


def _size(value: Any) -> int:
    if isinstance(value, dict):
        value = value.get("bytes")
    return len(value) if isinstance(value, bytes | str) else 0
