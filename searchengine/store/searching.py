"""Nearest neighbours by cosine, with or without a filter, that keep the store's promise.

A database index answers where it can be trusted to find what exact search
would; where a filter defeats it, the matching rows are compared one by one.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.errors import QueryError
from searchengine.store import reading, sides
from searchengine.store.contract import Found
from searchengine.store.effort import least, tuned
from searchengine.store.fields import VECTOR
from searchengine.store.filters import Pushed
from searchengine.store.profiles import MAX_HITS
from searchengine.store.ranking import SLACK, TopK, ranked, tie_reaches_end
from searchengine.store.raw_hits import columns_for, matching_hits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.store.connection import Connection
    from searchengine.store.contract import Fields
    from searchengine.store.filters import Filter
    from searchengine.store.sides import Handle

_HITS_A_CALL = 100_000
_QUERIES_A_CALL = 256
_VECTORS_APART = 2_000
"""Up to so many are read in calls of their own."""
_SECONDS_A_QUERY = 1.0
"""What many queries in one call may take, where that is more than a read may."""
_BRUTE_SHARE = 0.06
"""Filters passing less than 7% of a segment make a server compare all that pass, exactly."""
_THIN_SHARE = 0.35
"""Filters passing more than this leave enough of a graph to walk: recall 0.999 and up."""
_CANDIDATES = 8
"""Candidates fetched per hit when only Python can say which of them match."""


def check_window(limit: int, offset: int) -> None:
    """Raise ``QueryError`` unless the window is one that every backend can answer."""
    if limit < 0 or offset < 0:
        raise QueryError(f"limit {limit} and offset {offset} cannot be negative")
    if limit + offset > MAX_HITS:
        raise QueryError(
            f"limit + offset is {limit + offset:,}, and {MAX_HITS:,} is the most",
            hint="Ask for fewer hits, or narrow the search with a filter.",
        )


def check_score(min_score: float | None) -> None:
    """Raise ``QueryError`` for a least score that no score can be compared with."""
    if min_score is not None and math.isnan(min_score):
        raise QueryError("the least score is not a number", hint="A cosine is -1 to 1.")


class Search:
    """One search over a loaded side, for any number of queries."""

    def __init__(
        self,
        connection: Connection,
        handle: Handle,
        where: Filter | None,
        pushed: Pushed | None,
        fields: Fields,
        *,
        effort: int | None = None,
        fresh: bool = True,
    ) -> None:
        self._connection = connection
        self._handle = handle
        self._where = where
        self._pushed = pushed
        self._fields = fields
        self._inexact = where if pushed is not None and not pushed.exact else None
        self._effort = effort
        self._consistency = sides.STRONG if fresh else sides.EVENTUALLY

    def run(self, queries: Vectors, limit: int, offset: int) -> list[list[Found]]:
        """Return the hits from ``offset`` on for each of the queries (n, dim)."""
        top = limit + offset
        if top == 0 or not len(queries):
            return [[] for _ in queries]
        step = max(1, min(_QUERIES_A_CALL, _HITS_A_CALL // (top + SLACK)))
        found: list[list[Found]] = []
        for at in range(0, len(queries), step):
            found += self._run(queries[at : at + step], top)
        return [hits[offset:top] for hits in found]

    def _run(self, queries: Vectors, top: int) -> list[list[Found]]:
        profile = self._handle.profile
        most = profile.most_hits
        depth = min(most, (top + SLACK) * profile.oversample)
        if self._inexact is not None:
            depth = min(most, depth * _CANDIDATES)
        while True:
            found = self._ask(queries, depth)
            kept = [self._kept(hits) for hits in found]
            short = [len(mine) < top or tie_reaches_end(mine, top) for mine in kept]
            full = [len(hits) >= depth for hits in found]
            if not any(cut and more for cut, more in zip(short, full, strict=True)):
                break
            if depth == most or self._inexact is not None:
                break
            depth = min(most, 2 * depth)
        lost = [
            at
            for at, (mine, more) in enumerate(zip(kept, full, strict=True))
            if self._may_have_lost(mine, top, more)
        ]
        if lost:
            exact = self._exactly(queries[lost], top)
            for at, mine in zip(lost, exact, strict=True):
                kept[at] = mine
        return [mine[:top] for mine in kept]

    def _may_have_lost(self, kept: list[Found], top: int, full: bool) -> bool:
        """Tell whether hits may be missing that exact search would have found."""
        if len(kept) >= top:
            return False
        if full:  # there were more candidates than could be asked for
            return True
        if self._handle.index == "FLAT":
            return False
        return self._pushed is not None or len(kept) < self._count()

    def _count(self) -> int:
        return reading.count(self._connection, self._handle)

    def _ask(self, queries: Vectors, depth: int) -> list[Sequence[Mapping[str, Any]]]:
        """Return up to ``depth`` raw hits a query, as the database's index gives them."""
        profile, params = self._handle.profile, self._params(depth)
        found = [
            [hit for part in parts for hit in part]
            for parts in zip(*self._parts(queries, depth, params), strict=True)
        ]
        answers: list[Sequence[Mapping[str, Any]]] = []
        for query, hits in zip(queries, found, strict=True):
            rows: list[dict[str, Any]] = [
                {**hit["entity"], "id": hit["id"], "score": hit["distance"]} for hit in hits
            ]
            if profile.oversample > 1 and rows:
                true = np.asarray([row[VECTOR] for row in rows], np.float32) @ query
                for row, score in zip(rows, true.tolist(), strict=True):
                    row["score"] = score
            answers.append(rows)
        return answers

    def _params(self, depth: int) -> Mapping[str, Any]:
        """Return how hard to look: as hard as it takes under a filter, else as was measured."""
        profile, size = self._handle.profile, max(self._handle.items, 0)
        if self._pushed is not None:
            return profile.filtered(size, depth)
        if self._effort is not None:
            value = max(self._effort, least(profile, depth))
            return {**profile.search(size, depth), profile.effort: value}
        measured = self._handle.label.effort
        if measured is not None and profile.effort:
            return tuned(profile, size, depth, measured)
        return profile.search(size, depth)

    def _parts(self, queries: Vectors, depth: int, params: Mapping[str, Any]) -> list[Any]:
        """Return the hits of every part of the side that is searched by itself."""
        expressions = self._expressions()
        if len(expressions) == 1:
            return [self._search(queries, depth, params, expressions[0])]
        with ThreadPoolExecutor(len(expressions)) as pool:
            return list(
                pool.map(lambda one: self._search(queries, depth, params, one), expressions)
            )

    def _search(
        self, queries: Vectors, depth: int, params: Mapping[str, Any], expression: str
    ) -> Any:
        """Return raw hits of one part of the side.

        A server that is asked for vectors reads the hits' rows in a second step, and waits for the
        newest writes in both (Milvus 2.3.5: 0.4 s, where without vectors it is 0.2 s). So a few
        vectors are read here, without a wait: what was found is there.
        """
        columns = self._columns()
        apart = (
            VECTOR in columns
            and self._consistency == sides.STRONG
            and not self._connection.is_lite
            and len(queries) * depth <= _VECTORS_APART
        )
        if apart:
            columns = [name for name in columns if name != VECTOR]
        found = self._call(queries, depth, params, expression, columns)
        return self._with_vectors(found) if apart else found

    def _with_vectors(self, found: Any) -> list[list[dict[str, Any]]]:
        """Return raw hits with their vectors; without those that are gone meanwhile."""
        ids = list(dict.fromkeys(hit["id"] for hits in found for hit in hits))
        rows = self._vectors_of(ids, fresh=False)
        lacking = [one for one in ids if one not in rows]
        if lacking:  # another replica may be a moment behind
            rows |= self._vectors_of(lacking, fresh=True)
        return [
            [
                {**hit, "entity": {**hit["entity"], VECTOR: rows[hit["id"]][VECTOR]}}
                for hit in hits
                if hit["id"] in rows
            ]
            for hits in found
        ]

    def _vectors_of(self, ids: Sequence[str], *, fresh: bool) -> dict[str, dict[str, Any]]:
        return reading.fetch(self._connection, self._handle, ids, (VECTOR,), fresh=fresh)

    def _call(
        self,
        queries: Vectors,
        depth: int,
        params: Mapping[str, Any],
        expression: str,
        columns: list[str],
    ) -> Any:
        return self._connection.call(
            "search",
            self._handle.collection,
            data=list(queries),
            anns_field=VECTOR,
            filter=expression,
            limit=depth,
            output_fields=columns,
            search_params={"metric_type": self._handle.profile.metric, "params": dict(params)},
            consistency_level=self._consistency,
            doing="searching",
            patience_s=_SECONDS_A_QUERY * len(queries),
        )

    def _expressions(self) -> list[str]:
        """Return the filter, cut into parts that a server's graph index can be trusted with.

        A server walks a graph thinned out by the filter, unless so little passes
        that it compares all of it. In between hits get lost (recall@10 of 0.984 at
        8% on 20,000 x 128, Milvus 2.3.5), so such a filter is asked for in ranges
        of ids, each of which passes little enough. Ids are hashes: spread evenly.
        """
        if self._pushed is None:
            return [""]
        handle, expression = self._handle, self._pushed.expression
        if self._connection.is_lite or not handle.profile.graph or handle.items <= 0:
            return [expression]
        passing = reading.passing(self._connection, handle, expression, sides.EVENTUALLY)
        share = passing / handle.items
        if not _BRUTE_SHARE < share < _THIN_SHARE:
            return [expression]
        parts = math.ceil(share / _BRUTE_SHARE)
        bounds = [f"{256 * at // parts:02x}" for at in range(1, parts)]
        starts = [""] + [f' and id >= "{bound}"' for bound in bounds]
        ends = [f' and id < "{bound}"' for bound in bounds] + [""]
        return [f"{expression}{start}{end}" for start, end in zip(starts, ends, strict=True)]

    def _columns(self) -> list[str]:
        more = (VECTOR,) if self._handle.profile.oversample > 1 else ()
        return columns_for(self._fields, self._inexact, *more)

    def _kept(self, rows: Sequence[Mapping[str, Any]]) -> list[Found]:
        """Return those hits that match, best first."""
        modality = self._handle.label.modality
        return ranked(matching_hits(rows, self._fields, self._inexact, modality))

    def _exactly(self, queries: Vectors, top: int) -> list[list[Found]]:
        """Compare every matching row with every query, in bounded memory."""
        best = TopK(queries, top)
        for rows in self._matching():
            ids = [row["id"] for row in rows]
            best.add(ids, np.asarray([row[VECTOR] for row in rows], np.float32))
        found = best.found()
        wanted = sorted({hit.id for hits in found for hit in hits})
        fields = reading.fetch(self._connection, self._handle, wanted, self._fields)
        return [
            [Found(hit.id, hit.score, fields[hit.id]) for hit in hits if hit.id in fields]
            for hits in found
        ]

    def _matching(self) -> Iterator[list[dict[str, Any]]]:
        names = ("id", VECTOR)
        return reading.scan(self._connection, self._handle, self._where, self._pushed, names)
