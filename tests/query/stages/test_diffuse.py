from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.diffuse import Diffusion, rerank_by_diffusion
from tests.query.stages.candidates import candidate, frozen, ids, pools, queries, unit


def closed_form(query: np.ndarray, vectors: np.ndarray, how: Diffusion) -> np.ndarray:
    """Return f of Zhou et al. with dense matrices, in float64."""
    near = np.clip(np.round(vectors @ vectors.T, 6).astype(float), None, 1)
    np.fill_diagonal(near, -np.inf)
    count, k = len(near), min(how.neighbours, len(near) - 1)
    among = near >= np.sort(near, axis=1)[:, [count - k]]
    mutual = among & among.T & (near > 0)
    weights = np.where(mutual, np.maximum(near, 0) ** how.gamma, 0)
    degree = weights.sum(axis=1)
    scale = np.where(degree > 0, 1 / np.sqrt(np.where(degree > 0, degree, 1)), 0)
    start = np.maximum(vectors @ query, 0).astype(float) ** how.gamma
    start[np.argsort(-(vectors @ query), kind="stable")[how.seeds :]] = 0
    normal = scale[:, None] * weights * scale[None, :]
    return np.linalg.solve(np.eye(count) - how.alpha * normal, start)


@pytest.mark.parametrize("how", [Diffusion(5, 3, 0.5, 1.0), Diffusion(10, 8, 0.99, 3.0)])
def test_as_the_closed_form_has_it(how: Diffusion) -> None:
    rng = np.random.default_rng(5)
    raw = rng.normal(size=(1500, 16)) + rng.normal(size=(30, 16)).repeat(50, axis=0)
    vectors = np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)
    query = vectors[7]
    pool = [candidate(str(at), vector=vector) for at, vector in enumerate(vectors)]
    expected = closed_form(query, vectors, how)
    found = [int(name) for name in ids(rerank_by_diffusion(query, pool, how))]
    values = expected[found] / expected.max()
    assert (np.diff(values) <= 2e-6).all()  # in the order of the closed form
    assert np.count_nonzero(values > 1e-3) > 2 * how.seeds  # and it did spread


def test_it_follows_a_chain_round_a_bend() -> None:
    # A curve leads away from the query; a stranger off it is nearer to the query than its end.
    angles = np.radians(np.arange(0, 91, 10))
    chain = [
        candidate(f"chain {at}", vector=unit(math.cos(a), math.sin(a), 0))
        for at, a in enumerate(angles)
    ]
    stranger = candidate("stranger", vector=unit(math.cos(1.2), 0, math.sin(1.2)))
    query = unit(1, 0, 0)
    pool = sorted([*chain, stranger], key=lambda one: -float(one.vector @ query))
    assert ids(pool).index("stranger") < ids(pool).index("chain 9")
    done = ids(rerank_by_diffusion(query, pool, Diffusion(2, 3, 0.99, 3.0)))
    assert done[-1] == "stranger"


def test_few_candidates() -> None:
    assert rerank_by_diffusion(unit(1, 0), []) == []
    one = [candidate("a", vector=unit(1, 0))]
    assert rerank_by_diffusion(unit(1, 0), one) == one


def test_where_nothing_is_near_the_order_stays() -> None:
    pool = [candidate(name, vector=unit(-1, 0)) for name in "abc"]
    assert ids(rerank_by_diffusion(unit(1, 0), pool)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "how", [{"alpha": 1.0}, {"alpha": math.nan}, {"neighbours": 0}, {"seeds": 0}, {"gamma": -1.0}]
)
def test_bad_parameters(how: dict[str, float]) -> None:
    with pytest.raises(QueryError):
        replace(Diffusion(), **how)  # type: ignore[arg-type]


def test_missing_vector() -> None:
    with pytest.raises(QueryError, match="diffusion compares vectors"):
        rerank_by_diffusion(unit(1, 0), [candidate("a")])


@settings(deadline=None)
@given(pools(), queries(), st.integers(1, 5), st.sampled_from([0.0, 0.5, 0.99]))
def test_a_permutation(
    pool: list[Candidate], query: np.ndarray, neighbours: int, alpha: float
) -> None:
    before = frozen(pool)
    how = Diffusion(neighbours, 3, alpha, 3.0)
    done = rerank_by_diffusion(query, pool, how)
    assert frozen(pool) == before
    assert sorted(frozen(done)) == sorted(before)
    assert frozen(rerank_by_diffusion(query, pool, how)) == frozen(done)
