"""What the service itself writes into its corpora, for who wants to watch."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from searchengine.present.strict_json import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT_JOBS = 20
"""Jobs of a corpus that are remembered; the oldest finished ones go first."""
KEPT_FAILURES = 100
"""Failed items of a job that are named; further ones are counted."""


@dataclass(slots=True)
class Job:
    """Some items on their way into a corpus. Told about by one thread, read by others."""

    number: int
    total: int
    """Items to be written."""
    began: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    done: int = 0
    """Items in the index."""
    failed: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)
    """``name`` and ``message`` of those that failed, at most ``KEPT_FAILURES``."""
    finished: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        return {
            "number": self.number,
            "total": self.total,
            "done": self.done,
            "failed": self.failed,
            "failures": list(self.failures),
            "began": self.began,
            "finished": self.finished,
        }


class Jobs:
    """The jobs of all corpora, since the service began. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, deque[Job]] = {}
        self._number = 0
        self.closed = threading.Event()
        """Set when the service ends: nobody should go on watching."""

    @contextmanager
    def writing(self, corpus: str, total: int) -> Iterator[Writing]:
        """Have what a block writes into a corpus be seen. It is finished when the block ends."""
        with self._lock:
            self._number += 1
            job = Job(self._number, total)
            kept = self._jobs.setdefault(corpus, deque())
            kept.append(job)
            while len(kept) > KEPT_JOBS and kept[0].finished is not None:
                kept.popleft()
        try:
            yield Writing(job, self._lock)
        finally:
            with self._lock:
                job.finished = time.time()

    def of(self, corpus: str) -> list[dict[str, Any]]:
        """Return the jobs of a corpus as JSON values, the newest last."""
        with self._lock:
            return [job.as_json() for job in self._jobs.get(corpus, ())]


class Writing:
    """The end of a job that who does the work holds."""

    def __init__(self, job: Job, lock: threading.Lock) -> None:
        self._job = job
        self._lock = lock

    def done(self, count: int = 1) -> None:
        """So many more items are in the index."""
        with self._lock:
            self._job.done += count

    def failed(self, name: str, message: str) -> None:
        """One item is not going to be; ``name`` is what whoever sent it knows it by."""
        with self._lock:
            self._job.failed += 1
            if len(self._job.failures) < KEPT_FAILURES:
                row = {"name": clean_text(name), "message": clean_text(message)}
                self._job.failures.append(row)
