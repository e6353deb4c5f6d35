"""What full-text search takes for a word."""

from __future__ import annotations

import pytest

from searchengine.store.words import words_and_length, words_asked, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A Dog's bone_2, STRASSE straße ÅÄ!", "a dog s bone 2 strasse strasse åä"),
        ("ﬁne ＡＢＣ１２", "fine abc12"),
        ("हिन्दी में।", "हिन्दी में"),
        ("cafe\u0301 café", "café café"),
        ("a\udcffb 🐶 ?!\n", "a b"),
        ("", ""),
    ],
)
def test_words_between_spaces(text: str, words: str) -> None:
    assert list(words_of(text)) == words.split() == list(words_asked(text))
    assert words_and_length(text) == (words.split(), len(words.split()))


def test_scripts_without_spaces_give_characters_and_pairs() -> None:
    assert list(words_of("一只狗 dog")) == ["一", "只", "狗", "一只", "只狗", "dog"]
    assert list(words_asked("一只狗 dog")) == ["一只", "只狗", "dog"]
    assert list(words_asked("狗")) == ["狗"]
    assert words_and_length("一只狗 dog") == (["一", "只", "狗", "一只", "只狗", "dog"], 4)
    assert list(words_asked("東京タワー")) == ["東京", "京タ", "タワ", "ワー"]
    assert list(words_asked("iPhone手机壳")) == ["iphone", "手机", "机壳"]


@pytest.mark.parametrize(
    "script", ["海滩上的狗在跑", "หมาวิ่งบนหาด", "浜辺を走る犬", "해변의개가달린다"]
)
def test_any_part_of_an_unspaced_text_is_found_by_its_words(script: str) -> None:
    there = set(words_of(script))
    for start in range(len(script)):
        for end in range(start + 1, len(script) + 1):
            assert set(words_asked(script[start:end])) <= there


@pytest.mark.parametrize(
    "text", ["A dog_2 IN-the_pArK, \t9's\n", "_", "a\x00b", "".join(map(chr, range(128)))]
)
def test_ascii_has_the_same_words_beside_other_letters(text: str) -> None:
    words, length = words_and_length(text)
    assert words == list(words_of(text))
    assert ([*words, "ss"], length + 1) == words_and_length(f"{text} ß")
