"""The candidates' vectors as one array, for the stages that compare candidates with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from searchengine.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from searchengine.encoders.contract import Vectors
    from searchengine.query.pool import Candidate

_DIGITS = 6
"""float32 holds a cosine to 6e-8; sums in another order move it by some 1e-7."""


def stacked(candidates: Sequence[Candidate], stage: str) -> Vectors:
    """Return float32 (n, dim), a row a candidate; (0, 0) for none.

    Raises ``QueryError``, naming the stage, where a candidate has no vector or theirs are of
    different spaces.
    """
    rows = []
    for candidate in candidates:
        if candidate.vector is None:
            raise QueryError(
                f"{stage} compares vectors, and candidate {candidate.id} has none",
                hint="ask the store for the field 'vector' along with the candidates",
            )
        rows.append(candidate.vector)
    if len({row.shape for row in rows}) > 1:
        raise QueryError(
            f"{stage} compares vectors, and those of the candidates differ in length",
            hint="give it the candidates of one side, before the sides are fused",
        )
    return np.stack(rows).astype(np.float32, copy=False) if rows else np.zeros((0, 0), np.float32)


def cosines(vectors: Vectors, vector: Vectors) -> npt.NDArray[np.float64]:
    """Return the cosine of each row with one vector, float64 (n,), to six digits."""
    if not len(vectors):
        return np.zeros(0)
    if vector.shape != vectors.shape[1:]:
        raise QueryError(
            f"the query's vector has shape {vector.shape}, the candidates' {vectors.shape[1:]}",
            hint="encode the query with the encoder that made the corpus",
        )
    near = np.clip(np.asarray(vectors @ vector, np.float64), -1, 1)
    return np.asarray(np.round(near, _DIGITS), np.float64)


def ordered(candidates: Sequence[Candidate], values: npt.NDArray[np.float64]) -> list[Candidate]:
    """Return the candidates by descending value, ties in the order given."""
    return [candidates[place] for place in np.argsort(-values, kind="stable").tolist()]
