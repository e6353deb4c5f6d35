"""Which pairs of items are worth comparing: each item's nearest neighbours by vector.

An embedding hardly moves when a picture is resized, recompressed, cropped a little, turned a
little or signed, so a copy is nearly always among the nearest few, whatever its cosine is. Vectors
pass through a page at a time; what stays is a number and a cosine a pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from searchengine.duplicates.table import Table
    from searchengine.records import Side
    from searchengine.store.contract import Found, Store
    from searchengine.store.filters import Filter

_PAGE = 256
_MOST_COPIES = 1_000
_MERGE_AT = 4_000_000
"""Pairs (with those seen from the other side) after which they are sorted and made unique."""


@dataclass(frozen=True, slots=True)
class Near:
    """Pairs of places and their cosines, every pair once; 12 bytes a pair."""

    pairs: NDArray[np.int32]
    """(n, 2), the lower place first, ascending."""
    cosines: NDArray[np.float32]
    """(n,)."""


def search_neighbours(
    store: Store,
    side: Side,
    table: Table,
    copies: NDArray[np.int32],
    *,
    count: int,
    where: Filter | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[str, list[Found]]]:
    """Yield every item's id and its nearest items, itself perhaps among them.

    ``copies``: how many items have an item's content, by place, (n,): so many more neighbours
    are asked for, that copies do not crowd out what is merely like them.
    """
    source, done = iter(store.scan(side, where=where, fields=("id", "vector"))), 0
    while page := list(islice(source, _PAGE)):
        ids = [row["id"] for row in page]
        places = table.places_of(ids)
        crowd = int(copies[places[places >= 0]].max(initial=1))
        vectors = np.stack([row["vector"] for row in page]).astype(np.float32)
        limit = count + min(crowd, _MOST_COPIES)
        yield from zip(ids, store.search(side, vectors, limit=limit, where=where), strict=True)
        done += len(page)
        if told:
            told(done, len(table))


def collect_pairs(table: Table, neighbours: Iterable[tuple[str, Sequence[Found]]]) -> Near:
    """Make pairs of every item and its neighbours; items that are not in the table are left out."""
    keys, cosines = np.empty(0, np.int64), np.empty(0, np.float32)
    new_keys: list[NDArray[np.int64]] = []
    new_cosines: list[NDArray[np.float32]] = []
    waiting, source = 0, iter(neighbours)
    while page := list(islice(source, _PAGE)):
        one = np.repeat(table.places_of([key for key, _ in page]), [len(hits) for _, hits in page])
        other = table.places_of([hit.id for _, hits in page for hit in hits])
        score = np.array([hit.score for _, hits in page for hit in hits], np.float32)
        fine = (one >= 0) & (other >= 0) & (one != other)
        one, other = one[fine], other[fine]
        new_keys.append(np.minimum(one, other) * len(table) + np.maximum(one, other))
        new_cosines.append(score[fine])
        waiting += len(one)
        if waiting > _MERGE_AT:
            keys, cosines = _merged([keys, *new_keys], [cosines, *new_cosines])
            new_keys, new_cosines, waiting = [], [], 0
    keys, cosines = _merged([keys, *new_keys], [cosines, *new_cosines])
    pairs = np.stack([keys // max(len(table), 1), keys % max(len(table), 1)], axis=1)
    return Near(pairs.astype(np.int32), cosines)


def _merged(
    keys: list[NDArray[np.int64]], cosines: list[NDArray[np.float32]]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    unique, first = np.unique(np.concatenate(keys), return_index=True)
    return unique, np.concatenate(cosines)[first]
