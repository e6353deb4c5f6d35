"""The stages after reading: decoding, encoding, writing. Each is an actor that takes slices."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ingest.clock import StageClock
from ingest.decoding import Decoding
from ingest.encoding import encode_batch
from ingest.items import Failed, Known, Loaded, Ready, make_ready
from ingest.outcomes import Outcomes
from ingest.runners.ray.slices import Slice, Tally, lean, pack, unpack
from searchengine.apart.decoders import preparing_of
from searchengine.errors import SearchEngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.runners.ray.work import Work
    from searchengine.encoders.contract import Encoder
    from searchengine.records import Modality, Side
    from searchengine.store.contract import Row, Store

_A = TypeVar("_A")


@dataclass(frozen=True, slots=True)
class Put:
    """A row to be written."""

    modality: Modality
    row: Row


@dataclass(frozen=True, slots=True)
class Remove:
    """A row that is true no longer."""

    modality: Modality
    id: str


class Stage:
    """An actor that turns slices into slices. What stops a run goes on as the slice's error."""

    def __init__(self, work: Work) -> None:
        self._work = work
        work.enrol()

    def __call__(self, table: Any) -> Iterator[Any]:
        """Yield a row for each row."""
        for one in unpack(table):
            assert isinstance(one, Slice)
            yield pack(self._guarded(one))

    def _guarded(self, one: Slice) -> Slice:
        if one.facts.error is None and one.items:
            try:
                return self.do(one)
            except SearchEngineError as error:
                one.facts.error = error
        if one.facts.error is not None:
            one.items = []
        return one

    def do(self, one: Slice) -> Slice:
        """Do the work of the stage."""
        raise NotImplementedError


class Decode(Stage):
    """From bytes to the model's pixels. Knows how the model wants them, and not the model."""

    @cached_property
    def _decoding(self) -> Decoding:
        return Decoding(self._work.job, 1)

    @cached_property
    def _preparing(self) -> Any:
        import ray

        return raised(ray.get(self._work.control.preparing.remote()))

    def do(self, one: Slice) -> Slice:
        """Turn what has been loaded into what is ready."""
        clock = StageClock()
        one.items = [
            self._ready(item, clock) if isinstance(item, Loaded) else item for item in one.items
        ]
        one.facts.take_times(clock)
        return one

    def _ready(self, item: Loaded, clock: StageClock) -> Ready | Failed:
        # A text needs nothing of it; that the first picture waits for a model is enough.
        preparing: Any = None if item.todo.asset.modality == "text" else self._preparing
        with clock.busy("decode", 1):
            made = make_ready(item, preparing, self._decoding)
        return replace(made, todo=lean(made.todo))


class Encode(Stage):
    """From pixels and texts to vectors. The model is loaded once an actor, when it is needed."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self._proven = False
        self._loading = threading.Lock()
        self._encoder: Encoder | None = None
        self._loading_clock: StageClock | None = StageClock()
        """The time of loading, until a slice takes it along."""
        threading.Thread(target=self._load_when_wanted, daemon=True).start()

    def do(self, one: Slice) -> Slice:
        """Turn what is ready into what is to be written."""
        clock, tally, began = StageClock(), Tally(), time.time()
        made: list[Put | Remove] = []
        outcomes = Outcomes(
            tally,
            lambda modality, row: made.append(Put(modality, row)),
            lambda modality, key: made.append(Remove(modality, key)),
            dry_run=self._work.job.dry_run,
        )
        outcomes.proven = self._proven
        batches: dict[Modality, list[Ready]] = {}
        for item in one.items:
            if isinstance(item, Ready):
                batches.setdefault(item.item.modality, []).append(item)
            elif isinstance(item, Known):
                outcomes.take_over(item)
            elif isinstance(item, Failed):
                outcomes.fail(item.todo, item.error)
        for modality, batch in batches.items():
            encoder = self._loaded()
            outcomes.keep(encode_batch(encoder, batch, clock))
            one.specs[modality] = self._work.spec(modality, encoder)
        self._proven = outcomes.proven
        one.items = list(made)
        one.facts.take(tally)
        one.facts.take_times(clock)
        one.facts.carried |= outcomes.carried
        if batches:
            one.facts.encoded = (began, time.time())
            if self._loading_clock is not None:
                one.facts.take_times(self._loading_clock)
                self._loading_clock = None
        return one

    def _load_when_wanted(self) -> None:
        import ray

        control = self._work.control
        ray.get(control.wait_until_wanted.remote())
        try:
            told: Any = preparing_of(self._loaded())
        except SearchEngineError as error:
            told = error
        ray.get(control.tell.remote(told))

    def _loaded(self) -> Encoder:
        with self._loading:
            if self._encoder is None:
                clock = self._loading_clock or StageClock()
                with clock.busy("model", 1):
                    self._encoder = self._work.job.build_encoder(self._work.model)
            return self._encoder


class Write:
    """From rows to the database, those of several slices in one call. What is left of a slice are
    its facts."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._ensured: set[Modality] = set()
        work.enrol()

    @cached_property
    def _store(self) -> Store:
        return self._work.open_store()

    def __call__(self, table: Any) -> Iterator[Any]:
        """Yield a row for each row."""
        slices = [one for one in unpack(table) if isinstance(one, Slice)]
        whole = [one for one in slices if one.facts.error is None and one.items]
        clock = StageClock()
        try:
            for one in whole:
                self._ensure(one)
            for modality, side in self._work.sides.items():
                self._write(modality, side, whole, clock)
        except SearchEngineError as error:
            for one in whole:
                one.facts.error = error
        for one in slices:
            if one.facts.encoded is not None:
                one.facts.encoded = (one.facts.encoded[0], time.time())
            one.items, one.specs = [], {}
        if whole:
            whole[0].facts.take_times(clock)
        for one in slices:
            yield pack(one)

    def _ensure(self, one: Slice) -> None:
        import ray

        for modality, spec in one.specs.items():
            if modality not in self._ensured and any(isinstance(item, Put) for item in one.items):
                raised(ray.get(self._work.control.ensure.remote(spec)))
                self._ensured.add(modality)

    def _write(
        self, modality: Modality, side: Side, slices: list[Slice], clock: StageClock
    ) -> None:
        rows: list[Row] = []
        gone: list[str] = []
        for one in slices:
            put = [i.row for i in one.items if isinstance(i, Put) and i.modality == modality]
            out = [i.id for i in one.items if isinstance(i, Remove) and i.modality == modality]
            rows += put
            gone += out
            if put or out:
                one.facts.touched.add(modality)
            if put:
                one.facts.counts["written"] = one.facts.counts.get("written", 0) + len(put)
        with clock.busy("write", len(rows)):
            if rows:
                self._store.upsert(side, rows)
            if gone:
                self._store.delete(side, gone)


def raised(found: _A | SearchEngineError) -> _A:
    """Return what was found; raise it if it is an error that came as a value."""
    if isinstance(found, SearchEngineError):
        raise found
    return found
