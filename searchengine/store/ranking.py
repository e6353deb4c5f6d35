"""The order of hits: by cosine, then by id, so that it is the same every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from searchengine.store.contract import Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from searchengine.encoders.contract import Vectors

SLACK = 16
"""Hits asked for beyond the last one wanted, to see whether it is tied."""
_DIGITS = 6
"""float32 holds a cosine to 6e-8; sums in another order move it by some 1e-7."""


def rounded(score: float) -> float:
    """Return a cosine to the digits that mean something, within -1 and 1."""
    return max(-1.0, min(1.0, round(float(score), _DIGITS)))


def ranked(hits: Iterable[Found]) -> list[Found]:
    """Return the hits best first, ties by id, scores rounded."""
    found = (Found(hit.id, rounded(hit.score), hit.fields) for hit in hits)
    return sorted(found, key=lambda hit: (-hit.score, hit.id))


def by_score(hits: Iterable[Found]) -> list[Found]:
    """Return hits of full-text search best first, ties by id, scores rounded."""
    found = (Found(hit.id, round(hit.score, _DIGITS), hit.fields) for hit in hits)
    return sorted(found, key=lambda hit: (-hit.score, hit.id))


def above(answers: list[list[Found]], min_score: float | None) -> list[list[Found]]:
    """Return of each answer the hits of that score at least; all where none is asked for."""
    if min_score is None:
        return answers
    return [[hit for hit in hits if hit.score >= min_score] for hits in answers]


def tie_reaches_end(hits: Sequence[Found], top: int) -> bool:
    """Tell whether the last hit wanted ties with the last one there: more may follow."""
    return len(hits) > top > 0 and hits[top - 1].score == hits[-1].score


class TopK:
    """The best ``top`` of all vectors shown so far, for each query. Exact."""

    def __init__(self, queries: Vectors, top: int) -> None:
        self._queries = queries
        self._top = top
        self._best: list[list[Found]] = [[] for _ in queries]

    def add(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Show more vectors, float32 (n, dim)."""
        scores = self._queries @ vectors.T
        for at, row in enumerate(scores):
            keep = self._contenders(row)
            new = [Found(ids[i], float(row[i]), {}) for i in keep.tolist()]
            self._best[at] = ranked([*self._best[at], *new])[: self._top]

    def found(self) -> list[list[Found]]:
        """Return the best, with no fields."""
        return self._best

    def _contenders(self, scores: np.ndarray) -> np.ndarray:
        """Return the places of the best ``top`` and of all that tie with the last of them."""
        if len(scores) <= self._top:
            return np.arange(len(scores))
        least = np.partition(scores, -self._top)[-self._top]
        return np.flatnonzero(scores >= least - 10.0**-_DIGITS)
