"""Several weighted vectors, of texts and of images, made into the one that is searched with.

A contrastive model keeps texts and images in two cones apart (Liang et al. 2022, "Mind the Gap",
NeurIPS). Over the items of one side, the distance between the cones adds the same number to every
score, and a constant reorders nothing. What does matter is that it takes up length: scores of
texts *spread* less over the items than scores of images do, so that in a plain sum the picture
decides and the words hardly count. So each term is divided by a power of the standard deviation of
its own scores over a sample of the side that is searched. With a power of 1 every term would have
the same say, as in z-score fusion (Montague and Aslam 2001, "Relevance score normalization for
metasearch", CIKM); a little less serves better, for some terms spread less because they say less.
The result is one vector, which any index can search with.

Subtracting the mean of each cone, orthogonal projection of negatives and other ways were measured
beside this one: ``docs/decisions/0003-composed-queries.md``, ``bench/composed.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import numpy.typing as npt

from searchengine.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

SPREAD_POWER: Final = 0.75
"""How much of the difference in spread between terms is made up for, by measurement."""
NEGATIVE_SHARE: Final = 0.8
"""What a negative weight counts for beside a positive one, by measurement: the whole of what a
word means, taken away at full weight, takes some of what was asked for with it."""
SAMPLE_SIZE: Final = 200
"""How many items of a side to sample: more change nothing that the benchmark could see."""
SAMPLE_LEAST: Final = 20
"""Fewer items than this say nothing about spread; weights then count as they are given."""

_LEAST_SPREAD: Final = 0.005
"""A term whose scores spread less than this is noise, which must not be blown up."""
_CANCELLED: Final = 1e-5
"""A sum that is shorter than this share of its parts is rounding error, no direction."""
_UNIT: Final = 1e-6


class Weighted(Protocol):
    """A unit vector, float32 (dim,), and how much it counts. A negative weight takes it away."""

    @property
    def weight(self) -> float:
        """Any finite number; only ratios between the terms count."""

    @property
    def vector(self) -> npt.NDArray[np.float32]:
        """Unit, float32 (dim,)."""


def compose(
    terms: Sequence[Weighted], sample: npt.NDArray[np.float32] | None
) -> npt.NDArray[np.float32]:
    """Return the unit vector, float32 (dim,), to search a side with.

    ``sample`` is float32 (n, dim): vectors of some ``SAMPLE_SIZE`` items of the side, chosen at
    random (by id, which is a hash). ``None``, or fewer than ``SAMPLE_LEAST``, for a side that has
    no more: weights then count as given. A single positive term is answered with its own vector.

    Raises ``QueryError`` for weights that are not finite or all 0, for terms that only take away,
    and for terms that cancel each other out.
    """
    _check(terms)
    counted = [term for term in terms if term.weight]
    if len(counted) == 1 and abs(float(np.linalg.norm(counted[0].vector)) - 1) < _UNIT:
        return np.array(counted[0].vector, np.float32)
    vectors = np.stack([term.vector for term in terms]).astype(np.float64)
    return np.asarray(_unit_sum(effective_weights(terms, sample), vectors)[1], np.float32)


def effective_weights(
    terms: Sequence[Weighted], sample: npt.NDArray[np.float32] | None
) -> npt.NDArray[np.float64]:
    """Return what each term is multiplied by in ``compose``, (n,), so that the result is a sum.

    ``compose(terms, sample) == effective_weights(terms, sample) @ vectors`` up to rounding: what
    a hit's score owes to each term is its share of this sum. Raises as ``compose`` does.
    """
    _check(terms)
    vectors = np.stack([term.vector for term in terms]).astype(np.float64)
    # 1e300 and 1e-300 are weights as well: only their ratios count.
    largest = max(abs(term.weight) for term in terms)
    weights = np.array([term.weight / largest for term in terms])
    _unit_sum(weights, vectors)  # as they were given, "cat - cat" asks for nothing
    return _unit_sum(_balanced(weights, vectors, sample), vectors)[0]


def _check(terms: Sequence[Weighted]) -> None:
    for term in terms:
        if not math.isfinite(term.weight):
            raise QueryError(f"{term.weight} is no weight", hint="give a finite number")
    if not terms:
        raise QueryError("the query is empty", hint="say what to look for")
    if all(term.weight == 0 for term in terms):
        raise QueryError("all weights are 0: nothing is asked for", hint="leave the weights out")
    if all(term.weight <= 0 for term in terms):
        raise QueryError(
            "the query only takes away",
            hint="say what to look for, not only what to leave out: beach - people",
        )


def _balanced(
    weights: npt.NDArray[np.float64],
    vectors: npt.NDArray[np.float64],
    sample: npt.NDArray[np.float32] | None,
) -> npt.NDArray[np.float64]:
    """Weights that give the terms nearly the same say over the sampled items, negatives less."""
    shares = np.where(weights < 0, NEGATIVE_SHARE, 1.0)
    if sample is None or len(sample) < SAMPLE_LEAST:
        return weights * shares
    spreads = (sample.astype(np.float64) @ vectors.T).std(axis=0)
    return np.asarray(weights * shares / np.maximum(spreads, _LEAST_SPREAD) ** SPREAD_POWER)


def _unit_sum(
    weights: npt.NDArray[np.float64], vectors: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The weights that make the sum a unit vector, and this vector.

    Raises ``QueryError`` where nothing is left of the sum.
    """
    whole = weights @ vectors
    length = float(np.linalg.norm(whole))
    if length <= _CANCELLED * float(np.abs(weights).sum()):
        raise QueryError(
            "the terms cancel each other out: nothing is left to look for",
            hint="change a weight, or take away something else than what is asked for",
        )
    return weights / length, whole / length
