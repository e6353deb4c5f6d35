"""Candidates from the store: by vector or by the words of captions, and their relevance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.values import fields_for
from searchengine.store.fields import VECTOR
from searchengine.store.ranking import rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from searchengine.query.query import Query, Shape
    from searchengine.query.resolve import Vector
    from searchengine.query.stages.rescore import Reranker
    from searchengine.records import Modality
    from searchengine.store.contract import Found, SideInfo, Store

_DIGITS = 4
"""Of a relevance. More would say more than is known, and change with the batch."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The question as one side of the corpus sees it."""

    info: SideInfo
    vector: Vector
    """Unit, float32 (dim,)."""
    words: str
    """The texts of the terms that add, for full-text search."""
    judge: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
    """Relevance: item vectors (n, dim) -> (n,), 0 to 1."""
    reranker: Reranker | None = None
    """A second judge for the best candidates."""
    unread: tuple[str, ...] = ()
    """Texts that the model tells apart from no text at all only by accident: it knows no word."""


def nearest(
    store: Store, asked: Asked, query: Query, depth: int, columns: tuple[str, ...]
) -> list[Found]:
    """Return the ``depth`` nearest items that match, best first, but for the excluded."""
    [found] = store.search(
        asked.info.side,
        asked.vector[None],
        limit=depth,
        where=query.where,
        fields=columns,
        fresh=query.fresh,
    )
    return [one for one in found if one.id not in query.exclude]


def by_vector(
    store: Store, asked: Asked, query: Query, depth: int, columns: tuple[str, ...]
) -> list[Candidate]:
    """Return what ``nearest`` does, as candidates."""
    modality = asked.info.side.modality
    return [candidate_of(one, modality) for one in nearest(store, asked, query, depth, columns)]


def candidate_of(found: Found, modality: Modality) -> Candidate:
    """Return what the store found as a candidate; its vector stands apart from its fields."""
    fields = {name: value for name, value in found.fields.items() if name != VECTOR}
    return Candidate(found.id, found.score, modality, fields, found.fields.get(VECTOR))


def by_words(
    store: Store, asked: Asked, query: Query, depth: int, columns: tuple[str, ...]
) -> list[tuple[Candidate, float]]:
    """Return the ``depth`` best items by BM25 over captions, best first, with that score.

    Their own ``score`` is the cosine, as everywhere.

    Raises ``QueryError`` where no term has words, ``UnsupportedError`` where the
    backend has no full-text search.
    """
    if not asked.words:
        raise QueryError(
            "full-text search needs words", hint="add a text term, or leave out --hybrid"
        )
    wanted = tuple(dict.fromkeys((*columns, VECTOR)))
    found = store.search_text(
        asked.info.side, asked.words, limit=depth, where=query.where, fields=wanted
    )
    return [
        (
            Candidate(
                one.id,
                rounded(float(np.dot(one.fields[VECTOR], asked.vector))),
                asked.info.side.modality,
                {name: value for name, value in one.fields.items() if name != VECTOR},
                one.fields[VECTOR],
            ),
            one.score,
        )
        for one in found
        if one.id not in query.exclude
    ]


def with_relevance(candidates: Sequence[Candidate], asked: Asked) -> list[Candidate]:
    """Return the candidates with their relevance. Those without must have their vectors."""
    unknown = [one for one in candidates if one.relevance is None]
    if not unknown:
        return list(candidates)
    vectors = np.stack([one.vector for one in unknown if one.vector is not None])
    judged = iter(round(value, _DIGITS) for value in asked.judge(vectors).tolist())
    return [one if one.relevance is not None else one.judged(next(judged)) for one in candidates]


def pool_columns(shape: Shape) -> tuple[str, ...]:
    """Return the columns that the stages of a shape look at."""
    keys = [*shape.facets]
    if shape.sort is not None:
        keys.append(shape.sort.removeprefix("-"))
    if shape.group_by is not None:
        keys.append(shape.group_by)
    columns = [column for key in keys for column in fields_for(key)]
    columns += ["content_hash"] if shape.fold else []
    columns += ["uri", "caption", "meta"] if shape.rerank is not None else []
    columns += [VECTOR] if shape.needs_vectors else []
    return tuple(dict.fromkeys(columns)) or ("id",)
