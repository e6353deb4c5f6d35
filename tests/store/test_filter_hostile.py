"""Filters that were written to break something: each is answered, or refused in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from searchengine.errors import FilterError
from searchengine.records import Item, Side
from searchengine.store.contract import Row, Store
from searchengine.store.filters import (
    Compare,
    Contains,
    Dialect,
    FieldRef,
    Filter,
    Has,
    IsNull,
    Not,
    OneOf,
    Prefix,
    Suffix,
    filter_from_json,
    filter_text,
    filter_to_json,
    matches,
    parse_filter,
    push_down,
)
from searchengine.store.filters.pushdown import quote
from tests.store.cases import drop_quietly, make_item, rows_of, spec_of

LITE = Dialect(infix_like=True, json_null=True, json_numbers=False)
OLD_SERVER = Dialect(infix_like=False, json_null=False, json_numbers=True)
SERVER = Dialect(infix_like=True, json_null=False, json_numbers=True)
HOSTILE = (
    '"', "'", "\\", '\\"', '" or id != "', '") or (id != "', '"] or id not in ["', "'] or true",
    '\\" or 1 == 1 or "\\', "a\nb", "\r\n", "\x00", "a\x00b", "\x1f", "%", "_", "%'; drop", "💥",
    "\u2028", "\u202e", "\\u0022 or true", "/* */ -- #", "{x}", "$meta", "\ud800", "a\udfff", "",
    "\t", "0", "1", "-", "a/b", "/", "~0", "~1", "a.b", "\\u0041", "[0]", "__proto__",
)  # fmt: skip
PLACES: dict[str, Callable[[str], Filter]] = {
    "==": lambda text: Compare("camera", "==", text),
    "<": lambda text: Compare("camera", "<", text),
    "in": lambda text: OneOf("camera", ("x", text)),
    "~": lambda text: Contains("camera", text),
    "~*": lambda text: Contains("camera", text, any_case=True),
    "startswith": lambda text: Prefix("camera", text),
    "endswith": lambda text: Suffix("camera", text),
    "meta ==": lambda text: Compare("meta.k", "==", text),
    "meta in": lambda text: OneOf("meta.k", ("x", text)),
    "meta startswith": lambda text: Prefix("meta.k", text),
    "meta has": lambda text: Has("meta.l", text),
    "key": lambda text: Compare(FieldRef("meta", (text,)), "==", 3),
    "deep key": lambda text: Compare(FieldRef("meta", ("a", text)), "==", 1),
    "not key": lambda text: Not(Compare(FieldRef("meta", ("a", text)), "==", 1)),
    "key null": lambda text: IsNull(FieldRef("meta", ("a", text))),
}


def outside_quotes(expression: str) -> str:
    """Return the expression without what its quotes hold, as Milvus would read them."""
    kept, inside, skip = "", False, False
    for sign in expression:
        if skip:
            skip = False
        elif inside and sign == "\\":
            skip = True
        elif sign == '"':
            inside = not inside
        elif not inside:
            kept += sign
    assert not inside
    return kept


@pytest.mark.parametrize("dialect", [LITE, OLD_SERVER, SERVER], ids=["lite", "old", "new"])
@pytest.mark.parametrize("place", PLACES)
def test_no_literal_gets_out_of_its_quotes(place: str, dialect: Dialect) -> None:
    """What stands outside of quotes is the same as for a harmless word, or is less."""
    tame = push_down(PLACES[place]("word"), dialect).expression
    allowed = {outside_quotes(tame), outside_quotes('(camera != "")'), outside_quotes('(id != "")')}
    if place.endswith("startswith") and not tame.startswith("(id"):
        allowed.add(outside_quotes(tame).replace(" and camera < ", ""))
    # Every text has the empty one at its start and at its end.
    empty = {outside_quotes('((id != ""))'), outside_quotes('(camera != "" and camera < "")')}
    for text in HOSTILE:
        wild = push_down(PLACES[place](text), dialect).expression
        assert outside_quotes(wild) in (allowed if text else allowed | empty), ascii(text)
        assert "\n" not in wild
        assert "\r" not in wild


@pytest.fixture(scope="module")
def planted(store: Store) -> Iterator[list[Item]]:
    """Rows that hold the hostile texts themselves, as values and as keys."""
    items = []
    for number, text in enumerate(HOSTILE):
        meta = {"k": text, "l": [text], "a": {text: 1}, text: 3}
        items.append(make_item(number, camera=text or None, meta=meta))
    drop_quietly(store, "hostile")
    items.append(make_item(len(items), meta={"a": [1, None]}))  # "0" is no key of a list
    store.ensure(spec_of("hostile", dim=8))
    vectors = [row.vector for row in rows_of(len(items), dim=8)]
    rows = [Row(item, vector) for item, vector in zip(items, vectors, strict=True)]
    store.upsert(Side("hostile", "image"), rows)
    yield items
    drop_quietly(store, "hostile")


@pytest.mark.parametrize("place", PLACES)
def test_each_finds_itself_and_no_more_than_it_should(
    place: str, backend: str, store: Store, planted: list[Item]
) -> None:
    side = Side("hostile", "image")
    kept = store.fetch(side, [item.id for item in planted], ("camera", "meta"))

    def ask(text: str) -> tuple[set[str], set[str]]:
        where = PLACES[place](text)
        expected = {id_ for id_, fields in kept.items() if matches(where, fields)}
        return {row["id"] for row in store.scan(side, where=where)}, expected

    with ThreadPoolExecutor(8 if backend == "server" else 1) as readers:
        for text, (found, expected) in zip(HOSTILE, readers.map(ask, HOSTILE), strict=True):
            assert found == expected, ascii(text)
            if place in ("meta ==", "meta has", "key"):
                assert found, ascii(text)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_they_survive_being_typed_and_sent(text: str) -> None:
    for make in PLACES.values():
        where = make(text)
        assert parse_filter(filter_text(where)) == where
        assert filter_from_json(filter_to_json(where)) == where


@pytest.mark.parametrize(
    "text",
    [
        "width > 3 or " * 7_000 + "width > 3",
        "size in (" + "1," * 45_000 + "1)",
        'camera == "' + "x" * 99_000 + '"',
        "meta." + ".".join("k" * 40_000) + " == 1",
        "width > " + "9" * 99_000,
        "x" * 99_000,
        '"' + "\\" * 99_000,
        "(" * 99_999,
        "not " * 24_000 + "true",
        "1" + " " * 99_000 + "k",
        "1 " * 49_000,
        "width" + "-a" * 49_000,
        "within(gps, " + "1" * 90_000 + ", 2, 3km)",
        "width == 1" + "." * 99_000,
        "ⅷ" * 50_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_hundred_thousand_characters_are_read_or_refused_at_once(text: str) -> None:
    start = time.perf_counter()
    complaint = None
    try:
        push_down(parse_filter(text), LITE)
    except FilterError as error:
        complaint = error
    assert time.perf_counter() - start < 5
    if complaint is not None:
        assert len(str(complaint)) < 250
        assert len(complaint.hint) < 500
        assert complaint.column is not None
        assert 0 <= complaint.column <= len(text)


def test_the_limit_is_named() -> None:
    with pytest.raises(FilterError, match="100,000 is the limit"):
        parse_filter("x" * 100_001)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("\x00", 0),
        ("width\x00 > 3", 5),
        ("width > 3\ud800", 9),
        ("wid\u200bth > 3", 3),
        ("width > 3 /* x */", 10),
        ("width > 3 -- x", 10),
        ("width > 3; delete", 9),
        ("camera == 'a' 'b'", 14),
        ("camera == “Canon”", 10),
        ("width >> 3", 7),
        ("1 == 1", 0),
        ("camera == camera", 10),
        ("width + 1 > 3", 6),
        ("json_contains(meta, 1)", 0),
        ("camera == `x`", 10),
        ("meta..a == 1", 5),
        ("meta[a] == 1", 5),
        ("meta[0] == 1", 5),
        ("width in (1,,2)", 12),
        ("and width > 3", 0),
        ("width > 3 and", 13),
        ("width > 3)", 9),
        ("taken_at > 2024-02-30", 11),
        ("width > " + "9" * 400, 8),
        ("width > " + "9" * 5000, 8),
        ("meta.a > " + "9" * 30, 9),
        ("width > 1e999", 8),
        ("width > nan", 8),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_the_column_is_where_it_goes_wrong(text: str, column: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert caught.value.column == column
    assert f"(column {column})" in str(caught.value)
    str(caught.value).encode()  # a message can be printed
    caught.value.hint.encode()


def test_what_is_no_plain_number_becomes_one() -> None:
    """Numbers of numpy print as calls, members of enumerations as their names."""
    import enum

    import numpy as np

    class Word(str, enum.Enum):
        CANON = "Canon"

    expression = push_down(Compare("meta.a", "<", np.float64(1.5)), SERVER).expression
    assert expression == '(meta["a"] < 1.5)'
    assert push_down(Compare("camera", "==", Word.CANON), SERVER).expression == (
        '(camera != "" and camera == "Canon")'
    )
    assert quote("Canon") in push_down(OneOf("meta.a", (Word.CANON,)), SERVER).expression


def test_a_filter_deep_inside_not_is_no_reason_to_lose_hits() -> None:
    where: Filter = Compare("width", ">", 0)
    for _ in range(60):
        where = Not(where)
    pushed = push_down(where, LITE)
    assert not pushed.exact
    assert pushed.expression == '(id != "")'
