"""Hits as a database gives them: the columns to ask for, and those of them that really match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchengine.store.contract import Found
from searchengine.store.fields import decode_row, stored_columns
from searchengine.store.filters import matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from searchengine.records import Modality
    from searchengine.store.contract import Fields
    from searchengine.store.filters import Filter


def columns_for(fields: Fields, inexact: Filter | None, *more: str) -> list[str]:
    """Return the columns for the fields, for a filter that only Python can decide, and others."""
    wanted = dict.fromkeys(stored_columns(fields))
    if inexact is not None:
        wanted.update(dict.fromkeys(sorted(inexact.fields)))
    return list(wanted | dict.fromkeys(more)) or ["id"]


def matching_hits(
    rows: Sequence[Mapping[str, Any]], fields: Fields, inexact: Filter | None, modality: Modality
) -> Iterator[Found]:
    """Yield the rows (with ``score``) that match, in their order. ``None``: all of them do."""
    for row in rows:
        if inexact is None or matches(inexact, decode_row(row, inexact.fields, modality)):
            yield Found(row["id"], float(row["score"]), decode_row(row, fields, modality))
