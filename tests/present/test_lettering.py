"""Lines of text that fit, in the fonts there are."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageOps

from searchengine.present import lettering
from searchengine.present.lettering import Lettering, lettering_for, script_name

BUILT_IN = Lettering((None,))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a dog", "a dog"),
        ("狗.jpg", "(Chinese).jpg"),
        ("犬がいる", "(Japanese)"),
        ("café", "cafe"),
        ("dog 🐶 here", "dog here"),
        ("собака and 狗", "(Cyrillic) and (Chinese)"),
        ("“dog”\n cat", "“dog” cat"),
    ],
)
def test_what_cannot_be_written_is_named(text: str, shown: str) -> None:
    assert BUILT_IN.writable(text) == shown


def test_script_names() -> None:
    assert [script_name(text) for text in ("狗", "いぬ 犬", "개", "كلب", "dog", "123")] == [
        "Chinese",
        "Japanese",
        "Korean",
        "Arabic",
        "",
        "",
    ]


@pytest.mark.parametrize(
    "text",
    ["a dog on the beach " * 9, "x" * 300, "狗" * 300, "a, b; c! " * 40],
    ids=["words", "one word", "Chinese", "marks"],
)
@pytest.mark.parametrize("width", [40, 100, 333])
def test_wrapped_lines_fit(text: str, width: int) -> None:
    lines = BUILT_IN.wrap(text, 20, width, 4)
    assert len(lines) == 4
    assert all(BUILT_IN.width(line, 20) <= width for line in lines)
    assert lines[-1].endswith("…")


def test_nothing_is_lost_where_there_is_room() -> None:
    text = "a dog on the beach"
    assert " ".join(BUILT_IN.wrap(text, 20, 90, 10)) == text
    assert "".join(BUILT_IN.wrap("狗在沙滩上，跑", 20, 60, 10)) == "狗在沙滩上，跑"
    assert BUILT_IN.wrap("", 20, 90, 3) == []


def test_names_are_cut_in_the_middle() -> None:
    cut = BUILT_IN.cut("a-very-long-file-name-of-2024.jpg", 20, 150, middle=True)
    assert BUILT_IN.width(cut, 20) <= 150
    assert cut.startswith("a-very")
    assert cut.endswith(".jpg")


def test_drawing_advances_as_measured() -> None:
    image = Image.new("RGB", (400, 60), "white")
    BUILT_IN.draw(ImageDraw.Draw(image), (10, 5), "a dog runs", 30, (0, 0, 0))
    box = ImageOps.invert(image).getbbox()
    assert box is not None
    assert 10 <= box[0] <= 13
    assert abs(box[2] - (10 + BUILT_IN.width("a dog runs", 30))) <= 4


def test_plain_texts_get_the_built_in_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "chinese_font", lambda: None)
    monkeypatch.setattr(lettering, "european_font", lambda: None)
    for text in ("dog", "é", "狗"):
        letters = lettering_for([text])
        assert letters.can_write("dog")
        assert letters.can_write(text) == (text == "dog")


def test_a_machine_without_fonts_draws_common_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    from searchengine.present import font_files

    monkeypatch.setattr(font_files, "_configured", lambda _: None)
    monkeypatch.setattr(font_files, "_font_folders", list)
    shipped = font_files.chinese_font.__wrapped__()
    assert shipped is not None
    assert font_files.draws(shipped, "一只黑色小鸟在两个白色小三角形右边，日落时。")
    assert not font_files.draws(shipped, "龘")
