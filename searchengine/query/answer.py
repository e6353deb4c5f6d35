"""From a question's vector to an arranged page: candidates, relevance, cut, order, page.

A plain question looks at a little more than its page shows. One that cuts,
folds, groups, sorts or fuses looks at a *pool* of a fixed size whatever the
page, so that the pages of an answer are slices of one and the same list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from searchengine.query.cursor import decode_cursor, encode_cursor
from searchengine.query.pool import Candidate
from searchengine.query.query import MAX_WINDOW
from searchengine.query.relevance import DEFAULT_THRESHOLD
from searchengine.query.retrieve import (
    by_vector,
    by_words,
    candidate_of,
    nearest,
    pool_columns,
    with_relevance,
)
from searchengine.query.stages.diffuse import rerank_by_diffusion
from searchengine.query.stages.diversify import diversify
from searchengine.query.stages.expand import rerank_by_expansion
from searchengine.query.stages.facets import count_values
from searchengine.query.stages.fold import fold
from searchengine.query.stages.fuse import Ranking, fuse_by_rank, fuse_by_score
from searchengine.query.stages.group import group_by
from searchengine.query.stages.rescore import rescore
from searchengine.query.stages.sort import sort_by
from searchengine.store.fields import VECTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.query.cursor import Position
    from searchengine.query.query import Query, Shape
    from searchengine.query.retrieve import Asked
    from searchengine.query.stages.facets import Facet
    from searchengine.records import Modality
    from searchengine.store.contract import Found, Store

_WINDOWS = (128, 1_024, MAX_WINDOW)
"""Plain answers are searched to one of these depths: nearby pages are slices of one search."""
_COMPARED = 4_096
"""As deep as a pool grows whose candidates are compared with each other: that is n * n work."""
_GROWTH = 4
"""A pool that is relevant to its end is looked for again, so many times as deep."""


_Scored = TypeVar("_Scored", Candidate, "Found")


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of candidates with all their fields, and what is known of the rest."""

    page: tuple[Candidate, ...]
    given: int
    """Hits on the pages before."""
    cursor: str | None
    """For the page after; ``None`` where this is the last."""
    relevant: int | None
    """How many candidates passed the cut, where there was one."""
    facets: tuple[Facet, ...]
    found_any: bool
    """False when there was no candidate at all: the filter let nothing through."""


@dataclass(frozen=True, slots=True)
class _Arranged:
    candidates: Sequence[Candidate | Found]
    """As the store found them where they are in its order, of which a page is a small part."""
    found_any: bool
    by_score: bool = False
    """Whether it is in the order of cosine, then id."""
    deeper: int = 0
    """How far to ask for more of it; 0 where there is no more."""
    relevant: int | None = None
    facets: tuple[Facet, ...] = ()


def answer(
    store: Store, asked: Sequence[Asked], query: Query, *, pool: int, fields: tuple[str, ...]
) -> Answer:
    """Answer a question over one side or both.

    Raises ``QueryError`` for a cursor of another question, ``UnsupportedError``
    for full-text search where the backend has none.
    """
    digest = question_digest(query, asked)
    position = decode_cursor(query.page.cursor, digest) if query.page.cursor else None
    given = position.given if position else query.page.offset
    limit = min(query.page.limit, MAX_WINDOW - given)
    whole = _arrange(store, asked, query, given + limit, pool, fields)
    start = _start(whole, position, given)
    while whole.deeper and start + limit >= len(whole.candidates):
        # Nearer items have come since the page before: its end lies further down than it did.
        whole = _arrange(store, asked, query, whole.deeper, pool, fields)
        start = _start(whole, position, given)
    page = [_candidate(one, asked[0]) for one in whole.candidates[start : start + limit]]
    cursor = None
    if page and start + len(page) < len(whole.candidates) and given + len(page) < MAX_WINDOW:
        cursor = encode_cursor(digest, given + len(page), page[-1].id, page[-1].score)
    completed = _completed(store, asked, page, fields)
    return Answer(tuple(completed), given, cursor, whole.relevant, whole.facets, whole.found_any)


def question_digest(query: Query, asked: Sequence[Asked]) -> str:
    """Return 32 hex digits that are the same for the same question to the same corpus."""
    sides = [(one.info.side.corpus, one.info.side.modality, one.info.fingerprint) for one in asked]
    asks = (query.terms, query.where, sorted(query.exclude), query.hybrid, query.text_weight)
    said = (*asks, query.shape, sides)
    return hashlib.blake2b(repr(said).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _arrange(
    store: Store, asked: Sequence[Asked], query: Query, end: int, pool: int, fields: tuple[str, ...]
) -> _Arranged:
    """Return the answer in its order, known at least up to hit number ``end`` and one more."""
    if not (query.shape.needs_pool or query.hybrid or len(asked) > 1):
        wanted = end + 1 + len(query.exclude)
        depth = next((one for one in _WINDOWS if one >= wanted), MAX_WINDOW)
        whole = depth == _WINDOWS[0] and not store.capabilities.rows_apart
        columns = (*fields, VECTOR) if whole else ("id",)
        found = nearest(store, asked[0], query, depth, columns)
        kept = _above(found, query.shape)
        full = len(found) + len(query.exclude) >= depth and len(kept) == len(found)
        deeper = depth if full and depth < MAX_WINDOW else 0
        return _Arranged(kept, bool(found), by_score=True, deeper=deeper)
    columns = pool_columns(query.shape)
    found_any, rankings = False, []
    for one in asked:
        pooled = _pool(store, one, query, pool, columns)
        mine = _second_look(pooled, one, query.shape)
        if query.hybrid:
            worded = by_words(store, one, query, pool, columns)
            found_any = found_any or bool(worded)
            mine = _hybrid(mine, worded, one, query)
        found_any = found_any or bool(pooled)
        rankings.append(Ranking(mine))
    candidates = list(rankings[0].candidates) if len(rankings) == 1 else fuse_by_rank(rankings)
    candidates = _above(candidates, query.shape)
    return _Arranged(
        _shaped(candidates, query.shape),
        found_any,
        relevant=len(candidates) if query.shape.cuts else None,
        facets=tuple(count_values(candidates, key) for key in query.shape.facets),
    )


def _hybrid(
    near: Sequence[Candidate],
    worded: Sequence[tuple[Candidate, float]],
    asked: Asked,
    query: Query,
) -> list[Candidate]:
    """Fuse the nearest by vector with the best by words: by rank, or by score where weighted."""
    score = {candidate.id: bm25 for candidate, bm25 in worded}
    kept = _relevant([candidate for candidate, _ in worded], asked, query.shape)
    share = query.text_weight
    if share is None:
        return fuse_by_rank([Ranking(near), Ranking(kept)])
    by_score = Ranking(kept, scores=[score[one.id] for one in kept])
    lists = ((1 - share, Ranking(near)), (share, by_score))
    return fuse_by_score([replace(one, weight=weight) for weight, one in lists if weight > 0])


def _pool(
    store: Store, asked: Asked, query: Query, depth: int, columns: tuple[str, ...]
) -> list[Candidate]:
    """Return the candidates of a side; with a cut, as deep as the relevant ones lie."""
    shape = query.shape
    compares = shape.fold or shape.diversity is not None or shape.expand is not None
    deepest = max(depth, _COMPARED) if compares else MAX_WINDOW
    depth = min(depth + len(query.exclude), MAX_WINDOW)
    while True:
        found = by_vector(store, asked, query, depth, columns)
        if not query.shape.cuts:
            return found
        found = with_relevance(found, asked)
        tail = found[-max(1, len(found) // _GROWTH) :]
        ends = not _relevant(tail, asked, query.shape)
        if ends or len(found) + len(query.exclude) < depth or depth >= deepest:
            return found
        depth = min(_GROWTH * depth, deepest)


def _relevant(found: Sequence[Candidate], asked: Asked, shape: Shape) -> list[Candidate]:
    if not shape.cuts:
        return list(found)
    least = DEFAULT_THRESHOLD if shape.min_relevance is None else shape.min_relevance
    judged = with_relevance(found, asked)
    return [one for one in judged if one.relevance is not None and one.relevance >= least]


def _second_look(found: Sequence[Candidate], asked: Asked, shape: Shape) -> list[Candidate]:
    """Return what is relevant, reordered by what the first answer teaches, or by another judge."""
    candidates = _relevant(found, asked, shape)
    if shape.expand == "alpha-qe":
        candidates = rerank_by_expansion(asked.vector, candidates)
    if shape.expand == "diffusion":
        candidates = rerank_by_diffusion(asked.vector, candidates)
    return candidates if asked.reranker is None else rescore(candidates, asked.reranker)


def _above(candidates: list[_Scored], shape: Shape) -> list[_Scored]:
    least = shape.min_score
    return candidates if least is None else [one for one in candidates if one.score >= least]


def _candidate(one: Candidate | Found, asked: Asked) -> Candidate:
    return one if isinstance(one, Candidate) else candidate_of(one, asked.info.side.modality)


def _shaped(candidates: list[Candidate], shape: Shape) -> list[Candidate]:
    """Fold, diversify, sort and group, in this order, where asked to."""
    if shape.fold:
        candidates = fold(candidates)
    if shape.diversity is not None:
        candidates = diversify(candidates, balance=1 - shape.diversity)
    if shape.sort is not None:
        candidates = sort_by(candidates, shape.sort)
    if shape.group_by is not None:
        candidates = group_by(candidates, shape.group_by, per_group=shape.per_group)
    return candidates


def _start(whole: _Arranged, position: Position | None, given: int) -> int:
    """Return where the page begins: after the last hit of the page before, wherever it is now."""
    if position is None:
        return given
    for at, one in enumerate(whole.candidates):
        if one.id == position.last_id:
            return at + 1
        if whole.by_score and (-one.score, one.id) > (-position.last_score, position.last_id):
            return at  # the last hit is gone: here it would have been
    return len(whole.candidates) if whole.by_score else given


def _completed(
    store: Store, asked: Sequence[Asked], page: Sequence[Candidate], fields: tuple[str, ...]
) -> list[Candidate]:
    """Return the page with all fields and relevances; what was deleted meanwhile is left out."""
    whole: dict[tuple[str, Modality], Candidate] = {}
    for one in asked:
        modality = one.info.side.modality
        mine = [each for each in page if each.modality == modality]
        lacking = dict.fromkeys(each.id for each in mine if not _is_whole(each, fields))
        names = (*fields, VECTOR)
        rows = store.fetch(one.info.side, [*lacking], names, fresh=False) if lacking else {}
        filled = [
            each.completed(rows[each.id]) if each.id in lacking else each
            for each in mine
            if each.id not in lacking or each.id in rows
        ]
        for each in with_relevance(filled, one):
            whole[each.id, modality] = each
    return [whole[each.id, each.modality] for each in page if (each.id, each.modality) in whole]


def _is_whole(candidate: Candidate, fields: tuple[str, ...]) -> bool:
    known = candidate.vector is not None or candidate.relevance is not None
    return known and all(name in candidate.fields for name in fields)
