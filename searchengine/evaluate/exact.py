"""What comparing everything finds, and how much of it an answer has."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from searchengine.store.ranking import TopK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Side
    from searchengine.store.contract import Found, Store

_ROWS = 4_096
_EPSILON = 1.5e-6
"""A little over the last digit of a score: two ways of adding up may round apart."""


def nearest(
    store: Store,
    side: Side,
    queries: Vectors,
    k: int,
    *,
    own: Sequence[str] | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[list[Found]]:
    """Return the exact k nearest items of a side to each of the queries (n, dim), best first.

    ``own`` names the item that each query is, to be left out of its answer ("" for
    none). Every vector is read once, in bounded memory; ``advance`` is told of each
    lot that has been compared.
    """
    best = TopK(queries, k + (own is not None))
    rows = iter(store.scan(side, fields=("id", "vector")))
    while some := list(islice(rows, _ROWS)):
        best.add([row["id"] for row in some], np.stack([row["vector"] for row in some]))
        advance(len(some))
    return without(best.found(), own, k)


def without(
    answers: Sequence[Sequence[Found]], own: Sequence[str] | None, k: int
) -> list[list[Found]]:
    """Return the first ``k`` hits of each answer that are not the query itself."""
    if own is None:
        return [list(hits[:k]) for hits in answers]
    return [
        [hit for hit in hits if hit.id != one][:k] for hits, one in zip(answers, own, strict=True)
    ]


def recalls(exact: Sequence[Sequence[Found]], answers: Sequence[Sequence[Found]]) -> np.ndarray:
    """Return for each query the share of the exact answer that was found, float64 (n,), 0 to 1.

    Counted as ann-benchmarks counts: a hit as near as the exact k-th is right,
    whichever of the tied items it is (Aumüller, Bernhardsson, Faithfull,
    "ANN-Benchmarks", Information Systems 87, 2020). Where there is nothing to
    find, everything is found.
    """
    return np.asarray([_recall(best, found) for best, found in zip(exact, answers, strict=True)])


def _recall(best: Sequence[Found], found: Sequence[Found]) -> float:
    if not best:
        return 1.0
    near = sum(hit.score >= best[-1].score - _EPSILON for hit in found[: len(best)])
    return near / len(best)
