"""Reading a side's rows: how many there are, some of them by id, all of them in turn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from searchengine.store import sides
from searchengine.store.fields import VECTOR, clean_text, decode_row, stored_columns
from searchengine.store.filters import matches
from searchengine.store.filters.pushdown import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from searchengine.store.connection import Connection
    from searchengine.store.contract import Fields
    from searchengine.store.filters import Filter, Pushed
    from searchengine.store.sides import Handle

_LOOK_AGAIN_S = 5.0
_IDS_A_CALL = 1_000
_ROWS_A_PAGE = 16_000
_VECTORS_A_PAGE = 4_000


def refreshed(connection: Connection, handle: Handle) -> Handle:
    """Return the side as it is now, looked at again when the last look is some seconds old."""
    if time.monotonic() - handle.seen < _LOOK_AGAIN_S:
        return handle
    handle.seen = time.monotonic()  # one thread looks; the others go on with what is known
    fresh = sides.need(connection, handle.side)
    if fresh.collection == handle.collection:
        fresh.loaded, fresh.items = handle.loaded, handle.items
        fresh.words, fresh.words_counted = handle.words, handle.words_counted
    if connection.is_lite:
        count(connection, fresh)
    elif fresh.index != "FLAT":
        fresh.items = passing(connection, fresh, "", sides.EVENTUALLY)
    return fresh


def count(connection: Connection, handle: Handle, *, fresh: bool = True) -> int:
    """Return how many items the side has; note it for the search parameters.

    Exactly, unless it need not be fresh: then a server answers at once.
    """
    rows = connection.held(handle.collection)
    consistency = sides.STRONG if fresh else sides.EVENTUALLY
    handle.items = passing(connection, handle, "", consistency) if rows is None else rows.count
    return handle.items


def passing(connection: Connection, handle: Handle, expression: str, consistency: str) -> int:
    """Return how many items an expression passes.

    With ``EVENTUALLY`` that is quick, and may leave the newest writes out.
    """
    sides.load(connection, handle)
    rows = connection.call(
        "query",
        handle.collection,
        filter=expression,
        output_fields=["count(*)"],
        consistency_level=consistency,
        doing="counting",
    )
    return int(rows[0]["count(*)"])


def fetch(
    connection: Connection,
    handle: Handle,
    ids: Sequence[str],
    fields: Fields,
    *,
    fresh: bool = True,
) -> dict[str, dict[str, Any]]:
    """Return the fields of those ids that exist, by id; the newest only if asked to be fresh."""
    sides.load(connection, handle)
    modality = handle.label.modality
    columns = list(dict.fromkeys(("id", *stored_columns(fields))))
    found: dict[str, dict[str, Any]] = {}
    for at in range(0, len(ids), _IDS_A_CALL):
        some = [clean_text(one) for one in ids[at : at + _IDS_A_CALL]]
        rows = connection.call(
            "query",
            handle.collection,
            filter=f"id in [{', '.join(map(quote, some))}]",
            output_fields=columns,
            consistency_level=sides.STRONG if fresh else sides.EVENTUALLY,
            doing="reading",
        )
        for row in rows:
            found[row["id"]] = decode_row(row, fields, modality)
    return found


def scan(
    connection: Connection,
    handle: Handle,
    where: Filter | None,
    pushed: Pushed | None,
    fields: Fields,
) -> Iterator[list[dict[str, Any]]]:
    """Yield the fields of every matching item once, in batches of bounded size."""
    sides.load(connection, handle)
    modality = handle.label.modality
    inexact = where if pushed is not None and not pushed.exact else None
    names = dict.fromkeys((*fields, *(sorted(inexact.fields) if inexact else ())))
    size = _VECTORS_A_PAGE if VECTOR in names else _ROWS_A_PAGE
    columns = list(dict.fromkeys(("id", *stored_columns(names))))
    for page in _pages(connection, handle, pushed.expression if pushed else "", columns, size):
        rows = [decode_row(row, names, modality) for row in page]
        if inexact is not None:
            rows = [row for row in rows if matches(inexact, row)]
        yield [{name: row[name] for name in fields} for row in rows]


def _pages(
    connection: Connection, handle: Handle, expression: str, columns: list[str], size: int
) -> Iterator[list[dict[str, Any]]]:
    """Yield all rows; one plain query where they fit in it, for an iterator asks thrice."""
    options: dict[str, Any] = {
        "filter": expression,
        "output_fields": columns,
        "consistency_level": sides.STRONG,
    }
    if expression or 0 <= handle.items < size:
        rows = connection.call("query", handle.collection, limit=size, doing="reading", **options)
        if len(rows) < size:
            yield rows
            return
    yield from connection.pages(handle.collection, batch_size=size, **options)
