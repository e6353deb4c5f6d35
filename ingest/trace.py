"""What each thread did when, for chrome://tracing and ui.perfetto.dev.

The format is Chrome's Trace Event Format, "complete" events: one JSON object a span, times in
microseconds.
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

MOST_SPANS = 200_000
"""Some 20 MB as a file; a trace of a long run is of its beginning."""
_GAP_S = 0.0002
"""Spans of one stage and thread that follow one another so closely are drawn as one."""


class Trace:
    """Spans of a run, up to a limit. Threads may add to it at the same time."""

    def __init__(self, most: int = MOST_SPANS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._spans: dict[str, list[tuple[str, float, float]]] = {}
        self._count = 0
        self.dropped = 0
        """Spans that came after the limit."""

    def add(self, thread: str, stage: str, start_s: float, end_s: float) -> None:
        """Take one span; spans of one thread come in the order of time."""
        with self._lock:
            spans = self._spans.setdefault(thread, [])
            if spans:
                last, began, ended = spans[-1]
                if last == stage and start_s - ended < _GAP_S:
                    spans[-1] = (stage, began, end_s)
                    return
            if self._count >= self._most:
                self.dropped += 1
                return
            spans.append((stage, start_s, end_s))
            self._count += 1

    @property
    def kept(self) -> int:
        """Spans that will be written."""
        return self._count

    def write(self, path: Path) -> None:
        """Write what there is as JSON."""
        events: list[dict[str, Any]] = []
        pid = os.getpid()
        for tid, (thread, spans) in enumerate(sorted(self._spans.items()), 1):
            named = {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid}
            events.append({**named, "args": {"name": thread}})
            for stage, start, end in spans:
                events.append(
                    {
                        "ph": "X",
                        "name": stage,
                        "pid": pid,
                        "tid": tid,
                        "ts": round(start * 1e6),
                        "dur": round((end - start) * 1e6),
                    }
                )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps({"traceEvents": events, "otherData": {"dropped": self.dropped}}),
            encoding="utf-8",
        )
