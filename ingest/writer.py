"""Writes behind the encoder, in one thread, in order."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.records import Side
    from searchengine.store.contract import Row, Store

_AGE_S = 2.0
"""Rows wait no longer than this for their write: what a kill can cost."""
_BEHIND = 2
"""Writes that may be under way or waiting before ``add`` blocks."""


class Writer:
    """Gathers rows and writes them in batches. A context manager; ``drain`` before leaving it."""

    def __init__(
        self, store: Store, rows: int, on_written: Callable[[int], None] = lambda _: None
    ) -> None:
        """Write at most ``rows`` at a time; tell ``on_written`` how many were acknowledged."""
        self._store = store
        self._on_written = on_written
        self._rows = rows
        self._pool = ThreadPoolExecutor(1, "write")
        self._pending: deque[Future[None]] = deque()
        self._buffers: dict[Side, list[Row]] = {}
        self._oldest = time.monotonic()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, side: Side, row: Row) -> None:
        """Take a row; it is acknowledged at the latest when ``drain`` returns."""
        if not any(self._buffers.values()):
            self._oldest = time.monotonic()
        buffer = self._buffers.setdefault(side, [])
        buffer.append(row)
        if len(buffer) >= self._rows or time.monotonic() - self._oldest >= _AGE_S:
            self._flush()

    def remove(self, side: Side, ids: list[str]) -> None:
        """Delete rows, after what was added before."""
        self._flush()
        self._submit(self._store.delete, side, ids)

    def drain(self) -> None:
        """Wait until everything is acknowledged. Raises what a write raised."""
        self._flush()
        while self._pending:
            self._pending.popleft().result()

    def _flush(self) -> None:
        for side, rows in self._buffers.items():
            if rows:
                self._submit(self._upsert, side, rows)
        self._buffers = {}

    def _upsert(self, side: Side, rows: list[Row]) -> None:
        self._store.upsert(side, rows)
        self._on_written(len(rows))

    def _submit(self, call: Callable[..., None], *arguments: Any) -> None:
        while len(self._pending) >= _BEHIND or (self._pending and self._pending[0].done()):
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(call, *arguments))
