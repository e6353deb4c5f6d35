from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.expand import expand_query, rerank_by_expansion
from tests.query.stages.candidates import candidate, frozen, pools, queries, unit

QUERY = unit(1, 0, 0)


def test_the_sum_by_hand() -> None:
    first = candidate("a", vector=unit(3, 4, 0))  # cosine 0.6
    behind = candidate("b", vector=unit(-1, 0, 1))  # below 0: adds nothing
    cubed = expand_query(QUERY, [first, behind], alpha=3)
    expected = np.array([1 + 0.6**3 * 0.6, 0.6**3 * 0.8, 0])
    np.testing.assert_allclose(cubed, expected / np.linalg.norm(expected), atol=1e-6)
    average = expand_query(QUERY, [first, behind], alpha=0)
    np.testing.assert_allclose(average, unit(1.6, 0.8, 0), atol=1e-6)


def test_only_the_first_count() -> None:
    pool = [candidate("a", vector=unit(1, 1, 0)), candidate("b", vector=unit(1, 0, 1))]
    assert expand_query(QUERY, pool, top=1)[2] == 0
    assert expand_query(QUERY, pool, top=2)[2] > 0


def test_what_is_like_the_best_moves_up() -> None:
    pool = [
        candidate("best", 0.8, vector=unit(0.8, 0.6, 0)),
        candidate("stranger", 0.5, vector=unit(0.5, 0, math.sqrt(0.75))),
        candidate("kin", 0.45, vector=unit(0.45, math.sqrt(1 - 0.45**2), 0)),
    ]
    done = rerank_by_expansion(QUERY, pool, top=1, alpha=0)
    assert [(one.id, one.score) for one in done] == [
        ("best", 0.8),
        ("kin", 0.45),
        ("stranger", 0.5),
    ]


def test_nothing_to_expand_with() -> None:
    assert expand_query(QUERY, []) is QUERY
    assert rerank_by_expansion(QUERY, []) == []


@pytest.mark.parametrize(
    ("how", "message"),
    [({"top": 0}, "at least 1"), ({"alpha": -1.0}, "alpha"), ({"alpha": math.nan}, "alpha")],
)
def test_bad_parameters(how: dict[str, float], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        expand_query(QUERY, [candidate("a", vector=QUERY)], **how)  # type: ignore[arg-type]


def test_bad_vectors() -> None:
    with pytest.raises(QueryError, match="candidate a has none"):
        rerank_by_expansion(QUERY, [candidate("a")])
    with pytest.raises(QueryError, match="shape"):
        rerank_by_expansion(QUERY, [candidate("a", vector=unit(1, 0))])


@settings(deadline=None)
@given(pools(), queries(), st.integers(1, 12), st.floats(0, 10))
def test_a_permutation(pool: list[Candidate], query: np.ndarray, top: int, alpha: float) -> None:
    before = frozen(pool)
    done = rerank_by_expansion(query, pool, top=top, alpha=alpha)
    assert frozen(pool) == before
    assert sorted(frozen(done)) == sorted(before)
    assert frozen(rerank_by_expansion(query, pool, top=top, alpha=alpha)) == frozen(done)
    assert np.linalg.norm(expand_query(query, pool, top=top, alpha=alpha)) == pytest.approx(1)
