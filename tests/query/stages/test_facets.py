from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.facets import Facet, count_values
from searchengine.query.stages.group import group_by
from tests.query.stages.candidates import candidate, frozen, pools


def test_most_first_then_by_value() -> None:
    pool = [candidate(str(at), camera=name) for at, name in enumerate(["b", "c", "a", "c", None])]
    assert count_values(pool, "camera") == Facet(
        "camera", (("c", 2), ("a", 1), ("b", 1)), others=0, unknown=1
    )
    assert count_values(pool, "camera", top=2) == Facet(
        "camera", (("c", 2), ("a", 1)), others=1, unknown=1
    )


def test_each_different_element_of_a_list_counts() -> None:
    tags = [["a", "b", "a"], ["b", ""], [], "b", None]
    pool = [candidate(str(at), meta={"tags": some}) for at, some in enumerate(tags)]
    assert count_values(pool, "meta.tags") == Facet("meta.tags", (("b", 3), ("a", 1)), 0, 2)


def test_times_by_month() -> None:
    times = ["2024-06-01", "2024-06-30T23:59:00-05:00", "2023-01-01"]
    pool = [candidate(str(at), taken_at=time) for at, time in enumerate(times)]
    assert count_values(pool, "month").counts == (("2024-06", 2), ("2023-01", 1))


def test_bad_input() -> None:
    with pytest.raises(QueryError, match="at least 1"):
        count_values([], "folder", top=0)
    with pytest.raises(QueryError, match="no field"):
        count_values([], "colour")
    assert count_values([], "folder") == Facet("folder", (), 0, 0)


@settings(deadline=None)
@given(pools(), st.sampled_from(["folder", "size", "day", "event", "meta.rating"]))
def test_counts_agree_with_the_groups(pool: list[Candidate], key: str) -> None:
    before = frozen(pool)
    facet = count_values(pool, key, top=100)
    assert frozen(pool) == before
    if any(isinstance(one.fields["meta"].get("rating"), list) for one in pool):
        return
    groups: dict[str | None, int] = {}
    for one in group_by(pool, key, per_group=None):
        groups[one.group] = groups.get(one.group, 0) + 1
    assert facet.unknown == groups.pop(None, 0)
    assert dict(facet.counts) == groups
    short = count_values(pool, key, top=1)
    assert short.counts == facet.counts[:1]
    assert short.others == max(0, len(facet.counts) - 1)
