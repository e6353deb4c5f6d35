"""The reading side: a corpus that answers queries."""

from __future__ import annotations

import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from searchengine.containers.reading import picture_bytes
from searchengine.errors import MismatchError, NotFoundError, SearchEngineError
from searchengine.query.answer import answer
from searchengine.query.doubts import doubts_about
from searchengine.query.hits import STORED, make_hit
from searchengine.query.kept_vectors import KeptVectors
from searchengine.query.language import parse_query
from searchengine.query.lookup import Lookup
from searchengine.query.query import Page, Query, Shape
from searchengine.query.resolve import Access, settle
from searchengine.query.space import Space
from searchengine.query.terms import WHAT, Known, Picture, PictureAt, Term, Words
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
_SIDE_AGE_S = 2.0
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
        self._encoder: Encoder | None = None
        self._sides_seen: dict[Modality, tuple[float, SideInfo]] = {}
        self._pool = pool
        self._lookup = Lookup(store, corpus)
        self._space = Space(
            store,
            self._lookup,
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

        The answer is at most two seconds old: on a server, asking costs as much as searching.
        """
        asked, info = self._sides_seen.get(modality, (-_SIDE_AGE_S, None))
        if info is not None and time.monotonic() - asked < _SIDE_AGE_S:
            return info
        info = self.store.describe(Side(self.corpus, modality), fresh=False)
        if info is not None:
            self._sides_seen[modality] = (time.monotonic(), info)
            return info
        known = self.store.sides()
        mine = [one.side.modality for one in known if one.side.corpus == self.corpus]
        others = sorted({one.side.corpus for one in known})
        if mine:
            hint = f"it holds {mine[0]}s: --modality {mine[0]} searches those"
        elif others:
            hint = f"known corpora: {', '.join(others)}"
        else:
            hint = "index something first: searchengine index PATH"
        raise NotFoundError(f"corpus {self.corpus!r} holds no {modality}s", hint=hint)

    def encoder(self, info: SideInfo) -> Encoder:
        """Return the encoder that made the side, or raise ``MismatchError``."""
        if self._encoder is None:
            self._encoder = self._load_encoder(self._model or info.model)
        if self._encoder.fingerprint != info.fingerprint:
            raise MismatchError(
                f"corpus {self.corpus!r} was made with {info.model} "
                f"(fingerprint {info.fingerprint[:8]}), not with {self._encoder.name} "
                f"(fingerprint {self._encoder.fingerprint[:8]})",
                hint="leave out --model to use the corpus's own, or index into another --corpus",
            )
        return self._encoder

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
        read = settle(PictureAt(str(example)), self._lookup, self.access)
        assert isinstance(read, Picture | Known)
        return read

    def read(self, terms: Sequence[Term], *, negation: bool = False) -> tuple[Term, ...]:
        """Return the terms with everything read that they name.

        With ``negation``, what a text says is not wanted (``without X``) becomes
        a term that subtracts.
        """
        if negation:
            terms = [part for term in terms for part in _negated(term)]
        return tuple(Term(settle(one.what, self._lookup, self.access), one.weight) for one in terms)

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
            item = self._lookup.item(term.id)
            try:
                return picture_bytes(item.uri, item.meta) if item.modality == "image" else None
            except SearchEngineError:
                return None
        return None

    def answer(self, query: Query) -> Results:
        """Answer one query. Raises the errors that its parts name; a bad query is a ``QueryError``.

        Of a corpus that holds but one of the sides asked for, that one answers.
        """
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
        return [self._lookup.item(key) for key in keys]

    def remove(self, keys: Sequence[str]) -> int:
        """Take items out of the index; return how many. A film, a PDF or a table is all its items.

        Raises as ``items`` does, before anything is removed.
        """
        found = dict.fromkeys(one for key in keys for one in self._lookup.ids(key))
        for modality in MODALITIES:
            ids = [key for side, key in found if side == modality]
            for start in range(0, len(ids), _DELETE_ROWS):
                self.store.delete(Side(self.corpus, modality), ids[start : start + _DELETE_ROWS])
        self._sides_seen.clear()
        return len(found)

    def remove_where(self, where: Filter | str) -> int:
        """Take all items that match out of the index; return how many."""
        removed = 0
        for info in self._sides():
            # Listed before anything is deleted: a scan must not walk over its own deletions.
            ids = [row["id"] for row in self.store.scan(info.side, where=_filter(where))]
            for start in range(0, len(ids), _DELETE_ROWS):
                self.store.delete(info.side, ids[start : start + _DELETE_ROWS])
            removed += len(ids)
        self._sides_seen.clear()
        return removed

    def remove_all(self) -> int:
        """Remove the corpus with its index; return how many items it held."""
        held = sum(info.count for info in self._sides())
        self.store.drop(self.corpus)
        self._sides_seen.clear()
        return held

    def look_again(self) -> None:
        """Ask the database anew what the corpus is like: something was written beside this."""
        self._sides_seen.clear()

    def _sides(self) -> list[SideInfo]:
        found = [self.store.describe(Side(self.corpus, modality)) for modality in MODALITIES]
        sides = [info for info in found if info is not None]
        if not sides:
            self.side()  # raises, and says which corpora there are
        return sides

    def _asked_sides(self, modalities: Sequence[Modality]) -> list[SideInfo]:
        if len(modalities) == 1:
            return [self.side(modalities[0])]
        return [info for info in self._sides() if info.side.modality in modalities]


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
