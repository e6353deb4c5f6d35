from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.group import group_by
from tests.query.stages.candidates import candidate, frozen, ids, pools

KEYS = ["folder", "meta.rating", "meta.tag", "day", "month", "year", "event", "modality", "size"]


def test_groups_stand_in_the_order_of_their_best_hits() -> None:
    folders = ["b", "a", "b", "c", "a", "b", "b"]
    pool = [candidate(str(at), folder=folder) for at, folder in enumerate(folders)]
    grouped = group_by(pool, "folder", per_group=2)
    assert [(one.id, one.group) for one in grouped] == [
        ("0", "b"),
        ("2", "b"),
        ("1", "a"),
        ("4", "a"),
        ("3", "c"),
    ]
    assert len(group_by(pool, "folder", per_group=None)) == 7
    assert len(group_by(pool, "folder")) == 6  # three of the four in b


def test_without_a_value_each_stands_alone() -> None:
    pool = [candidate("1"), candidate("2", folder="a"), candidate("3"), candidate("4", folder="a")]
    grouped = group_by(pool, "folder", per_group=1)
    assert [(one.id, one.group) for one in grouped] == [("1", None), ("2", "a"), ("3", None)]


def test_a_number_and_its_text_are_one_group() -> None:
    pool = [candidate(str(at), meta={"rating": value}) for at, value in enumerate((3, "3", 3.0, 4))]
    assert [one.group for one in group_by(pool, "meta.rating")] == ["3", "3", "3", "4"]


def test_bad_input() -> None:
    with pytest.raises(QueryError, match="at least 1"):
        group_by([], "folder", per_group=0)
    with pytest.raises(QueryError, match="no field 'colour'"):
        group_by([candidate("a")], "colour")


@settings(deadline=None)
@given(pools(), st.sampled_from(KEYS), st.sampled_from([1, 2, 3, None]))
def test_groups_are_contiguous_and_keep_their_order(
    pool: list[Candidate], key: str, per_group: int | None
) -> None:
    before = frozen(pool)
    grouped = group_by(pool, key, per_group=per_group)
    assert frozen(pool) == before
    assert frozen(group_by(pool, key, per_group=per_group)) == frozen(grouped)
    places = {one.id: place for place, one in enumerate(pool)}
    assert [replace(one, group=None) for one in grouped] == [
        pool[places[one.id]] for one in grouped
    ]
    runs: list[tuple[str | None, list[int]]] = []
    for one in grouped:
        if one.group is None or not runs or runs[-1][0] != one.group:
            runs.append((one.group, []))
        runs[-1][1].append(places[one.id])
    names = [name for name, _ in runs if name is not None]
    assert len(names) == len(set(names))
    for _, run in runs:
        assert run == sorted(run)
        assert per_group is None or len(run) <= per_group
    assert [run[0] for _, run in runs] == sorted(run[0] for _, run in runs)
    everything = group_by(pool, key, per_group=None)
    assert sorted(ids(everything)) == sorted(ids(pool))
