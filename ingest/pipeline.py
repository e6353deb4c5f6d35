"""list -> compare -> read -> match -> decode -> encode -> write: overlapped, safe to kill anywhere.

Who does what, each with a bounded look-ahead, so that memory does not grow with the collection:

* a thread ``list`` lists and compares with the database; a pool beside it takes films and PDFs
  apart;
* a thread ``feed`` has files read and pictures decoded in two pools, and asks the database in
  between whether their content is known;
* threads ``encode`` encode, a batch at a time or more (``encoding``);
* the caller's thread gathers the batches, hands on what comes out of them in the order they went
  in, and alone keeps the counts;
* a thread ``write`` writes.

Reading, decoding, encoding and hashing let go of the GIL. Nothing is remembered outside the
database: a row that ``upsert`` has acknowledged is found there by the next run, anything else is
done again. Items come out of the pools as they get done, not in the order of the listing.

Crash cases, step by step:

* before a row's upsert: the next run lists the file as new or changed again;
* after it: the next run finds its revision and leaves it alone;
* a moved file: the new row is written before the old one is removed in the
  sweep; between the two both stand, and the next run's sweep removes the old;
* in the sweep: what has not been deleted is found gone again.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ingest.batch_size import MOST, BatchSize
from ingest.corpus import Corpus
from ingest.decoding import Decoding
from ingest.encoding import Encoded, Encoding
from ingest.expand import expand
from ingest.expecting import expected
from ingest.items import Failed, Known, Loaded, Ready, load, make_ready
from ingest.match import match
from ingest.outcomes import Outcomes
from ingest.overlap import ahead, beside
from ingest.plan import CHUNK, Ledger, Todo, compare
from ingest.writer import Writer
from searchengine.encoders.towers.threads import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ingest.clock import Reading
    from ingest.job import Job
    from ingest.report import Report
    from ingest.sources.contract import Source
    from searchengine.encoders.contract import Encoder
    from searchengine.records import Modality
    from searchengine.store.contract import Row, Store

_READERS = 4
"""Files read at a time: enough to hide a disk's or a share's latency, few enough for one disk."""
_HELD_BYTES = 128 * 1024 * 1024
"""What the files may take that are being read; again, that are being matched; and decoded."""
_WAITING_PICTURES = 64
"""Pictures that may wait for a worker: work for them while the feed waits for the database."""


class Pipeline:
    """One run over one source and one corpus. Build it, then ``run`` it once."""

    def __init__(
        self,
        job: Job,
        source: Source,
        store: Store,
        report: Report,
        stop: threading.Event,
        on_progress: Callable[[Report], None],
    ) -> None:
        self._job = job
        self._source = source
        self._store = store
        self._report = report
        self._clock = report.clock
        self._stop = stop
        self._on_progress = on_progress
        self._corpus = Corpus(job, store)
        self._sides = self._corpus.sides
        self._existing = frozenset(self._corpus.found)
        self._ledgers: dict[Modality, Ledger] = {m: Ledger() for m in job.modalities}
        self._batch_sizes = {m: BatchSize(job.batch_size) for m in job.modalities}
        self._encoder: Encoder | None = None
        self._loading = threading.Lock()
        self._ensured: set[Modality] = set()
        self._touched: set[Modality] = set()
        self._first_batch: Reading | None = None
        self._workers = job.workers or available_cores()
        self._decoding = Decoding(job, self._workers)
        self._encoded_s = 0.0
        """When the last batch was done."""
        self._encoding = Encoding(self._load_encoder, self._clock)
        self._writer = Writer(store, job.write_rows, self._count_written, self._clock)
        self._outcomes = Outcomes(report, self._write, self._remove, dry_run=job.dry_run)

    def run(self) -> None:
        """Do all there is to do. Raises what stops a run; failed items are in the report."""
        self._report.model = self._corpus.model
        self._corpus.check(self._load_encoder)  # before any file is read
        workers = self._workers
        self._clock.set_workers(expand=workers, read=_READERS, decode=workers)
        with (
            ThreadPoolExecutor(_READERS, "read") as readers,
            ThreadPoolExecutor(workers, "decode") as decoders,
            closing(self._decoding),
            self._encoding,
            self._writer,
        ):
            with closing(
                beside(self._feed(readers, decoders, workers), self._room, "feed", self._pause)
            ) as ready:
                self._take(ready)
            self._writer.drain()
            if self._first_batch is not None:
                self._report.encoding = (self._first_batch, self._clock.read())
            self._report.interrupted |= self._stop.is_set()
            if self._job.prune and not self._report.interrupted:
                self._sweep()
            with self._clock.busy("settle"):
                self._corpus.settle(self._touched)
        if self._encoder is not None and self._job.prepare_questions and not self._stop.is_set():
            with self._clock.busy("prepare"):
                self._job.prepare_questions(self._encoder)
        self._tick()

    # -- the model and the corpus ---------------------------------------------------------

    def _load_encoder(self) -> Encoder:
        if self._encoder is not None:
            return self._encoder
        with self._clock.waiting(), self._loading:
            if self._encoder is None:
                with self._clock.busy("model", 1):
                    encoder = self._job.build_encoder(self._corpus.model)
                self._report.model = encoder.name
                self._encoder = encoder
            return self._encoder

    def _ensure(self, modality: Modality) -> None:
        if modality in self._ensured:
            return
        self._writer.ensure(self._corpus.spec(modality, self._load_encoder()))
        self._ensured.add(modality)

    def _write(self, modality: Modality, row: Row) -> None:
        self._touched.add(modality)
        self._writer.add(self._sides[modality], row)

    def _remove(self, modality: Modality, key: str) -> None:
        self._touched.add(modality)
        self._writer.remove(self._sides[modality], [key])

    def _count_written(self, rows: int) -> None:
        self._report.written += rows

    def _tick(self) -> None:
        self._on_progress(self._report)

    def _pause(self) -> None:
        """Do what can be done while nothing comes."""
        self._keep(self._encoding.done())
        self._tick()

    # -- the stages that run beside -------------------------------------------------------

    def _feed(
        self, readers: ThreadPoolExecutor, decoders: ThreadPoolExecutor, workers: int
    ) -> Iterator[Any]:
        """Yield what the caller's thread has to settle: ready, known and failed items."""
        with closing(beside(self._todos(workers), lambda: CHUNK, "list")) as todos:
            loaded = ahead(
                readers,
                self._load,
                expected(self._source, todos),
                4 * _READERS,
                lambda todo: todo.asset.size,
                _HELD_BYTES,
            )
            existing = {modality: self._sides[modality] for modality in self._existing}
            matched = match(loaded, self._store, existing, self._clock, _HELD_BYTES)
            if self._job.dry_run:
                yield from matched
            else:
                window = workers + _WAITING_PICTURES
                yield from ahead(decoders, self._decode, matched, window, _bytes_of, _HELD_BYTES)

    def _room(self) -> int:
        """Items that may wait for the encoder: two batches."""
        return min(2 * max(size.value for size in self._batch_sizes.values()), 2 * MOST)

    def _todos(self, workers: int) -> Iterator[Todo]:
        todos = compare(
            self._clock.through("list", self._listing()),
            self._store,
            self._sides,
            self._existing,
            self._ledgers,
            self._report,
        )
        return expand(
            todos,
            self._source,
            self._decoding,
            self._job.limits.max_pages,
            self._ledgers,
            self._report,
            self._stop,
            workers,
        )

    def _listing(self) -> Iterator[Any]:
        for asset in self._source:
            if self._stop.is_set():
                self._report.interrupted = True
                return
            yield asset

    def _load(self, todo: Todo) -> Loaded | Failed:
        with self._clock.busy("read", 1):
            return load(self._source, todo)

    def _decode(self, one: Loaded | Known | Failed) -> Ready | Known | Failed:
        if not isinstance(one, Loaded):
            return one
        encoder = self._load_encoder()
        with self._clock.busy("decode", 1):
            return make_ready(one, encoder, self._decoding)

    # -- the caller's thread --------------------------------------------------------------

    def _take(self, items: Iterator[Ready | Known | Failed | Loaded]) -> None:
        waiting: dict[Modality, list[Ready]] = {m: [] for m in self._sides}
        for one in items:
            self._keep(self._encoding.done())
            if self._stop.is_set():
                self._report.interrupted = True
                break
            if isinstance(one, Failed):
                self._outcomes.fail(one.todo, one.error)
            elif isinstance(one, Known):
                self._outcomes.take_over(one)
            elif isinstance(one, Loaded):  # of a dry run
                self._report.embedded += 1
            else:
                modality = one.item.modality
                waiting[modality].append(one)
                if len(waiting[modality]) >= self._batch_sizes[modality].value:
                    batch, waiting[modality] = waiting[modality], []
                    self._start(batch)
        else:
            for batch in waiting.values():
                if batch:
                    self._start(batch)
        self._keep(self._encoding.rest())

    def _start(self, batch: list[Ready]) -> None:
        if self._first_batch is None:
            self._first_batch = self._clock.read()
        self._keep(self._encoding.start(batch))

    def _keep(self, done: Iterable[Encoded]) -> None:
        for one in done:
            self._keep_batch(one)

    def _keep_batch(self, one: Encoded) -> None:
        if one.batch:  # a model that has given nothing makes no corpus that bears its name
            modality = one.batch[0].item.modality
            since = max(one.began_s, self._encoded_s)  # two under way take turns
            self._batch_sizes[modality].note(one.items, one.ended_s - since)
            self._encoded_s = one.ended_s
            self._ensure(modality)
        self._outcomes.keep(one)
        self._tick()

    def _sweep(self) -> None:
        swept = self._corpus.sweep(
            self._source.scopes, self._ledgers, self._outcomes.carried, self._report
        )
        for modality in swept:
            if not self._job.dry_run:
                self._touched.add(modality)
            self._tick()


def _bytes_of(one: Loaded | Known | Failed) -> int:
    return len(one.data) if isinstance(one, Loaded) else 0
