"""The database and the models, opened once and shared by all requests."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from searchengine.apart import Bounds, Decoders
from searchengine.encoders.contract import Adapts
from searchengine.encoders.names import parse_model, public_name
from searchengine.errors import (
    MissingError,
    NotFoundError,
    StoreUnavailableError,
    UnknownModelError,
)
from searchengine.fetching import limits_of
from searchengine.query.engine import SearchEngine
from searchengine.query.kept_vectors import KeptVectors
from searchengine.query.resolve import Access
from searchengine.service.call import current_call
from searchengine.service.watched_store import watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.encoders.contract import Encoder, Pixels
    from searchengine.fetching import Limits
    from searchengine.query.query import Query
    from searchengine.records import Results
    from searchengine.settings import Settings
    from searchengine.store.contract import SideInfo, Store


_MODELS_AGE_S = 10.0


class _TimedEngine(SearchEngine):
    """A search engine whose own work is counted as its request's."""

    def answer(self, query: Query) -> Results:
        with current_call().stage("rank"):
            return super().answer(query)


@runtime_checkable
class Closes(Protocol):
    """Something that has to be closed."""

    def close(self) -> None:
        """End it."""


class Corpora:
    """What all requests share. Safe to use from many threads.

    The database is opened when it is first asked for, so that the service can start before it;
    where that fails, the next request tries again. A model is loaded once, whichever corpora were
    made with it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        open_store: Callable[[Settings], Store],
        load_encoder: Callable[[Settings, str], Encoder],
        wrap: Callable[[Encoder], Encoder] = lambda encoder: encoder,
    ) -> None:
        """``wrap`` is applied once to each encoder: batching, for one."""
        self.settings = settings
        self._open_store = open_store
        self._load_encoder = load_encoder
        self._wrap = wrap
        self._opening = threading.Lock()
        self._loading = threading.Lock()
        self._store: Store | None = None
        self._failure: MissingError | None = None
        self._failed = 0.0
        self._closed = False
        self._models: tuple[float, list[str]] = (float("-inf"), [])
        self._engines: dict[str, SearchEngine] = {}
        self._encoders: dict[str, Encoder] = {}
        self.kept = KeptVectors(
            settings.cache_dir,
            on_disk=settings.query.keep,
            in_memory=settings.service.texts_mb << 20,
        )
        """Vectors of texts asked lately."""
        self.decoders = Decoders(
            settings.service.decoders,
            Bounds(
                settings.service.decode_s,
                settings.service.decode_mb,
                "service.decode_s",
                "service.decode_mb",
            ),
            max_pixels=settings.ingest.max_pixels,
            max_bytes=settings.ingest.max_bytes,
        )
        """Open what has been sent: nothing of that is decoded in this process."""

    @property
    def opened(self) -> Store | None:
        """The database, if it has been opened."""
        return self._store

    def store(self) -> Store:
        """Return the database, opened. Raises ``StoreUnavailableError`` and ``StoreBusyError``."""
        if (known := self._store) is not None:
            return known
        asked = time.monotonic()
        with self._opening:
            if self._closed:
                raise StoreUnavailableError("the service is stopping")
            if self._store is None:
                if self._failure is not None and self._failed > asked:
                    # Those who waited for one attempt share what came of it: tried one after the
                    # other, the last of them would wait for all the others' timeouts.
                    raise type(self._failure)(str(self._failure), hint=self._failure.hint)
                self._store = self._opened()
            return self._store

    def _opened(self) -> Store:
        try:
            return watched(self._open_store(self.settings))
        except MissingError as error:
            self._failure, self._failed = error, time.monotonic()
            raise

    def encoder(self, model: str) -> Encoder:
        """Return a model by its canonical name, loaded. Raises as ``load_encoder`` does."""
        if (known := self._encoders.get(model)) is not None:
            return known
        self._check_served(model)
        with self._loading:
            if model not in self._encoders:
                encoder = self._wrap(self._load_encoder(self.settings, model))
                if isinstance(encoder, Adapts):
                    encoder.look_aside()
                self._encoders[model] = encoder
            return self._encoders[model]

    def _check_served(self, model: str) -> None:
        """Raise ``UnknownModelError`` for a model that nobody who runs this service named.

        A request may name one to rerank with, and a name may be a folder or somebody's repository.
        """
        settings = self.settings
        named = {info.model for info in self.sides()} | {*settings.service.rerank}
        named |= {settings.model.name} - {""}
        if str(parse_model(model)) not in {str(parse_model(name)) for name in named}:
            raise UnknownModelError(
                "this service does not serve that model",
                hint=f"it serves {', '.join(sorted(map(public_name, named)))} "
                "(setting service.rerank adds to them)",
            )

    def models(self) -> list[str]:
        """Return the canonical names of the models that corpora were made with; first the one that
        is meant where none is named. Some seconds old: the database may be away meanwhile.
        """
        asked, models = self._models
        if time.monotonic() - asked < _MODELS_AGE_S:
            return models
        try:
            sides = self.sides()
        except MissingError:
            if not models:
                raise
        else:
            wanted = self.settings.corpus
            sides.sort(key=lambda info: info.side.corpus != wanted)
            models = list(dict.fromkeys(info.model for info in sides))
        if models:
            self._models = (time.monotonic(), models)
        return models

    def encoders(self) -> list[Encoder]:
        """Return the models that are loaded."""
        return list(self._encoders.values())

    def sides(self) -> list[SideInfo]:
        """Return what the database holds."""
        return self.store().sides()

    def engine(self, corpus: str) -> SearchEngine:
        """Return the engine of a corpus that exists. Raises ``NotFoundError``.

        Nothing that a request says can make it open files of this machine.
        """
        if (known := self._engines.get(corpus)) is not None:
            return known
        store = self.store()
        names = sorted({info.side.corpus for info in store.sides()})
        if corpus not in names:
            known_ones = f"known corpora: {', '.join(names)}" if names else "nothing is indexed yet"
            raise NotFoundError(f"there is no corpus {corpus!r}", hint=known_ones)
        with self._opening:
            return self._engines.setdefault(corpus, self._new_engine(store, corpus))

    def opened_engine(self, corpus: str) -> SearchEngine | None:
        """Return the engine of a corpus that somebody has asked already."""
        return self._engines.get(corpus)

    def _new_engine(self, store: Store, corpus: str) -> SearchEngine:
        settings = self.settings
        return _TimedEngine(
            store,
            self.encoder,
            corpus=corpus,
            access=Access(
                files=False,
                net=settings.service.fetch,
                limits=_fetch_limits(settings),
                max_pixels=settings.ingest.max_pixels,
                max_bytes=settings.ingest.max_bytes,
                prepare=self.prepare,
            ),
            pool=settings.query.pool,
            prompts=settings.query.prompts,
            cache_dir=settings.cache_dir,
            kept=self.kept,
        )

    def prepare(self, encoder: Encoder, data: bytes) -> Pixels:
        """Return an encoder's uint8 (h, w, 3) input of a picture that has been sent.

        Raises ``DecodeError`` and ``LimitError``.
        """
        with current_call().stage("decode"):
            return self.decoders.prepare(encoder, data)[1]

    def close(self) -> None:
        """Let go of the database and of the models."""
        self._closed = True
        self.decoders.close()
        with self._loading:
            for encoder in self._encoders.values():
                if isinstance(encoder, Closes):
                    encoder.close()
            self._encoders.clear()
        with self._opening:
            self._engines.clear()
            if self._store is not None:
                self._store.close()
                self._store = None


def _fetch_limits(settings: Settings) -> Limits:
    """Return the limits of pictures that a request names by URL.

    Whoever asks over the network is not whoever wrote ``net.allow_private``; and they wait.
    """
    patience = settings.service.deadline_s / 2
    limits = limits_of(settings.net)
    return replace(
        limits,
        allow_private=False,
        retries=0,
        timeout_s=min(limits.timeout_s, patience),
        total_s=patience,
        max_bytes=min(limits.max_bytes, settings.service.max_body_bytes),
    )
