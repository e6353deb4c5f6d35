"""A second look with what the first one found: query expansion.

An option, not a default. On mAP (bench/rerank.py) it helps where what is wanted is a class that
the model sees as one (clothing by example: 0.346 to 0.357) and harms where it is one thing among
several in a picture (drawn scenes: by example 0.154 to 0.147, "a red boat" 0.561 to 0.526).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from searchengine.errors import QueryError
from searchengine.query.stages.vectors import cosines, ordered, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.query.pool import Candidate

TOP = 2
ALPHA = 3.0


def expand_query(
    query: Vectors, candidates: Sequence[Candidate], *, top: int = TOP, alpha: float = ALPHA
) -> Vectors:
    """Return the query moved towards its first answers: unit, float32 (dim,).

    The sum of the query and of the first ``top`` candidates, each weighted by its cosine to the
    query to the power ``alpha`` (Radenovic, Tolias, Chum: Fine-tuning CNN Image Retrieval with No
    Human Annotation, TPAMI 2018). ``alpha=0`` weights all alike: average query expansion (Chum
    et al.: Total Recall, ICCV 2007). A candidate with a cosine of 0 or less adds nothing.

    ``query`` is unit, float32 (dim,). Raises ``QueryError`` for ``top`` below 1, an ``alpha``
    below 0, or a missing vector.
    """
    if top < 1:
        raise QueryError(f"a query is expanded by at least 1 candidate, not {top}")
    if not (math.isfinite(alpha) and alpha >= 0):
        raise QueryError(f"alpha of query expansion must be 0 or more, not {alpha}")
    first = stacked(candidates[:top], "query expansion")
    if not len(first):
        return query
    near = cosines(first, query)
    weights = np.where(near > 0, np.maximum(near, 0) ** alpha, 0.0)
    moved = query.astype(np.float64) + weights @ first.astype(np.float64)
    return np.asarray(moved / np.linalg.norm(moved), np.float32)


def rerank_by_expansion(
    query: Vectors, candidates: Sequence[Candidate], *, top: int = TOP, alpha: float = ALPHA
) -> list[Candidate]:
    """Return the candidates by their cosine to the expanded query, ties in the order given.

    Their ``score`` stays the cosine to the query as asked. Errors as in ``expand_query``.
    """
    vectors = stacked(candidates, "query expansion")
    return ordered(
        candidates, cosines(vectors, expand_query(query, candidates, top=top, alpha=alpha))
    )
