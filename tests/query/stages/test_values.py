from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings

from searchengine.errors import QueryError
from searchengine.query.pool import Candidate
from searchengine.query.stages.values import (
    EVENT_GAP_MS,
    check_key,
    events,
    fields_for,
    moment_of,
    shown,
    value_of,
    values_of,
)
from searchengine.records import ITEM_FIELDS
from tests.query.stages.candidates import candidate, pools


def test_calendar_keys_are_of_the_place_where_it_was_taken() -> None:
    late = candidate("a", taken_at="2024-12-31T23:30:00-08:00")  # already 2025 in UTC
    assert [value_of(late, key) for key in ("day", "month", "year")] == [
        "2024-12-31",
        "2024-12",
        "2024",
    ]
    assert value_of(candidate("a", taken_at="sometime"), "day") is None
    assert value_of(candidate("a"), "year") is None


def test_fields_and_meta() -> None:
    one = candidate("a", folder="f", camera="", meta={"rating": 3, "body": {"name": "x"}})
    assert value_of(one, "folder") == "f"
    assert value_of(one, "camera") is None
    assert value_of(one, "id") == "a"
    assert value_of(one, "modality") == "image"
    assert value_of(one, "meta.rating") == 3
    assert value_of(one, "meta.body.name") == "x"
    assert value_of(one, "meta.rating.name") is None
    assert value_of(candidate("a"), "meta.rating") is None
    assert value_of(candidate("a", meta={"x": float("nan")}), "meta.x") is None


def test_an_event_ends_where_six_hours_pass_without_a_photo() -> None:
    pool = [
        candidate("late", taken_at="2024-06-01T23:00:00Z"),
        candidate("noon", taken_at="2024-06-01T12:00:00Z"),
        candidate("none"),
        # 18:00 UTC, exactly six hours after noon: the same event, and so is 23:00
        candidate("zoned", taken_at="2024-06-01T20:00:00+02:00"),
        candidate("next", taken_at="2024-06-02T05:00:01Z"),
    ]
    first = "2024-06-01T12:00:00Z"
    assert events(pool) == [first, first, None, first, "2024-06-02T05:00:01Z"]
    # Without the photo that bridges the gap they are two.
    assert events([pool[0], pool[1]]) == ["2024-06-01T23:00:00Z", first]
    assert values_of(pool, "event") == events(pool)


def test_values_as_text() -> None:
    assert [shown(value) for value in (3, 3.0, "3", 3.5, True, ["b", "ä"], {"b": 1, "a": 2})] == [
        "3",
        "3",
        "3",
        "3.5",
        "true",
        '["b", "ä"]',
        '{"a": 2, "b": 1}',
    ]


@pytest.mark.parametrize("key", ["", "nonsense", "meta", "meta.", "meta..x", "vector", "score"])
def test_unknown_keys(key: str) -> None:
    with pytest.raises(QueryError) as caught:
        check_key(key)
    assert caught.value.hint


def test_every_field_is_a_key_and_names_its_column() -> None:
    for name in ITEM_FIELDS:
        if name not in ("meta", "id"):
            assert fields_for(check_key(name)) == (name,)
    assert fields_for("meta.rating") == ("meta",)
    assert {fields_for(key) for key in ("day", "month", "year", "event")} == {("taken_at",)}
    assert fields_for(check_key("relevance", ordered=True)) == ()


@settings(deadline=None)
@given(pools())
def test_events_are_runs_in_time(pool: list[Candidate]) -> None:
    found = events(pool)
    timed = sorted((moment_of(c), name) for c, name in zip(pool, found, strict=True) if name)
    for (before, one), (after, other) in itertools.pairwise(timed):
        assert before is not None
        assert after is not None
        assert (one == other) == (after - before <= EVENT_GAP_MS)
    assert all(
        (moment_of(c) is None) == (name is None) for c, name in zip(pool, found, strict=True)
    )
