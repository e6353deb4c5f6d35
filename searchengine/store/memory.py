"""A store in this process's memory: exact, complete, gone at exit. Ships as the fake."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.errors import MismatchError, NotFoundError
from searchengine.records import MODALITIES, Side
from searchengine.store import naming
from searchengine.store.bm25 import frequencies_of, item_terms, query_terms, score
from searchengine.store.capabilities import Capabilities, check_bulk, memory_capabilities
from searchengine.store.contract import Found, SideInfo, Standing
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
    from searchengine.store.contract import Effort, Fields, Row, SideSpec, State
    from searchengine.store.filters import Filter

_CHUNK = 4_096


@dataclass(slots=True)
class _Kept:
    spec: SideSpec
    version: str
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    settled: bool = True


@dataclass(slots=True)
class _Named:
    """Which versions of a corpus are what; empty: none."""

    live: str = ""
    draft: str = ""
    before: dict[str, str] = field(default_factory=dict)
    """Of a version, the one that it took the place of."""


class MemoryStore:
    """Rows in a dictionary, search by comparing them all. See ``contract.Store``."""

    def __init__(self) -> None:
        self._sides: dict[Side, _Kept] = {}
        """By the side with its version."""
        self._named: dict[str, _Named] = {}
        self._written: dict[Side, str] = {}
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
            version = self._version(spec.side) or self._new_version(spec)
            made = _Kept(replace(spec, profile=profile), version)
            kept = self._sides.setdefault(_very(spec.side, version), made)
            naming.check_label(naming.label_of(kept.spec, profile), spec)
            self._written[spec.side] = version
            return self._info(kept, spec.side)

    def describe(self, side: Side, *, fresh: bool = True) -> SideInfo | None:
        """Return what the side is like, ``None`` if there is none."""
        kept = self._found(side)
        return None if kept is None else self._info(kept, side)

    def sides(self) -> list[SideInfo]:
        """Return all live sides of all corpora, sorted by corpus and modality."""
        return [one.info for one in self.versions() if one.state == "live"]

    def versions(self, corpus: str | None = None) -> list[Standing]:
        """Return all sides of all versions of a corpus, or of all corpora."""
        with self._lock:
            known = [self._standing(side) for side in self._sides if corpus in (None, side.corpus)]
        return sorted(known, key=_place)

    def switch(self, corpus: str, *, back: bool = False) -> list[SideInfo]:
        """Make the draft live, or the version before."""
        with self._lock:
            named = self._named.get(corpus, _Named())
            if not back:
                if not named.draft:
                    raise NotFoundError(f"corpus {corpus!r} has no draft in memory")
                named.before = {named.draft: named.live}
                named.live, named.draft = named.draft, ""
            elif any(side.version == named.before.get(named.live) for side in self._of(corpus)):
                named.draft = named.draft or named.live
                named.live = named.before[named.live]
            elif not named.live or named.before.get(named.draft) != named.live:
                raise NotFoundError(f"corpus {corpus!r} has no version to go back to")
            return [one.info for one in self.versions(corpus) if one.state == "live"]

    def discard(
        self, corpus: str | None = None, *, drafts: bool = False, dry_run: bool = False
    ) -> list[Standing]:
        """Remove every version that is neither live nor, unless asked for, a draft."""
        with self._lock:
            kept = ("live",) if drafts else ("live", "draft")
            gone = [one for one in self.versions(corpus) if one.state not in kept]
            for one in [] if dry_run else gone:
                side = one.info.side
                del self._sides[_very(side, one.info.version)]
                if one.state == "draft":
                    self._named[side.corpus].draft = ""
        return gone

    def upsert(self, side: Side, rows: Sequence[Row]) -> None:
        """Write whole rows, replacing by id. When it returns, they are acknowledged."""
        kept = self._to_write(side)
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

    def import_file(self, side: Side, name: str) -> None:
        """Refuse: there is nobody else who could read a file."""
        check_bulk(self._capabilities)

    def wait_for_imports(self, side: Side) -> None:
        """Refuse."""
        check_bulk(self._capabilities)

    def delete(self, side: Side, ids: Sequence[str]) -> None:
        """Remove items; ids that do not exist are no error."""
        kept = self._to_write(side)
        with self._lock:
            kept.settled = False
            for one in ids:
                kept.rows.pop(one, None)

    def count(self, side: Side, where: Filter | None = None) -> int:
        """Return how many items match, exactly."""
        return len(self._matching(side, self._need(side), where))

    def settle(self, side: Side) -> SideInfo:
        """Bring the side to rest: here there is nothing to do but to say so."""
        kept = self._to_write(side)
        kept.settled = True
        return self._info(kept, side)

    def reindex(self, side: Side, profile: str) -> SideInfo:
        """Change the index profile without touching a vector."""
        name = profile_name(profile, self._capabilities)
        kept = self._need(side)
        kept.spec = replace(kept.spec, profile=name)
        kept.settled = True
        return self._info(kept, side)

    def set_effort(self, side: Side, effort: Effort | None) -> SideInfo:
        """Refuse: comparing everything has nothing to choose."""
        kept = self._need(side)
        if effort is not None:
            check_effort("FLAT", effort)
        return self._info(kept, side)

    def drop(self, corpus: str, modality: Modality | None = None) -> None:
        """Remove a corpus, or one side of it, with all its data."""
        chosen = MODALITIES if modality is None else (modality,)
        with self._lock:
            gone = [side for side in self._of(corpus) if side.modality in chosen]
            for side in gone:
                del self._sides[side]
            for side in [one for one in self._written if one.corpus == corpus]:
                del self._written[side]
            if not self._of(corpus):
                self._named.pop(corpus, None)
        if not gone:
            raise NotFoundError(f"there is no corpus {corpus!r} in memory")

    def close(self) -> None:
        """Let go; what was written stays for as long as the store object does."""

    def _version(self, side: Side) -> str:
        """Return the version that is meant, empty if there is none."""
        named = self._named.get(side.corpus, _Named())
        return side.version or (named.draft if side.draft else named.live)

    def _new_version(self, spec: SideSpec) -> str:
        named = self._named.setdefault(spec.side.corpus, _Named())
        if spec.side.draft:
            named.draft = naming.next_version(named.live, spec.fingerprint)
            return named.draft
        named.live = naming.FIRST
        return named.live

    def _of(self, corpus: str) -> list[Side]:
        return [side for side in self._sides if side.corpus == corpus]

    def _found(self, side: Side) -> _Kept | None:
        with self._lock:
            return self._sides.get(_very(side, self._version(side)))

    def _need(self, side: Side) -> _Kept:
        kept = self._found(side)
        if kept is None:
            raise NotFoundError(f"there is no {side.modality} corpus {side.corpus!r} in memory")
        return kept

    def _to_write(self, side: Side) -> _Kept:
        kept = self._need(side)
        if self._written.get(side, kept.version) != kept.version:
            raise MismatchError(
                f"another version of corpus {side.corpus!r} was made live "
                "while this was writing to the one before",
                hint="Run the same command again: what is in the live one already stays.",
            )
        return kept

    def _standing(self, very: Side) -> Standing:
        named, kept = self._named[very.corpus], self._sides[very]
        state: State = "previous" if very.version == named.before.get(named.live) else "nameless"
        side = very
        if very.version == named.draft:
            state, side = "draft", replace(very, version="", draft=True)
        if very.version == named.live:
            state, side = "live", replace(very, version="")
        return Standing(state, self._info(kept, side))

    def _matching(self, side: Side, kept: _Kept, where: Filter | None) -> list[dict[str, Any]]:
        with self._lock:
            rows = list(kept.rows.values())
        if where is None:
            return rows
        names = sorted(where.fields)
        return [row for row in rows if matches(where, decode_row(row, names, side.modality))]

    def _info(self, kept: _Kept, side: Side) -> SideInfo:
        spec = kept.spec
        return SideInfo(
            side=side,
            collection=naming.collection_of(side, kept.version),
            model=spec.model,
            fingerprint=spec.fingerprint,
            dim=spec.dim,
            profile=spec.profile,
            index="FLAT",
            count=len(kept.rows),
            settled=kept.settled,
            full_text=True,
            version=kept.version,
        )


def _very(side: Side, version: str) -> Side:
    """Return the side by its version, whatever that is to its corpus."""
    return Side(side.corpus, side.modality, version=version)


def _place(one: Standing) -> tuple[str, int, int]:
    order = ("live", "draft", "previous", "nameless")
    return one.info.side.corpus, order.index(one.state), MODALITIES.index(one.info.side.modality)


_shared: dict[str, MemoryStore] = {}
_guard = threading.Lock()


def shared_memory(uri: str) -> MemoryStore:
    """Return this process's store of that name (``memory:NAME``), the same one every time."""
    with _guard:
        return _shared.setdefault(uri, MemoryStore())
