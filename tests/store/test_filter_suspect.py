"""What a filter that matched nothing may have asked amiss of the corpus."""

from __future__ import annotations

import pytest

from searchengine.store.filters import check_against, parse_filter

SAMPLE = [
    {"rating": 4, "price": "12.50", "tags": ["a"], "camera": {"body": "X"}, "shared": 1},
    {"rating": 3.5, "brand": "A", "ok": True, "shared": "1", "empty": None},
    {},
]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("meta.rating > 3", []),
        ("meta.rating > 3 and width > 1000000", []),
        ("meta.shared == 1 or meta.shared == '1'", []),
        ("meta.price != 3", []),
        ("meta.gone is null", []),
        ("meta.tags has 'b'", []),
        ("within(gps, 1, 2, 3km)", []),
        ("meta.ratin > 3",
         ["no item has meta.ratin (known: brand, camera, ok, price, rating, shared, tags); "
          "did you mean rating?"]),
        ("meta.zzz != 3",
         ["no item has meta.zzz (known: brand, camera, ok, price, rating, shared, tags)"]),
        ("meta.camera.bod ~ 'X'",
         ["no item has meta.camera.bod (known: body); did you mean body?"]),
        ("meta.brand.deeper == 1", ["no item has meta.brand.deeper"]),
        ("meta.empty is not null",
         ["no item has meta.empty (known: brand, camera, ok, price, rating, shared, tags)"]),
        ("meta.price < 50",
         ["meta.price is text in this corpus, compared with a number: nothing can match"]),
        ("not (meta.rating in ('4', '5') or meta.rating ~ '4')",
         ["meta.rating is a number in this corpus, compared with text: nothing can match"]),
        ("meta.ok == 'true'",
         ["meta.ok is true or false in this corpus, compared with text: nothing can match"]),
        ("meta.camera == 'X'",
         ["meta.camera is an object in this corpus, compared with text: nothing can match"]),
        ("meta.tags == 'a'",
         ["meta.tags is a list in this corpus, compared with text: nothing can match; "
          "'has' looks into lists"]),
        ("meta.brand has 'A'",
         ["meta.brand is text in this corpus, and 'has' looks into lists: nothing can match"]),
        ("meta.price < 50 and meta.price > 3 and meta.brnd == 'A'",
         ["meta.price is text in this corpus, compared with a number: nothing can match",
          "no item has meta.brnd (known: brand, camera, ok, price, rating, shared, tags); "
          "did you mean brand?"]),
    ],
)  # fmt: skip
def test_check_against(text: str, lines: list[str]) -> None:
    assert check_against(parse_filter(text), iter(SAMPLE)) == lines


def test_nothing_is_said_without_a_sample() -> None:
    assert check_against(parse_filter("meta.ratin > 3"), []) == []


def test_the_sample_is_not_read_for_columns_alone() -> None:
    def unread() -> object:
        raise AssertionError
        yield

    assert check_against(parse_filter("width > 3"), unread()) == []  # type: ignore[arg-type]


def test_many_keys_are_cut_short() -> None:
    [line] = check_against(parse_filter("meta.zzz == 1"), [{f"k{n:02}": n for n in range(40)}])
    assert line.endswith("k10, k11, ...)")
