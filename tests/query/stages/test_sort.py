from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.sort import sort_by
from searchengine.query.stages.values import moment_of, value_of
from tests.query.stages.candidates import candidate, frozen, ids, pools

KEYS = ["taken_at", "size", "folder", "score", "relevance", "meta.rating", "id", "day", "event"]


def with_meta(*values: Any) -> list[Candidate]:
    return [candidate(str(at), meta={"x": value}) for at, value in enumerate(values)]


def test_times_compare_as_moments_and_unknown_comes_last() -> None:
    pool = [
        candidate("unknown"),
        candidate("second", taken_at="2024-06-01T23:30:00+02:00"),
        candidate("third", taken_at="2024-06-01T22:00:00Z"),
        candidate("first", taken_at="2024-06-02T01:00:00+05:00"),
    ]
    assert ids(sort_by(pool, "taken_at")) == ["first", "second", "third", "unknown"]
    assert ids(sort_by(pool, "-taken_at")) == ["third", "second", "first", "unknown"]


def test_mixed_types_have_an_order() -> None:
    pool = with_meta(["b"], "b", 2, True, None, "A", 1.5, False, "a", {"k": 1})
    order = ["7", "3", "6", "2", "5", "8", "1", "0", "9"]
    assert ids(sort_by(pool, "meta.x")) == [*order, "4"]
    assert ids(sort_by(pool, "-meta.x")) == [*order[::-1], "4"]


def test_ties_keep_their_rank_in_both_directions() -> None:
    pool = [candidate(name, size=size) for name, size in (("c", 1), ("a", 2), ("b", 1), ("d", 2))]
    assert ids(sort_by(pool, "size")) == ["c", "b", "a", "d"]
    assert ids(sort_by(pool, "-size")) == ["a", "d", "c", "b"]


def test_whole_numbers_beyond_floats_are_told_apart() -> None:
    assert ids(sort_by(with_meta(2**53 + 1, 2**53, float(2**53)), "meta.x")) == ["1", "2", "0"]


def test_back_to_the_order_of_relevance() -> None:
    pool = [candidate("a", 0.2, relevance=0.9), candidate("b", 0.8), candidate("c", 0.5)]
    assert ids(sort_by(pool, "-score")) == ["b", "c", "a"]
    assert ids(sort_by(pool, "-relevance")) == ["a", "b", "c"]


@pytest.mark.parametrize("order", ["", "-", "--size", "colour", "meta", "taken_at desc"])
def test_bad_order(order: str) -> None:
    with pytest.raises(QueryError, match=r"no field|many values") as caught:
        sort_by([candidate("a")], order)
    assert caught.value.hint


@settings(deadline=None)
@given(pools(), st.sampled_from(KEYS), st.booleans())
def test_a_permutation_in_order(pool: list[Candidate], key: str, down: bool) -> None:
    before = frozen(pool)
    done = sort_by(pool, "-" + key if down else key)
    assert frozen(pool) == before
    assert sorted(frozen(done)) == sorted(before)
    assert sort_by(done, "-" + key if down else key) == done
    if key == "event":
        return
    values = [moment_of(c) if key == "taken_at" else value_of(c, key) for c in done]
    known = [value for value in values if value is not None]
    assert values == known + [None] * (len(values) - len(known))
    if key != "meta.rating":
        assert known == sorted(known, reverse=down)


@settings(deadline=None)
@given(pools(), st.sampled_from(KEYS))
def test_down_is_up_reversed_where_nothing_ties(pool: list[Candidate], key: str) -> None:
    apart = [replace(one, fields={**one.fields, "size": at}) for at, one in enumerate(pool)]
    assert ids(sort_by(apart, "-size")) == ids(sort_by(apart, "size"))[::-1]
    up, down = sort_by(apart, key), sort_by(apart, "-" + key)
    assert sorted(ids(up)) == sorted(ids(down))
