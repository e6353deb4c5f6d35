"""Rows go into files that the server imports by itself, past its log, into a new version.

``BulkStore`` is a store whose ``upsert`` writes Parquet, into a draft only. A full file is
imported in a thread of its own, while the next is being written. An import makes two rows of an id
that comes twice; so what has been written in this run, or was there before, is upserted after all,
once the imports before it are done.

Killed, a run loses the file it was writing, whose items the next run finds missing. An import that
the server was asked for goes on without us: the next run waits for it before it looks at what there
is.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from ingest.sources.once import Seen
from searchengine.errors import StoreUnavailableError, UsageError
from searchengine.store.bm25 import item_terms
from searchengine.store.bulk_files import BulkFile, clear
from searchengine.store.capabilities import check_bulk
from searchengine.store.fields import TERMS, encode_item
from searchengine.store.vectors import checked_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from searchengine.records import Side
    from searchengine.settings import Settings
    from searchengine.store.bulk_files import BulkPlace
    from searchengine.store.contract import Fields, Row, SideInfo, SideSpec, Store

FILE_BYTES = 512 * 1024 * 1024
"""Of rows in memory's terms: about the segment that a server makes of them."""
_LATE_ROWS = 5_000
"""That many of ids that are there already are held back; to write them, imports are waited for."""


class BulkStore:
    """Implements ``Store`` for one run that writes into drafts."""

    def __init__(self, inner: Store, place: BulkPlace, *, file_bytes: int = FILE_BYTES) -> None:
        """Wrap a server's store. Raises ``UnsupportedError`` and ``SettingsError``."""
        check_bulk(inner.capabilities)
        place.open()
        self._inner = inner
        self._place = place
        self._file_bytes = file_bytes
        self._infos: dict[Side, SideInfo] = {}
        self._before: dict[Side, int] = {}
        self._imported: dict[Side, int] = {}
        self._late: dict[Side, list[Row]] = {}
        """Rows of ids that are there or in a file, to take their places."""
        self._seen: dict[Side, Seen] = {}
        self._files: dict[Side, BulkFile] = {}
        self._importing: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "import")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def describe(self, side: Side, *, fresh: bool = True) -> SideInfo | None:
        """Return what the side is like, once imports of earlier runs are done."""
        info = self._inner.describe(side, fresh=fresh)
        if info is None or not side.draft or side in self._seen:
            return info
        self._inner.wait_for_imports(side)
        clear(self._place, info.collection)
        return self._inner.describe(side, fresh=fresh)

    def ensure(self, spec: SideSpec) -> SideInfo:
        """Open the side, making it if need be. Raises ``UsageError`` for one that is no draft."""
        side = spec.side
        if not side.draft:
            raise UsageError("bulk import writes into a draft only", hint="add --beside")
        if side in self._infos:
            return self._infos[side]
        info = self._inner.ensure(spec)
        info = self.describe(side) or info
        self._infos[side] = info
        self._before[side], self._imported[side] = info.count, 0
        self._late[side] = []
        self._seen[side] = Seen()
        return info

    def upsert(self, side: Side, rows: Sequence[Row]) -> None:
        """Take rows. They are in the database at the latest when ``settle`` returns."""
        info = self._infos[side]
        rows = list({row.item.id: row for row in rows}.values())
        there = self.fetch(side, [row.item.id for row in rows], ("id",))
        seen = self._seen[side]
        again = [row for row in rows if not seen.add_id(row.item.id) or row.item.id in there]
        known = {row.item.id for row in again}
        new = [row for row in rows if row.item.id not in known]
        if new:
            vectors = checked_rows(new, info.dim)
            encoded = [encode_item(row.item) for row in new]
            if info.full_text:
                for one in encoded:
                    one[TERMS] = item_terms(one["id"], one["caption"])
            file = self._files.get(side)
            if file is None:
                file = self._files[side] = BulkFile(self._place, info.collection)
            file.add(encoded, vectors)
            if file.bytes >= self._file_bytes:
                self._begin_import(side)
        self._late[side] += again
        if len(self._late[side]) >= _LATE_ROWS:
            self.finish(side)

    def fetch(
        self, side: Side, ids: Sequence[str], fields: Fields, *, fresh: bool = True
    ) -> dict[str, Mapping[str, Any]]:
        """Return the fields of those ids that exist; of a draft that was empty, none."""
        if self._before.get(side) == 0:
            return {}
        return self._inner.fetch(side, ids, fields, fresh=fresh)

    def delete(self, side: Side, ids: Sequence[str]) -> None:
        """Remove items, those in files among them."""
        self.finish(side)
        self._inner.delete(side, ids)
        if side in self._before:
            self._before[side] = self._inner.count(side)

    def settle(self, side: Side) -> SideInfo:
        """Have all rows imported and counted, then bring the side to rest."""
        self.finish(side)
        return self._inner.settle(side)

    def close(self) -> None:
        """Let go; a file that has not been imported is removed."""
        self._thread.shutdown()
        for file in self._files.values():
            file.remove()
        self._files.clear()
        self._inner.close()

    def _begin_import(self, side: Side) -> None:
        """Have the file of a side imported beside what follows; wait for the one before."""
        self._wait()
        file = self._files.pop(side, None)
        if file is not None:
            file.close()
            self._importing = self._thread.submit(self._import, side, file)

    def _import(self, side: Side, file: BulkFile) -> None:
        self._inner.import_file(side, file.name)
        self._imported[side] += file.rows
        file.remove()

    def finish(self, side: Side) -> None:
        """Have all rows of a side imported, found and counted.

        Raises ``StoreUnavailableError`` where there are not as many as there must be.
        """
        self._begin_import(side)
        self._wait()
        if self._imported.get(side):
            self._inner.wait_for_imports(side)
            self._count(side)
        if self._late.get(side):
            late, self._late[side] = self._late[side], []
            self._inner.upsert(side, late)

    def _count(self, side: Side) -> None:
        imported = self._imported[side]
        count = self._inner.count(side)
        if count != self._before[side] + imported:
            raise StoreUnavailableError(
                f"{imported:,} rows were imported beside {self._before[side]:,}, "
                f"and there are {count:,}",
                hint="begin the draft anew: searchengine gc --drafts, then the same command",
            )
        self._before[side], self._imported[side] = count, 0

    def _wait(self) -> None:
        importing, self._importing = self._importing, None
        if importing is not None:
            importing.result()


def open_bulk_store(settings: Settings, *, patient_reads: bool = True) -> Store:
    """Open the database as the settings say, to be filled by import."""
    from searchengine.store.bulk_files import BulkPlace
    from searchengine.store.configured import open_configured_store

    place = BulkPlace(settings.store.bulk_uri, settings.store.bulk_path)
    inner = open_configured_store(settings, patient_reads=patient_reads)
    try:
        return cast("Store", BulkStore(inner, place))
    except BaseException:
        inner.close()
        raise
