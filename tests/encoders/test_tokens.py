from __future__ import annotations

import random
import time

import pytest

from searchengine.encoders.tokens import tokenize

CONTEXT = 32


@pytest.fixture(scope="module")
def tokenizer() -> object:
    import open_clip

    return open_clip.tokenizer.SimpleTokenizer(context_length=CONTEXT)


def words(seed: int, count: int) -> str:
    pick = random.Random(seed)
    pool = ["dog", "Straße", "🐕", "&amp;", "&nbsp;", "猫", "  ", "\n", "it's", "2024", "...", "é"]
    pool += ["supercalifragilistic", "&#x0041;", "<b>", "HTML", "\u200b", "a" * 60]
    return " ".join(pick.choice(pool) for _ in range(count))


@pytest.mark.parametrize("seed", range(30))
def test_cutting_long_texts_changes_no_token(seed: int, tokenizer: object) -> None:
    text = words(seed, 50 * (seed + 1))
    assert (tokenize(tokenizer, [text], CONTEXT) == tokenizer([text]).numpy()).all()  # type: ignore[operator]


@pytest.mark.parametrize(
    "text",
    [" " * 3000 + "a dog", "\n" * 3000 + "a dog", "&nbsp;" * 1000 + "a dog", "", " ", "a dog"],
)
def test_what_stands_behind_much_nothing_is_found(text: str, tokenizer: object) -> None:
    tokens = tokenize(tokenizer, [text], CONTEXT)
    assert (tokens == tokenizer([text]).numpy()).all()  # type: ignore[operator]
    assert (tokens == tokenizer([text.strip() and "a dog"]).numpy()).all()  # type: ignore[operator]


@pytest.mark.parametrize("unit", ["a", "dog ", "猫", "!", "aé", "12", "<start_of_text>"])
def test_two_million_characters_take_no_time(unit: str, tokenizer: object) -> None:
    text = unit * (2_000_000 // len(unit))
    started = time.perf_counter()
    tokens = tokenize(tokenizer, [text], CONTEXT)
    assert time.perf_counter() - started < 2
    assert tokens.shape == (1, CONTEXT)
    assert tokens[0, -1] != 0


def test_lone_surrogates_are_read_as_unknown_characters(tokenizer: object) -> None:
    odd = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    tokens = tokenize(tokenizer, [odd, "caf�.jpg"], CONTEXT)
    assert (tokens[0] == tokens[1]).all()
