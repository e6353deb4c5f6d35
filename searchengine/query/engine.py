"""The reading side: a corpus that answers queries."""

from __future__ import annotations

import threading
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from searchengine.containers.reading import picture_bytes
from searchengine.errors import MismatchError, NotFoundError, SearchEngineError
from searchengine.query.answer import answer
from searchengine.query.doubts import doubts_about
from searchengine.query.hits import STORED, make_hit
from searchengine.query.kept_vectors import KeptVectors
from searchengine.query.language import parse_query
from searchengine.query.query import Page, Query, Shape
from searchengine.query.resolve import Access, settle
from searchengine.query.space import Space
from searchengine.query.terms import WHAT, Known, Picture, PictureAt, Term, Words
from searchengine.query.version import Version, Versions, gone
from searchengine.records import MODALITIES, Item, Results, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from searchengine.encoders.contract import Encoder
    from searchengine.query.relevance import Background
    from searchengine.query.space import Encoded
    from searchengine.query.terms import What
    from searchengine.records import Modality
    from searchengine.settings import Settings
    from searchengine.store.contract import SideInfo, Store
    from searchengine.store.filters import Filter

_DELETE_ROWS = 1000
_TURNS = 3
"""Versions that may vanish under one question before it is given up."""
T = TypeVar("T")
POOL = 1_024
"""How many of the nearest items are looked at where an answer is cut, folded, grouped or fused."""


class SearchEngine:
    """One corpus, opened for questions. Use as a context manager, or ``close`` it.

    The encoder is loaded when the first query needs it; looking up what is
    already indexed (``similar`` of an unchanged file, ``id:...``) never does.
    """

    def __init__(
        self,
        store: Store,
        load_encoder: Callable[[str], Encoder],
        *,
        corpus: str = "default",
        model: str | None = None,
        access: Access | None = None,
        pool: int = POOL,
        prompts: str = "auto",
        cache_dir: Path | None = None,
        keep: int = 0,
        kept: KeptVectors | None = None,
    ) -> None:
        """Wrap an open store; ``model`` overrides the corpus's own (and must agree with it).

        ``cache_dir`` keeps what relevance is measured against from one process
        to the next, and ``keep`` vectors of texts; without one they are worked out anew. Engines
        may share what they keep: ``kept``.
        """
        self.store = store
        self.corpus = corpus
        self.access = access or Access()
        self._load_encoder = load_encoder
        self._model = model
        self._encoders: dict[str, Encoder] = {}
        self._loading = threading.Lock()
        self._pool = pool
        self._versions = Versions(store, corpus, self._before_asking)
        self._space = Space(
            store,
            lambda: self._version().lookup,
            self.encoder,
            cache(load_encoder),
            prompts,
            cache_dir,
            kept=kept or KeptVectors(cache_dir, on_disk=keep),
            check_model=self.encoder if model is not None else lambda info: None,
        )

    @classmethod
    def open(cls, settings: Settings | None = None, **flags: Any) -> SearchEngine:
        """Open a corpus as the settings say.

        Keyword arguments are settings with ``__`` for the dot:
        ``SearchEngine.open(corpus="holidays", store__uri="./index")``.
        """
        from searchengine.encoders.configured import load_questions_encoder
        from searchengine.fetching import limits_of
        from searchengine.settings import load_settings
        from searchengine.store.configured import open_configured_store

        if settings is None:
            settings = load_settings(
                flags={name.replace("__", "."): value for name, value in flags.items()}
            )

        return cls(
            open_configured_store(settings, to_ask=True),
            partial(load_questions_encoder, settings),
            corpus=settings.corpus,
            model=settings.model.name or None,
            access=Access(
                net=settings.net.allow,
                limits=limits_of(settings.net),
                max_pixels=settings.ingest.max_pixels,
                max_bytes=settings.ingest.max_bytes,
            ),
            pool=settings.query.pool,
            prompts=settings.query.prompts,
            cache_dir=settings.cache_dir,
            keep=settings.query.keep,
        )

    def __enter__(self) -> SearchEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    def side(self, modality: Modality = "image") -> SideInfo:
        """Return what one side of the corpus is like, or raise ``NotFoundError``.

        ``side`` names its version, whatever is live later. The answer is at most two seconds old:
        on a server, asking costs as much as searching.
        """
        return self.of_one_version(partial(self._side, modality), modality)

    def _side(self, modality: Modality) -> SideInfo:
        info = self._version(modality).side(modality)
        if info is None:
            raise gone(self.corpus, modality, self.store)
        return info

    def of_one_version(self, work: Callable[[], T], modality: Modality = "image") -> T:
        """Return what some work over this engine does, all of it over one version of the corpus.

        Where that version is removed meanwhile, the work is done again over the one that is live.
        """
        if self._versions.holding:
            return work()
        for left in reversed(range(_TURNS)):
            version = self._version(modality)
            try:
                with self._versions.held(version):
                    return work()
            except NotFoundError:
                if not left or not self._versions.moved_on(version):
                    raise
        raise AssertionError("the last turn returns or raises")

    def encoder(self, info: SideInfo) -> Encoder:
        """Return the encoder that made the side, or raise ``MismatchError``."""
        name = self._model or info.model
        encoder = self._encoders.get(name)
        if encoder is None:
            with self._loading:
                encoder = self._encoders.get(name) or self._load_encoder(name)
                self._encoders[name] = encoder
        if encoder.fingerprint != info.fingerprint:
            raise MismatchError(
                f"corpus {self.corpus!r} was made with {info.model} "
                f"(fingerprint {info.fingerprint[:8]}), not with {encoder.name} "
                f"(fingerprint {encoder.fingerprint[:8]})",
                hint="leave out --model to use the corpus's own, or index into another --corpus",
            )
        return encoder

    def search(self, query: str, **options: Any) -> Results:
        """Find what a query says, as people type it: ``"2:golden retriever" + ./pool.jpg - fruit``.

        Keyword arguments as in ``find``.
        """
        return self.find(parse_query(query), **options)

    def similar(self, example: str | Path | bytes, **options: Any) -> Results:
        """Find what looks like an example: a path, the bytes of a picture, ``id:...`` or a URL.

        An indexed item finds itself first, with score 1, unless ``exclude_self``.
        Keyword arguments as in ``find``.
        """
        return self.find(self.example(example), **options)

    def example(self, example: str | Path | bytes) -> Picture | Known:
        """Return the term of a query that an example stands for, read.

        A file that is indexed and has not changed since is known already: no
        model is loaded for it.
        """
        if isinstance(example, bytes):
            return Picture(example, "the picture given")
        read = settle(PictureAt(str(example)), self._version().lookup, self.access)
        assert isinstance(read, Picture | Known)
        return read

    def read(self, terms: Sequence[Term], *, negation: bool = False) -> tuple[Term, ...]:
        """Return the terms with everything read that they name.

        With ``negation``, what a text says is not wanted (``without X``) becomes
        a term that subtracts.
        """
        if negation:
            terms = [part for term in terms for part in _negated(term)]
        lookup = self._version().lookup
        return tuple(Term(settle(one.what, lookup, self.access), one.weight) for one in terms)

    def find(
        self,
        what: What | Sequence[Term],
        *,
        limit: int = 10,
        offset: int = 0,
        cursor: str | None = None,
        where: Filter | str | None = None,
        modality: Modality | None = "image",
        exclude_self: bool = False,
        hybrid: bool = False,
        text_weight: float | None = None,
        fresh: bool = True,
        **shape: Any,
    ) -> Results:
        """Find what fits an example or several terms, among the items that pass the filter.

        ``modality=None`` searches images and texts, each ranked on its own. With ``fresh=False``
        a server answers 0.2 s sooner, and may leave out what was written in the last moments.
        Further keyword arguments are those of ``Shape``.
        """
        terms = (Term(what),) if isinstance(what, WHAT) else tuple(what)
        itself = (one.what.id for one in terms if isinstance(one.what, Known))
        return self.answer(
            Query(
                terms,
                MODALITIES if modality is None else (modality,),
                _filter(where),
                frozenset(itself) if exclude_self else frozenset(),
                hybrid,
                text_weight,
                Page(limit, offset, cursor),
                Shape(**shape),
                fresh,
            )
        )

    def picture(self, term: What) -> bytes | None:
        """Return the bytes of the picture behind a term, if they can be had."""
        if isinstance(term, Picture):
            return term.data
        if isinstance(term, Known):
            item = self._version().lookup.item(term.id)
            try:
                return picture_bytes(item.uri, item.meta) if item.modality == "image" else None
            except SearchEngineError:
                return None
        return None

    def answer(self, query: Query) -> Results:
        """Answer one query. Raises the errors that its parts name; a bad query is a ``QueryError``.

        Of a corpus that holds but one of the sides asked for, that one answers.
        """
        return self.of_one_version(partial(self._answer, query), query.modalities[0])

    def _answer(self, query: Query) -> Results:
        sides = self._asked_sides(query.modalities)
        asked = self._space.asked(query, sides, self.access)
        found = answer(self.store, asked, query, pool=self._pool, fields=STORED)
        hits = tuple(
            make_hit(found.given + place, one) for place, one in enumerate(found.page, start=1)
        )
        return Results(
            hits,
            self.corpus,
            tuple(info.side.modality for info in sides),
            sides[0].model,
            sum(info.count for info in sides),
            found.relevant,
            found.cursor,
            found.facets,
            doubts_about(self.store, asked, query.where, found_any=found.found_any),
            sides[0].version,
        )

    def encoded(self, terms: Sequence[Term], modality: Modality) -> Encoded:
        """Return the terms of a question as vectors, each on its own, and how they are composed."""
        return self._space.encoded(terms, self.side(modality), self.access)

    def background(self, info: SideInfo) -> Background:
        """Return what relevance is measured against for a side's model."""
        return self._space.background(info)

    def items(self, keys: Sequence[str]) -> list[Item]:
        """Return indexed items by id, path or uri, in the order asked for.

        Raises ``NotFoundError`` naming the first that is not indexed.
        """
        return self.of_one_version(lambda: [self._version().lookup.item(key) for key in keys])

    def remove(self, keys: Sequence[str]) -> int:
        """Take items out of the index; return how many. A film, a PDF or a table is all its items.

        Raises as ``items`` does, before anything is removed.
        """
        version = self._live()
        found = dict.fromkeys(one for key in keys for one in version.lookup.ids(key))
        for modality in MODALITIES:
            ids = [key for side, key in found if side == modality]
            for start in range(0, len(ids), _DELETE_ROWS):
                self.store.delete(version.at(modality), ids[start : start + _DELETE_ROWS])
        self.look_again()
        return len(found)

    def remove_where(self, where: Filter | str) -> int:
        """Take all items that match out of the index; return how many."""
        removed = 0
        version = self._live()
        for side in (version.at(modality) for modality in MODALITIES):
            if self.store.describe(side) is None:
                continue
            # Listed before anything is deleted: a scan must not walk over its own deletions.
            ids = [row["id"] for row in self.store.scan(side, where=_filter(where))]
            for start in range(0, len(ids), _DELETE_ROWS):
                self.store.delete(side, ids[start : start + _DELETE_ROWS])
            removed += len(ids)
        self.look_again()
        return removed

    def remove_all(self) -> int:
        """Remove the corpus with its index and all its versions; return how many items it held."""
        version = self._live()
        infos = [self.store.describe(version.at(modality)) for modality in MODALITIES]
        self.store.drop(self.corpus)
        self.look_again()
        return sum(info.count for info in infos if info is not None)

    def look_again(self) -> None:
        """Ask the database anew what the corpus is like: something was written beside this."""
        self._versions.forget()

    def _version(self, modality: Modality = "image") -> Version:
        """Return the version that is asked. Raises ``NotFoundError`` where there is none."""
        version = self._versions.current(modality)
        if version is None:
            raise gone(self.corpus, modality, self.store)
        return version

    def _live(self) -> Version:
        """Return the version that is live now: what is removed is removed from that one."""
        for modality in MODALITIES:
            info = self.store.describe(Side(self.corpus, modality), fresh=False)
            if info is not None:
                return Version(self.store, self.corpus, info.version)
        raise gone(self.corpus, MODALITIES[0], self.store)

    def _before_asking(self, version: Version) -> Callable[[], None] | None:
        """Return what makes ready for a version: nothing where no model was used, or only this."""
        known = {encoder.fingerprint for encoder in self._encoders.values()}
        if not known or version.fingerprints() <= known:
            return None
        return partial(self._make_ready, version)

    def _make_ready(self, version: Version) -> None:
        for modality in MODALITIES:
            if (info := version.side(modality)) is not None:
                self.encoder(info)
                self._space.background(info)

    def _asked_sides(self, modalities: Sequence[Modality]) -> list[SideInfo]:
        if len(modalities) == 1:
            return [self.side(modalities[0])]
        version = self._version(modalities[0])
        found = [version.side(modality) for modality in MODALITIES if modality in modalities]
        return [info for info in found if info is not None]


def _negated(term: Term) -> list[Term]:
    """Return what a text says is wanted, and what is not, as terms of their own."""
    if not isinstance(term.what, Words):
        return [term]
    from searchengine.query.negation import DENIED_WEIGHT, split_negation

    wanted, unwanted = split_negation(term.what.text)
    parts = [Term(Words(wanted), term.weight)] if wanted.strip() else []
    return parts + [Term(Words(each), DENIED_WEIGHT * term.weight) for each in unwanted]


def _filter(where: Filter | str | None) -> Filter | None:
    if not isinstance(where, str):
        return where
    from searchengine.store.filters import parse_filter

    return parse_filter(where) if where.strip() else None
