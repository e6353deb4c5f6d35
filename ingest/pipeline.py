"""read -> match -> decode -> encode -> write: bounded, overlapped, safe to kill anywhere.

The stages are generators pulled by one thread. Reading and decoding run ahead
in a pool of threads (both let go of the GIL), writing runs behind in a thread
of its own; every look-ahead is bounded, so memory does not grow with the
collection. Nothing is remembered outside the database: a row that ``upsert``
has acknowledged is found there by the next run, anything else is done again.

Crash cases, step by step:

* before a row's upsert: the next run lists the file as new or changed again;
* after it: the next run finds its revision and leaves it alone;
* a moved file: the new row is written before the old one is removed in the
  sweep; between the two both stand, and the next run's sweep removes the old;
* in the sweep: what has not been deleted is found gone again.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.metadata import read_exif
from ingest.overlap import ahead, chunks
from ingest.plan import Ledger, Todo, carry, compare, gone
from ingest.writer import Writer
from searchengine.decode import decode_image
from searchengine.errors import EncoderError, ItemError, ReadError
from searchengine.identity import content_hash
from searchengine.records import ITEM_FIELDS, Item, Side
from searchengine.store.contract import Row, SideSpec
from searchengine.store.fields import encode_item
from searchengine.store.filters import OneOf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ingest.job import Job
    from ingest.report import Report
    from ingest.sources.contract import Source
    from searchengine.encoders.contract import Encoder, Pixels, Vectors
    from searchengine.records import Modality
    from searchengine.store.contract import SideInfo, Store

_MATCH_ROWS = 64
"""New assets whose content is looked up at a time."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    todo: Todo
    data: bytes
    hash: str


@dataclass(frozen=True, slots=True)
class _Ready:
    """An item that waits for its vector: ``pixels`` for an image, the caption for a text."""

    todo: Todo
    item: Item
    pixels: Pixels | None


@dataclass(frozen=True, slots=True)
class _Failure:
    todo: Todo
    error: ItemError


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
        self._stop = stop
        self._on_progress = on_progress
        self._sides: dict[Modality, Side] = {m: Side(job.corpus, m) for m in job.modalities}
        self._infos: dict[Modality, SideInfo] = {}
        self._ledgers: dict[Modality, Ledger] = {m: Ledger() for m in job.modalities}
        self._carried: set[str] = set()
        """Ids whose content was found again under another id: moved, if they turn out gone."""
        self._encoder: Encoder | None = None
        self._loading = threading.Lock()
        self._touched: set[Modality] = set()
        self._unsettled: set[Modality] = set()
        self._writer = Writer(store, job.write_rows, self._count_written)

    def run(self) -> None:
        """Do all there is to do. Raises what stops a run; failed items are in the report."""
        for modality, side in self._sides.items():
            if (info := self._store.describe(side)) is not None:
                self._infos[modality] = info
                if not info.settled and not self._job.dry_run:
                    self._unsettled.add(modality)  # an earlier run died before its end
        self._report.model = self._model()
        if self._infos:
            self._check_encoder()
        workers = self._job.workers or os.cpu_count() or 1
        with ThreadPoolExecutor(workers, "decode") as pool, self._writer:
            todos = compare(
                self._listing(),
                self._store,
                self._sides,
                frozenset(self._infos),
                self._ledgers,
                self._report,
            )
            loaded = ahead(pool, self._load, todos, 2 * workers)
            self._embed(ahead(pool, self._decode, self._match(loaded), 2 * self._job.batch_size))
            self._writer.drain()
            self._report.interrupted |= self._stop.is_set()
            if self._job.prune and not self._report.interrupted:
                self._sweep()
            for modality in sorted(self._touched | self._unsettled):
                self._store.settle(self._sides[modality])
        if self._encoder is not None and self._job.prepare_questions and not self._stop.is_set():
            self._job.prepare_questions(self._encoder)
        self._on_progress(self._report)

    # -- what the corpus and the model are ------------------------------------------------

    def _model(self) -> str:
        own = next((info.model for info in self._infos.values()), None)
        return self._job.model or own or self._job.default_model

    def _check_encoder(self) -> None:
        """Refuse another encoder than the corpus's own before any file is read."""
        card = self._job.describe_model(self._model()) or self._load_encoder()
        for info in self._infos.values():
            self._store.ensure(
                SideSpec(info.side, card.name, card.fingerprint, card.dim, info.profile)
            )

    def _load_encoder(self) -> Encoder:
        with self._loading:
            if self._encoder is None:
                self._encoder = self._job.build_encoder(self._model())
                self._report.model = self._encoder.name
            return self._encoder

    def _ensure(self, modality: Modality) -> None:
        if modality in self._touched:
            return
        encoder = self._load_encoder()
        known = self._infos.get(modality)
        self._store.ensure(
            SideSpec(
                self._sides[modality],
                encoder.name,
                encoder.fingerprint,
                encoder.dim,
                known.profile if known else self._job.profile,
            )
        )
        self._touched.add(modality)

    def _count_written(self, rows: int) -> None:
        self._report.written += rows

    # -- stages ---------------------------------------------------------------------------

    def _listing(self) -> Iterator[Any]:
        for asset in self._source:
            if self._stop.is_set():
                self._report.interrupted = True
                return
            yield asset

    def _load(self, todo: Todo) -> _Loaded | _Failure:
        asset = todo.asset
        try:
            if asset.modality == "text":
                data = (asset.caption or "").encode("utf-8", "replace")
            else:
                data = self._source.open(asset)
        except ItemError as error:
            return _Failure(todo, error)
        except OSError as error:
            return _Failure(todo, ReadError(f"cannot read: {error.strerror or error}"))
        return _Loaded(todo, data, content_hash(data))

    def _match(self, loaded: Iterable[_Loaded | _Failure]) -> Iterator[_Loaded]:
        """Let through what the model has to see; settle the rest here."""
        # Into an empty corpus nothing can be taken over: no reason to wait for a chunk.
        for chunk in chunks(loaded, _MATCH_ROWS if self._infos else 1):
            fresh = [one for one in chunk if isinstance(one, _Loaded)]
            for one in chunk:
                if isinstance(one, _Failure):
                    self._fail(one.todo, one.error)
            known = self._known_content(fresh)
            for one in fresh:
                row = known.get((one.todo.asset.modality, one.hash))
                if row is not None:
                    self._take_over(one, row)
                elif self._job.dry_run:
                    self._report.embedded += 1
                else:
                    yield one

    def _known_content(self, fresh: list[_Loaded]) -> dict[tuple[Modality, str], dict[str, Any]]:
        known: dict[tuple[Modality, str], dict[str, Any]] = {}
        own = {one.todo.id for one in fresh}
        for modality in self._infos:
            hashes = sorted({one.hash for one in fresh if one.todo.asset.modality == modality})
            if not hashes:
                continue
            rows = self._store.scan(
                self._sides[modality],
                where=OneOf("content_hash", tuple(hashes)),
                fields=(*ITEM_FIELDS, "vector"),
            )
            for row in rows:
                key = (modality, row["content_hash"])
                if key not in known or row["id"] in own:
                    known[key] = dict(row)
        return known

    def _take_over(self, one: _Loaded, row: dict[str, Any]) -> None:
        todo = one.todo
        item = carry(row, todo)
        try:
            encode_item(item)
        except ItemError as error:
            self._fail(todo, error)
            return
        if todo.indexed_hash == one.hash:
            self._report.updated += 1
        else:
            self._report.carried += 1
            self._carried.add(row["id"])
        if not self._job.dry_run:
            modality = todo.asset.modality
            self._touched.add(modality)
            self._writer.add(self._sides[modality], Row(item, row["vector"]))
        self._on_progress(self._report)

    def _decode(self, one: _Loaded) -> _Ready | _Failure:
        try:
            ready = _make_ready(one, self._load_encoder(), self._job.max_pixels)
            encode_item(ready.item)  # what the database would refuse is a failed item, not a run
            return ready
        except ItemError as error:
            return _Failure(one.todo, error)

    def _embed(self, prepared: Iterable[_Ready | _Failure]) -> None:
        waiting: dict[Modality, list[_Ready]] = {m: [] for m in self._sides}
        for one in prepared:
            if self._stop.is_set():
                self._report.interrupted = True
                return
            if isinstance(one, _Failure):
                self._fail(one.todo, one.error)
                continue
            batch = waiting[one.item.modality]
            batch.append(one)
            if len(batch) == self._job.batch_size:
                self._encode(batch)
                batch.clear()
        for batch in waiting.values():
            if batch:
                self._encode(batch)

    def _encode(self, batch: list[_Ready]) -> None:
        modality = batch[0].item.modality
        encoder = self._load_encoder()
        try:
            vectors = list(encode_ready(encoder, batch))
        except EncoderError as error:
            batch, vectors = self._encode_singly(batch, error)
        if batch:  # a model that has given nothing makes no corpus that bears its name
            self._ensure(modality)
        for one, vector in zip(batch, vectors, strict=True):
            self._writer.add(self._sides[modality], Row(one.item, vector))
        self._report.embedded += len(batch)
        self._on_progress(self._report)

    def _encode_singly(
        self, batch: list[_Ready], first: EncoderError
    ) -> tuple[list[_Ready], list[Any]]:
        """Find out which items the model fails on. A model that fails on all of them is broken."""
        good: list[_Ready] = []
        vectors: list[Any] = []
        failures: list[tuple[_Ready, EncoderError]] = []
        for one in batch:
            try:
                vectors.append(encode_ready(self._load_encoder(), [one])[0])
                good.append(one)
            except EncoderError as error:
                failures.append((one, error))
        if not good and not self._report.embedded and len(batch) > 1:
            raise first
        for one, reason in failures:
            self._report.fail(one.item.uri, "unencodable", str(reason))
            self._forget(one.todo)
        return good, vectors

    def _fail(self, todo: Todo, error: ItemError) -> None:
        self._report.fail(todo.asset.uri, error.reason, str(error))
        if not isinstance(error, ReadError):  # permissions, a bad disk: the row may still be true
            self._forget(todo)
        self._on_progress(self._report)

    def _forget(self, todo: Todo) -> None:
        """Remove the row of a file that has changed into what cannot be indexed."""
        if todo.indexed_hash is None:
            return
        if not self._job.dry_run:
            self._touched.add(todo.asset.modality)
            self._writer.remove(self._sides[todo.asset.modality], [todo.id])
        self._report.removed += 1

    def _sweep(self) -> None:
        scopes = self._source.scopes
        for modality in self._infos:
            side, ledger = self._sides[modality], self._ledgers[modality]
            # Listed before anything is deleted: a scan must not walk over its own deletions.
            before = self._infos[modality].count
            for missing in list(gone(self._store, side, scopes, ledger, before)):
                if not self._job.dry_run:
                    self._store.delete(side, missing)
                    self._touched.add(modality)
                moved = sum(key in self._carried for key in missing)
                self._report.moved += moved
                self._report.removed += len(missing) - moved
                self._on_progress(self._report)


def encode_ready(encoder: Encoder, batch: list[_Ready]) -> Vectors:
    """Return float32 (n, dim) for n items of one modality."""
    if batch[0].pixels is not None:
        return encoder.encode_images(
            np.stack([one.pixels for one in batch if one.pixels is not None])
        )
    return encoder.encode_texts([one.item.caption or "" for one in batch])


def _make_ready(one: _Loaded, encoder: Encoder, max_pixels: int) -> _Ready:
    asset = one.todo.asset
    common: dict[str, Any] = {
        "id": one.todo.id,
        "uri": asset.uri,
        "modality": asset.modality,
        "revision": asset.revision,
        "content_hash": one.hash,
        "size": asset.size,
        "mtime_ns": asset.mtime_ns,
        "caption": asset.caption,
        "folder": asset.folder,
        "meta": asset.meta,
    }
    if asset.modality == "text":
        return _Ready(one.todo, Item(mime="text/plain", **common), None)
    decoded = decode_image(one.data, max_pixels=max_pixels)
    facts = read_exif(decoded.image)
    item = Item(
        mime=decoded.mime,
        width=decoded.width,
        height=decoded.height,
        taken_at=facts.taken_at,
        camera=facts.camera,
        lens=facts.lens,
        latitude=facts.latitude,
        longitude=facts.longitude,
        **common,
    )
    return _Ready(one.todo, item, encoder.preprocess(decoded.image))
