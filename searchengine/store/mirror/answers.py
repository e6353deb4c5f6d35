"""What a store is asked, answered from a snapshot: as the database would, and exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.store.contract import Found
from searchengine.store.fields import VECTOR
from searchengine.store.filters.columns import passing
from searchengine.store.mirror.nearest import Near, nearest
from searchengine.store.ranking import ranked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Modality
    from searchengine.store.contract import Fields
    from searchengine.store.filters import Filter
    from searchengine.store.mirror.chunk import Chunk
    from searchengine.store.mirror.snapshot import Snapshot

    Parts = list[tuple[Chunk, npt.NDArray[np.bool_] | None]]

_QUERIES = 256
_ROWS_A_PAGE = 16_000
_VECTORS_A_PAGE = 4_000


class Answers:
    """The reading half of a store, for one side at one moment."""

    def __init__(self, rows: Snapshot, modality: Modality) -> None:
        self._rows = rows
        self._modality = modality

    def search(
        self, queries: Vectors, limit: int, offset: int, where: Filter | None, fields: Fields
    ) -> list[list[Found]]:
        """Return the hits from ``offset`` on for each of the queries (n, dim)."""
        top = limit + offset
        if top == 0 or not len(queries):
            return [[] for _ in queries]
        parts = self._matching(where)
        found: list[list[Found]] = []
        for at in range(0, len(queries), _QUERIES):
            answers = nearest(parts, queries[at : at + _QUERIES], top)
            found += self._found([self._best(near, top)[offset:] for near in answers], fields)
        return found

    def fetch(self, ids: Sequence[str], fields: Fields) -> dict[str, dict[str, Any]]:
        """Return the fields of those ids that exist, by id."""
        places = self._rows.find(ids)
        rows = self._fields(places, fields)
        chunks = self._rows.chunks
        return {chunks[number].ids[at]: row for (number, at), row in zip(places, rows, strict=True)}

    def scan(self, where: Filter | None, fields: Fields) -> Iterator[list[dict[str, Any]]]:
        """Yield the fields of every matching item once, in batches of bounded size."""
        size = _VECTORS_A_PAGE if VECTOR in fields else _ROWS_A_PAGE
        for chunk, mask in self._matching(where):
            places = np.arange(len(chunk)) if mask is None else np.flatnonzero(mask)
            for start in range(0, len(places), size):
                yield chunk.rows(places[start : start + size], fields, self._modality)

    def count(self, where: Filter | None) -> int:
        """Return how many items match."""
        if where is None:
            return self._rows.count
        return sum(
            len(chunk) if mask is None else int(np.count_nonzero(mask))
            for chunk, mask in self._matching(where)
        )

    def _matching(self, where: Filter | None) -> Parts:
        if where is None:
            return list(self._rows.parts())
        parts: Parts = []
        for chunk, alive in self._rows.parts():
            mask = passing(where, chunk)
            parts.append((chunk, mask if alive is None else mask & alive))
        return parts

    def _best(self, near: list[Near], top: int) -> list[tuple[Found, Near]]:
        """Return the best ``top`` in the store's order, with the places they stand at."""
        chunks = self._rows.chunks
        by_id = {chunks[one.chunk].ids[one.place]: one for one in near}
        hits = ranked(Found(id_, one.score, {}) for id_, one in by_id.items())
        return [(hit, by_id[hit.id]) for hit in hits[:top]]

    def _found(self, answers: list[list[tuple[Found, Near]]], fields: Fields) -> list[list[Found]]:
        places = {(near.chunk, near.place) for hits in answers for _, near in hits}
        order = sorted(places)
        rows: Mapping[tuple[int, int], dict[str, Any]]
        rows = dict(zip(order, self._fields(order, fields), strict=True))
        return [
            [Found(hit.id, hit.score, dict(rows[near.chunk, near.place])) for hit, near in hits]
            for hits in answers
        ]

    def _fields(self, places: Sequence[tuple[int, int]], fields: Fields) -> list[dict[str, Any]]:
        """Return the fields of the rows at (chunk, place), in that order."""
        by_chunk: dict[int, list[int]] = {}
        for number, at in places:
            by_chunk.setdefault(number, []).append(at)
        rows: dict[tuple[int, int], dict[str, Any]] = {}
        for number, mine in by_chunk.items():
            found = self._rows.chunks[number].rows(np.array(mine, np.intp), fields, self._modality)
            rows.update(zip(((number, at) for at in mine), found, strict=True))
        return [rows[place] for place in places]
