"""The driver of a run on a Ray cluster: checks, starts the stages, counts, sweeps.

What crashes cost, step by step:

* an actor or a node: Ray does again what was under way there, and so much of what had been made
  there as is still wanted. Every write is an upsert by id, so that what was written twice stands
  once.
* more than Ray can make good (no room is left for an actor that would restart, a block cannot be
  made again): the stages are begun anew on what is left of the cluster; what the database has is
  not done again.
* the driver: Ray ends with it. The same command goes on from what the database has.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from ingest.bulk import BulkStore
from ingest.clock import Reading
from ingest.corpus import Corpus
from ingest.overlap import beside
from ingest.plan import Ledger
from ingest.runners.ray.away import run_away
from ingest.runners.ray.book import Book
from ingest.runners.ray.cluster import (
    Cluster,
    alive_nodes,
    connected,
    import_ray,
    size_pools,
)
from ingest.runners.ray.control import Control
from ingest.runners.ray.flow import results
from ingest.runners.ray.slices import Slice, unpack
from ingest.runners.ray.work import SHARD_ITEMS, Work
from searchengine.errors import MissingError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.job import Job
    from ingest.report import Report
    from ingest.runners.ray.cluster import Pools
    from ingest.runners.ray.slices import Facts
    from ingest.sources.contract import Scope
    from searchengine.records import Modality
    from searchengine.store.contract import Store

STALLED_S = 60.0
"""Nothing comes for so long after a node was lost: the stages are begun anew."""
_MOST_ROUNDS = 20
"""So often: nodes may come and go in a run of days, but not for ever."""


class RayRunner:
    """Runs a job on a Ray cluster."""

    def __init__(self, cluster: Cluster | None = None) -> None:
        """On that cluster; by default a Ray is started here."""
        self._cluster = cluster or Cluster()

    def run(
        self,
        job: Job,
        report: Report,
        *,
        stop: threading.Event | None = None,
        on_progress: Callable[[Report], None] | None = None,
    ) -> Report:
        """Run a job; see ``contract.Runner``.

        Raises ``UnsupportedError`` for a database that only one process may write to.
        """
        stop, on_progress = stop or threading.Event(), on_progress or (lambda _: None)
        try:
            if self._cluster.is_far:
                with connected(self._cluster) as ray:
                    inside = replace(self._cluster, address="auto")
                    run_away(ray, job, report, inside, stop, on_progress)
            else:
                self._run(job, report, stop, on_progress)
        finally:
            report.finish()
        return report

    def _run(
        self,
        job: Job,
        report: Report,
        stop: threading.Event,
        on_progress: Callable[[Report], None],
    ) -> None:
        job.build_source()  # a missing path is told before anything else happens
        import_ray()
        store = job.build_store()
        try:
            check_store(store)
            with connected(self._cluster) as ray:
                _Run(ray, job, store, report, self._cluster, stop, on_progress).run()
        finally:
            store.close()


def check_store(store: Store) -> None:
    """Refuse what cannot be written to from many processes."""
    if store.capabilities.backend != "server":
        raise UnsupportedError(
            "the runner ray writes from many processes, and this database belongs to one",
            hint="give a Milvus server with --store http://host:19530, or use --runner local",
        )
    if isinstance(store, BulkStore):
        raise UnsupportedError(
            "the runner ray writes from many processes, and --bulk imports the files of one",
            hint="leave out --bulk, or use --runner local",
        )


class _Run:
    """One run. ``run`` it once."""

    def __init__(
        self,
        ray: Any,
        job: Job,
        store: Store,
        report: Report,
        cluster: Cluster,
        stop: threading.Event,
        on_progress: Callable[[Report], None],
    ) -> None:
        self._ray = ray
        self._job = job
        self._store = store
        self._report = report
        self._clock = report.clock
        self._cluster = cluster
        self._stop = stop
        self._stopping = False
        self._on_progress = on_progress
        self._corpus = Corpus(job, store)
        self._ledgers: dict[Modality, Ledger] = {m: Ledger() for m in job.modalities}
        self._carried: set[str] = set()
        self._touched: set[Modality] = set()
        self._scopes: set[Scope] = set()
        self._broken: set[Scope] = set()
        self._failed: set[tuple[str, str]] = set()
        self._encoding_since: Reading | None = None
        self._began_wall = time.time() - self._clock.read().at_s
        """When the clock began, by the clock on the wall."""
        self._control: Any = None

    def run(self) -> None:
        """Do all there is to do. Raises what stops a run; failed items are in the report."""
        report, job = self._report, self._job
        report.model = self._corpus.model
        self._corpus.check(lambda: job.build_encoder(self._corpus.model))
        self._control = self._start_control()
        try:
            self._rounds()
        finally:
            self._ray.kill(self._control)
        report.interrupted |= self._stop.is_set()
        if job.prune and not report.interrupted:
            self._sweep()
        with self._clock.busy("settle"):
            self._corpus.settle(self._touched)
        if report.embedded and job.prepare_questions and not (job.dry_run or self._stop.is_set()):
            with self._clock.busy("prepare"):
                job.prepare_questions(job.build_encoder(self._corpus.model))
        self._on_progress(report)

    def _start_control(self) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node = self._ray.get_runtime_context().get_node_id()
        return (
            self._ray.remote(Control)
            .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, False))
            .remote(self._job)
        )

    def _rounds(self) -> None:
        for number in count():
            nodes = alive_nodes(self._ray)
            pools = size_pools(list(nodes.values()), self._cluster)
            self._set_workers(pools)
            try:
                self._round(self._work(number), pools, frozenset(nodes))
                return
            except _LostError as error:
                if number + 1 >= _MOST_ROUNDS:
                    raise MissingError(
                        f"the Ray cluster lost work {_MOST_ROUNDS} times",
                        hint="what was written stays, and the same command goes on from there",
                    ) from error
                self._begin_anew()

    def _work(self, number: int) -> Work:
        corpus = self._corpus
        return Work(
            self._job,
            corpus.model,
            self._control,
            corpus.sides,
            frozenset(corpus.found),
            {
                m: corpus.found[m].profile if m in corpus.found else self._job.profile
                for m in corpus.sides
            },
            self._cluster.shard_items or SHARD_ITEMS,
            number,
        )

    def _set_workers(self, pools: Pools) -> None:
        from ingest.runners.ray.reading import READERS

        self._clock.set_workers(
            list=1,
            compare=pools.readers.count,
            expand=pools.readers.count,
            read=pools.readers.count * READERS,
            match=pools.readers.count,
            model=pools.encoders.count,
            decode=pools.decoders.count,
            encode=pools.encoders.count,
            write=pools.writers.count,
        )

    # -- one round ------------------------------------------------------------------------

    def _round(self, work: Work, pools: Pools, nodes: frozenset[str]) -> None:
        book = Book()
        came = [time.monotonic()]

        def tick() -> None:
            self._pass_on_stop()
            quiet_s = time.monotonic() - came[0]
            if quiet_s > STALLED_S and nodes - alive_nodes(self._ray).keys():
                raise _LostError
            self._on_progress(self._report)

        flow = beside(results(work, pools), lambda: 64, "ray", tick, self._end_stages)
        try:
            with closing(flow) as tables:
                for table in tables:
                    came[0] = time.monotonic()
                    self._take(table, book)
        except self._ray.exceptions.RayError as error:
            if nodes - alive_nodes(self._ray).keys():
                raise _LostError from error
            raise
        if not book.complete:
            raise _LostError

    def _take(self, table: Any, book: Book) -> None:
        for one in unpack(table):
            assert isinstance(one, Slice)
            if one.facts.lost:
                raise _LostError
            if book.enter(one):
                self._fold(one.facts)
        self._pass_on_stop()
        self._on_progress(self._report)

    def _end_stages(self) -> None:
        """Have nobody wait for what may never come."""
        with suppress(self._ray.exceptions.RayError):
            for actor in self._ray.get(self._control.dismissed.remote()):
                self._ray.kill(actor, no_restart=True)

    def _pass_on_stop(self) -> None:
        if self._stop.is_set() and not self._stopping:
            self._stopping = True
            self._ray.get(self._control.stop.remote())

    def _fold(self, facts: Facts) -> None:
        if facts.error is not None:
            raise facts.error
        report = self._report
        for name, more in facts.counts.items():
            setattr(report, name, getattr(report, name) + more)
        for failure in facts.failures:
            if failure[:2] not in self._failed:  # told before the stages were begun anew
                self._failed.add(failure[:2])
                report.fail(*failure)
        report.interrupted |= facts.interrupted
        for modality, (keys, known) in facts.noted.items():
            if self._job.prune:
                self._ledgers[modality].keys.frombytes(keys)
                self._ledgers[modality].known += known
        for stage, (items, busy_s) in facts.times.items():
            self._clock.add(stage, items, busy_s)
        self._carried |= facts.carried
        self._touched |= facts.touched
        self._scopes.update(facts.scopes)
        self._broken.update(facts.broken)
        if facts.encoded is not None:
            self._note_encoding(*facts.encoded)

    def _note_encoding(self, began: float, ended: float) -> None:
        """Note when the first slice was encoded, and the last one written."""
        at_s = max(0.0, began - self._began_wall)
        if self._encoding_since is None or at_s < self._encoding_since.at_s:
            self._encoding_since = Reading(at_s, ())
        last = self._clock.read()
        last = Reading(min(last.at_s, max(at_s, ended - self._began_wall)), last.stages)
        if self._report.encoding is None or last.at_s >= self._report.encoding[1].at_s:
            self._report.encoding = (self._encoding_since, last)
        else:
            self._report.encoding = (self._encoding_since, self._report.encoding[1])

    def _begin_anew(self) -> None:
        """Forget what the next round counts again; what was done comes back as unchanged."""
        report = self._report
        report.seen = report.skipped = 0
        report.unchanged = -(report.embedded + report.updated + report.carried)
        self._ledgers = {modality: Ledger() for modality in self._ledgers}
        self._scopes.clear()
        self._broken.clear()

    def _sweep(self) -> None:
        scopes = sorted(self._scopes - self._broken, key=lambda scope: scope.prefix)
        for modality in self._corpus.sweep(scopes, self._ledgers, self._carried, self._report):
            if not self._job.dry_run:
                self._touched.add(modality)
            self._on_progress(self._report)


class _LostError(Exception):
    """More was lost with a node than Ray makes good."""
