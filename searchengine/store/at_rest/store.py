"""A store over a folder at rest, which opens Milvus Lite as soon as it has to."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from searchengine.store.at_rest.lock import lock_to_read
from searchengine.store.at_rest.manifest import read_manifest
from searchengine.store.at_rest.readers import enrol
from searchengine.store.at_rest.rows import Rows
from searchengine.store.capabilities import capabilities_of
from searchengine.store.contract import SideInfo
from searchengine.store.fields import check_fields, clean_text
from searchengine.store.ranking import above
from searchengine.store.searching import check_score, check_window
from searchengine.store.vectors import checked_queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Modality, Side
    from searchengine.store.at_rest.manifest import Manifest
    from searchengine.store.capabilities import Capabilities
    from searchengine.store.contract import Effort, Fields, Found, Row, SideSpec, Standing, Store
    from searchengine.store.filters import Filter


def rest(folder: Path, open_lite: Callable[[], Store], *, most_bytes: int) -> AtRestStore | None:
    """Return a store that reads the folder as it lies, ``None`` if somebody has it open."""
    lock = lock_to_read(folder)
    if lock is None:
        return None
    store = AtRestStore(folder, lock.release, open_lite, most_bytes=most_bytes)
    enrol(folder, store)
    return store


class AtRestStore:
    """Questions from files, with filters or without; for full text, writing and whatever else,
    and from then on, ``MilvusStore``.

    See ``contract.Store`` for what each method promises.
    """

    def __init__(
        self,
        folder: Path,
        unlock: Callable[[], None],
        open_lite: Callable[[], Store],
        *,
        most_bytes: int,
    ) -> None:
        self._folder = folder
        self._unlock: Callable[[], None] | None = unlock
        self._open_lite = open_lite
        self._most_bytes = most_bytes
        self._lite: Store | None = None
        self._sides: dict[Side, tuple[Manifest, Rows] | None] = {}
        self._guard = threading.Lock()
        # Apart from the guard: whoever else opens Lite has this store give way meanwhile.
        self._opening = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What Lite can do."""
        if self._lite is not None:
            return self._lite.capabilities
        from importlib.metadata import version

        return capabilities_of(f"milvus_lite-{version('milvus-lite')}")

    def wake(self) -> None:
        """Let go of the files. The next question goes to Lite."""
        with self._guard:  # until the lock is gone: whoever wakes this store is about to take it
            self._sides.clear()
            unlock, self._unlock = self._unlock, None
            if unlock is not None:
                unlock()

    def describe(self, side: Side, *, fresh: bool = True) -> SideInfo | None:
        """Return what the side is like, ``None`` if there is none."""
        found = self._at_rest(side)
        if found is None:
            return self._awake().describe(side, fresh=fresh)
        manifest, rows = found
        # Whoever asks what a side is like is about to ask it something: have its vectors come
        # while a model is loaded for the question.
        threading.Thread(target=_prefetch, args=(rows,), daemon=True).start()
        label = manifest.label
        return SideInfo(
            side=side,
            collection=manifest.collection,
            model=label.model,
            fingerprint=label.fingerprint,
            dim=label.dim,
            profile=label.profile,
            index=manifest.index,
            count=rows.count,
            settled=label.settled,
            full_text=label.full_text,
            effort=label.effort,
            version=label.version,
        )

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
        names = check_fields(fields)
        plain = effort is None and not by_index
        found = self._at_rest(side) if plain else None
        if found is not None:
            queries = checked_queries(vectors, found[0].label.dim)
            with contextlib.suppress(ValueError):
                answers = found[1].search(queries, limit + offset, where, names)
                return above([hits[offset:] for hits in answers], min_score)
        return self._awake().search(
            side,
            vectors,
            limit=limit,
            offset=offset,
            where=where,
            fields=fields,
            min_score=min_score,
            effort=effort,
            fresh=fresh,
            by_index=by_index,
        )

    def fetch(
        self, side: Side, ids: Sequence[str], fields: Fields, *, fresh: bool = True
    ) -> dict[str, Mapping[str, Any]]:
        """Return the fields of those ids that exist, by id."""
        names = check_fields(fields)
        found = self._at_rest(side)
        if found is not None:
            with contextlib.suppress(ValueError):
                return dict(found[1].fetch([clean_text(one) for one in ids], names))
        return self._awake().fetch(side, ids, fields, fresh=fresh)

    def count(self, side: Side, where: Filter | None = None) -> int:
        """Return how many items match, exactly."""
        found = self._at_rest(side)
        if found is not None:
            with contextlib.suppress(ValueError):
                return found[1].count if where is None else found[1].matching(where)
        return self._awake().count(side, where)

    def sides(self) -> list[SideInfo]:
        """Return all live sides of all corpora, sorted by corpus and modality."""
        return self._awake().sides()

    def versions(self, corpus: str | None = None) -> list[Standing]:
        """Return all sides of all versions of a corpus, or of all corpora."""
        return self._awake().versions(corpus)

    def switch(self, corpus: str, *, back: bool = False) -> list[SideInfo]:
        """Make the draft live, or the version before."""
        return self._awake().switch(corpus, back=back)

    def discard(
        self, corpus: str | None = None, *, drafts: bool = False, dry_run: bool = False
    ) -> list[Standing]:
        """Remove every collection of ours that no alias names."""
        return self._awake().discard(corpus, drafts=drafts, dry_run=dry_run)

    def ensure(self, spec: SideSpec) -> SideInfo:
        """Open the side, making it if need be."""
        return self._awake().ensure(spec)

    def upsert(self, side: Side, rows: Sequence[Row]) -> None:
        """Write whole rows, replacing by id. When it returns, they are acknowledged."""
        self._awake().upsert(side, rows)

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
        return self._awake().search_text(side, text, limit=limit, where=where, fields=fields)

    def scan(
        self, side: Side, *, where: Filter | None = None, fields: Fields = ("id",)
    ) -> Iterator[Mapping[str, Any]]:
        """Yield every matching item once, in no order, in bounded memory."""
        names = check_fields(fields)
        found = self._at_rest(side)
        if found is not None:
            with contextlib.suppress(ValueError):
                return found[1].scan(where, names)
        return self._awake().scan(side, where=where, fields=fields)

    def import_file(self, side: Side, name: str) -> None:
        """Refuse, as Lite does."""
        self._awake().import_file(side, name)

    def wait_for_imports(self, side: Side) -> None:
        """Refuse, as Lite does."""
        self._awake().wait_for_imports(side)

    def delete(self, side: Side, ids: Sequence[str]) -> None:
        """Remove items; ids that do not exist are no error."""
        self._awake().delete(side, ids)

    def settle(self, side: Side) -> SideInfo:
        """Bring the side to rest after many writes."""
        return self._awake().settle(side)

    def reindex(self, side: Side, profile: str) -> SideInfo:
        """Change the index profile without touching a vector."""
        return self._awake().reindex(side, profile)

    def set_effort(self, side: Side, effort: Effort | None) -> SideInfo:
        """Have searches without a filter look so hard from now on."""
        return self._awake().set_effort(side, effort)

    def drop(self, corpus: str, modality: Modality | None = None) -> None:
        """Remove a corpus, or one side of it, with all its data."""
        self._awake().drop(corpus, modality)

    def close(self) -> None:
        """Let go of the folder; it is free for the next process."""
        self.wake()
        if self._lite is not None:
            self._lite.close()

    def _at_rest(self, side: Side) -> tuple[Manifest, Rows] | None:
        """Return the side's rows, ``None`` where Lite has to be asked."""
        with self._guard:
            if self._unlock is None:
                return None
            if side not in self._sides:
                self._sides[side] = self._found(side)
            return self._sides[side]

    def _found(self, side: Side) -> tuple[Manifest, Rows] | None:
        manifest = read_manifest(self._folder, side)
        if manifest is None:
            return None
        for known in self._sides.values():  # asked for by another name: its rows are read already
            if known is not None and known[0].collection == manifest.collection:
                return known
        try:
            rows = Rows(manifest)
        except ValueError:
            return None
        return (manifest, rows) if rows.nbytes <= self._most_bytes else None

    def _awake(self) -> Store:
        """Return the store on Lite, opened if need be."""
        with self._opening:
            if self._lite is None:
                self.wake()
                self._lite = self._open_lite()
            return self._lite


def _prefetch(rows: Rows) -> None:
    with contextlib.suppress(ValueError, MemoryError):  # whoever asks for them meets it again
        rows.vectors()
