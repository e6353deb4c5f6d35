"""Writes behind the encoder: one thread, in order, many rows a call.

A call that fails because the database is away is made again, with growing pauses, by the store's
connection. That never duplicates: a write is an upsert or a delete by key. A write that fails for
good stops the run at the next call here; what was acknowledged before has been counted.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ingest.clock import StageClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.records import Side
    from searchengine.store.contract import Row, SideSpec, Store

LEAST_ROWS, MOST_ROWS = 500, 5_000
ENOUGH_BYTES = 4 * 1024 * 1024
"""A call is worth making from here on: 500 rows of 8 KB, 1,800 rows of 512 numbers."""
AGE_S = 2.0
"""Rows wait no longer than this for their write: what a kill can cost."""
_BEHIND = 2
"""Full calls that may wait before ``add`` blocks."""


@dataclass(slots=True)
class _Call:
    """One call to the store, as it is being gathered."""

    what: Literal["ensure", "upsert", "delete"]
    side: Side
    spec: SideSpec | None = None
    rows: list[Row] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    bytes: int = 0
    full: bool = False
    """Nothing more is added to it."""
    since: float = field(default_factory=time.monotonic)


class Writer:
    """Gathers rows and writes them in a thread. A context manager; ``drain`` before leaving it."""

    def __init__(
        self,
        store: Store,
        rows: int = 0,
        on_written: Callable[[int], None] = lambda _: None,
        clock: StageClock | None = None,
    ) -> None:
        """Write ``rows`` at a time, 0: 500 to 5,000 by their size; tell how many were acknowledged.

        ``on_written`` is called in the thread of the writer.
        """
        self._store = store
        self._rows = rows
        self._on_written = on_written
        self._clock = clock or StageClock()
        self._changed = threading.Condition()
        self._calls: list[_Call] = []
        self._under_way = False
        self._draining = False
        self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="write", daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._calls.clear()
            self._changed.notify_all()
        self._thread.join()

    def ensure(self, spec: SideSpec) -> None:
        """Have a side made before the rows that are added after this."""
        self._put(_Call("ensure", spec.side, spec=spec, full=True))

    def add(self, side: Side, row: Row) -> None:
        """Take a row; it is acknowledged at the latest when ``drain`` returns.

        Blocks while the database is far behind. Raises what an earlier write raised.
        """
        with self._changed:
            call = self._last(side)
            if call is None or call.what != "upsert" or call.full:
                call = _Call("upsert", side)
                self._append(call)
            call.rows.append(row)
            call.bytes += size_of(row)
            call.full = self._is_full(call)
            if call.full or len(call.rows) == 1:
                self._changed.notify_all()
            self._changed.wait_for(self._may_go_on)
            self._raise()

    def remove(self, side: Side, ids: list[str]) -> None:
        """Delete rows, after what was added before."""
        with self._changed:
            call = self._last(side)
            if call is not None and call.what == "delete":
                call.ids += ids
                return
        self._put(_Call("delete", side, ids=list(ids)))

    def drain(self) -> None:
        """Wait until everything is acknowledged. Raises what a write raised."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._error is not None or not (self._calls or self._under_way)
            )
            self._draining = False
            self._raise()

    def _put(self, call: _Call) -> None:
        with self._changed:
            self._append(call)
            self._changed.notify_all()
            self._changed.wait_for(self._may_go_on)
            self._raise()

    def _append(self, call: _Call) -> None:
        before = self._last(call.side)
        if before is not None:
            before.full = True  # so that calls on one side stay in their order
        self._calls.append(call)

    def _last(self, side: Side) -> _Call | None:
        return next((call for call in reversed(self._calls) if call.side == side), None)

    def _is_full(self, call: _Call) -> bool:
        if self._rows:
            return len(call.rows) >= self._rows
        enough = len(call.rows) >= LEAST_ROWS and call.bytes >= ENOUGH_BYTES
        return enough or len(call.rows) >= MOST_ROWS

    def _may_go_on(self) -> bool:
        full = sum(call.full for call in self._calls)
        return full <= _BEHIND or self._error is not None or self._closed

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    # -- the thread -----------------------------------------------------------------------

    def _serve(self) -> None:
        while (call := self._next()) is not None:
            try:
                self._make(call)
            except BaseException as error:  # raised again in the thread that adds
                with self._changed:
                    self._error = error
                    self._calls.clear()
                    self._under_way = False
                    self._changed.notify_all()
                return
            with self._changed:
                self._under_way = False
                self._changed.notify_all()

    def _next(self) -> _Call | None:
        """Wait for a call that is due, and take it; ``None`` at the end."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for call in self._calls:
                    if call.full or self._draining or now - call.since >= AGE_S:
                        self._calls.remove(call)
                        self._under_way = True
                        self._changed.notify_all()
                        return call
                oldest = min((call.since for call in self._calls), default=None)
                self._changed.wait(None if oldest is None else max(0.0, oldest + AGE_S - now))
            return None

    def _make(self, call: _Call) -> None:
        with self._clock.busy("write", len(call.rows)):
            if call.spec is not None:
                self._store.ensure(call.spec)
            if call.rows:
                self._store.upsert(call.side, call.rows)
            if call.ids:
                self._store.delete(call.side, call.ids)
        if call.rows:
            self._on_written(len(call.rows))


def size_of(row: Row) -> int:
    """Return about how many bytes a row takes on its way to the database."""
    item = row.item
    meta = len(str(item.meta)) if item.meta else 0
    return 4 * len(row.vector) + 300 + 2 * len(item.uri) + 2 * len(item.caption or "") + meta
