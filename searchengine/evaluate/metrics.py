"""Retrieval metrics over judged rankings, one value a query.

A ranking is what came out, best first; judged, it is a row of ``right``, bool (n, depth), and
``total``, int (n,), says how many right items there were to find in all that was searched. Places
that a ranking does not have (a short answer) hold ``False``. Relevance is binary. Every function
returns float64 (n,), to be averaged over the queries.

Metrics see places, never scores: a tie has been decided before. Here it is the store's rule, the
one a user sees: by score to six digits, then by id (``store.ranking``). That is neither the best
nor the worst case, and the same every time.

Definitions are those of trec_eval (NIST), of whose names each function gives its own, but for
success, which the caption retrieval papers call recall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Right = npt.NDArray[np.bool_]
"""(n, depth): whether the hit in each place, best first, is a right one."""
Counts = npt.NDArray[np.int64]
"""(n,): right items there are for each query; at least one."""
Values = npt.NDArray[np.float64]
"""(n,): one value a query."""

RANK = "rank"
"""Name of the rank of the first right hit among the values; its mean says nothing."""


def success(right: Right, k: int) -> Values:
    """Return 1 where any of the first k hits is right, else 0 (trec_eval ``success``).

    Averaged, this is the R@k of caption retrieval, where one of several right captions is enough:
    Hodosh, Young, Hockenmaier, "Framing Image Description as a Ranking Task", JAIR 47 (2013);
    Karpathy, Fei-Fei, CVPR 2015. With one right item a query it equals ``recall``.
    """
    return np.asarray(_first(right, k).any(axis=1), np.float64)


def recall(right: Right, total: Counts, k: int) -> Values:
    """Return the share of all right items that is among the first k hits (trec_eval ``recall``).

    Where there are more than k right items it cannot reach 1.
    """
    return np.asarray(_found(right, k) / _checked(right, total))


def precision(right: Right, k: int) -> Values:
    """Return the share of the first k places that holds a right hit (trec_eval ``P``).

    The divisor is k even where fewer hits came back.
    """
    return _found(right, k) / k


def average_precision(right: Right, total: Counts, k: int | None = None) -> Values:
    """Return the precision at the place of each right hit, averaged over all right items.

    Right items that were not found count 0; averaged over queries this is mAP (trec_eval
    ``map``; with k, ``map_cut``, whose divisor stays ``total``). Buckley, Voorhees, "Evaluating
    Evaluation Measure Stability", SIGIR 2000.
    """
    hits = _first(right, k).astype(np.float64)
    precisions = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return np.asarray((precisions * hits).sum(axis=1) / _checked(right, total))


def ndcg(right: Right, total: Counts, k: int | None = None) -> Values:
    """Return the discounted gain as a share of the best possible (trec_eval ``ndcg_cut``).

    A right hit in place i gains 1 / log2(i + 1). Järvelin, Kekäläinen, "Cumulated Gain-Based
    Evaluation of IR Techniques", ACM TOIS 20 (2002), with the discount of Burges et al., ICML 2005.
    Without k the ideal ranking holds all right items, found or not.
    """
    hits = _first(right, k)
    totals = _checked(right, total)
    longest = max(hits.shape[1], int(totals.max(initial=0)))
    discounts = 1 / np.log2(np.arange(2, longest + 2))
    ideal = np.concatenate(([0.0], np.cumsum(discounts)))
    best = totals if k is None else np.minimum(totals, k)
    return np.asarray((hits * discounts[: hits.shape[1]]).sum(axis=1) / ideal[best])


def reciprocal_rank(right: Right) -> Values:
    """Return 1 / rank of the first right hit, 0 where there is none (trec_eval ``recip_rank``).

    Averaged this is MRR: Voorhees, "The TREC-8 Question Answering Track Report", 1999.
    """
    return np.asarray(1 / first_rank(right))


def first_rank(right: Right) -> Values:
    """Return the rank of the first right hit, from 1; infinity where there is none."""
    if right.shape[1] == 0:
        return np.full(len(right), np.inf)
    return np.where(right.any(axis=1), right.argmax(axis=1) + 1.0, np.inf)


def measure(right: Right, total: Counts, ks: Sequence[int]) -> dict[str, Values]:
    """Return every metric for every query, by name.

    ``success@k``, ``recall@k``, ``precision@k``, ``map@k``, ``ndcg@k`` for each k, and over the
    whole ranking ``map``, ``ndcg``, ``mrr`` and ``rank`` (of the first right hit).

    Raises ``ValueError`` for a k below 1, and for a query with nothing to find or with more found
    than there is.
    """
    values: dict[str, Values] = {}
    for k in ks:
        values |= {
            f"success@{k}": success(right, k),
            f"recall@{k}": recall(right, total, k),
            f"precision@{k}": precision(right, k),
            f"map@{k}": average_precision(right, total, k),
            f"ndcg@{k}": ndcg(right, total, k),
        }
    return values | {
        "map": average_precision(right, total),
        "ndcg": ndcg(right, total),
        "mrr": reciprocal_rank(right),
        RANK: first_rank(right),
    }


def summarise(values: Mapping[str, Values]) -> dict[str, float | None]:
    """Return the mean of each metric over the queries, and ``median_rank`` of the ranks.

    The median is ``None`` where it lies beyond the rankings' end. Raises ``ValueError`` without
    queries.
    """
    if not len(values[RANK]):
        raise ValueError("there are no queries to average over")
    means: dict[str, float | None] = {
        name: float(each.mean()) for name, each in values.items() if name != RANK
    }
    middle = float(np.median(values[RANK]))
    return means | {"median_rank": middle if np.isfinite(middle) else None}


def _first(right: Right, k: int | None) -> Right:
    if k is not None and k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    return right[:, :k]


def _found(right: Right, k: int) -> Values:
    return np.asarray(_first(right, k).sum(axis=1), np.float64)


def _checked(right: Right, total: Counts) -> Counts:
    if right.ndim != 2 or total.shape != right.shape[:1]:
        raise ValueError(f"rankings {right.shape} and totals {total.shape} do not belong together")
    wrong = np.flatnonzero((total < 1) | (right.sum(axis=1) > total))
    if len(wrong):
        raise ValueError(
            f"query {wrong[0]} found {right[wrong[0]].sum()} of {total[wrong[0]]} right items"
        )
    return total
