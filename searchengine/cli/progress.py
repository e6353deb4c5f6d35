"""The progress bars of long verbs, on stderr."""

from __future__ import annotations

import sys
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from searchengine.cli.talk import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.job import Job
    from ingest.report import Report


@contextmanager
def progress(job: Job, report: Report, *, quiet: bool) -> Iterator[Callable[[Report], None]]:
    """Give a function that brings the bar up to date with a report.

    The total is counted beside the run, by a second listing that nothing waits for.
    """
    if quiet:
        yield lambda _: None
        return
    from tqdm import tqdm

    live = sys.stderr.isatty()
    limits = _Limits(report)
    counted: list[int] = []
    over = threading.Event()
    with tqdm(
        desc="indexing",
        unit="item",
        dynamic_ncols=True,
        mininterval=0.1 if live else 5.0,
        file=sys.stderr,
    ) as bar:
        threading.Thread(target=_count, args=(job, counted, over), daemon=True).start()

        def update(now: Report) -> None:
            if counted and bar.total != counted[0]:
                bar.total = counted[0]
            bar.set_postfix_str(", ".join(filter(None, [_detail(now), limits()])), refresh=False)
            bar.update(now.done - bar.n)

        try:
            yield update
        finally:
            over.set()
            bar.total = max(report.seen, bar.n)
            bar.set_postfix_str(_detail(report), refresh=False)
            bar.update(report.done - bar.n)


class _Limits:
    """Says which stage has limited a run of late."""

    _WINDOW_S = 5.0
    _STEP_S = 1.0

    def __init__(self, report: Report) -> None:
        self._clock = report.clock
        self._readings = deque([self._clock.read()])
        self._words = ""

    def __call__(self) -> str:
        from ingest.limiting import limiting

        now = self._clock.read()
        if now.at_s - self._readings[-1].at_s >= self._STEP_S:
            while now.at_s - self._readings[0].at_s > self._WINDOW_S and len(self._readings) > 1:
                self._readings.popleft()
            self._words = limiting(now, self._readings[0])
            self._readings.append(now)
        return self._words


@contextmanager
def stages(unit: str, *, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that is told what is going on, how much is done, and how much there is."""
    if quiet:
        yield lambda what, done, total: None
        return
    from tqdm import tqdm

    interval = 0.1 if sys.stderr.isatty() else 5.0
    bars: dict[str, tqdm[Any]] = {}

    def update(what: str, done: int, total: int) -> None:
        if what not in bars or done < bars[what].n:
            close()
            bars[what] = tqdm(
                desc=what, unit=unit, dynamic_ncols=True, mininterval=interval, file=sys.stderr
            )
        bars[what].total = total
        bars[what].update(done - bars[what].n)

    def close() -> None:
        for bar in bars.values():
            bar.close()
        bars.clear()

    try:
        yield update
    finally:
        close()


def _count(job: Job, counted: list[int], over: threading.Event) -> None:
    from ingest.sources.chain import is_costly

    try:
        total = 0
        source = job.build_source()
        if is_costly(source):
            return
        for _ in source:
            total += 1
            if over.is_set():
                return
        counted.append(total)
    except Exception:  # the run itself meets the same error and tells it
        return


def _detail(report: Report) -> str:
    parts = [f"{report.embedded:,} embedded"]
    if report.unchanged:
        parts.append(f"{report.unchanged:,} unchanged")
    if report.failed:
        parts.append(f"{report.failed:,} failed")
    if report.skipped:
        parts.append(f"{report.skipped:,} skipped")
    return ", ".join(parts)


def say_failures(report: Report) -> None:
    """Name the first items that failed in a run, and where the others are."""
    for line in report.first_failures:
        say(f"failed: {line}")
    if report.failed > len(report.first_failures):
        say(f"... and {report.failed - len(report.first_failures):,} more")
    if report.failed and report.path is not None and report.path.exists():
        say(f"all failures: {report.path}")
