"""The query as people type it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query.language import join_arguments, parse_query, query_text
from searchengine.query.terms import Known, Picture, PictureAt, RawVector, Term, VectorAt, Words

ID = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("a dog", [(1, Words("a dog"))]),
        ("  a   dog ", [(1, Words("a dog"))]),
        (
            "2:golden retriever + ./pool.jpg - fruit",
            [(2, Words("golden retriever")), (1, PictureAt("./pool.jpg")), (-1, Words("fruit"))],
        ),
        ("- fruit + 0.5:dog", [(-1, Words("fruit")), (0.5, Words("dog"))]),
        ("金毛 + 泳池 - 水果", [(1, Words("金毛")), (1, Words("泳池")), (-1, Words("水果"))]),
        ("2：金毛 － 水果", [(2, Words("金毛")), (-1, Words("水果"))]),
        (f"id:{ID} + in the snow", [(1, Known(ID)), (1, Words("in the snow"))]),
        ("@- + red", [(1, PictureAt("@-")), (1, Words("red"))]),
        ("https://a.b/c.jpg - sky", [(1, PictureAt("https://a.b/c.jpg")), (-1, Words("sky"))]),
        ('"a - b" + c', [(1, Words("a - b")), (1, Words("c"))]),
        ('"./a - b.jpg"', [(1, PictureAt("./a - b.jpg"))]),
        ("./my holiday photo.jpg", [(1, PictureAt("./my holiday photo.jpg"))]),
        ("image:pool.jpg", [(1, PictureAt("pool.jpg"))]),
        ("text:./no/path", [(1, Words("./no/path"))]),
        ("3:text:id:x", [(3, Words("id:x"))]),
        ("vector:[1,-0.5]", [(1, RawVector((1.0, -0.5)))]),
        ("vector:./v.npy", [(1, VectorAt("./v.npy"))]),
        ("a 16:9 screen", [(1, Words("a 16:9 screen"))]),
        ("16:9 screen", [(1, Words("16:9 screen"))]),
        ("t-shirt rock-n-roll -5 degrees C++", [(1, Words("t-shirt rock-n-roll -5 degrees C++"))]),
        (r'"say \"hi\" \\"', [(1, Words('say "hi" \\'))]),
        ('5" nails', [(1, Words('5" nails'))]),
        ("1e3:dog + 1e-3:cat", [(1000, Words("dog")), (0.001, Words("cat"))]),
        ("0:dog + cat", [(0, Words("dog")), (1, Words("cat"))]),
    ],
)
def test_what_people_type(typed: str, terms: list[tuple[float, object]]) -> None:
    assert parse_query(typed) == tuple(Term(what, weight) for weight, what in terms)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "column", "says"),
    [
        ("dog + + cat", 6, "missing before"),
        ("dog -", 4, "missing after"),
        ("+", 0, "missing after"),
        ('dog + "cat', 6, "never closed"),
        ('dog + ""', 6, "empty"),
        ("dog + id:xyz", 6, "no item id"),
        ("dog + vector:[1,x]", 13, "no list of numbers"),
        ("dog + vector:[]", 13, "finite"),
        ("dog + vector:[0,0]", 13, "no direction"),
        ("dog + vector:[1e999]", 13, "finite"),
        ("dog + 1e999:cat", 6, "too large"),
        (" + ".join("abcdefgh" * 9), 4 * 64, "more than 64"),
    ],
)
def test_errors_point_at_the_column(typed: str, column: int, says: str) -> None:
    with pytest.raises(QueryError, match=says) as caught:
        parse_query(typed)
    assert caught.value.column == column
    shown, caret = caught.value.hint.splitlines()[:2]
    assert shown[caret.index("^")] == typed[column]


def test_the_caret_stands_behind_wide_characters() -> None:
    with pytest.raises(QueryError) as caught:
        parse_query("金毛 + + 水果")
    assert caught.value.column == 5
    assert caught.value.hint.splitlines()[1] == "  \u3000\u3000   ^"


@pytest.mark.parametrize("typed", ["", "   ", "- people", "0:dog", "0:a - b"])
def test_what_asks_for_nothing(typed: str) -> None:
    with pytest.raises(QueryError, match=r"empty|takes away|weights are 0"):
        parse_query(typed)


def test_a_text_of_two_megabytes_is_refused_in_one_line() -> None:
    with pytest.raises(QueryError, match="2,000,000 bytes") as caught:
        parse_query("a" * 2_000_000)
    assert len(str(caught.value)) < 200
    assert len(caught.value.hint) < 300


def test_the_shell_takes_quotes_away() -> None:
    assert join_arguments(["2:golden retriever", "+", "./a - b.jpg", "-", "fruit"]) == (
        '2:golden retriever + "./a - b.jpg" - fruit'
    )


def test_a_file_that_is_there_is_a_picture(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a - b.jpg").write_bytes(b"")
    (tmp_path / "dog").write_bytes(b"")
    for typed, terms in (
        (["2:photos/a - b.jpg", "+", "snow"], [Term(PictureAt("photos/a - b.jpg"), 2), "snow"]),
        (["dog"], [Term(PictureAt("dog"))]),
        (["a", "dog"], ["a dog"]),
        (["photos/gone.jpg"], ["photos/gone.jpg"]),
        (["a" * 5000], ["a" * 5000]),
    ):
        wanted = tuple(Term(Words(one)) if isinstance(one, str) else one for one in terms)
        assert parse_query(join_arguments(typed)) == wanted


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12) | st.sampled_from(
    [
        "2:x",
        "a + b",
        "-",
        "+",
        '"',
        "\\",
        "./x",
        "id:1",
        "text:",
        "image:x",
        "12",
        ".5:a",
        "＋",
        "a",
    ]
)
words = texts.filter(lambda text: bool(text.strip())).map(Words)
finite = st.floats(allow_nan=False, allow_infinity=False)
places = texts.filter(lambda text: text == text.strip() and not text.startswith("id:"))
whats = (
    words
    | st.binary(min_size=16, max_size=16).map(lambda b: Known(b.hex()))
    | places.map(PictureAt)
    | places.filter(lambda text: not text.startswith("[")).map(VectorAt)
    | st.lists(finite, min_size=1, max_size=4).filter(any).map(lambda v: RawVector(tuple(v)))
)
terms = st.lists(st.builds(Term, whats, finite | st.integers(1, 9).map(float)), min_size=1).filter(
    lambda terms: any(term.weight > 0 for term in terms)
)


@given(terms)
def test_round_trip(terms: list[Term]) -> None:
    assert parse_query(query_text(terms)) == tuple(terms)


def test_what_has_no_text() -> None:
    with pytest.raises(QueryError, match="no text form"):
        query_text([Term(Picture(b"x", "the picture given"))])
    with pytest.raises(QueryError, match="no text form"):
        query_text([Term(RawVector((1.0,), "text"))])
