"""The store on Milvus: Lite in a folder, or a server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from searchengine.errors import MismatchError, NotFoundError
from searchengine.records import MODALITIES, Side
from searchengine.store import importing, naming, reading, sides, switching
from searchengine.store.bm25 import item_terms
from searchengine.store.capabilities import check_bulk
from searchengine.store.connection import Connection
from searchengine.store.contract import Standing
from searchengine.store.effort import check_effort, check_tunable, outgrown
from searchengine.store.fields import TERMS, check_fields, clean_text, encode_item
from searchengine.store.filters import Pushed, push_down
from searchengine.store.filters.pushdown import quote
from searchengine.store.mirror.answers import Answers
from searchengine.store.profiles import profile_name, resolve
from searchengine.store.ranking import above
from searchengine.store.searching import Search, check_score, check_window
from searchengine.store.text_search import TextSearch, check_full_text
from searchengine.store.vectors import checked_queries, checked_rows
from searchengine.store.writing import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Modality
    from searchengine.store.capabilities import Capabilities
    from searchengine.store.contract import Effort, Fields, Found, Row, SideInfo, SideSpec
    from searchengine.store.filters import Filter
    from searchengine.store.sides import Handle

_DELETES_A_CALL = 1_000


class MilvusStore:
    """One Milvus database. See ``contract.Store`` for what each method promises."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._handles: dict[Side, Handle] = {}
        self._written: dict[Side, str] = {}
        """The collections of the sides that were opened to write to."""

    @property
    def capabilities(self) -> Capabilities:
        """What this backend can do."""
        return self._connection.capabilities

    def ensure(self, spec: SideSpec) -> SideInfo:
        """Open the side, making it if need be."""
        profile = profile_name(spec.profile, self.capabilities)
        naming.check_corpus(spec.side.corpus)
        with self._connection.writing:
            handle = sides.find(self._connection, spec.side)
            if handle is None:
                handle = sides.create(self._connection, spec, profile)
            naming.check_label(handle.label, spec)
            self._handles[spec.side] = handle
            self._written[spec.side] = handle.collection
            return self._info(handle)

    def describe(self, side: Side, *, fresh: bool = True) -> SideInfo | None:
        """Return what the side is like, ``None`` if there is none."""
        self._handles.pop(side, None)
        handle = sides.find(self._connection, side)
        if handle is None:
            return None
        self._handles[side] = handle
        info = self._info(handle, fresh=fresh)
        # By its version, too: who asks what a side is like goes on with the very one.
        very = Side(side.corpus, side.modality, version=info.version)
        known = self._handles.get(very, handle)
        self._handles[very] = replace(
            handle, side=very, words=known.words, words_counted=known.words_counted
        )
        return info

    def sides(self) -> list[SideInfo]:
        """Return all live sides of all corpora, sorted by corpus and modality."""
        found: set[Side] = set()
        for name in self._connection.call("list_collections", doing="listing the corpora"):
            if name.startswith(naming.PREFIX):
                description = self._connection.attempt(
                    "describe_collection", name, doing="listing the corpora"
                )
                label = naming.read_label(description) if description else None
                if label is not None:
                    found.add(label.side)
        order = sorted(found, key=lambda side: (side.corpus, side.modality))
        return [info for side in order if (info := self.describe(side)) is not None]

    def versions(self, corpus: str | None = None) -> list[Standing]:
        """Return all sides of all versions of a corpus, or of all corpora."""
        return self._standings(switching.found(self._connection, corpus))

    def switch(self, corpus: str, *, back: bool = False) -> list[SideInfo]:
        """Make the draft live, or the version before."""
        naming.check_corpus(corpus)
        with self._connection.writing:
            switching.switch(self._connection, corpus, back=back)
        both = (self.describe(Side(corpus, modality)) for modality in MODALITIES)
        return [info for info in both if info is not None]

    def discard(
        self, corpus: str | None = None, *, drafts: bool = False, dry_run: bool = False
    ) -> list[Standing]:
        """Remove every collection of ours that no alias names."""
        with self._connection.writing:
            chosen = switching.removable(self._connection, corpus, drafts=drafts)
            gone = self._standings(chosen)
            for one in [] if dry_run else chosen:
                self._handles.pop(one.side, None)
                switching.remove(self._connection, one)
        return gone

    def upsert(self, side: Side, rows: Sequence[Row]) -> None:
        """Write whole rows, replacing by id. When it returns, they are acknowledged."""
        handle = self._known(side)
        rows = list({row.item.id: row for row in rows}.values())  # the last word on an id counts
        vectors = checked_rows(rows, handle.label.dim)
        encoded = [encode_item(row.item) for row in rows]
        with self._connection.writing:
            sides.note(self._connection, handle, replace(handle.label, settled=False))
            if handle.label.full_text:
                for row in encoded:
                    row[TERMS] = item_terms(row["id"], row["caption"])
            patience_s = self._connection.patience.write_s
            with self._connection.step(handle.collection) as step:
                for part, values in parts_of(encoded, vectors):
                    self._connection.upsert(handle.collection, part, values, patience_s=patience_s)
                step.wrote()
        for same in self._same(handle):
            same.items += len(rows) if same.items >= 0 else 0
            same.words = None

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
        handle = self._handle(side)
        queries = checked_queries(vectors, handle.label.dim)
        if effort is not None:
            check_tunable(handle.index)
        elif not by_index and (rows := self._mirrored(handle)) is not None:
            return above(rows.search(queries, limit, offset, where, names), min_score)
        sides.load(self._connection, handle)
        if handle.items < 0 and handle.index != "FLAT":
            reading.count(self._connection, handle)
        search = Search(
            self._connection,
            handle,
            where,
            self._pushed(where),
            names,
            effort=effort,
            fresh=fresh,
        )
        return above(search.run(queries, limit, offset), min_score)

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
        check_full_text(self.capabilities)
        handle = self._handle(side)
        check_full_text(self.capabilities, handle)
        sides.load(self._connection, handle)
        search = TextSearch(self._connection, handle, where, self._pushed(where), names)
        return search.run(text, limit)

    def fetch(
        self, side: Side, ids: Sequence[str], fields: Fields, *, fresh: bool = True
    ) -> dict[str, Mapping[str, Any]]:
        """Return the fields of those ids that exist, by id."""
        names, handle = check_fields(fields), self._handle(side)
        rows = self._mirrored(handle)
        if rows is not None:
            return dict(rows.fetch([clean_text(one) for one in ids], names))
        return dict(reading.fetch(self._connection, handle, ids, names, fresh=fresh))

    def scan(
        self, side: Side, *, where: Filter | None = None, fields: Fields = ("id",)
    ) -> Iterator[Mapping[str, Any]]:
        """Yield every matching item once, in no order, in bounded memory."""
        names = check_fields(fields)
        handle = self._handle(side)
        rows = self._mirrored(handle)
        if rows is not None:
            pages = rows.scan(where, names)
        else:
            pages = reading.scan(self._connection, handle, where, self._pushed(where), names)
        for page in pages:
            yield from page

    def import_file(self, side: Side, name: str) -> None:
        """Have the server itself read a file; return when it has."""
        check_bulk(self.capabilities)
        handle = self._known(side)
        sides.note(self._connection, handle, replace(handle.label, settled=False))
        importing.import_file(self._connection, handle, name)

    def wait_for_imports(self, side: Side) -> None:
        """Wait for imports into the side, by whoever, and have their rows be found."""
        check_bulk(self.capabilities)
        importing.wait_for_all(self._connection, self._known(side))

    def delete(self, side: Side, ids: Sequence[str]) -> None:
        """Remove items; ids that do not exist are no error."""
        chosen = [clean_text(one) for one in dict.fromkeys(ids)]
        handle = self._known(side)
        with self._connection.writing:
            sides.note(self._connection, handle, replace(handle.label, settled=False))
            with self._connection.step(handle.collection) as step:
                for at in range(0, len(chosen), _DELETES_A_CALL):
                    some = ", ".join(map(quote, chosen[at : at + _DELETES_A_CALL]))
                    self._connection.call(
                        "delete",
                        handle.collection,
                        filter=f"id in [{some}]",
                        doing="deleting",
                        patience_s=self._connection.patience.write_s,
                    )
                step.deleted(chosen)
        for same in self._same(handle):
            same.words = None

    def count(self, side: Side, where: Filter | None = None) -> int:
        """Return how many items match, exactly."""
        handle = self._handle(side)
        rows = self._mirrored(handle)
        if rows is not None:
            return rows.count(where)
        if where is None:
            return reading.count(self._connection, handle)
        pushed = push_down(where, self.capabilities.dialect)
        if pushed.exact and not self._connection.is_lite:  # Lite builds whole rows to count them
            return reading.passing(self._connection, handle, pushed.expression, sides.STRONG)
        return sum(1 for _ in self.scan(side, where=where))

    def settle(self, side: Side) -> SideInfo:
        """Bring the side to rest after many writes."""
        self._handles.pop(side, None)  # looked at anew: another version may be live by now
        handle = self._handle(side)
        self._check_written(handle)
        with self._connection.writing:
            mirrored = self._connection.mirrors(handle.collection)
            sides.flush(self._connection, handle)
            count = reading.count(self._connection, handle)
            wanted = resolve(handle.label.profile, count, mirrored=mirrored)
            if wanted != handle.index or _outgrown(handle, count):
                handle = self._rebuilt(handle, wanted, handle.label.profile, count)
            elif handle.index != "FLAT" or not self._connection.is_lite:
                sides.reload(self._connection, handle)
            label = replace(handle.label, settled=True)
            if label.effort is not None and outgrown(label.effort, count):
                label = replace(label, effort=None)
            sides.note(self._connection, handle, label)
            self._connection.forget(handle.collection)  # the rows have moved: share them again
        return self._info(handle)

    def reindex(self, side: Side, profile: str) -> SideInfo:
        """Change the index profile without touching a vector."""
        name = profile_name(profile, self.capabilities)
        handle = self._handle(side)
        with self._connection.writing:
            mirrored = self._connection.mirrors(handle.collection)
            sides.flush(self._connection, handle)
            count = reading.count(self._connection, handle)
            index = resolve(name, count, mirrored=mirrored)
            handle = self._rebuilt(handle, index, name, count)
            sides.note(self._connection, handle, replace(handle.label, settled=True))
            self._connection.forget(handle.collection)
        return self._info(handle)

    def set_effort(self, side: Side, effort: Effort | None) -> SideInfo:
        """Have searches without a filter look so hard from now on."""
        handle = self._handle(side)
        if effort is not None:
            check_effort(handle.index, effort)
        with self._connection.writing:
            sides.note(self._connection, handle, replace(handle.label, effort=effort))
        return self._info(handle)

    def drop(self, corpus: str, modality: Modality | None = None) -> None:
        """Remove a corpus, or one side of it, with all its data."""
        chosen = MODALITIES if modality is None else (modality,)
        with self._connection.writing:
            for side in [one for one in self._handles if one.corpus == corpus]:
                if side.modality in chosen:
                    self._handles.pop(side, None)
                    self._written.pop(side, None)
            gone = switching.drop(self._connection, corpus, chosen)
        if not gone:
            raise NotFoundError(
                f"there is no corpus {corpus!r} at {self._connection.where}",
                hint="'searchengine corpora' lists what there is.",
            )

    def close(self) -> None:
        """Let go of the database; a Lite folder is free for the next process."""
        self._handles.clear()
        self._connection.close()

    def _handle(self, side: Side) -> Handle:
        handle = self._handles.get(side)
        if handle is None:
            handle = sides.need(self._connection, side)
        else:
            handle = reading.refreshed(self._connection, handle)
        self._handles[side] = handle
        return handle

    def _known(self, side: Side) -> Handle:
        """Return the side as last seen. A write must not look again: it waits for a server that is
        away, a look would not."""
        handle = self._handles.get(side) or self._handle(side)
        self._check_written(handle)
        return handle

    def _check_written(self, handle: Handle) -> None:
        """Raise ``MismatchError`` where another version has taken the place of the one written."""
        if self._written.get(handle.side, handle.collection) != handle.collection:
            raise MismatchError(
                f"another version of corpus {handle.side.corpus!r} was made live "
                "while this was writing to the one before",
                hint="Run the same command again: what is in the live one already stays.",
            )

    def _same(self, handle: Handle) -> list[Handle]:
        """Return what is known of the handle's collection, by whichever side it was asked for."""
        known = [one for one in self._handles.values() if one.collection == handle.collection]
        return [handle, *(one for one in known if one is not handle)]

    def _standings(self, found: Sequence[switching.Found]) -> list[Standing]:
        """Return what callers are told. What has no alias is not loaded to be counted."""
        standings = []
        for one in found:
            handle = sides.find(self._connection, one.side)
            if handle is None:  # gone since
                continue
            if one.state in ("live", "draft"):
                count = reading.count(self._connection, handle)
            else:
                count = switching.rows_in(self._connection, handle.collection)
            standings.append(Standing(one.state, sides.info_of(handle, count)))
        return standings

    def _info(self, handle: Handle, *, fresh: bool = True) -> SideInfo:
        return sides.info_of(handle, reading.count(self._connection, handle, fresh=fresh))

    def _mirrored(self, handle: Handle) -> Answers | None:
        """Return what answers from this process's memory, where the database is in it."""
        rows = self._connection.mirrored(handle.collection)
        return None if rows is None else Answers(rows, handle.label.modality)

    def _pushed(self, where: Filter | None) -> Pushed | None:
        return None if where is None else push_down(where, self.capabilities.dialect)

    def _rebuilt(self, handle: Handle, index: str, profile: str, count: int) -> Handle:
        rebuilt = sides.rebuild(self._connection, handle, index, profile, count)
        self._handles[rebuilt.side] = rebuilt
        rebuilt.items = count
        return rebuilt


def _outgrown(handle: Handle, count: int) -> bool:
    """Tell whether the index's parameters were chosen for far fewer or far more items."""
    build = handle.profile.build
    made, best = (build(size, handle.label.dim) for size in (handle.label.sized_for, count))
    lists, wanted = made.get("nlist", 1), best.get("nlist", 1)
    return bool(wanted > 2 * lists or lists > 4 * wanted)
