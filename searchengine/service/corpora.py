"""The database and the models, opened once and shared by all requests."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from searchengine.encoders.names import parse_model
from searchengine.errors import NotFoundError, UnknownModelError
from searchengine.fetching import limits_of
from searchengine.query.engine import SearchEngine
from searchengine.query.kept_vectors import KeptVectors
from searchengine.query.resolve import Access

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.encoders.contract import Encoder
    from searchengine.fetching import Limits
    from searchengine.settings import Settings
    from searchengine.store.contract import SideInfo, Store


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
        self._engines: dict[str, SearchEngine] = {}
        self._encoders: dict[str, Encoder] = {}
        self.kept = KeptVectors(
            settings.cache_dir,
            on_disk=settings.query.keep,
            in_memory=settings.service.texts_mb << 20,
        )
        """Vectors of texts asked lately."""

    def store(self) -> Store:
        """Return the database, opened. Raises ``StoreUnavailableError`` and ``StoreBusyError``."""
        with self._opening:
            if self._store is None:
                self._store = self._open_store(self.settings)
            return self._store

    def encoder(self, model: str) -> Encoder:
        """Return a model by its canonical name, loaded. Raises as ``load_encoder`` does."""
        if (known := self._encoders.get(model)) is not None:
            return known
        self._check_served(model)
        with self._loading:
            if model not in self._encoders:
                self._encoders[model] = self._wrap(self._load_encoder(self.settings, model))
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
                hint=f"it serves {', '.join(sorted(named))} (setting service.rerank adds to them)",
            )

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

    def _new_engine(self, store: Store, corpus: str) -> SearchEngine:
        settings = self.settings
        return SearchEngine(
            store,
            self.encoder,
            corpus=corpus,
            access=Access(
                files=False,
                net=settings.service.fetch,
                limits=_fetch_limits(settings),
                max_pixels=settings.ingest.max_pixels,
                max_bytes=settings.ingest.max_bytes,
            ),
            pool=settings.query.pool,
            prompts=settings.query.prompts,
            cache_dir=settings.cache_dir,
            kept=self.kept,
        )

    def close(self) -> None:
        """Let go of the database and of the models."""
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
