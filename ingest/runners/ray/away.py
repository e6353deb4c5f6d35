"""A run whose driver is on the cluster: what ``ray://`` means.

Ray's client speaks to a cluster from outside of it, through one door. Ray Data belongs inside. So
an actor there drives the run, and this process asks it now and then how far it has come.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ingest.clock import StageTime
from ingest.overlap import TICK_S
from ingest.runners.ray.slices import COUNTS, Tally
from searchengine.errors import MissingError, SearchEngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.clock import Reading
    from ingest.job import Job
    from ingest.report import Report
    from ingest.runners.ray.cluster import Cluster

_TOLD = (*COUNTS, "moved", "interrupted", "model", "encoding")


class Driver:
    """The actor. ``run`` once, and meanwhile ``told`` and ``stop`` from other threads."""

    def __init__(self, job: Job, cluster: Cluster) -> None:
        self._job = job
        self._cluster = cluster
        self._tally = Tally()
        self._stop = threading.Event()

    def run(self) -> SearchEngineError | None:
        """Run to the end; return what stopped it."""
        from ingest.runners.ray.runner import RayRunner

        try:
            RayRunner(self._cluster).run(self._job, self._tally, stop=self._stop)
        except SearchEngineError as error:
            return error
        return None

    def stop(self) -> None:
        """Have the run end after what is under way."""
        self._stop.set()

    def told(self, failures: int) -> tuple[dict[str, Any], list[tuple[str, str, str]], Reading]:
        """Return counts, the failures after the first so many, and what the clock shows."""
        counts = {name: getattr(self._tally, name) for name in _TOLD}
        return counts, self._tally.failures[failures:], self._tally.clock.read()


def run_away(
    ray: Any,
    job: Job,
    report: Report,
    cluster: Cluster,
    stop: threading.Event,
    on_progress: Callable[[Report], None],
) -> None:
    """Have a job run by an actor of the cluster. Raises as running it here does."""
    driver = ray.remote(Driver).options(num_cpus=0, max_concurrency=3).remote(job, cluster)
    running = driver.run.remote()
    listener = _Listener(report)
    stopped = False
    try:
        while True:
            done, _ = ray.wait([running], timeout=TICK_S)
            listener.take(*ray.get(driver.told.remote(listener.failures)))
            on_progress(report)
            if done:
                break
            if stop.is_set() and not stopped:
                stopped = True
                ray.get(driver.stop.remote())
        error = ray.get(running)
    except (ray.exceptions.ActorDiedError, ConnectionError) as lost:
        raise MissingError(
            "the node of the Ray cluster that drove the run is gone",
            hint="what was written stays, and the same command goes on from there",
        ) from lost
    if error is not None:
        raise error


class _Listener:
    """Brings a report up to what was told."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._times: dict[str, StageTime] = {}
        self.failures = 0

    def take(
        self, counts: dict[str, Any], failures: list[tuple[str, str, str]], clock: Reading
    ) -> None:
        for name, value in counts.items():
            setattr(self._report, name, value)
        for failure in failures:
            self._report.fail(*failure)
        self.failures += len(failures)
        self._report.clock.set_workers(**{one.stage: one.workers for one in clock.stages})
        for one in clock.stages:
            before = self._times.get(one.stage, StageTime(one.stage, one.workers, 0, 0.0))
            items, busy_s = one.items - before.items, one.busy_s - before.busy_s
            self._report.clock.add(one.stage, items, busy_s)
        self._times = {one.stage: one for one in clock.stages}
