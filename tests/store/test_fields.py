"""Columns, moments, names and ranking: the small parts that everything rests on."""

from __future__ import annotations

import string
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.errors import EncoderError, LimitError
from searchengine.records import Side
from searchengine.store.contract import Found, Row
from searchengine.store.fields import ALL_FIELDS, TAKEN_AT_MS, UNKNOWN_INT, decode_row, encode_item
from searchengine.store.moments import moment_ms, stretch_ms
from searchengine.store.naming import Label, alias_of, collection_of, read_label, write_label
from searchengine.store.ranking import TopK, ranked, rounded, tie_reaches_end
from searchengine.store.vectors import checked_rows
from tests.store.cases import make_item, unit

LEGAL = set(string.ascii_letters + string.digits + "_")


@given(st.text(max_size=60), st.none() | st.integers(0, 2**40), st.none() | st.floats(-180, 180))
def test_an_item_survives_the_round_trip(
    caption: str, width: int | None, latitude: float | None
) -> None:
    item = make_item(1, caption=caption or None, width=width, latitude=latitude)
    row = encode_item(item)
    assert None not in row.values()
    assert decode_row(row, ALL_FIELDS, "image") == {
        name: value for name, value in asdict(item).items() if name in ALL_FIELDS
    }


def test_unknown_is_never_mistaken() -> None:
    row = encode_item(make_item(1, width=UNKNOWN_INT + 1))
    assert decode_row(row, ("width",), "image")["width"] == UNKNOWN_INT + 1
    with pytest.raises(LimitError, match="64 bits"):
        encode_item(make_item(1, width=UNKNOWN_INT))
    assert encode_item(make_item(1))[TAKEN_AT_MS] == UNKNOWN_INT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01Z", 1_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00.25+0100", 250),
        ("1969-12-31T23:59:59", -1_000),
        ("2016-12-31T23:59:60Z", 1_483_228_799_000),
        ("2024-02-30", None),
        ("1970-01-01T25:00:00", None),
        ("soon", None),
        ("2024", None),
    ],
)
def test_moments(text: str, expected: int | None) -> None:
    assert moment_ms(text) == expected


def test_stretches() -> None:
    day = 86_400_000
    assert stretch_ms("1970") == (0, 365 * day)
    assert stretch_ms("1970-02") == (31 * day, 59 * day)
    assert stretch_ms("1970-12") == (334 * day, 365 * day)
    assert stretch_ms("1970-01-02") == (day, 2 * day)
    assert stretch_ms("1970-01-02T00:00") == (day, day + 1)
    assert stretch_ms("9999") is not None
    assert stretch_ms("1970-13") is None


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_names_are_legal_and_come_back(corpus: str) -> None:
    if not corpus.strip():
        return
    side = Side(corpus, "text")
    for name in (alias_of(side), collection_of(side)):
        assert set(name) <= LEGAL
        assert len(name) < 128
    label = Label(corpus, "text", "a/model", "f" * 32, 512, "auto", 17)
    assert read_label({"properties": write_label(label)}) == label
    assert alias_of(side) != alias_of(Side(corpus, "image"))


def test_names_that_look_alike_are_kept_apart() -> None:
    names = ["a b", "a_b", "A b", "a-b", "ä", "ö", "a" * 100, "a" * 101]
    assert len({alias_of(Side(name, "image")) for name in names}) == len(names)


@pytest.mark.parametrize("properties", [None, {}, {"searchengine.side": "{"}, {"other": "1"}])
def test_collections_of_others_are_left_alone(properties: dict[str, str] | None) -> None:
    assert read_label({"properties": properties}) is None


def test_ranking_breaks_ties_by_id() -> None:
    hits = [Found("b", 0.5, {}), Found("a", 0.5 + 1e-9, {}), Found("c", 0.7, {})]
    assert [hit.id for hit in ranked(hits)] == ["c", "a", "b"]
    assert tie_reaches_end(ranked(hits), 2)
    assert not tie_reaches_end(ranked(hits), 1)
    assert rounded(1.0000001) == 1.0


@given(st.integers(1, 12), st.integers(1, 40), st.integers(1, 9))
def test_top_k_is_what_sorting_gives(top: int, count: int, chunk: int) -> None:
    rng = np.random.default_rng(count)
    vectors = unit(rng.integers(-1, 2, size=(count, 3)) + 0.01)  # many ties
    ids = [f"{n:03}" for n in rng.permutation(count)]
    queries = unit(rng.normal(size=(2, 3)))
    best = TopK(queries, top)
    for at in range(0, count, chunk):
        best.add(ids[at : at + chunk], vectors[at : at + chunk])
    for query, found in zip(queries, best.found(), strict=True):
        scores = (vectors @ query).tolist()
        whole = ranked(Found(i, s, {}) for i, s in zip(ids, scores, strict=True))
        assert [hit.id for hit in found] == [hit.id for hit in whole[:top]]


def test_a_vector_in_half_precision_is_a_vector() -> None:
    vector = unit(np.random.default_rng(0).normal(size=64)).astype(np.float16)
    assert checked_rows([Row(make_item(1), vector)], 64).dtype == np.float32
    with pytest.raises(EncoderError, match=r"length 1\.0100"):
        checked_rows([Row(make_item(1), unit(np.ones(64)) * 1.01)], 64)
