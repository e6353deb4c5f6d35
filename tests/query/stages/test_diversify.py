from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.diversify import diversify
from tests.query.stages.candidates import candidate, frozen, ids, pools, unit

PAIRS = [
    candidate("a", 0.9, vector=unit(1, 0, 0)),
    candidate("a again", 0.89, vector=unit(1, 0.01, 0)),
    candidate("b", 0.7, vector=unit(0, 1, 0)),
    candidate("c", 0.1, vector=unit(0, 0, 1)),
]


def test_a_repetition_steps_back() -> None:
    assert ids(diversify(PAIRS, balance=1)) == ["a", "a again", "b", "c"]
    assert ids(diversify(PAIRS, balance=0.6)) == ["a", "b", "a again", "c"]
    assert ids(diversify(PAIRS, balance=0)) == ["a", "b", "c", "a again"]


def test_the_scale_of_the_scores_does_not_matter() -> None:
    # As a text's cosines to pictures: all within a tenth.
    low = [candidate(one.id, 0.2 + one.score / 10, vector=one.vector) for one in PAIRS]
    for balance in (0.2, 0.5, 0.6, 0.9):
        assert ids(diversify(low, balance=balance)) == ids(diversify(PAIRS, balance=balance))


def test_an_earlier_stage_s_order_is_respected() -> None:
    turned = [PAIRS[2], PAIRS[0], PAIRS[1], PAIRS[3]]
    assert ids(diversify(turned, balance=1)) == ids(turned)
    assert ids(diversify(turned, balance=0.6))[0] == "b"


def test_a_pool_of_one_picture_keeps_its_order() -> None:
    same = [candidate(name, 0.5, vector=unit(1, 1)) for name in "abc"]
    assert ids(diversify(same, balance=0.3)) == ["a", "b", "c"]


@pytest.mark.parametrize("balance", [-0.1, 1.1, math.nan])
def test_bad_balance(balance: float) -> None:
    with pytest.raises(QueryError, match="0 to 1"):
        diversify(PAIRS, balance=balance)


def test_bad_input() -> None:
    with pytest.raises(QueryError, match="cannot return -1"):
        diversify(PAIRS, wanted=-1)
    with pytest.raises(QueryError, match="candidate x has none"):
        diversify([*PAIRS, candidate("x")])
    with pytest.raises(QueryError, match="differ in length"):
        diversify([*PAIRS, candidate("x", vector=unit(1, 0))])


@settings(deadline=None)
@given(pools(), st.floats(0, 1), st.integers(0, 12))
def test_a_permutation_whose_beginning_does_not_depend_on_its_length(
    pool: list[Candidate], balance: float, wanted: int
) -> None:
    before = frozen(pool)
    whole = diversify(pool, balance=balance)
    assert frozen(pool) == before
    assert sorted(frozen(whole)) == sorted(before)
    assert frozen(diversify(pool, balance=balance, wanted=wanted)) == frozen(whole[:wanted])
    assert ids(diversify(pool, balance=1)) == ids(pool)
    assert ids(whole[:1]) == ids(pool[:1])
