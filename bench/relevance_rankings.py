"""Would hits be in a better order by something other than the cosine?

Each query's items are put in order by the cosine, by relevance, by an inverted softmax over the
background's captions (Smith et al. 2017) and by nearest-neighbour normalisation (Chowdhury et al.
2024: a share of the mean of an item's nearest background captions is taken off).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from relevance_sets import Case
from relevance_vectors import Vectors

from searchengine.query.relevance import relevance_of

_TEMPERATURE = 0.2
"""Of the inverted softmax, in standard deviations of all bank scores."""
_NEIGHBOURS = 16
_SHARE = 0.5
_DEPTH = 10


def rankings(vectors: Vectors, cases: list[Case]) -> list[dict[str, Any]]:
    """Return R@1 and R@10 for each collection and kind, over the cases of half 1 with answers."""
    kept: dict[tuple[str, str, str], list[Case]] = {}
    for case in cases:
        few = case.sort in ("caption", "copy", "coloured", "class")
        if case.half == 1 and case.answered and few and not case.pool.endswith(" texts"):
            kept.setdefault((case.collection, case.kind, case.sort), []).append(case)
    rows = []
    for (collection, kind, sort), members in kept.items():
        hits: dict[str, list[tuple[float, float]]] = {}
        for case in members:
            for name, scores in _orders(vectors, case).items():
                hits.setdefault(name, []).append(_hits(scores, case.relevant))
        orders = {
            name: " / ".join(f"{value:.3f}" for value in np.mean(found, axis=0))
            for name, found in hits.items()
        }
        name = f"{collection} / {vectors.model} / {kind} / {sort}"
        rows.append({"set": name, "queries": len(members), "orders": orders})
    return rows


def _hits(scores: np.ndarray, relevant: np.ndarray) -> tuple[float, float]:
    """Whether the first is relevant, and whether one of the first ten is (or the share of them)."""
    best = relevant[np.argsort(-scores, kind="stable")[:_DEPTH]] == 1
    within = best.mean() if (relevant == 1).sum() >= _DEPTH else best.any()
    return float(best[0]), float(within)


def _orders(vectors: Vectors, case: Case) -> dict[str, np.ndarray]:
    query, items = vectors.query(case.query), vectors.items(case)
    cosine = items @ query
    bank = vectors.background.texts if case.kind == "text" else vectors.background.pictures
    ordinary = items @ bank.T
    spread = _TEMPERATURE * ordinary.std()
    top = np.sort(ordinary, axis=1)[:, -_NEIGHBOURS:]
    softened = cosine / spread - np.log(np.exp(ordinary / spread).sum(axis=1))
    return {
        "cosine": cosine,
        "relevance": relevance_of(vectors.background, query, (case.kind,), items, "image"),
        "inverted softmax": softened,
        "nnn": cosine - _SHARE * top.mean(axis=1),
    }
