"""What a run did: counts for people, and a row for every item that failed."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ingest.clock import Reading, StageClock
from ingest.limiting import as_rows
from searchengine.identity import display


@dataclass
class Report:
    """Counts of one run. Every asset seen ends in exactly one of the outcomes.

    ``seen = embedded + unchanged + updated + carried + failed_assets`` once a
    run is complete; ``failed`` also counts what could not even be listed.
    """

    path: Path | None = None
    """Where the rows of failed items go (JSON lines); made when the first one fails."""
    seen: int = 0
    written: int = 0
    """Rows the database has acknowledged in this run."""
    embedded: int = 0
    """Went through the model."""
    unchanged: int = 0
    updated: int = 0
    """New metadata, same content: the vector stayed."""
    carried: int = 0
    """New place, known content: the vector was taken over."""
    moved: int = 0
    """Those of ``carried`` whose old place is gone from the index."""
    removed: int = 0
    """Left the index because they are gone (or can no longer be read as what they were)."""
    failed: int = 0
    skipped: int = 0
    """Met and left alone: sockets, links to folders."""
    interrupted: bool = False
    encoding: tuple[Reading, Reading] | None = None
    """What the clock showed when the first batch was ready, and at the last acknowledged row."""
    model: str = ""
    started: float = field(default_factory=time.monotonic)
    finished: float | None = None
    first_failures: list[str] = field(default_factory=list)
    clock: StageClock = field(default_factory=StageClock, repr=False)
    """Where the time went, by stage."""
    _file: TextIO | None = field(default=None, repr=False)
    _failing: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Listing and encoding fail in threads of their own; any other count is kept by one thread."""

    _SHOWN = 5

    @property
    def done(self) -> int:
        """Assets whose outcome is known."""
        return self.embedded + self.unchanged + self.updated + self.carried + self.failed

    @property
    def seconds(self) -> float:
        """Seconds from the start to the end of the run, or to now."""
        return (self.finished or time.monotonic()) - self.started

    @property
    def embedded_per_s(self) -> float:
        """Items embedded and acknowledged a second, without start and end; 0 for none."""
        if self.encoding is None:
            return 0.0
        first, last = self.encoding
        return self.embedded / max(last.at_s - first.at_s, 1e-9)

    def fail(self, uri: str, reason: str, message: str) -> None:
        """Record one failed item. Any thread may."""
        with self._failing:
            self._fail(uri, reason, message)

    def _fail(self, uri: str, reason: str, message: str) -> None:
        self.failed += 1
        line = f"{display(uri)}: {message}"
        if len(self.first_failures) < self._SHOWN:
            self.first_failures.append(line)
        if self.path is None:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        row = {"uri": uri, "reason": reason, "message": message}
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()

    def finish(self) -> None:
        """Stop the clock and close the file of failures."""
        self.finished = time.monotonic()
        if self._file is not None:
            self._file.close()
            self._file = None

    def as_json(self) -> dict[str, Any]:
        """Return what ``index --json`` prints."""
        return {
            "seen": self.seen,
            "embedded": self.embedded,
            "unchanged": self.unchanged,
            "updated": self.updated,
            "moved": self.moved,
            "copied": self.carried - self.moved,
            "removed": self.removed,
            "failed": self.failed,
            "skipped": self.skipped,
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 3),
            "embedded_per_s": round(self.embedded_per_s, 2),
            "model": self.model,
            "report": str(self.path) if self.path is not None and self.failed else None,
            "stages": as_rows(self.clock.read()),
        }

    @property
    def acknowledged(self) -> int:
        """Assets that are in the index as they are now."""
        return self.written + self.unchanged

    def summary(self, *, dry_run: bool = False) -> str:
        """Return one line for people."""
        parts = [f"{self.seen:,} seen:", f"{self.embedded:,} embedded,"]
        parts.append(f"{self.unchanged:,} unchanged,")
        for count, word in (
            (self.updated, "with new metadata"),
            (self.moved, "moved"),
            (self.carried - self.moved, "copied"),
            (self.removed, "removed"),
            (self.skipped, "skipped"),
        ):
            if count:
                parts.append(f"{count:,} {word},")
        parts.append(f"{self.failed:,} failed")
        rate = f", {self.embedded_per_s:.1f} a second" if self.encoding else ""
        line = " ".join(parts) + f" ({self.seconds:.1f} s{rate})"
        return f"would be done: {line}" if dry_run else line
