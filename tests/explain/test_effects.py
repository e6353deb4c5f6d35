"""What a term or a word moved is what the score loses without it, checked by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import QueryError
from searchengine.explain.effects import Part, term_effects
from searchengine.explain.words import MAX_UNITS

ENCODER = FakeEncoder()


def add_up(parts: Sequence[Part]) -> np.ndarray:
    total = sum((part.weight * part.vector.astype(np.float64) for part in parts), np.zeros(32))
    length = float(np.linalg.norm(total))
    if length < 1e-9:
        raise QueryError("the terms cancel each other out")
    return np.asarray(total / length, dtype=np.float32)


def words(text: str, weight: float = 1.0) -> Part:
    return Part(text, weight, "text", ENCODER.encode_texts([text])[0], text)


def axis(place: int, weight: float = 1.0) -> Part:
    return Part(f"axis {place}", weight, "image", np.eye(32, dtype=np.float32)[place])


def test_terms_by_hand() -> None:
    item = np.zeros(32, dtype=np.float32)
    item[[0, 1]] = 0.6, 0.8
    score, (first, second) = term_effects([axis(0), axis(1)], item, add_up, ENCODER.encode_texts)
    assert score == pytest.approx(1.4 / 2**0.5)
    assert (first.cosine, second.cosine) == pytest.approx((0.6, 0.8))
    assert (first.without, second.without) == pytest.approx((0.8, 0.6))
    assert first.moved == pytest.approx(score - 0.8)
    assert second.moved == pytest.approx(score - 0.6)
    assert first.words == ()


def test_a_term_that_subtracts_moves_the_score_by_what_it_takes() -> None:
    item = np.eye(32, dtype=np.float32)[0]
    score, (_, minus) = term_effects([axis(0), axis(1, -0.5)], item, add_up, ENCODER.encode_texts)
    assert score == pytest.approx(1 / 1.25**0.5)
    assert minus.without == pytest.approx(1)
    assert minus.moved is not None
    assert minus.moved < 0


def test_without_the_only_positive_term_there_is_no_query() -> None:
    item = np.eye(32, dtype=np.float32)[0]
    _, (plus, minus) = term_effects([axis(0), axis(1, -1)], item, add_up, ENCODER.encode_texts)
    assert plus.without is None
    assert plus.moved is None
    assert minus.without is not None
    _, (alone,) = term_effects([words("red boat")], item, add_up, ENCODER.encode_texts)
    assert alone.without is None
    assert len(alone.words) == 2


def test_what_is_left_may_cancel_out() -> None:
    item = np.eye(32, dtype=np.float32)[0]
    parts = [axis(0), axis(1), axis(1, -1)]
    _, effects = term_effects(parts, item, add_up, ENCODER.encode_texts)
    assert effects[0].without is None


def test_the_word_that_matters_moves_most() -> None:
    red = ENCODER.encode_texts(["red"])[0]
    score, (term,) = term_effects([words("a red boat at sea")], red, add_up, ENCODER.encode_texts)
    moved = {word.word: word.moved for word in term.words}
    assert list(moved) == ["a", "red", "boat", "at", "sea"]
    best = max(moved, key=lambda word: moved[word] or 0)
    assert best == "red"
    without = ENCODER.encode_texts(["a boat at sea"])[0]
    assert moved["red"] == pytest.approx(score - float(without @ red), abs=1e-6)


def test_words_count_within_the_whole_query() -> None:
    parts = [words("red ball", 2), axis(20, -0.5)]
    item = ENCODER.encode_texts(["red"])[0]
    score, (term, _) = term_effects(parts, item, add_up, ENCODER.encode_texts)
    changed = add_up([words("ball", 2), parts[1]])
    assert term.words[0].moved == pytest.approx(score - float(changed @ item), abs=1e-6)


def test_a_term_of_one_word_is_that_word() -> None:
    parts = [words("red"), axis(20)]
    item = ENCODER.encode_texts(["red"])[0]
    _, (term, _) = term_effects(parts, item, add_up, ENCODER.encode_texts)
    assert term.words[0].moved == term.moved is not None


def test_a_long_text_is_looked_at_as_far_as_models_read() -> None:
    text = " ".join(f"word{n}" for n in range(MAX_UNITS + 40))
    asked: list[int] = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        asked.append(len(texts))
        return ENCODER.encode_texts(texts)

    item = ENCODER.encode_texts(["red"])[0]
    _, (term,) = term_effects([words(text)], item, add_up, encode)
    assert len(term.words) == MAX_UNITS
    assert term.words_cut == 40
    assert sum(asked) == MAX_UNITS
    assert len(asked) == -(-MAX_UNITS // 64)
