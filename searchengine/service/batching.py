"""Work of many requests done together: what waits at the same time makes one batch.

One thread a queue does the work, so there is always a batch under way and one that gathers behind
it; and a runtime that keeps threads for each thread that calls it keeps them once. Waiting for
company is worth something only where company is near: a batch is held back for a moment where
other requests are on their way, and never for longer than the bound.

Who asks for much takes turns with the others: no batch has more than ``most`` rows, and what is
left of a request goes behind those that came after it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from searchengine.errors import DeadlineError, EncoderError, OverloadError
from searchengine.service.call import Call, current_call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.encoders.contract import Vectors

T = TypeVar("T")

_GAP_S = 0.001
"""Requests that are near come closer together than this; after a gap nobody is waited for."""
_SMOOTHING = 0.2
_LONGEST_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is done together, and how much may wait."""

    most: int
    """Rows in a batch."""
    wait_s: float
    """How long a batch is held back for company, at the most."""
    waiting: int
    """Rows that may wait; who comes then is told to come again."""


@dataclass(slots=True, eq=False)
class _Entry(Generic[T]):
    """What one request wants done."""

    rows: Sequence[T]
    call: Call
    asked: float = field(default_factory=time.perf_counter)
    begun: float | None = None
    """When its first rows were taken up."""
    taken: int = 0
    """How many rows are done, or being done."""
    parts: list[Vectors] = field(default_factory=list)
    error: Exception | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.call.gone.is_set() or self.call.left_s <= 0

    def end(self, error: Exception | None = None) -> None:
        self.error = error
        self.ended.set()


class Batching(Generic[T]):
    """One queue in front of something that does many rows faster than it does them one by one."""

    def __init__(
        self,
        work: Callable[[list[T]], Vectors],
        bounds: Bounds,
        *,
        name: str,
        near: Callable[[], int] = lambda: 0,
        seen: Callable[[int], None] = lambda rows: None,
    ) -> None:
        """Do rows by ``work``, which returns a vector for each.

        ``near`` returns how many requests are under way, those that wait here included. ``seen``
        is told the size of each batch.
        """
        self._work = work
        self._bounds = bounds
        self._near = near
        self._seen = seen
        self._entries: deque[_Entry[T]] = deque()
        self._rows = 0
        self._row_s = 0.0
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many rows wait."""
        return self._rows

    def __call__(self, rows: Sequence[T]) -> Vectors:
        """Return what ``work`` gives for some rows, done together with others.

        Raises what ``work`` raises for them (``bad_rows`` counted among these rows),
        ``OverloadError`` where too many wait, ``DeadlineError`` when the request's time is over.
        """
        if not len(rows):
            return self._work([])
        entry = _Entry(rows, current_call())
        entry.call.check()
        with self._change:
            self._admit(entry)
            self._change.notify()
        left = entry.call.left_s
        entry.ended.wait(None if left == float("inf") else left)
        now = time.perf_counter()
        begun = entry.begun or now
        entry.call.spend("queue", begun - entry.asked)
        entry.call.spend("encode", now - begun)
        if not entry.ended.is_set():
            raise DeadlineError("the model was not done within the time allowed")
        if entry.error is not None:
            raise entry.error
        return entry.parts[0] if len(entry.parts) == 1 else np.concatenate(entry.parts)

    def close(self) -> None:
        """Do nothing further; who waits is told so."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join(timeout=10)

    def _admit(self, entry: _Entry[T]) -> None:
        if self._closed:
            raise OverloadError("the service is stopping", retry_after_s=1)
        if self._rows >= self._bounds.waiting:
            self._drop_unwanted()
        if self._rows >= self._bounds.waiting:
            raise OverloadError(
                f"{self._rows} texts or pictures wait for the model already",
                retry_after_s=min(self._rows * self._row_s, _LONGEST_RETRY_S),
            )
        self._entries.append(entry)
        self._rows += len(entry.rows)

    def _drop_unwanted(self) -> None:
        for entry in [one for one in self._entries if one.unwanted]:
            self._entries.remove(entry)
            self._rows -= len(entry.rows) - entry.taken
            entry.end(DeadlineError("the request took longer than it was allowed to"))

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            if batch:
                self._do(batch)

    def _next(self) -> list[tuple[_Entry[T], Sequence[T]]] | None:
        """Return whose rows are done next, and which; ``None`` where there is no next time."""
        with self._change:
            while not self._entries and not self._closed:
                self._change.wait()
            if not self._closed:
                self._gather()
            if self._closed:
                for entry in self._entries:
                    entry.end(OverloadError("the service is stopping", retry_after_s=1))
                return None
            self._drop_unwanted()
            return self._take()

    def _gather(self) -> None:
        """Wait for those who are near, for as long as they keep coming."""
        until = time.monotonic() + self._bounds.wait_s
        while not self._closed and self._rows < self._bounds.most:
            here, left = len(self._entries), until - time.monotonic()
            if left <= 0 or here >= self._near():
                return
            self._change.wait(min(left, _GAP_S))
            if len(self._entries) == here:
                return

    def _take(self) -> list[tuple[_Entry[T], Sequence[T]]]:
        batch: list[tuple[_Entry[T], Sequence[T]]] = []
        room, now = self._bounds.most, time.perf_counter()
        unfinished = []
        while self._entries and room > 0:
            entry = self._entries.popleft()
            rows = entry.rows[entry.taken : entry.taken + room]
            entry.begun = entry.begun or now
            entry.taken += len(rows)
            room -= len(rows)
            self._rows -= len(rows)
            batch.append((entry, rows))
            if entry.taken < len(entry.rows):
                unfinished.append(entry)
        self._entries.extend(unfinished)
        return batch

    def _do(self, batch: list[tuple[_Entry[T], Sequence[T]]]) -> None:
        began = time.perf_counter()
        rows = [row for _, some in batch for row in some]
        self._seen(len(rows))
        try:
            vectors = self._work(rows)
        except Exception as error:
            self._do_apart(batch, error)
        else:
            at = 0
            for entry, some in batch:
                self._done(entry, vectors[at : at + len(some)])
                at += len(some)
        took = (time.perf_counter() - began) / len(rows)
        self._row_s += (_SMOOTHING if self._row_s else 1) * (took - self._row_s)

    def _do_apart(self, batch: list[tuple[_Entry[T], Sequence[T]]], error: Exception) -> None:
        """Find whose fault it was: everybody else gets an answer."""
        if len(batch) == 1:
            self._fail(batch[0][0], len(batch[0][1]), error)
            return
        for entry, rows in batch:
            try:
                self._done(entry, self._work(list(rows)))
            except Exception as its_own:
                self._fail(entry, len(rows), its_own)

    def _done(self, entry: _Entry[T], vectors: Vectors) -> None:
        entry.parts.append(vectors)
        if sum(map(len, entry.parts)) == len(entry.rows):
            entry.end()

    def _fail(self, entry: _Entry[T], count: int, error: Exception) -> None:
        with self._change:
            if entry in self._entries:
                self._entries.remove(entry)
                self._rows -= len(entry.rows) - entry.taken
        before = entry.taken - count
        if isinstance(error, EncoderError) and before:
            bad = tuple(before + row for row in error.bad_rows)
            error = EncoderError(str(error), bad_rows=bad, hint=error.hint)
        entry.end(error)
