from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.fuse import Ranking, fuse_by_rank, fuse_by_score
from tests.query.stages.candidates import candidate, frozen, ids, pools, unit


def test_reciprocal_rank_by_hand() -> None:
    a, b, c = (candidate(name) for name in "abc")
    # a: 1/61 + 1/63, b: 1/62 + 1/61, c: 1/62
    fused = fuse_by_rank([Ranking([a, b]), Ranking([b, c, a])])
    assert ids(fused) == ["b", "a", "c"]


def test_a_small_k_trusts_first_places_more() -> None:
    a, b, c, d = (candidate(name) for name in "abcd")
    lists = [Ranking([a, c, b]), Ranking([d, c, b])]
    assert ids(fuse_by_rank(lists, k=0))[0] == "a"  # 1 against 1/2 + 1/2: the better rank wins
    assert ids(fuse_by_rank(lists, k=60))[0] == "c"


def test_weights_decide() -> None:
    a, b = candidate("a"), candidate("b")
    assert ids(fuse_by_rank([Ranking([a, b]), Ranking([b, a], weight=1.1)])) == ["b", "a"]
    assert ids(fuse_by_rank([Ranking([a, b], weight=1.1), Ranking([b, a])])) == ["a", "b"]


def test_ties_by_best_rank_then_id() -> None:
    one, two = [candidate(x) for x in "ba"], [candidate(x) for x in "ab"]
    assert ids(fuse_by_rank([Ranking(one), Ranking(two)])) == ["a", "b"]
    assert ids(fuse_by_rank([Ranking([candidate("z")]), Ranking([candidate("y")])])) == ["y", "z"]


def test_equal_ranks_tie_whatever_the_order_of_the_sum() -> None:
    # Added one after the other, 1/61 + 1/67 + 1/62 is less than 1/62 + 1/61 + 1/67.
    lists = []
    for turn, (of_a, of_b) in enumerate(((1, 2), (7, 1), (2, 7))):
        names = [f"filler {turn} {place}" for place in range(7)]
        names[of_a - 1], names[of_b - 1] = "a", "b"
        lists.append(Ranking([candidate(name) for name in names]))
    assert ids(fuse_by_rank(lists))[:2] == ["a", "b"]


def test_scores_are_scaled_list_by_list() -> None:
    # x: 1 of the cosines; y: 0 of the cosines and 1 of BM25; z: 0.5 and 0.9.
    x, y, z = candidate("x", 0.3), candidate("y", 0.1), candidate("z", 0.2)
    words = Ranking([y, z, x], scores=[20.0, 18.0, 0.0])
    assert ids(fuse_by_score([Ranking([x, z, y]), words])) == ["z", "x", "y"]
    light = Ranking([y, z, x], weight=0.01, scores=[20.0, 18.0, 0.0])
    assert ids(fuse_by_score([Ranking([x, z, y]), light])) == ["x", "z", "y"]


def test_extreme_scores_do_not_overflow() -> None:
    a, b, c = candidate("a"), candidate("b"), candidate("c")
    huge = Ranking([a, b, c], weight=1e308, scores=[1.7e308, 0.0, -1.7e308])
    assert ids(fuse_by_score([huge, huge])) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="not finite"):
        fuse_by_score([Ranking([a], scores=[math.nan])])


def test_one_id_on_both_sides_is_two_items() -> None:
    image, text = candidate("a"), candidate("a", modality="text")
    assert len(fuse_by_rank([Ranking([image]), Ranking([text])])) == 2


def test_what_only_the_later_list_knows_is_kept() -> None:
    bare, rich = candidate("a", 0.4), candidate("a", 9.0, vector=unit(1, 0), relevance=0.7)
    (fused,) = fuse_by_rank([Ranking([bare]), Ranking([rich])])
    assert fused.score == 0.4
    assert fused.relevance == 0.7
    assert fused.vector is rich.vector


@pytest.mark.parametrize("weight", [0, -1, math.nan, math.inf])
def test_bad_weights(weight: float) -> None:
    with pytest.raises(QueryError, match="weight"):
        Ranking([], weight=weight)


def test_bad_shapes() -> None:
    with pytest.raises(ValueError, match="2 scores"):
        Ranking([candidate("a")], scores=[1, 2])
    with pytest.raises(QueryError, match="k of"):
        fuse_by_rank([], k=-1)


@settings(deadline=None)
@given(st.lists(pools(), max_size=4), st.randoms())
def test_a_union_whatever_the_order_of_the_lists(lists: list[list[Candidate]], rng: object) -> None:
    before = [frozen(some) for some in lists]
    shuffled = list(lists)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    for fuse in (fuse_by_rank, fuse_by_score):
        fused = fuse([Ranking(some) for some in lists])
        keys = [(one.id, one.modality) for one in fused]
        assert len(keys) == len(set(keys))
        assert set(keys) == {(one.id, one.modality) for some in lists for one in some}
        again = fuse([Ranking(some) for some in shuffled])
        assert [(one.id, one.modality) for one in again] == keys
    assert [frozen(some) for some in lists] == before


@settings(deadline=None)
@given(pools())
def test_one_list_stays_as_it_is(pool: list[Candidate]) -> None:
    assert fuse_by_rank([Ranking(pool)]) == pool
    assert fuse_by_rank([Ranking(pool), Ranking(pool)]) == pool
