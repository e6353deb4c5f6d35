"""What is counted and timed: for Prometheus, and for the table of stages.

::

    searchengine_request_seconds{route,method,status}   histogram
    searchengine_stage_seconds{route,stage}             histogram; stages as in ``STAGES``
    searchengine_batch_rows{tower}                      histogram: texts, or pictures, in a batch
    searchengine_queue_depth{queue}                     gauge: requests, texts, pictures that wait
    searchengine_text_cache_total{result}               counter: hit, miss
    searchengine_text_cache_bytes                       gauge
    searchengine_database_up                            gauge: 1 where it answered just now
    searchengine_items{corpus,modality}                 gauge
    process_*, python_gc_*                              of the process itself
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from searchengine.store.contract import SideInfo

STAGES = ("queue", "decode", "encode", "database", "rank", "serialise", "other")
"""Where the time of a request goes. ``queue``: waiting for a thread or for a batch's turn;
``rank``: all that the engine does by itself; ``other``: HTTP, and what is none of these."""
_KEPT = 1_000
_SECONDS = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0),
)
_STAGE_SECONDS = (0.0001, 0.0003, *_SECONDS)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Timed:
    """One request that is answered."""

    seconds: float
    stages: Mapping[str, float]
    """Seconds by stage; those of ``STAGES``."""


@dataclass(frozen=True, slots=True)
class Now:
    """What is read when it is asked for."""

    queues: Mapping[str, int]
    cache_hits: int
    cache_misses: int
    cache_bytes: int
    sides: Iterable[SideInfo] | None
    """``None`` where the database does not answer."""


class Meters:
    """The counts of one service. May be used from several threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "searchengine_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ("route", "method", "status"),
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._stages = Histogram(
            "searchengine_stage_seconds",
            "Where the time of requests goes.",
            ("route", "stage"),
            registry=self._registry,
            buckets=_STAGE_SECONDS,
        )
        self._batches = Histogram(
            "searchengine_batch_rows",
            "Texts, or pictures, that were encoded together.",
            ("tower",),
            registry=self._registry,
            buckets=_ROWS,
        )
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._latest: dict[str, deque[Timed]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._guard = threading.Lock()

    def request(self, route: str, method: str, status: int, timed: Timed) -> None:
        """Count a request that is answered. ``route`` is a template: there are few of them."""
        self._requests.labels(route, method, str(status)).observe(timed.seconds)
        for stage, seconds in timed.stages.items():
            self._stages.labels(route, stage).observe(seconds)
        if status < 400:  # what is refused at once says nothing about how long answers take
            with self._guard:
                self._latest[f"{method} {route}"].append(timed)

    def batch(self, tower: str, rows: int) -> None:
        """Count a batch."""
        self._batches.labels(tower).observe(rows)

    def latest(self) -> dict[str, list[Timed]]:
        """Return the last requests of each route that were answered without an error."""
        with self._guard:
            return {route: list(some) for route, some in sorted(self._latest.items())}

    def exposition(self, now: Now) -> bytes:
        """Return everything in Prometheus's text format."""
        read = CollectorRegistry()
        read.register(_Read(now))
        return generate_latest(self._registry) + generate_latest(read)


class _Read(Collector):
    def __init__(self, now: Now) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        now = self._now
        depth = GaugeMetricFamily("searchengine_queue_depth", "What waits.", labels=["queue"])
        for queue, waiting in now.queues.items():
            depth.add_metric([queue], waiting)
        yield depth
        cache = CounterMetricFamily(
            "searchengine_text_cache", "Vectors of texts that were asked for.", labels=["result"]
        )
        cache.add_metric(["hit"], now.cache_hits)
        cache.add_metric(["miss"], now.cache_misses)
        yield cache
        yield GaugeMetricFamily(
            "searchengine_text_cache_bytes", "Memory of vectors of texts.", now.cache_bytes
        )
        up = 0 if now.sides is None else 1
        yield GaugeMetricFamily("searchengine_database_up", "1 where it answered just now.", up)
        items = GaugeMetricFamily("searchengine_items", "Items.", labels=["corpus", "modality"])
        for info in now.sides or ():
            items.add_metric([info.side.corpus, info.side.modality], info.count)
        yield items
