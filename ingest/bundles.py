"""Whether all of a bundle is in the index as it is now, so that nobody has to list it.

The revision of each of its rows says how many there are: a run that died
half-way through one, or an item that failed, leaves fewer, and it is listed
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.containers import split_part, whole_revision
from ingest.sources.contract import Bundle, bundled_revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ingest.plan import Ledger
    from ingest.report import Report
    from ingest.sources.contract import Asset, Skipped
    from searchengine.records import Modality, Side
    from searchengine.store.contract import Store


def unbundled(
    assets: Iterable[Asset | Skipped | Bundle],
    store: Store,
    sides: Mapping[Modality, Side],
    existing: frozenset[Modality],
    ledgers: Mapping[Modality, Ledger],
    report: Report,
) -> Iterator[Asset | Skipped]:
    """Yield the assets, those of unchanged bundles left out: they are noted as unchanged."""
    for one in assets:
        if not isinstance(one, Bundle):
            yield one
            continue
        ids: list[str] = []
        if one.modality in existing:
            with report.clock.busy("compare"):
                ids = unchanged_ids(one, store, sides[one.modality])
        if not ids:
            yield from one.listed()
            continue
        for key in ids:
            ledgers[one.modality].note(key, True)
        report.seen += len(ids)
        report.unchanged += len(ids)


def unchanged_ids(bundle: Bundle, store: Store, side: Side) -> list[str]:
    """Return the ids of a bundle's rows; none if one is missing, or of another revision."""
    from searchengine.store.filters import Prefix

    ids: list[str] = []
    revision, singles = "", 0
    missing: dict[str, int] = {}
    """Of each film and PDF how many parts have not been met yet."""
    rows = store.scan(side, where=Prefix("uri", bundle.uri), fields=("id", "uri", "revision"))
    for row in rows:
        whole, own = split_part(row["uri"]), row["revision"]
        if whole is None:
            singles += 1
        else:
            own, count = whole_revision(own)
            missing[whole] = missing.get(whole, count) - 1
        revision = revision or own
        if own != revision:
            return []
        ids.append(row["id"])
    complete = revision == bundled_revision(bundle.revision, singles + len(missing))
    return ids if complete and not any(missing.values()) else []
