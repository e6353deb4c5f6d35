"""The product of two sparse vectors is BM25."""

from __future__ import annotations

import math

import pytest

from searchengine.store.bm25 import (
    MAX_WORDS,
    USUAL_LENGTH,
    Frequencies,
    frequencies_of,
    item_terms,
    number_of,
    query_terms,
    score,
)

TEXTS = ["a dog on a beach", "a cat", "dog dog dog", "", None, "一只狗在海滩上 beach"]


def textbook(query: list[str], words: list[str], texts: list[list[str]]) -> float:
    """Okapi BM25 as written down, k1 = 1.2, b = 0.75, with the usual length for the average."""
    total = 0.0
    for word in query:
        having = sum(word in text for text in texts)
        rarity = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        often = words.count(word)
        length = 1.2 * (0.25 + 0.75 * len(words) / USUAL_LENGTH)
        total += rarity * often * 2.2 / (often + length)
    return total


def test_scores_are_those_of_the_textbook() -> None:
    texts = [(text or "").replace("一只狗在海滩上", "").split() for text in TEXTS]
    known = frequencies_of(TEXTS)
    for query in ("dog", "a dog", "beach cat", "nothing", "dog nothing"):
        asked = query_terms(query, known)
        for number, (text, words) in enumerate(zip(TEXTS[:5], texts[:5], strict=True)):
            expected = textbook(query.split(), words, texts)
            found = score(asked, item_terms(f"{number:032x}", text))
            assert found == pytest.approx(expected, rel=1.1e-3, abs=1e-9), (query, text)
            assert found <= expected * (1 + 1e-6)


def test_equal_texts_have_an_order_that_follows_from_their_ids() -> None:
    asked = query_terms("dog", frequencies_of(TEXTS))
    scores = [score(asked, item_terms(f"{n:032x}", "a dog")) for n in range(1000)]
    assert len(set(scores)) > 950
    assert max(scores) / min(scores) < 1.0011
    assert scores[3] == score(asked, item_terms(f"{3:032x}", "a dog"))


def test_texts_without_words_match_nothing() -> None:
    known = frequencies_of(TEXTS)
    for text in ("", None, "?!", "🐶"):
        terms = item_terms("1", text)
        assert terms
        assert score(query_terms("a dog 狗", known), terms) == 0
    assert query_terms("?! 🐶", known) == {}
    assert query_terms("", known) == {}


def test_a_query_of_megabytes_is_cut() -> None:
    known = Frequencies()
    assert len(query_terms("word " * 500_000, known)) == 1
    many = query_terms(" ".join(map(str, range(300_000))), known)
    assert set(many) == {number_of(str(n)) for n in range(MAX_WORDS)}
    assert query_terms("x" * 2_000_000, known)


def test_rare_words_weigh_more_and_unknown_ones_most() -> None:
    known = frequencies_of(["dog cat"] * 10 + ["dog"] * 1990)
    dog, cat, owl = (known.rarity(number_of(word)) for word in ("dog", "cat", "owl"))
    assert 0 < dog < cat < owl < 9


def test_numbers_and_weights_are_ones_a_database_takes() -> None:
    terms = item_terms("1", " ".join(f"w{n} 狗" for n in range(5000)))
    assert len(terms) > 4990
    assert all(0 < number < 2**32 - 1 for number in terms)
    assert all(weight > 0 for weight in terms.values())
