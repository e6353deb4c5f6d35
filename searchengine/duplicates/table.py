"""All items of a side as a few arrays: what a comparison of a million has to know of each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.store.moments import moment_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_PAGE = 4_096
_FIELDS = ("id", "content_hash", "width", "height", "size", "taken_at")
TABLE_FIELDS: tuple[str, ...] = _FIELDS
"""What has to be scanned for a table."""


@dataclass(frozen=True, slots=True)
class Table:
    """Items in the order of their ids, a place each; 72 bytes an item."""

    ids: NDArray[np.bytes_]
    """(n,) of 32 bytes, ascending."""
    hashes: NDArray[np.bytes_]
    """Content hashes, (n,) of 32 bytes."""
    shapes: NDArray[np.float32]
    """Aspect ratios (width / height), (n,); 0 where unknown."""
    rank: NDArray[np.int32]
    """Who is kept first, 0 to n - 1, all different."""

    def __len__(self) -> int:
        return len(self.ids)

    def id_of(self, place: int) -> str:
        """Return the id of the item at a place."""
        return bytes(self.ids[place]).decode("ascii")

    def places_of(self, ids: list[str]) -> NDArray[np.int64]:
        """Return the places of ids, -1 for those that are not in the table."""
        if not len(self):
            return np.full(len(ids), -1)
        wanted = np.array([one.encode("ascii") for one in ids], "S32")
        at = np.minimum(np.searchsorted(self.ids, wanted), len(self) - 1)
        return np.where(self.ids[at] == wanted, at, -1)


def read_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Make the table of rows with ``TABLE_FIELDS``, reading them once, a page at a time.

    Kept first: most pixels, then the largest file, then a known and the oldest date, then the
    smallest id.
    """
    source = iter(rows)
    parts: list[tuple[NDArray[Any], ...]] = [_columns([])]
    while page := list(islice(source, _PAGE)):
        parts.append(_columns(page))
    ids, hashes, shapes, pixels, sizes, dates = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    del parts
    order = np.argsort(ids, kind="stable")
    best = np.lexsort((ids[order], dates[order], -sizes[order], -pixels[order]))
    rank = np.empty(len(order), np.int32)
    rank[best] = np.arange(len(order), dtype=np.int32)
    return Table(ids[order], hashes[order], shapes[order], rank)


def _columns(page: list[Mapping[str, Any]]) -> tuple[NDArray[Any], ...]:
    wide = np.array([row["width"] or 0 for row in page], np.int64)
    high = np.array([row["height"] or 0 for row in page], np.int64)
    shapes = np.where((wide > 0) & (high > 0), wide / np.maximum(high, 1), 0)
    return (
        np.array([row["id"].encode("ascii") for row in page], "S32"),
        np.array([row["content_hash"].encode("ascii") for row in page], "S32"),
        shapes.astype(np.float32),
        wide * high,
        np.array([row["size"] or 0 for row in page], np.int64),
        np.array([_date(row["taken_at"]) for row in page], np.float64),
    )


def _date(taken_at: str | None) -> float:
    return np.inf if (moment := moment_ms(taken_at or "")) is None else float(moment)
