"""A second look along the candidates' likeness to each other: diffusion on their graph.

An option, not a default. On mAP (bench/rerank.py) it helps where what is wanted is a class that
the model sees as one (clothing by example: 0.346 to 0.382) and harms where it is one thing among
several in a picture (drawn scenes: by example 0.154 to 0.140, "a red boat" 0.561 to 0.530).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from searchengine.errors import QueryError
from searchengine.query.stages.vectors import cosines, ordered, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from searchengine.encoders.contract import Vectors
    from searchengine.query.pool import Candidate

_BLOCK = 1024
_TOLERANCE = 1e-8
_STEPS = 200
_DIGITS = 9
"""Of a share of the greatest value reached: what the solver leaves open is no order."""


@dataclass(frozen=True, slots=True)
class Diffusion:
    """How far and along which edges likeness spreads. Defaults as measured by bench/rerank.py."""

    neighbours: int = 20
    """Edges kept of a candidate: to its nearest, where each is among the other's nearest."""
    seeds: int = 20
    """How many of the candidates nearest to the query it starts from."""
    alpha: float = 0.8
    """Share that is passed on at a step, 0 to below 1: the greater, the farther it spreads."""
    gamma: float = 3.0
    """Power of the cosine that weights an edge."""

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.seeds < 1:
            raise QueryError("diffusion needs at least 1 neighbour and 1 seed")
        if not 0 <= self.alpha < 1:
            raise QueryError(f"alpha of diffusion must be 0 to below 1, not {self.alpha}")
        if not 0 <= self.gamma < float("inf"):
            raise QueryError(f"gamma of diffusion must be 0 or more, not {self.gamma}")


@dataclass(frozen=True, slots=True)
class _Graph:
    """Symmetric edges: ``sources[e]`` and ``targets[e]`` share ``weights[e]``, both ways listed."""

    sources: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    count: int

    def spread(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the adjacency times the values, float64 (count,)."""
        shared = self.weights * values[self.targets]
        return np.asarray(np.bincount(self.sources, shared, self.count), np.float64)


def rerank_by_diffusion(
    query: Vectors, candidates: Sequence[Candidate], how: Diffusion | None = None
) -> list[Candidate]:
    """Return the candidates by what reaches them from the query over the candidates' graph.

    With S the symmetrically normalised adjacency of the mutual k-nearest-neighbour graph and y
    the query's own edges, the order is that of f in ``(I - alpha S) f = y`` (Zhou et al.: Ranking
    on Data Manifolds, NIPS 2003), solved by conjugate gradients (Iscen, Tolias, Avrithis, Furon,
    Chum: Efficient Diffusion on Region Manifolds, CVPR 2017). What nothing reaches comes last, and
    ties keep the order given.

    ``query`` is unit, float32 (dim,). The work is n * n products: meant for a pool of up to a few
    thousand. Raises ``QueryError`` for a missing vector.
    """
    how = how or Diffusion()
    vectors = stacked(candidates, "diffusion")
    if len(candidates) < 2:
        return list(candidates)
    near = cosines(vectors, query).astype(np.float64)
    seeds = np.argsort(-near, kind="stable")[: how.seeds]
    start = np.zeros(len(candidates))
    start[seeds] = np.maximum(near[seeds], 0) ** how.gamma * (near[seeds] > 0)
    reached = _solve(_graph(vectors, how), start, how.alpha)
    top = float(reached.max())
    shares = np.round(reached / top, _DIGITS) if top > 0 else np.zeros(len(candidates))
    return ordered(candidates, shares)


def _graph(vectors: Vectors, how: Diffusion) -> _Graph:
    """Return the mutual nearest-neighbour graph with ``D^-1/2 W D^-1/2`` for weights."""
    count, nearest = len(vectors), min(how.neighbours, len(vectors) - 1)
    sources = np.repeat(np.arange(count), nearest)
    targets = np.empty(count * nearest, np.int64)
    likeness = np.empty(count * nearest)
    for start in range(0, count, _BLOCK):
        some = np.round(vectors[start : start + _BLOCK] @ vectors.T, 6)
        rows = np.arange(len(some))
        some[rows, start + rows] = -np.inf  # nobody is their own neighbour
        best = np.argpartition(-some, nearest - 1, axis=1)[:, :nearest]
        at = slice(start * nearest, (start + len(some)) * nearest)
        targets[at] = best.ravel()
        likeness[at] = np.take_along_axis(some, best, axis=1).ravel()
    mutual = np.isin(sources * count + targets, targets * count + sources) & (likeness > 0)
    sources, targets = sources[mutual], targets[mutual]
    weights = np.minimum(likeness[mutual], 1.0) ** how.gamma
    degree = np.bincount(sources, weights, minlength=count)
    scale = np.divide(1.0, np.sqrt(degree), out=np.zeros(count), where=degree > 0)
    return _Graph(sources, targets, weights * scale[sources] * scale[targets], count)


def _solve(graph: _Graph, start: npt.NDArray[np.float64], alpha: float) -> npt.NDArray[np.float64]:
    """Solve ``(I - alpha S) f = y``: S has no eigenvalue above 1, so the system is positive."""
    found = np.zeros(graph.count)
    rest = start.copy()
    step = rest.copy()
    left = float(rest @ rest)
    goal = left * _TOLERANCE**2
    for _ in range(_STEPS):
        if left <= goal:
            break
        moved = step - alpha * graph.spread(step)
        length = left / float(step @ moved)
        found += length * step
        rest -= length * moved
        before, left = left, float(rest @ rest)
        step = rest + (left / before) * step
    return found
