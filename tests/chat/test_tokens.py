"""Estimates of tokens, beside what tokenizers count."""

from __future__ import annotations

import pytest

from searchengine.chat.tokens import cut_to, image_tokens, text_tokens


@pytest.mark.parametrize(
    ("text", "o200k", "cl100k"),
    [
        # Counted with tiktoken 0.14.
        ("a family is sitting down at a table to have cake", 11, 11),
        ("A group of people are gathered around a table with cake on it.", 14, 14),
        ("東京の夜景を背景に、赤い傘をさした女性が横断歩道を渡っている。", 26, 39),
        ("Рыжая собака бежит по пляжу на закате, за ней летит чайка.", 23, 31),
    ],
)
def test_no_less_than_two_thirds_and_no_more_than_thrice(
    text: str, o200k: int, cl100k: int
) -> None:
    assert max(o200k, cl100k) * 2 / 3 <= text_tokens(text) <= 3 * min(o200k, cl100k)


def test_text_adds_up() -> None:
    assert text_tokens("") == 0
    one = text_tokens("a red car on a road. " * 50)
    assert 1.9 * one <= text_tokens("a red car on a road. " * 100) <= 2.1 * one


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (384, 288, 258),  # Google's square
        (512, 512, 350),  # Anthropic's area
        (600, 400, 85 + 170 * 2),  # OpenAI's squares
        (1024, 768, 1049),
    ],
)
def test_a_picture_costs_the_most_that_one_of_them_says(
    width: int, height: int, tokens: int
) -> None:
    assert image_tokens(width, height) == tokens


@pytest.mark.parametrize("tokens", [1, 5, 17, 100])
def test_a_text_is_cut_to_fit(tokens: int) -> None:
    for text in ("a long caption of many words " * 30, "字" * 500, "x" * 5000):
        cut = cut_to(text, tokens)
        assert text_tokens(cut) <= tokens
        assert not cut or text.startswith(cut[:-1].rstrip())
        assert tokens < 5 or cut.endswith("…")
    assert cut_to("short", 100) == "short"
