"""The first stage: one actor on the driver's node lists, and gives out shards.

What has to be listed in one go is compared with the database here, a shard at a time, so that what
has been finished before is never handed to a reader. A shard that can be listed where it is read
goes out as it is. It runs where the driver runs: with that node the run ends anyway, so it is never
done again, and what it gives out may depend on what the database says at the moment.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ingest.bundles import unchanged_ids
from ingest.overlap import ahead, chunks
from ingest.runners.ray.slices import Facts, Order, Slice, Tally, numbered, pack
from ingest.sources.contract import Bundle, singles
from searchengine.errors import SearchEngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.runners.ray.work import Work
    from ingest.sources.contract import Asset, Skipped
    from ingest.sources.shards import Shard
    from searchengine.store.contract import Store

_ASKING = 4
"""Shards that are compared with the database at a time."""


class ListShards:
    """The actor of the stage."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __call__(self, _: Any) -> Iterator[Any]:
        """Yield rows, each an ``Order``, or a ``Slice`` of facts alone."""
        import ray

        while not ray.get(self._work.control.begin.remote(self._work.round)):
            # Its process died, and Ray runs it once more. The first rows of this time are taken for
            # those of the last time, so it has to be said until somebody hears it.
            yield pack(Slice(facts=Facts(lost=True)))
        for number, one in enumerate(self._all()):
            if isinstance(one, Order):
                yield pack(replace(one, number=number))
            else:
                one.facts.orders = number + 1 if one.facts.orders else 0
                yield pack(next(numbered(number, [one])))

    def _all(self) -> Iterator[Order | Slice]:
        try:
            store = self._work.open_store()
            try:
                yield from _Listing(self._work, store).run()
            finally:
                store.close()
        except SearchEngineError as error:
            yield Slice(facts=Facts(error=error, orders=1))


class _Listing:
    def __init__(self, work: Work, store: Store) -> None:
        self._work = work
        self._store = store
        self._interrupted = False

    def run(self) -> Iterator[Order | Slice]:
        """Yield all there is, then what it is complete for."""
        division = self._work.divide()
        facts = Facts()
        with ThreadPoolExecutor(_ASKING, "compare") as pool:
            if division.build_listed is not None:
                clock = Tally().clock
                source = division.build_listed()
                listed = clock.through("list", self._until_stopped(singles(source)))
                shards = chunks(listed, self._work.shard_items)
                yield from ahead(pool, self._compare, shards, 2 * _ASKING)
                facts.scopes = source.scopes
                facts.take_times(clock)
            yield from ahead(pool, self._look, self._until_stopped(division.shards), 2 * _ASKING)
        facts.interrupted = self._interrupted
        facts.orders = 1
        yield Slice(facts=facts)

    def _until_stopped(self, every: Iterator[Any]) -> Iterator[Any]:
        for number, one in enumerate(every):
            if number % self._work.shard_items == 0 and self._work.stopped():
                self._interrupted = True
                return
            yield one

    def _compare(self, shard: list[Asset | Skipped]) -> Order | Slice:
        todos, facts = self._work.compare(shard, self._store)
        return Order(todos=todos, facts=facts) if todos else Slice(facts=facts)

    def _look(self, shard: Shard) -> Order | Slice:
        """Leave out a bundle that the index holds as it is now."""
        if not shard.bundled or "image" not in self._work.existing:
            return Order(shard=shard)
        source = shard.build_source()
        found: list[Any] = list(source)
        if len(found) != 1 or not isinstance(found[0], Bundle):
            return Order(shard=shard)  # what is wrong with it its reader tells
        tally = Tally(self._work.sides)
        side = self._work.sides["image"]
        with tally.clock.busy("compare"):
            ids = unchanged_ids(found[0], self._store, side)
        if not ids:
            return Order(shard=shard)
        for key in ids:
            tally.ledgers["image"].note(key, True)
        tally.seen = tally.unchanged = len(ids)
        facts = Facts()
        facts.take(tally)
        return Slice(facts=facts)
