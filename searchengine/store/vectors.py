"""Vectors are checked once, here, before any database sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchengine.errors import EncoderError, QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.encoders.contract import Vectors
    from searchengine.store.contract import Row

_TOLERANCE = 1e-3
"""How far from 1 a length may be: bfloat16 rounds to 4e-3 a component, far less a length."""


def checked_rows(rows: Sequence[Row], dim: int) -> Vectors:
    """Return the rows' vectors as float32 (n, dim).

    Raises ``EncoderError`` for one that is not finite, not of unit length or not
    of ``dim`` components: Milvus would store it, and return it as a hit.
    """
    import numpy as np

    vectors = np.empty((len(rows), dim), np.float32)
    for at, row in enumerate(rows):
        vector = np.asarray(row.vector)
        if vector.shape != (dim,):
            raise EncoderError(
                f"{row.item.uri}: the vector has shape {vector.shape}, the corpus takes ({dim},)"
            )
        vectors[at] = vector
    wrong = unfit(vectors)
    if wrong is not None:
        raise EncoderError(f"{rows[wrong].item.uri}: {_complaint(vectors[wrong])}")
    return vectors


def checked_queries(vectors: Any, dim: int) -> Vectors:
    """Return query vectors as float32 (n, dim), of unit length.

    Raises ``QueryError`` for another dimension and ``EncoderError`` for vectors
    that are not finite and of unit length.
    """
    import numpy as np

    queries = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
    if queries.ndim != 2 or (queries.size and queries.shape[1] != dim):
        raise QueryError(f"the query has shape {queries.shape}, the corpus takes (n, {dim})")
    wrong = unfit(queries)
    if wrong is not None:
        raise EncoderError(f"query {wrong}: {_complaint(queries[wrong])}")
    return queries


def unfit(vectors: Vectors) -> int | None:
    """Return the first row that is not finite and of unit length, ``None`` if all are."""
    import numpy as np

    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    bad = ~(np.abs(lengths - 1) <= _TOLERANCE)  # NaN is not within any tolerance
    return int(np.argmax(bad)) if bad.any() else None


def _complaint(vector: Any) -> str:
    import numpy as np

    if not np.isfinite(vector).all():
        return "the model gave a vector with NaN or infinity"
    return f"the model gave a vector of length {float(np.linalg.norm(vector)):.4f}, not 1"
