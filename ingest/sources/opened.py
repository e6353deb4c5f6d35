"""Files that stay open as long as anything listed from them is still to be read."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from ingest.sources.reading import check_size, describe
from searchengine.errors import ReadError

if TYPE_CHECKING:
    from typing import BinaryIO


class OpenFile:
    """A file that many threads read at places of their own.

    Whoever holds it keeps it open: it closes (and a temporary file goes) when
    the last asset that points into it has been dealt with.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Take the file over."""
        self._file = file
        self._lock = threading.Lock()

    def __del__(self) -> None:
        self._file.close()

    def read_at(self, offset: int, size: int, max_bytes: int) -> bytes:
        """Return ``size`` bytes from ``offset``. Raises ``ReadError`` or ``LimitError``."""
        check_size(size, max_bytes)
        try:
            data = self._read(offset, size)
        except (OSError, ValueError) as error:
            raise ReadError(describe(error)) from error
        if len(data) < size:
            raise ReadError(f"cannot read: the file breaks off {size - len(data):,} bytes early")
        return data

    def _read(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)
