"""What is new, changed, moved or gone, by comparing a listing with the database.

The database is the only record of what is indexed. The listing streams past it
in chunks, so that neither side is ever held whole; of the listing, eight bytes
an asset are kept, to tell at the end what has gone.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ingest.bundles import unbundled
from ingest.containers import part_ids, part_item, whole_revision
from ingest.overlap import chunks
from ingest.sources.contract import Asset, Bundle, Scope, Skipped
from searchengine.identity import item_id
from searchengine.records import ITEM_FIELDS, Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ingest.report import Report
    from searchengine.records import Modality, Side
    from searchengine.store.contract import Store

CHUNK = 1000
"""Assets compared with the database at a time."""


@dataclass(frozen=True, slots=True)
class Todo:
    """An asset that is not in the index as it is now."""

    asset: Asset
    id: str
    indexed_hash: str | None
    """Content hash of the row that stands under this id, if there is one."""
    known: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of a file of many items: the rows that stand for them, by id."""


@dataclass
class Ledger:
    """What has been seen of one side, in eight bytes an asset."""

    keys: array[int] = field(default_factory=lambda: array("Q"))
    known: int = 0
    """How many of them had a row in the index already."""

    def note(self, key: str, known: bool) -> None:
        """Remember an id."""
        self.keys.append(int(key[:16], 16))
        self.known += known

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return those ids that were not noted (a false 'noted' has odds of 2**-64 a pair)."""
        import numpy as np

        noted = np.frombuffer(self.keys, dtype=np.uint64)
        asked = np.array([int(key[:16], 16) for key in keys], dtype=np.uint64)
        return [key for key, seen in zip(keys, np.isin(asked, noted), strict=True) if not seen]


def compare(
    assets: Iterable[Asset | Skipped | Bundle],
    store: Store,
    sides: Mapping[Modality, Side],
    existing: frozenset[Modality],
    ledgers: Mapping[Modality, Ledger],
    report: Report,
) -> Iterator[Todo]:
    """Yield what has to be done, in the order of the listing.

    ``existing`` names the sides that hold anything yet; the rest is not asked.
    """
    singles = unbundled(assets, store, sides, existing, ledgers, report)
    for chunk in chunks(singles, CHUNK):
        listed: list[tuple[Asset, str]] = []
        for one in chunk:
            if isinstance(one, Skipped):
                if one.failed:
                    report.fail(one.uri, one.reason, one.message)
                else:
                    report.skipped += 1
                continue
            if one.parts is None:
                report.seen += 1
                listed.append((one, item_id(one.uri)))
            else:
                listed.append((one, part_ids(one, 1)[0]))
        with report.clock.busy("compare", len(listed)):
            todos = list(_differing(listed, store, sides, existing, ledgers, report))
        yield from todos


def _differing(
    listed: Sequence[tuple[Asset, str]],
    store: Store,
    sides: Mapping[Modality, Side],
    existing: frozenset[Modality],
    ledgers: Mapping[Modality, Ledger],
    report: Report,
) -> Iterator[Todo]:
    indexed: dict[str, Mapping[str, Any]] = {}
    for modality in existing:
        ids = [key for asset, key in listed if asset.modality == modality]
        if ids:
            indexed |= store.fetch(sides[modality], ids, ("id", "revision", "content_hash"))
    for asset, key in listed:
        row = indexed.get(key)
        if asset.parts is not None:
            side = sides[asset.modality]
            yield from compare_parts(asset, row, store, side, ledgers[asset.modality], report)
            continue
        ledgers[asset.modality].note(key, row is not None)
        if row is not None and row["revision"] == asset.revision:
            report.unchanged += 1
        else:
            yield Todo(asset, key, None if row is None else row["content_hash"])


def compare_parts(
    asset: Asset,
    row: Mapping[str, Any] | None,
    store: Store,
    side: Side,
    ledger: Ledger,
    report: Report,
) -> Iterator[Todo]:
    """Yield a file of many items if any of them has to be made; ``row`` is that of its first.

    All of them are looked at, for a run may have died between two of one file.
    """
    known: dict[str, Mapping[str, Any]] = {}
    revision, ids = "", []
    if row is not None:
        revision, count = whole_revision(row["revision"])
        ids = part_ids(asset, count)
        for chunk in chunks(ids, CHUNK):
            known |= store.fetch(side, chunk, ("id", "revision", "content_hash"))
    if (
        row is None
        or revision != asset.revision
        or any(known.get(key, {}).get("revision") != row["revision"] for key in ids)
    ):
        yield Todo(asset, item_id(asset.uri), None, known)
        return
    for key in ids:
        ledger.note(key, True)
    report.seen += len(ids)
    report.unchanged += len(ids)


def carry(row: Mapping[str, Any], todo: Todo) -> Item:
    """Return the item of an asset whose content is known from ``row``: only its place is new."""
    asset = todo.asset
    old = Item(modality=asset.modality, **{name: row[name] for name in ITEM_FIELDS})
    item = replace(
        old,
        id=todo.id,
        uri=asset.uri,
        revision=asset.revision,
        size=asset.size or old.size,
        mtime_ns=asset.mtime_ns,
        caption=asset.caption,
        folder=asset.folder,
        meta=asset.meta,
    )
    return item if asset.part is None else part_item(item, asset.part)


def gone(
    store: Store, side: Side, scopes: Sequence[Scope], ledger: Ledger, rows_before: int
) -> Iterator[list[str]]:
    """Yield lists of ids that stand in the index inside a scope and were not listed.

    ``rows_before`` is how many rows the side had when the run began.
    """
    from searchengine.store.filters import Prefix

    if ledger.known == rows_before:  # every row there was has been seen
        return
    for scope in scopes:
        rows = store.scan(side, where=Prefix("uri", scope.prefix), fields=("id", "uri"))
        for chunk in chunks((row for row in rows if _covers(scope, row["uri"])), CHUNK):
            if missing := ledger.missing([row["id"] for row in chunk]):
                yield missing


def _covers(scope: Scope, uri: str) -> bool:
    if not uri.startswith(scope.prefix):
        return False
    if not scope.recursive and "/" in uri[len(scope.prefix) :]:
        return False
    return not uri.startswith(scope.except_prefixes)
