"""One request under way, known to whatever works for it, in whichever thread."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from searchengine.errors import DeadlineError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Call:
    """A request: how long it may take, whether anybody still waits, where its time went."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    began: float = field(default_factory=time.monotonic)
    deadline: float = float("inf")
    """Of ``time.monotonic``."""
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when nobody waits for the answer any more."""
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    returned: float | None = None
    """Of ``time.perf_counter``: when the work of its thread was done."""
    counting: threading.Lock = field(default_factory=threading.Lock)
    """Held to change ``stages``: several threads may work for one request."""

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self.deadline - time.monotonic())

    def check(self) -> None:
        """Raise ``DeadlineError`` where the answer would come too late, or to nobody."""
        if self.gone.is_set() or self.left_s <= 0:
            raise DeadlineError("the request took longer than it was allowed to")

    def stage(self, name: str) -> _Stage:
        """Count the time of a block as the stage's; but for what stages within it count."""
        return _Stage(self, name)

    def spend(self, name: str, seconds: float, whole: float | None = None) -> None:
        """Count seconds as a stage's, and not as those of the stage around it.

        ``whole`` are the seconds to leave out there, where they are more.
        """
        with self.counting:
            self.stages[name] = self.stages.get(name, 0.0) + seconds
        if (outer := _INNER.get()) is not None:
            outer.within_s += seconds if whole is None else whole


class _Stage:
    """A block whose time is counted. Written out: it stands around every call of the database."""

    __slots__ = ("_call", "_name", "_start", "_token", "within_s")

    def __init__(self, call: Call, name: str) -> None:
        self._call = call
        self._name = name
        self.within_s = 0.0
        """What the stages within it took."""

    def __enter__(self) -> None:
        self._token = _INNER.set(self)
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        took = time.perf_counter() - self._start
        _INNER.reset(self._token)
        self._call.spend(self._name, took - self.within_s, took)


_INNER: ContextVar[_Stage | None] = ContextVar("inner", default=None)
_CALL: ContextVar[Call | None] = ContextVar("call", default=None)


def current_call() -> Call:
    """Return the request that this code works for; outside of one, a call that never ends."""
    return _CALL.get() or Call(id="-")


@contextmanager
def calling(call: Call) -> Iterator[Call]:
    """Make a call the current one for a block, and for the threads that work for it."""
    token = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(token)
