"""The query as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.json_form import query_from_json, query_to_json
from searchengine.query.language import parse_query
from searchengine.query.query import Page, Query, Shape
from searchengine.query.terms import Known, Picture, PictureAt, RawVector, Term, VectorAt, Words
from searchengine.store.filters import parse_filter

ID = "0123456789abcdef" * 2

whats = st.one_of(
    st.sampled_from(["a dog", "金毛", "./x.jpg + y", '"']).map(Words),
    st.binary(max_size=20).map(lambda data: Picture(data, "the picture sent")),
    st.sampled_from(["./pool.jpg", "@-", "https://a.b/c.jpg"]).map(PictureAt),
    st.just(Known(ID)),
    st.just(VectorAt("./v.npy")),
    st.builds(
        lambda values, kind: RawVector(tuple(values), kind),
        st.lists(st.floats(-1, 1), min_size=1, max_size=3).filter(any),
        st.sampled_from(["image", "text"]),
    ),
)
shapes = st.builds(
    Shape,
    relevant_only=st.booleans(),
    min_relevance=st.none() | st.floats(0, 1),
    min_score=st.none() | st.floats(-1, 1),
    sort=st.sampled_from([None, "-taken_at", "meta.rating"]),
    fold=st.booleans(),
    diversity=st.none() | st.floats(0, 1),
    group_by=st.sampled_from([None, "day", "folder"]),
    per_group=st.integers(1, 9),
    facets=st.sampled_from([(), ("camera", "meta.kind")]),
    expand=st.sampled_from([None, "alpha-qe", "diffusion"]),
    rerank=st.sampled_from([None, "best"]),
)
queries = st.builds(
    Query,
    st.lists(st.builds(Term, whats, st.floats(0.1, 9)), min_size=1, max_size=4).map(tuple),
    st.sampled_from([("image",), ("text",), ("image", "text")]),
    st.sampled_from([None, parse_filter('width > 3 and camera ~ "Canon"')]),
    st.sampled_from([frozenset(), frozenset([ID])]),
    st.just(True),
    st.sampled_from([None, 0.25]),
    st.sampled_from([Page(), Page(3, 4), Page(5, 0, "abc")]),
    shapes,
)


@given(queries)
def test_round_trip_through_text(query: Query) -> None:
    assert query_from_json(json.loads(json.dumps(query_to_json(query)))) == query


def test_a_short_query_is_short() -> None:
    assert query_to_json(Query(parse_query("a dog"))) == {"terms": [{"text": "a dog"}]}
    assert query_from_json({"query": "2:dog - cat", "limit": 3}) == Query(
        parse_query("2:dog - cat"), page=Page(3)
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "the query"),
        ({}, "query, a text, or terms"),
        ({"query": "dog", "terms": []}, "query, a text, or terms"),
        ({"terms": []}, "empty"),
        ({"terms": [{}]}, r"terms\.0: a term is one of"),
        ({"terms": [{"text": "a", "id": ID}]}, r"terms\.0: .*text and id"),
        ({"terms": [{"text": "a"}, {"text": " "}]}, r"terms\.1: the query is empty"),
        ({"terms": [{"text": "a", "weight": "heavy"}]}, r"terms\.0\.weight"),
        ({"terms": [{"text": "a", "weight": 1e999}]}, r"terms\.0\.weight"),
        ({"terms": [{"image_base64": "?"}]}, "no base64"),
        ({"terms": [{"id": "12"}]}, "no item id"),
        ({"terms": [{"vector": [1, "x"]}]}, r"terms\.0\.vector\.1"),
        ({"terms": [{"text": "a"}] * 65}, "terms"),
        ({"query": "dog", "limt": 3}, "limt"),
        ({"query": "dog", "limit": 10_000_000}, "16,384"),
        ({"query": "dog", "filter": "width >"}, "column"),
        ({"query": "dog", "filter": {"and": 3}}, "filter|and"),
        ({"query": "dog", "modalities": []}, "images, texts or both"),
        ({"query": "dog", "modalities": ["sound"]}, r"modalities\.0"),
        ({"query": "- dog"}, "takes away"),
    ],
)
def test_what_is_wrong_is_named(value: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        query_from_json(value)
