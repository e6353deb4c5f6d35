"""Where the time of a run goes: how long each stage was at work, and which one limits the rest.

Stages run in threads of their own and call into one another, so time is kept by thread and is
exclusive: a stage that another one interrupts stands still meanwhile. Entering and leaving a stage
costs about a microsecond, so it is done for every run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ingest.trace import Trace

_A = TypeVar("_A")

STAGES = (
    *("list", "compare", "expand", "read", "match", "model", "decode", "encode", "write"),
    *("settle", "prepare"),
)
"""In the order in which an item meets them; ``expand`` is taking films and PDFs apart, ``model`` is
loading it. ``settle`` brings the index to rest, and ``prepare`` gets ready what questions are
measured against, once a model."""
WAITING = ""
"""No stage: a thread that waits for another one."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """One stage, from the start of a run to a moment."""

    stage: str
    workers: int
    """Threads that may be at work in it."""
    items: int
    busy_s: float
    """Seconds at work, over all its workers."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the clock shows at one moment."""

    at_s: float
    """Seconds since the clock was made."""
    stages: tuple[StageTime, ...]
    """Those that have been entered, in the order of ``STAGES``."""

    def share(self, stage: str, since: Reading | None = None) -> float:
        """Return how much of its workers' time a stage was at work, 0 to 1."""
        now, before = self.of(stage), since.of(stage) if since else None
        seconds = self.at_s - (since.at_s if since else 0.0)
        if now is None or seconds <= 0:
            return 0.0
        busy = now.busy_s - (before.busy_s if before else 0.0)
        return min(1.0, max(0.0, busy / (seconds * now.workers)))

    def of(self, stage: str) -> StageTime | None:
        """Return one stage, ``None`` if nothing has entered it."""
        return next((one for one in self.stages if one.stage == stage), None)


class StageClock:
    """Times the stages of one run. Any thread may enter a stage, any may read the clock."""

    def __init__(
        self, trace: Trace | None = None, now: Callable[[], float] = time.perf_counter
    ) -> None:
        """Begin now. ``trace`` is told of every span; ``now`` gives seconds."""
        self.trace = trace
        self._now = now
        self._began = now()
        self._workers: dict[str, int] = {}
        self._mine = threading.local()
        self._tracks: list[_Track] = []
        self._joint: dict[str, _Joint] = {}
        self._joining = threading.Lock()
        self._elsewhere: _Track | None = None

    def set_workers(self, **workers: int) -> None:
        """Say how many threads may be at work in a stage; a stage not named has one."""
        self._workers.update(workers)

    def busy(self, stage: str, items: int = 0) -> _Span:
        """Return a context manager: the thread is at work in ``stage``, on so many items."""
        return _Span(self._track(), stage, items)

    def waiting(self) -> _Span:
        """Return a context manager: the thread waits, and whatever stage it is in stands still."""
        return _Span(self._track(), WAITING, 0)

    @contextmanager
    def jointly(self, stage: str, items: int = 0) -> Iterator[None]:
        """Be at work in a stage that threads share: its time is that in which any of them is."""
        with self._joining:
            joint = self._joint.get(stage)
            if joint is None:
                track = _Track(stage, self._now, self._began, self.trace)
                self._tracks.append(track)
                joint = self._joint[stage] = _Joint(track, stage)
        joint.enter()
        try:
            yield
        finally:
            joint.leave(items)

    def through(self, stage: str, iterable: Iterable[_A]) -> Iterator[_A]:
        """Yield from an iterable; what it takes to come up with the next one is the stage's."""
        iterator = iter(iterable)
        end = object()
        while True:
            with self.busy(stage) as span:
                one: Any = next(iterator, end)
                span.items = int(one is not end)
            if one is end:
                return
            yield one

    def add(self, stage: str, items: int, busy_s: float) -> None:
        """Count work that was done by another process."""
        with self._joining:
            if self._elsewhere is None:
                self._elsewhere = _Track("elsewhere", self._now, self._began, None)
                self._tracks.append(self._elsewhere)
        self._elsewhere.add(stage, items, busy_s)

    def read(self) -> Reading:
        """Return the times up to now, work under way included."""
        at = self._now()
        busy: dict[str, float] = {}
        items: dict[str, int] = {}
        for track in list(self._tracks):
            track.add_to(busy, items, at)
        order = [*STAGES, *sorted(set(busy) - set(STAGES))]
        return Reading(
            at - self._began,
            tuple(
                StageTime(stage, self._workers.get(stage, 1), items.get(stage, 0), busy[stage])
                for stage in order
                if stage in busy and stage != WAITING
            ),
        )

    def _track(self) -> _Track:
        track: _Track | None = getattr(self._mine, "track", None)
        if track is None:
            name = threading.current_thread().name
            track = self._mine.track = _Track(name, self._now, self._began, self.trace)
            self._tracks.append(track)
        return track


class _Track:
    """The time of one thread: which stage it is in, and those that one has interrupted."""

    def __init__(
        self, thread: str, now: Callable[[], float], began: float, trace: Trace | None
    ) -> None:
        self._now = now
        self._began = began
        self._trace = trace
        self._thread = thread
        self._lock = threading.Lock()  # one thread writes; whoever reads the clock must see whole
        self._stages: list[str] = []
        self._since = 0.0
        self._busy: dict[str, float] = {}
        self._items: dict[str, int] = {}

    def enter(self, stage: str) -> None:
        at = self._now()
        with self._lock:
            self._settle(at)
            self._stages.append(stage)

    def leave(self, items: int) -> None:
        at = self._now()
        with self._lock:
            stage = self._stages[-1]
            self._settle(at)
            self._stages.pop()
            self._count(stage, items)

    def count(self, stage: str, items: int) -> None:
        with self._lock:
            self._count(stage, items)

    def add(self, stage: str, items: int, busy_s: float) -> None:
        with self._lock:
            self._busy[stage] = self._busy.get(stage, 0.0) + busy_s
            self._count(stage, items)

    def add_to(self, busy: dict[str, float], items: dict[str, int], at: float) -> None:
        with self._lock:
            for stage, seconds in self._busy.items():
                busy[stage] = busy.get(stage, 0.0) + seconds
            for stage, count in self._items.items():
                items[stage] = items.get(stage, 0) + count
            if self._stages:
                stage = self._stages[-1]
                busy[stage] = busy.get(stage, 0.0) + max(0.0, at - self._since)

    def _count(self, stage: str, items: int) -> None:
        if items:
            self._items[stage] = self._items.get(stage, 0) + items

    def _settle(self, at: float) -> None:
        if self._stages:
            stage = self._stages[-1]
            self._busy[stage] = self._busy.get(stage, 0.0) + at - self._since
            if self._trace is not None and stage != WAITING:
                self._trace.add(self._thread, stage, self._since - self._began, at - self._began)
        self._since = at


class _Joint:
    """A stage on a track of its own, entered by the first thread and left by the last."""

    def __init__(self, track: _Track, stage: str) -> None:
        self._track = track
        self._stage = stage
        self._inside = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._track.enter(self._stage)

    def leave(self, items: int) -> None:
        with self._lock:
            self._inside -= 1
            self._track.count(self._stage, items)
            if not self._inside:
                self._track.leave(0)


class _Span:
    __slots__ = ("_stage", "_track", "items")

    def __init__(self, track: _Track, stage: str, items: int) -> None:
        self._track = track
        self._stage = stage
        self.items = items

    def __enter__(self) -> _Span:
        self._track.enter(self._stage)
        return self

    def __exit__(self, *_: object) -> None:
        self._track.leave(self.items)
