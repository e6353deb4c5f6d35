"""Filters as text and as JSON: what is written reads back as the same filter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from searchengine.errors import FilterError
from searchengine.store.filters import (
    And,
    Compare,
    Contains,
    FieldRef,
    Filter,
    Has,
    IsNull,
    Not,
    OneOf,
    Or,
    Within,
    filter_from_json,
    filter_text,
    filter_to_json,
    has_position,
    parse_filter,
)
from tests.store.filter_cases import filters

many = settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
WIDE = Compare("width", ">", 3)


@many
@given(filters)
def test_a_filters_text_is_that_filter(where: Filter) -> None:
    assert parse_filter(filter_text(where)) == where


@many
@given(filters)
def test_a_filters_json_is_that_filter(where: Filter) -> None:
    assert filter_from_json(json.loads(json.dumps(filter_to_json(where)))) == where


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (And(WIDE, Or(WIDE, IsNull("lens"))), "width > 3 and (width > 3 or lens is null)"),
        (Or(And(WIDE, WIDE), WIDE), "(width > 3 and width > 3) or width > 3"),
        (Not(Not(And(WIDE, WIDE))), "not not (width > 3 and width > 3)"),
        (And(), "true"),
        (Or(And(), Or()), "true or false"),
        (Not(Or(WIDE)), "not width > 3"),
        (And(Or(And(WIDE, WIDE)), WIDE), "(width > 3 and width > 3) and width > 3"),
        (OneOf("folder", ("a", 'b"')), 'folder in ("a", "b\\"")'),
        (OneOf("width", ()), "width in ()"),
        (Compare("taken_at", ">=", "2024-06-01"), "taken_at >= 2024-06-01"),
        (Compare("taken_at", "==", 2024), 'taken_at == "2024"'),
        (Compare("meta.a b.in", "==", True), 'meta["a b"]["in"] == true'),
        (Contains("camera", "x", any_case=True), 'camera ~* "x"'),
        (Has("meta.tags", 1.0), "meta.tags has 1"),
        (Within(48.85, 2.35, 20_000), "within(gps, 48.85, 2.35, 20km)"),
    ],
)
def test_text(where: Filter, text: str) -> None:
    assert filter_text(where) == text
    assert filter_text(parse_filter(text)) == text


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"field": "width", "op": ">=", "value": 640}, Compare("width", ">=", 640)),
        ({"field": "meta.a b", "op": "!=", "value": "x"}, Compare("meta.a b", "!=", "x")),
        (
            {"field": ["meta", "file.name"], "op": "~", "value": "x"},
            Contains(FieldRef("meta", ("file.name",)), "x"),
        ),
        ({"field": "folder", "op": "in", "value": ["a"]}, OneOf("folder", ("a",))),
        ({"field": "folder", "op": "not in", "value": []}, OneOf("folder", (), negated=True)),
        ({"field": "lens", "op": "is null"}, IsNull("lens")),
        ({"field": "gps", "op": "is not null"}, has_position(True)),
        ({"field": "camera", "op": "~*", "value": "x"}, Contains("camera", "x", any_case=True)),
        ({"field": "meta.tags", "op": "has", "value": "x"}, Has("meta.tags", "x")),
        ({"and": []}, And()),
        (
            {"or": [{"not": {"field": "width", "op": ">", "value": 3}}]},
            Or(Not(WIDE)),
        ),
        (
            {"within": {"latitude": 48.85, "longitude": 2.35, "radius_m": 20000}},
            Within(48.85, 2.35, 20_000),
        ),
    ],
)
def test_json(data: Any, where: Filter) -> None:
    assert filter_from_json(data) == where


PLACE = {"latitude": 1, "longitude": 2, "radius_m": 3}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "filter: a filter is an object, not None"),
        ("width > 3", "filter: a filter is an object"),
        ({}, "filter: there is no 'op'"),
        ({"and": {}}, "filter.and: expected a list"),
        ({"and": [], "or": []}, "filter: does not take 'or'"),
        ({"and": [{"not": 3}]}, r"filter.and\[0\].not: a filter is an object, not 3"),
        ({"field": "width", "op": ">"}, "filter: there is no 'value'"),
        ({"op": ">", "value": 1}, "filter: there is no 'field'"),
        ({"field": "width", "op": "=>", "value": 1}, "filter.op: '=>' is no comparison"),
        ({"field": "width", "op": ["<"], "value": 1}, "filter.op: "),
        ({"field": "wdth", "op": ">", "value": 1}, "filter.field: there is no field 'wdth'"),
        ({"field": [], "op": ">", "value": 1}, r"filter.field: \[\] is no field"),
        ({"field": ["meta", 3], "op": ">", "value": 1}, "filter.field: "),
        ({"field": "width", "op": ">", "value": "a"}, "filter.value: .* cannot be compared"),
        ({"field": "width", "op": ">", "value": None}, "filter.value: .* cannot be compared"),
        ({"field": "meta.a", "op": "==", "value": {}}, "filter.value: .* cannot be compared"),
        ({"field": "width", "op": "in", "value": "ab"}, "filter.value: expected a list"),
        ({"field": "width", "op": "in", "value": [1, "a"]}, r"filter.value\[1\]: .* compared"),
        ({"field": "camera", "op": "~", "value": 3}, "filter.value: .* takes a text"),
        ({"field": "lens", "op": "is null", "value": 3}, "filter: does not take 'value'"),
        ({"field": "width", "op": ">", "value": 1, "or": 2}, "filter.or: expected a list|does not"),
        ({"field": "width", "op": ">", "value": 1, "note": 2}, "filter: does not take 'note'"),
        ({"within": [1, 2, 3]}, "filter.within: expected an object"),
        ({"within": {"latitude": 1, "longitude": 2}}, "filter.within: there is no 'radius_m'"),
        ({"within": {**PLACE, "radius": 3}}, "filter.within: does not take 'radius'"),
        ({"within": {**PLACE, "latitude": 91}}, "filter.within.latitude: 91 is no latitude"),
        ({"within": {**PLACE, "longitude": "2"}}, "filter.within.longitude: "),
        ({"within": {**PLACE, "radius_m": "20km"}}, "filter.within.radius_m: "),
        ({"within": {**PLACE, "radius_m": float("nan")}}, "filter.within.radius_m: "),
    ],
)
def test_wrong_json_is_refused_by_its_place(data: Any, says: str) -> None:
    with pytest.raises(FilterError, match=says) as caught:
        filter_from_json(data)
    assert caught.value.column is None


def test_an_unknown_comparison_names_the_nearest() -> None:
    with pytest.raises(FilterError) as caught:
        filter_from_json({"field": "camera", "op": "startwith", "value": "x"})
    assert "Did you mean 'startswith'?" in caught.value.hint


def test_json_too_deep_or_too_long_is_refused() -> None:
    deep: dict[str, Any] = {"field": "lens", "op": "is null"}
    for _ in range(64):
        deep = {"not": deep}
    assert isinstance(filter_from_json(deep), Not)
    with pytest.raises(FilterError, match="deep"):
        filter_from_json({"not": deep})
    leaf = {"field": "width", "op": "in", "value": list(range(20_000))}
    assert isinstance(filter_from_json(leaf), OneOf)
    with pytest.raises(FilterError, match=r"filter.or\[1\].value: .*25,000 parts"):
        filter_from_json({"or": [leaf, leaf]})


def test_an_and_or_or_of_one_reads_as_that_one() -> None:
    """There is no other text for it; JSON keeps it."""
    assert parse_filter(filter_text(And(WIDE))) == WIDE
    assert filter_from_json(filter_to_json(And(WIDE))) == And(WIDE)
