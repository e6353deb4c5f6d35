"""Files that stay open as long as anything listed from them is still to be read."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING

from ingest.sources.reading import check_size, describe
from searchengine.errors import ReadError

if TYPE_CHECKING:
    from typing import Any, BinaryIO


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

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._file.fileno()).st_size

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

    def view(self, offset: int = 0, size: int | None = None) -> BinaryIO:
        """Return the file, or a part of it, as a file of its own, with a place of its own."""
        return io.BufferedReader(_View(self, offset, self.size - offset if size is None else size))

    def _read(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)


class _View(io.RawIOBase):
    """Reads an open file from a place of its own."""

    def __init__(self, opened: OpenFile, start: int, size: int) -> None:
        self._opened = opened
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer).cast("B")
        left = max(0, min(len(room), self._size - self._at))
        data = self._opened._read(self._start + self._at, left)
        room[: len(data)] = data
        self._at += len(data)
        return len(data)
