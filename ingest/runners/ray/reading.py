"""The second stage: a shard becomes slices whose bytes have been read.

Slices are cut from the listing alone (``slices.cut_assets``); one of which nothing is left to do is
handed on all the same. What the index knows already, by its revision or by its content, is told
from what the model has to see, as in the local pipeline.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ingest.clock import StageClock
from ingest.decoding import Decoding
from ingest.expand import expand
from ingest.expecting import expected
from ingest.items import Failed, Known, Loaded, load
from ingest.match import match
from ingest.overlap import ahead, beside, chunks
from ingest.runners.ray.slices import (
    Facts,
    Order,
    Slice,
    Tally,
    cut_assets,
    lean,
    numbered,
    pack,
    unpack,
)
from ingest.sources.contract import Asset, Skipped, singles
from searchengine.errors import SearchEngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.plan import Todo
    from ingest.runners.ray.work import Work
    from ingest.sources.contract import Source
    from ingest.sources.shards import Shard
    from searchengine.store.contract import Store

READERS = 8
"""Files that an actor reads at a time."""
_HELD_BYTES = 128 * 1024 * 1024


class Read:
    """An actor of the stage."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(READERS, "read")
        self._stop = threading.Event()
        work.enrol()

    def __call__(self, table: Any) -> Iterator[Any]:
        """Yield the slices of an order; what is a slice already passes."""
        for one in unpack(table):
            if isinstance(one, Slice):
                yield pack(one)
                continue
            # The next slice is read while this one is handed on.
            with closing(
                beside(numbered(one.number, self._slices(one)), lambda: 1, "slice")
            ) as slices:
                for made in slices:
                    yield pack(made)

    @cached_property
    def _store(self) -> Store:
        return self._work.open_store()

    @cached_property
    def _listed(self) -> Source:
        return self._work.build_listed()

    @cached_property
    def _decoding(self) -> Decoding:
        return Decoding(self._work.job, 1)

    def _slices(self, order: Order) -> Iterator[Slice]:
        try:
            if order.shard is not None:
                yield from self._shard(order.shard)
            else:
                assert order.todos is not None
                yield from self._cut(self._listed, order.todos, order.facts)
        except SearchEngineError as error:
            yield Slice(facts=Facts(error=error))

    def _shard(self, shard: Shard) -> Iterator[Slice]:
        """List a shard, compare it, read it."""
        source = shard.build_source()
        whole = True
        clock = StageClock()
        for chunk in chunks(clock.through("list", singles(source)), self._work.shard_items):
            whole = whole and not any(isinstance(one, Skipped) and one.failed for one in chunk)
            todos, facts = self._work.compare(chunk, self._store)
            yield from self._cut(source, todos, facts, chunk)
        facts = Facts(scopes=source.scopes)
        facts.take_times(clock)
        if shard.part_of is not None:
            facts.scopes += (shard.part_of,)
            facts.broken = () if whole else (shard.part_of,)
        yield Slice(facts=facts)

    def _cut(
        self,
        source: Source,
        todos: Sequence[Todo],
        facts: Facts,
        listed: Sequence[Asset | Skipped] | None = None,
    ) -> Iterator[Slice]:
        """Yield slices of what was listed (by default what is to be done); ``facts`` go with the
        first one."""
        own = {todo.asset.uri: todo for todo in todos}
        assets = (
            [todo.asset for todo in todos]
            if listed is None
            else [one for one in listed if isinstance(one, Asset)]
        )
        for run in list(cut_assets(assets, self._work.slice_items)) or [[]]:
            made = Slice(facts=facts)
            chosen = [own[asset.uri] for asset in run if asset.uri in own]
            if chosen and self._work.stopped():
                facts.interrupted = True
            elif chosen:
                made.items = self._read(source, chosen, facts)
            yield made
            facts = Facts()

    def _read(
        self, source: Source, todos: Sequence[Todo], facts: Facts
    ) -> list[Loaded | Known | Failed]:
        """Take apart, read, match; bytes of a dry run are not kept."""
        tally = Tally(self._work.sides)
        if any(todo.asset.parts is not None for todo in todos):
            todos = list(
                expand(
                    todos,
                    source,
                    self._decoding,
                    self._work.job.limits.max_pages,
                    tally.ledgers,
                    tally,
                    self._stop,
                    1,
                )
            )

        def read(todo: Todo) -> Loaded | Failed:
            with tally.clock.busy("read", 1):
                return load(source, todo)

        loaded = ahead(
            self._pool,
            read,
            expected(source, todos),
            4 * READERS,
            lambda todo: todo.asset.size,
            _HELD_BYTES,
        )
        items = list(match(loaded, self._store, self._work.known, tally.clock, _HELD_BYTES))
        if self._work.job.dry_run:
            tally.embedded = sum(isinstance(one, Loaded) for one in items)
            items = [one for one in items if not isinstance(one, Loaded)]
        facts.take(tally)
        return [_sent(one) for one in items]


def _sent(one: Loaded | Known | Failed) -> Loaded | Known | Failed:
    """Return it fit to be pickled: open files stay here."""
    if isinstance(one, Loaded):
        asset = replace(one.todo.asset, place=None)
        return replace(one, todo=replace(one.todo, asset=asset, known={}))
    return replace(one, todo=lean(one.todo))
