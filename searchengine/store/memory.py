"""A store in this process's memory: exact, complete, gone at exit. Ships as the fake."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.errors import NotFoundError
from searchengine.records import MODALITIES, Side
from searchengine.store import naming
from searchengine.store.bm25 import frequencies_of, item_terms, query_terms, score
from searchengine.store.capabilities import Capabilities, memory_capabilities
from searchengine.store.contract import Found, SideInfo
from searchengine.store.effort import check_effort, check_tunable
from searchengine.store.fields import VECTOR, check_fields, decode_row, encode_item
from searchengine.store.filters import matches
from searchengine.store.profiles import profile_name
from searchengine.store.ranking import TopK, above, by_score
from searchengine.store.searching import check_score, check_window
from searchengine.store.vectors import checked_queries, checked_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Modality
    from searchengine.store.contract import Effort, Fields, Row, SideSpec
    from searchengine.store.filters import Filter

_CHUNK = 4_096


@dataclass(slots=True)
class _Kept:
    spec: SideSpec
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    settled: bool = True


class MemoryStore:
    """Rows in a dictionary, search by comparing them all. See ``contract.Store``."""

    def __init__(self) -> None:
        self._sides: dict[Side, _Kept] = {}
        self._lock = threading.RLock()
        self._capabilities = memory_capabilities()

    @property
    def capabilities(self) -> Capabilities:
        """What this backend can do."""
        return self._capabilities

    def ensure(self, spec: SideSpec) -> SideInfo:
        """Open the side, making it if need be."""
        profile = profile_name(spec.profile, self._capabilities)
        naming.check_corpus(spec.side.corpus)
        with self._lock:
            kept = self._sides.setdefault(spec.side, _Kept(replace(spec, profile=profile)))
            naming.check_label(naming.label_of(kept.spec, profile), spec)
            return self._info(kept)

    def describe(self, side: Side, *, fresh: bool = True) -> SideInfo | None:
        """Return what the side is like, ``None`` if there is none."""
        kept = self._sides.get(side)
        return None if kept is None else self._info(kept)

    def sides(self) -> list[SideInfo]:
        """Return all sides of all corpora, sorted by corpus and modality."""
        with self._lock:
            order = sorted(self._sides, key=lambda side: (side.corpus, side.modality))
            return [self._info(self._sides[side]) for side in order]

    def upsert(self, side: Side, rows: Sequence[Row]) -> None:
        """Write whole rows, replacing by id. When it returns, they are acknowledged."""
        kept = self._need(side)
        vectors = checked_rows(rows, kept.spec.dim)
        encoded = [encode_item(row.item) for row in rows]
        with self._lock:
            kept.settled = False
            for row, vector in zip(encoded, vectors, strict=True):
                kept.rows[row["id"]] = {**row, VECTOR: vector}

    def search(
        self,
        side: Side,
        vectors: Vectors,
        *,
        limit: int,
        offset: int = 0,
        where: Filter | None = None,
        fields: Fields = (),
        min_score: float | None = None,
        effort: int | None = None,
        fresh: bool = True,
        by_index: bool = False,
    ) -> list[list[Found]]:
        """Return for each of n query vectors its nearest items by cosine, best first."""
        check_window(limit, offset)
        check_score(min_score)
        if effort is not None:
            check_tunable("FLAT")
        names = check_fields(fields)
        kept = self._need(side)
        queries = checked_queries(vectors, kept.spec.dim)
        top = limit + offset
        if top == 0:
            return [[] for _ in queries]
        best = TopK(queries, top)
        rows = self._matching(side, kept, where)
        for at in range(0, len(rows), _CHUNK):
            some = rows[at : at + _CHUNK]
            best.add([row["id"] for row in some], np.stack([row[VECTOR] for row in some]))
        by_id = {row["id"]: row for row in rows}
        answers = [
            [
                Found(hit.id, hit.score, decode_row(by_id[hit.id], names, side.modality))
                for hit in hits[offset:]
            ]
            for hits in best.found()
        ]
        return above(answers, min_score)

    def search_text(
        self,
        side: Side,
        text: str,
        *,
        limit: int,
        where: Filter | None = None,
        fields: Fields = (),
    ) -> list[Found]:
        """Return the items whose caption shares a word with the text, by BM25, best first."""
        check_window(limit, 0)
        names = check_fields(fields)
        kept = self._need(side)
        everything = self._matching(side, kept, None)
        query = query_terms(text, frequencies_of(row["caption"] for row in everything))
        hits: list[Found] = []
        for row in self._matching(side, kept, where):
            value = score(query, item_terms(row["id"], row["caption"]))
            if value > 0:
                hits.append(Found(row["id"], value, decode_row(row, names, side.modality)))
        return by_score(hits)[:limit]

    def fetch(
        self, side: Side, ids: Sequence[str], fields: Fields, *, fresh: bool = True
    ) -> dict[str, Mapping[str, Any]]:
        """Return the fields of those ids that exist, by id; always the newest."""
        names = check_fields(fields)
        rows = self._need(side).rows
        with self._lock:
            found = {one: rows[one] for one in ids if one in rows}
        return {one: decode_row(row, names, side.modality) for one, row in found.items()}

    def scan(
        self, side: Side, *, where: Filter | None = None, fields: Fields = ("id",)
    ) -> Iterator[Mapping[str, Any]]:
        """Yield every matching item once, in no order."""
        names = check_fields(fields)
        for row in self._matching(side, self._need(side), where):
            yield decode_row(row, names, side.modality)

    def delete(self, side: Side, ids: Sequence[str]) -> None:
        """Remove items; ids that do not exist are no error."""
        kept = self._need(side)
        with self._lock:
            kept.settled = False
            for one in ids:
                kept.rows.pop(one, None)

    def count(self, side: Side, where: Filter | None = None) -> int:
        """Return how many items match, exactly."""
        return len(self._matching(side, self._need(side), where))

    def settle(self, side: Side) -> SideInfo:
        """Bring the side to rest: here there is nothing to do but to say so."""
        kept = self._need(side)
        kept.settled = True
        return self._info(kept)

    def reindex(self, side: Side, profile: str) -> SideInfo:
        """Change the index profile without touching a vector."""
        name = profile_name(profile, self._capabilities)
        kept = self._need(side)
        kept.spec = replace(kept.spec, profile=name)
        kept.settled = True
        return self._info(kept)

    def set_effort(self, side: Side, effort: Effort | None) -> SideInfo:
        """Refuse: comparing everything has nothing to choose."""
        kept = self._need(side)
        if effort is not None:
            check_effort("FLAT", effort)
        return self._info(kept)

    def drop(self, corpus: str, modality: Modality | None = None) -> None:
        """Remove a corpus, or one side of it, with all its data."""
        chosen = MODALITIES if modality is None else (modality,)
        with self._lock:
            gone = [self._sides.pop(Side(corpus, one), None) for one in chosen]
        if not any(gone):
            raise NotFoundError(f"there is no corpus {corpus!r} in memory")

    def close(self) -> None:
        """Let go; what was written stays for as long as the store object does."""

    def _need(self, side: Side) -> _Kept:
        kept = self._sides.get(side)
        if kept is None:
            raise NotFoundError(f"there is no {side.modality} corpus {side.corpus!r} in memory")
        return kept

    def _matching(self, side: Side, kept: _Kept, where: Filter | None) -> list[dict[str, Any]]:
        with self._lock:
            rows = list(kept.rows.values())
        if where is None:
            return rows
        names = sorted(where.fields)
        return [row for row in rows if matches(where, decode_row(row, names, side.modality))]

    def _info(self, kept: _Kept) -> SideInfo:
        spec = kept.spec
        return SideInfo(
            side=spec.side,
            collection=naming.first_collection(spec.side),
            model=spec.model,
            fingerprint=spec.fingerprint,
            dim=spec.dim,
            profile=spec.profile,
            index="FLAT",
            count=len(kept.rows),
            settled=kept.settled,
            full_text=True,
        )


_shared: dict[str, MemoryStore] = {}
_guard = threading.Lock()


def shared_memory(uri: str) -> MemoryStore:
    """Return this process's store of that name (``memory:NAME``), the same one every time."""
    with _guard:
        return _shared.setdefault(uri, MemoryStore())
