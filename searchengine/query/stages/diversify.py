"""An answer whose hits do not repeat each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from searchengine.errors import QueryError
from searchengine.query.stages.vectors import cosines, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from searchengine.encoders.contract import Vectors
    from searchengine.query.pool import Candidate

BALANCE = 0.7
"""bench/diversity.py: of ten hits over scenes that are there five times each, 5.5 different right
scenes instead of 2.5, for a loss of 0.025 in how many are right."""


def diversify(
    candidates: Sequence[Candidate], *, balance: float = BALANCE, wanted: int | None = None
) -> list[Candidate]:
    """Return the candidates by maximal marginal relevance, the first ``wanted`` of them or all.

    Each place goes to the candidate with the greatest ``balance * worth - (1 - balance) * echo``,
    echo being its likeness to the most alike of those chosen before (Carbonell, Goldstein: The Use
    of MMR, Diversity-Based Reranking, SIGIR 1998; ``balance`` is their lambda): 1 keeps the order
    given, 0 looks at the echo alone. Ties keep the order given. The first m do not depend on
    ``wanted``; the work is n * wanted products.

    A text is never as near to a picture as pictures are to each other, so neither is taken as it
    is. Worth runs from 0 to 1 over the candidates' own scores; the candidate at place i counts as
    the i-th best score, so that an order made by an earlier stage is respected. Echo is the cosine,
    scaled so that 0 is the mean cosine of two of the candidates (or less) and 1 is the same vector.

    Raises ``QueryError`` for a balance outside 0 to 1, ``wanted`` below 0, or a missing vector.
    """
    if not 0 <= balance <= 1:
        raise QueryError(f"the balance of diversity must be 0 to 1, not {balance}")
    if wanted is not None and wanted < 0:
        raise QueryError(f"cannot return {wanted} candidates")
    vectors = stacked(candidates, "diversity")
    count = len(candidates) if wanted is None else min(wanted, len(candidates))
    worth = _worth(candidates)
    usual = _mean_cosine(vectors)
    echo = np.zeros(len(candidates))
    free = np.ones(len(candidates), bool)
    chosen: list[int] = []
    while len(chosen) < count:
        gain = np.where(free, balance * worth - (1 - balance) * echo, -np.inf)
        best = int(np.argmax(gain))
        chosen.append(best)
        free[best] = False
        np.maximum(echo, _scaled(cosines(vectors, vectors[best]), usual), out=echo)
    return [candidates[place] for place in chosen]


def _worth(candidates: Sequence[Candidate]) -> npt.NDArray[np.float64]:
    """Return a value from 1 down to 0 for each place."""
    scores = np.sort(np.array([candidate.score for candidate in candidates], float))[::-1]
    span = scores[0] - scores[-1] if len(scores) else 0.0
    return (scores - scores[-1]) / span if span > 0 else np.ones(len(scores))


def _mean_cosine(vectors: Vectors) -> float:
    """Return the mean cosine over all pairs: the length of the sum holds it."""
    count = len(vectors)
    if count < 2:
        return 0.0
    total = vectors.sum(axis=0, dtype=np.float64)
    return round(float((total @ total - count) / (count * (count - 1))), 6)


def _scaled(values: npt.NDArray[np.float64], usual: float) -> npt.NDArray[np.float64]:
    """Return the cosines on a scale from the usual one (0) to 1."""
    room = 1.0 - usual
    above = np.clip(values - usual, 0, None)
    return np.minimum(above / room, 1.0) if room > 1e-6 else np.ones(len(values))
