"""Several ranked lists made one: image side and text side, vectors and words of a caption."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from searchengine.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.query.pool import Candidate

RRF_K = 60.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """One list, best first, and what it is worth."""

    candidates: Sequence[Candidate]
    weight: float = 1.0
    """Above 0."""
    scores: Sequence[float] | None = None
    """What it is ranked by where that is not the candidates' cosine (BM25): higher is better."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise QueryError(
                f"a list's weight must be a number above 0, not {self.weight}",
                hint="leave the list out instead",
            )
        if self.scores is not None and len(self.scores) != len(self.candidates):
            raise ValueError(f"{len(self.scores)} scores for {len(self.candidates)} candidates")

    @property
    def values(self) -> list[float]:
        """The scores, one a candidate."""
        given = self.scores
        return [c.score for c in self.candidates] if given is None else [float(s) for s in given]


@dataclass(slots=True)
class _Entry:
    candidate: Candidate
    best_rank: int
    shares: list[float] = field(default_factory=list)


def fuse_by_rank(rankings: Sequence[Ranking], *, k: float = RRF_K) -> list[Candidate]:
    """Fuse by reciprocal rank: the sum over the lists of ``weight / (k + rank)``.

    Cormack, Clarke, Buettcher: Reciprocal Rank Fusion outperforms Condorcet and individual Rank
    Learning Methods, SIGIR 2009; k = 60 is theirs. Only ranks count, so lists may be mixed whose
    scores mean different things, as those of the image side and of the text side do.

    A candidate is one by id and modality; it comes out as in the first list that has it, with
    ``vector`` and ``relevance`` from a later one where it had none. Ties: the best rank in any
    list first, then images before texts, then by id.
    """
    if not (math.isfinite(k) and k >= 0):
        raise QueryError(f"k of reciprocal rank fusion must be 0 or more, not {k}")
    return _fuse(rankings, lambda _: lambda rank, __: 1.0 / (k + rank))


def fuse_by_score(rankings: Sequence[Ranking]) -> list[Candidate]:
    """Fuse by a weighted sum of scores, each list's scaled to 0..1 by its least and greatest.

    CombSUM over min-max normalised scores (Fox, Shaw: Combination of Multiple Searches, TREC-2,
    1994; Bruch, Gai, Ingber: An Analysis of Fusion Functions for Hybrid Retrieval, TOIS 2023). A
    list does not add to what it does not hold; where all its scores are equal, all count as 1.
    How far apart the scores of a list lie matters, so a list's depth does too: fuse lists of one
    depth. Identity and ties as in ``fuse_by_rank``.
    """

    def share(ranking: Ranking) -> Callable[[int, float], float]:
        values = [value for value in ranking.values if math.isfinite(value)]
        if len(values) < len(ranking.candidates):
            raise ValueError("a score is not finite")
        least, greatest = min(values, default=0.0), max(values, default=0.0)
        # Halved, so that the span of scores as large as floats get does not overflow.
        span = greatest / 2 - least / 2
        return lambda _, value: (value / 2 - least / 2) / span if span > 0 else 1.0

    return _fuse(rankings, share)


def _fuse(
    rankings: Sequence[Ranking], share: Callable[[Ranking], Callable[[int, float], float]]
) -> list[Candidate]:
    heaviest = max((ranking.weight for ranking in rankings), default=1.0)
    entries: dict[tuple[str, str], _Entry] = {}
    for ranking in rankings:
        worth = share(ranking)
        seen: set[tuple[str, str]] = set()
        pairs = zip(ranking.candidates, ranking.values, strict=True)
        for rank, (candidate, value) in enumerate(pairs, start=1):
            key = (candidate.id, candidate.modality)
            if key in seen:  # its better place has counted
                continue
            seen.add(key)
            entry = entries.setdefault(key, _Entry(candidate, rank))
            entry.candidate = _filled(entry.candidate, candidate)
            entry.best_rank = min(entry.best_rank, rank)
            entry.shares.append(ranking.weight / heaviest * worth(rank, value))
    # fsum: the same whatever the order of the lists, or ties would depend on it.
    order = sorted(
        entries.values(),
        key=lambda e: (-math.fsum(e.shares), e.best_rank, e.candidate.modality, e.candidate.id),
    )
    return [entry.candidate for entry in order]


def _filled(kept: Candidate, other: Candidate) -> Candidate:
    """Return the candidate with what only the other one knows."""
    if kept.vector is None and other.vector is not None:
        kept = replace(kept, vector=other.vector)
    if kept.relevance is None and other.relevance is not None:
        kept = replace(kept, relevance=other.relevance)
    return kept
