"""The database as requests see it: their time in it is counted, and nobody queues up for one that
is away.

A database that has gone away makes each caller wait as long as ``store.timeout_s`` allows. So once
it is known to be away, one call in ``PAUSE_S`` is let through to look; the others are told at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from searchengine.errors import StoreUnavailableError
from searchengine.service.call import current_call

if TYPE_CHECKING:
    from searchengine.store.contract import Store

PAUSE_S = 1.0
_ROWS_A_LOOK = 256
_CALLS = (
    *("describe", "sides", "search", "search_text", "fetch", "count"),
    *("ensure", "upsert", "delete", "settle", "reindex", "set_effort", "drop"),
    *("versions", "switch", "discard", "import_file", "wait_for_imports"),
)


def watched(store: Store) -> Store:
    """Return the store, each call counted as its request's time in the database."""
    return cast("Store", _WatchedStore(store))


class _Presence:
    """Whether the database is there, as far as is known."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._answered = 0.0
        self._error: StoreUnavailableError | None = None
        self._look_at = 0.0

    def check(self) -> None:
        """Raise what a call has raised a moment ago, where none has succeeded since."""
        if self._error is None:
            return
        with self._guard:
            error = self._error
            if error is None:
                return
            if time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + PAUSE_S  # this call looks
                return
        raise StoreUnavailableError(str(error), hint=error.hint)

    def answered(self) -> None:
        self._answered = time.monotonic()
        if self._error is not None:
            with self._guard:
                self._error = None

    def failed(self, error: StoreUnavailableError, began: float) -> None:
        with self._guard:
            if self._answered < began:  # no other call has had an answer meanwhile
                self._error = error
                self._look_at = time.monotonic() + PAUSE_S


class _WatchedStore:
    """Implements ``Store``."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self._presence = _Presence()
        for name in _CALLS:
            setattr(self, name, partial(self._call, getattr(inner, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)  # what asks nothing of the database

    def scan(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        rows = iter(self._call(self._inner.scan, *args, **kwargs))
        while some := self._call(list, islice(rows, _ROWS_A_LOOK)):
            yield from some

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        call = current_call()
        call.check()
        self._presence.check()
        began = time.monotonic()
        with call.stage("database"):
            try:
                found = method(*args, **kwargs)
            except StoreUnavailableError as error:
                self._presence.failed(error, began)
                raise
        self._presence.answered()
        return found
