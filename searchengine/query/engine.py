"""The reading side: a corpus that answers queries."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from searchengine.errors import MismatchError, NotFoundError
from searchengine.identity import path_of
from searchengine.query.examples import indexed_twin, read_example
from searchengine.query.keys import resolve_id
from searchengine.query.query import Known, Picture, Query, Words
from searchengine.records import ITEM_FIELDS, MODALITIES, Hit, Item, Results, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from searchengine.encoders.contract import Encoder, Vectors
    from searchengine.query.query import Term
    from searchengine.records import Modality
    from searchengine.settings import Settings
    from searchengine.store.contract import Found, SideInfo, Store
    from searchengine.store.filters import Filter

_STORED = tuple(name for name in ITEM_FIELDS if name != "revision")
"""What a hit carries: every column but the source's private token."""


_DELETE_ROWS = 1000
_SIDE_AGE_S = 2.0


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
        max_pixels: int = 178_956_970,
        max_bytes: int = 1 << 30,
    ) -> None:
        """Wrap an open store; ``model`` overrides the corpus's own (and must agree with it)."""
        self.store = store
        self.corpus = corpus
        self._load_encoder = load_encoder
        self._model = model
        self._encoder: Encoder | None = None
        self._sides_seen: dict[Modality, tuple[float, SideInfo]] = {}
        self._vectors_seen: dict[str, Vectors] = {}
        self._max_pixels = max_pixels
        self._max_bytes = max_bytes

    @classmethod
    def open(cls, settings: Settings | None = None, **flags: Any) -> SearchEngine:
        """Open a corpus as the settings say.

        Keyword arguments are settings with ``__`` for the dot:
        ``SearchEngine.open(corpus="holidays", store__uri="./index")``.
        """
        from searchengine.encoders import load_encoder
        from searchengine.settings import load_settings
        from searchengine.store.configured import open_configured_store

        if settings is None:
            settings = load_settings(
                flags={name.replace("__", "."): value for name, value in flags.items()}
            )

        def load(name: str) -> Encoder:
            return load_encoder(
                name,
                device=settings.model.device,
                precision=settings.model.precision,
                cache_dir=settings.cache_dir,
            )

        return cls(
            open_configured_store(settings),
            load,
            corpus=settings.corpus,
            model=settings.model.name or None,
            max_pixels=settings.ingest.max_pixels,
            max_bytes=settings.ingest.max_bytes,
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
        info = self.store.describe(Side(self.corpus, modality))
        if info is not None:
            self._sides_seen[modality] = (time.monotonic(), info)
        else:
            others = sorted({known.side.corpus for known in self.store.sides()})
            raise NotFoundError(
                f"corpus {self.corpus!r} holds no {modality}s",
                hint=f"known corpora: {', '.join(others)}"
                if others
                else "index something first: searchengine index PATH",
            )
        return info

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

    def search(self, text: str, **options: Any) -> Results:
        """Find what a text describes. Keyword arguments as in ``find``."""
        return self.find(text, **options)

    def similar(
        self, example: str | Path | bytes, *, allow_net: bool = False, **options: Any
    ) -> Results:
        """Find what looks like an example: a path, the bytes of a picture, ``id:...`` or a URL.

        An indexed item finds itself first, with score 1, unless ``exclude_self``.
        Keyword arguments as in ``find``.
        """
        return self.find(self.example(example, allow_net=allow_net), **options)

    def example(self, example: str | Path | bytes, *, allow_net: bool = False) -> Picture | Known:
        """Return the term of a query that an example stands for.

        A file that is indexed and has not changed since is known already: no
        model is loaded for it.
        """
        if isinstance(example, bytes):
            return Picture(example, "the picture given")
        return indexed_twin(str(example), self._stat) or read_example(
            str(example), allow_net=allow_net, max_bytes=self._max_bytes
        )

    def find(
        self,
        what: str | Term,
        *,
        limit: int = 10,
        offset: int = 0,
        where: Filter | str | None = None,
        modality: Modality = "image",
        exclude_self: bool = False,
    ) -> Results:
        """Find what fits words or an example, among the items that pass the filter."""
        term = Words(what) if isinstance(what, str) else what
        itself = frozenset((term.id,)) if exclude_self and isinstance(term, Known) else frozenset()
        return self.answer(Query(term, modality, limit, offset, _filter(where), itself))

    def picture(self, term: Term) -> bytes | None:
        """Return the bytes of the picture behind a term, if they can be had."""
        if isinstance(term, Picture):
            return term.data
        if isinstance(term, Known) and (path := path_of(self._item(term.id).uri)) is not None:
            try:
                return path.read_bytes()
            except OSError:
                return None
        return None

    def answer(self, query: Query) -> Results:
        """Answer one query."""
        info = self.side(query.modality)
        vectors = self._vectors(query, info)
        # What is excluded may stand on an earlier page: ask from the top and cut here.
        skip = 0 if query.exclude else query.offset
        found = self.store.search(
            info.side,
            vectors,
            limit=query.limit + len(query.exclude) + query.offset - skip,
            offset=skip,
            where=query.where,
            fields=_STORED,
        )[0]
        page = [one for one in found if one.id not in query.exclude][query.offset - skip :]
        hits = tuple(
            make_hit(query.offset + place, one, query.modality)
            for place, one in enumerate(page[: query.limit], start=1)
        )
        return Results(hits, self.corpus, query.modality, info.model, info.count)

    def items(self, keys: Sequence[str]) -> list[Item]:
        """Return indexed items by id, path or uri, in the order asked for.

        Raises ``NotFoundError`` naming the first that is not indexed.
        """
        return [self._item(key) for key in keys]

    def remove(self, keys: Sequence[str]) -> int:
        """Take items out of the index; return how many. Raises as ``items`` does."""
        for item in self.items(keys):
            self.store.delete(Side(self.corpus, item.modality), [item.id])
        self._sides_seen.clear()
        return len(set(map(resolve_id, keys)))

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

    def _sides(self) -> list[SideInfo]:
        found = [self.store.describe(Side(self.corpus, modality)) for modality in MODALITIES]
        sides = [info for info in found if info is not None]
        if not sides:
            self.side()  # raises, and says which corpora there are
        return sides

    def _item(self, key: str) -> Item:
        wanted = resolve_id(key)
        for modality in MODALITIES:
            try:
                row = self.store.fetch(Side(self.corpus, modality), [wanted], ITEM_FIELDS).get(
                    wanted
                )
            except NotFoundError:  # no such side
                continue
            if row is not None:
                return Item(modality=modality, **row)
        raise NotFoundError(
            f"{key} is not in corpus {self.corpus!r}", hint="searchengine stats shows what is"
        )

    def _stat(self, key: str) -> tuple[int, int] | None:
        """Return size and mtime of an indexed image; its vector is kept for the query to come."""
        try:
            row = self.store.fetch(
                Side(self.corpus, "image"), [key], ("id", "size", "mtime_ns", "vector")
            ).get(key)
        except NotFoundError:
            return None
        if row is None:
            return None
        self._vectors_seen = {key: row["vector"][None]}
        return row["size"], row["mtime_ns"]

    def _vectors(self, query: Query, info: SideInfo) -> Vectors:
        if isinstance(query.term, Known):
            return self._known_vector(query.term.id)
        encoder = self.encoder(info)
        if isinstance(query.term, Words):
            return encoder.encode_texts([query.term.text])
        from searchengine.decode import decode_image

        decoded = decode_image(query.term.data, max_pixels=self._max_pixels)
        return encoder.encode_images(encoder.preprocess(decoded.image)[None])

    def _known_vector(self, key: str) -> Vectors:
        if key in self._vectors_seen:
            return self._vectors_seen.pop(key)
        for modality in MODALITIES:
            try:
                row = self.store.fetch(Side(self.corpus, modality), [key], ("id", "vector")).get(
                    key
                )
            except NotFoundError:  # no such side
                continue
            if row is not None:
                vector: Vectors = row["vector"]
                return vector[None]
        raise NotFoundError(
            f"no item {key} in corpus {self.corpus!r}",
            hint="search results show the ids there are",
        )


def make_hit(rank: int, found: Found, modality: Modality) -> Hit:
    """Return a hit with the fields that are known."""
    return Hit(
        rank=rank,
        id=found.id,
        uri=found.fields["uri"],
        score=found.score,
        modality=modality,
        metadata=known_fields(found.fields),
    )


def known_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value, and ``path`` for a local file."""
    known = {
        name: fields[name]
        for name in _STORED
        if name not in {"id", "uri"} and fields.get(name) not in (None, {})
    }
    path = path_of(fields["uri"])
    # A name that is no valid text cannot stand in JSON; its uri, percent-encoded, can.
    return (
        known if path is None else {"path": str(path).encode("utf-8", "replace").decode(), **known}
    )


def _filter(where: Filter | str | None) -> Filter | None:
    if not isinstance(where, str):
        return where
    from searchengine.store.filters import parse_filter

    return parse_filter(where) if where.strip() else None
