"""The table for people: golden text, no overflow, nothing a terminal would obey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.present.table import item_text, table
from searchengine.present.text_width import cut_end, cut_middle, display_width, one_line
from searchengine.records import Hit, Item, Results

MakeResults = Callable[..., Results]


@pytest.fixture
def photos(make_results: MakeResults) -> Results:
    return make_results(
        (
            "file:///home/a/IMG_2024%20a%20long%20name%20of%20a%20beach%20holiday.jpg",
            0.31234,
            {
                "width": 4000,
                "height": 3000,
                "taken_at": "2024-06-01T12:30:00+02:00",
                "caption": "\na dog on the beach runs after a red ball\nsecond line",
            },
        ),
        (
            "file:///home/a/%E6%B2%99%E6%BB%A9%E4%B8%8A%E7%9A%84%E7%8B%97%FF%0A.jpg",
            -0.1,
            {"width": 64, "height": 64, "caption": "沙滩上的一只狗在追一个红色的球，旁边有很多人"},
        ),
        ("s3://bucket/k%20x.png", 0.05, {"caption": "red\x1b[31m \u202egnp"}),
    )


def test_wide(photos: Results) -> None:
    assert table(photos, 99).splitlines() == [
        "#    score  file                               size  taken             caption",
        "1   0.3123  IMG_2024 a lon…h holiday.jpg  4000x3000  2024-06-01 12:30  "
        "a dog on the beach runs aft…",
        "2  -0.1000  沙滩上的狗\\udcff\\n.jpg            64x64                    "
        "沙滩上的一只狗在追一个红色…",
        "3   0.0500  k x.png                                                    "
        "red\\x1b[31m \\u202egnp",
    ]


def test_relevance_groups_and_folded_items(photos: Results) -> None:
    first, second, third = photos.hits
    hits = (
        replace(first, relevance=0.914, group="2024-06", folded=("a", "b")),
        replace(second, relevance=0.5, group="2024-06"),
        replace(third, relevance=0.0),
    )
    assert table(replace(photos, hits=hits), 72).splitlines() == [
        "#  relevance    score  group    file                                same",
        "1       0.91   0.3123  2024-06  IMG_2024 a long n…each holiday.jpg  +2",
        "2       0.50  -0.1000  2024-06  沙滩上的狗\\udcff\\n.jpg",
        "3       0.00   0.0500           k x.png",
    ]


def test_nothing(photos: Results) -> None:
    none = replace(photos, hits=())
    assert table(none) == "No hits among the 676 images of corpus 'default'."
    assert table(replace(none, relevant=0)) == (
        "Nothing stands out among the 676 images of corpus 'default'."
    )
    both = replace(none, modalities=("image", "text"), total=1)
    assert table(both) == "No hits among the 1 image and text of corpus 'default'."
    assert table(replace(both, total=0)) == "Corpus 'default' holds no images or texts."


def test_eighty_columns(photos: Results) -> None:
    assert table(photos, 80) == (
        "#    score  file                               caption\n"
        "1   0.3123  IMG_2024 a long …each holiday.jpg  a dog on the beach runs after a …\n"
        "2  -0.1000  沙滩上的狗\\udcff\\n.jpg             沙滩上的一只狗在追一个红色的球，…\n"
        "3   0.0500  k x.png                            red\\x1b[31m \\u202egnp"
    )


def test_forty_columns(photos: Results) -> None:
    assert table(photos, 40) == (
        "#    score  file\n"
        "1   0.3123  IMG_2024 a lon…h holiday.jpg\n"
        "2  -0.1000  沙滩上的狗\\udcff\\n.jpg\n"
        "3   0.0500  k x.png"
    )


def test_no_hits(make_results: MakeResults) -> None:
    assert table(make_results()) == "No hits among the 676 images of corpus 'default'."
    assert table(make_results(total=0, modality="text")) == "Corpus 'default' holds no texts."


def test_columns_nobody_fills_are_left_out(make_results: MakeResults) -> None:
    results = make_results(
        ("file:///a/notes.csv#row=12", 0.5, {"caption": "hello"}), modality="text"
    )
    assert table(results, 80) == (
        "#   score  file              text\n1  0.5000  notes.csv#row=12  hello"
    )


@pytest.mark.parametrize("width", [24, 30, 40, 60, 80, 100, 120, 200])
def test_never_wider_than_asked(photos: Results, width: int) -> None:
    lines = table(photos, width).splitlines()
    assert len(lines) == 4
    assert max(map(display_width, lines)) <= width


text = st.text(max_size=40)


@given(text, st.integers(0, 30))
def test_cuts_fit(words: str, width: int) -> None:
    line = one_line(words)
    for cut in (cut_end, cut_middle):
        assert display_width(cut(line, width)) <= width or width == 0
        if display_width(line) <= width:
            assert cut(line, width) == line


@given(text, text, st.integers(1, 200))
def test_whatever_a_file_says_each_hit_is_one_line(name: str, caption: str, width: int) -> None:
    hit = Hit(1, "0" * 32, "s3://b/k", 0.5, "image", {"caption": caption, "taken_at": name})
    shown = table(Results((hit,), "c", ("image",), "m", 1), width)
    assert len(shown.splitlines()) == 2
    assert "\x1b" not in shown


def test_cut_keeps_marks_with_their_letter() -> None:
    assert cut_end("e\u0301e\u0301e\u0301", 2) == "e\u0301…"
    assert cut_middle("沙滩上的狗.jpg", 9) == "沙滩….jpg"


def test_item() -> None:
    item = Item(
        id="0" * 32,
        uri="file:///a/b.jpg",
        modality="image",
        revision="r",
        content_hash="1" * 32,
        size=12345,
        mtime_ns=0,
        mime="image/jpeg",
        width=4,
        height=3,
        caption="one\ntwo\x07",
        latitude=1.5,
        longitude=-2.0,
        meta={"prix": "3 €"},
    )
    assert item_text(item, 60) == (
        "file      /a/b.jpg\n"
        "id        00000000000000000000000000000000\n"
        "modality  image\n"
        "caption   one\n"
        "caption   two\\x07\n"
        "pixels    4 x 3\n"
        "type      image/jpeg\n"
        "bytes     12,345\n"
        "place     1.50000, -2.00000\n"
        "content   11111111111111111111111111111111\n"
        "prix      3 €"
    )
