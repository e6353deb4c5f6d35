"""Full-text search over the captions of a side: BM25 by the database's sparse vectors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from searchengine.errors import UnsupportedError
from searchengine.store import reading, sides
from searchengine.store.bm25 import Frequencies, frequencies_of, item_terms, query_terms, score
from searchengine.store.contract import Found
from searchengine.store.fields import TERMS
from searchengine.store.profiles import MAX_HITS
from searchengine.store.ranking import SLACK, by_score, tie_reaches_end
from searchengine.store.raw_hits import columns_for, matching_hits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from searchengine.store.capabilities import Capabilities
    from searchengine.store.connection import Connection
    from searchengine.store.contract import Fields
    from searchengine.store.filters import Filter, Pushed
    from searchengine.store.sides import Handle

_SAMPLE = 2_000
"""Captions that say how rare a word is. Reading them takes 0.1 s."""
_COUNT_AGAIN_S = 60.0
_CANDIDATES = 8
"""Candidates fetched per hit when only Python can say which of them match."""


def check_full_text(capabilities: Capabilities, handle: Handle | None = None) -> None:
    """Raise ``UnsupportedError`` unless the backend, and the side, can be searched by words."""
    if not capabilities.bm25:
        raise UnsupportedError(
            f"{capabilities.version} has no full-text search over captions",
            hint="Milvus Lite has it, and a server from 2.5 on. Search without it, by meaning.",
        )
    if handle is not None and not handle.label.full_text:
        raise UnsupportedError(
            f"corpus {handle.label.corpus!r} was made by a version without full-text search",
            hint="Index it again into another corpus, or search without it, by meaning.",
        )


class TextSearch:
    """Full-text search over one loaded side. See ``contract.Store.search_text``."""

    def __init__(
        self,
        connection: Connection,
        handle: Handle,
        where: Filter | None,
        pushed: Pushed | None,
        fields: Fields,
    ) -> None:
        self._connection = connection
        self._handle = handle
        self._where = where
        self._pushed = pushed
        self._fields = fields
        self._inexact = where if pushed is not None and not pushed.exact else None

    def run(self, text: str, limit: int) -> list[Found]:
        """Return the best ``limit`` items that share a word with the text."""
        query = query_terms(text, known_frequencies(self._connection, self._handle))
        if not query or limit == 0:
            return []
        depth = min(MAX_HITS, limit + SLACK)
        if self._inexact is not None:
            depth = min(MAX_HITS, depth * _CANDIDATES)
        while True:
            rows = self._ask(query, depth)
            found = self._kept(rows)
            enough = len(found) >= limit and not tie_reaches_end(found, limit)
            if enough or len(rows) < depth or depth == MAX_HITS:
                break
            depth = min(MAX_HITS, 2 * depth)
        if len(found) < limit and len(rows) == MAX_HITS:
            found = self._exactly(query, limit)
        return found[:limit]

    def _ask(self, query: Mapping[int, float], depth: int) -> Sequence[Mapping[str, Any]]:
        [hits] = self._connection.call(
            "search",
            self._handle.collection,
            data=[dict(query)],
            anns_field=TERMS,
            filter=self._pushed.expression if self._pushed else "",
            limit=depth,
            output_fields=columns_for(self._fields, self._inexact),
            search_params={"metric_type": sides.TERMS_METRIC, "params": {}},
            consistency_level=sides.STRONG,
            doing="searching",
        )
        return [{**hit["entity"], "id": hit["id"], "score": hit["distance"]} for hit in hits]

    def _kept(self, rows: Sequence[Mapping[str, Any]]) -> list[Found]:
        """Return those hits that match, best first."""
        modality = self._handle.label.modality
        return by_score(matching_hits(rows, self._fields, self._inexact, modality))

    def _exactly(self, query: dict[int, float], limit: int) -> list[Found]:
        """Compare every matching row: more candidates than can be asked for do not match."""
        best: list[Found] = []
        names = ("id", "caption")
        for rows in reading.scan(self._connection, self._handle, self._where, self._pushed, names):
            scored = (
                (row["id"], score(query, item_terms(row["id"], row["caption"]))) for row in rows
            )
            new = [Found(one, value, {}) for one, value in scored if value > 0]
            best = by_score([*best, *new])[:limit]
        wanted = [hit.id for hit in best]
        fields = reading.fetch(self._connection, self._handle, wanted, self._fields)
        return [Found(hit.id, hit.score, fields[hit.id]) for hit in best if hit.id in fields]


def known_frequencies(connection: Connection, handle: Handle) -> Frequencies:
    """Return how rare the words of the side are, counted anew when the last count is old."""
    if handle.words is None or time.monotonic() - handle.words_counted > _COUNT_AGAIN_S:
        items = handle.items if handle.items >= 0 else reading.count(connection, handle)
        handle.words = frequencies_of(_some_captions(connection, handle, items))
        handle.words_counted = time.monotonic()
    return handle.words


def _some_captions(connection: Connection, handle: Handle, items: int) -> list[str | None]:
    """Return about ``_SAMPLE`` captions, all if there are no more. Ids are hashes: a range of
    them is a fair sample, and the same one every time."""
    share = _SAMPLE / max(items, 1)
    bound = f"{round(share * 2**32):08x}"
    rows = connection.call(
        "query",
        handle.collection,
        filter="" if share >= 1 else f'id < "{bound}"',
        output_fields=["caption"],
        limit=MAX_HITS,
        consistency_level=sides.EVENTUALLY if share < 1 else sides.STRONG,
        doing="counting words",
    )
    return [row["caption"] for row in rows]
